"""What a statement touches: company-owned models, and whatever a company's condition cannot reach."""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Table
from sqlalchemy.sql import ClauseElement, visitors
from sqlalchemy.sql.dml import Delete, Update, UpdateBase
from sqlalchemy.sql.elements import ColumnClause, ColumnElement, TextClause
from sqlalchemy.sql.selectable import (
    Alias,
    AliasedReturnsRows,
    CompoundSelect,
    FromClause,
    Join,
    Select,
    SelectBase,
    TableClause,
    TableSample,
)

_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_CORE = "Core tables cannot be scoped; select the mapped attributes instead"
_TEXT = "raw text cannot be scoped; say it with mapped attributes or all_companies(reason=...)"


@dataclass(slots=True)
class Touched:
    """Company-owned models of a statement.

    `unscopable` says what the company's condition cannot reach; `may_follow` that relationships are used.
    """

    models: set[type[Any]] = field(default_factory=set)
    unscopable: str | None = None
    may_follow: bool = False


def find_touched(statement: Any, known: Mapping[Table, type[Any]]) -> Touched:
    """Walk a statement with all its parts: subqueries, CTEs, unions, aliases, values."""
    touched = Touched()
    if not isinstance(statement, ClauseElement):
        return touched
    raw = [_look_at(element, statement, known, touched) for element in visitors.iterate(statement)]
    for text in filter(None, raw):
        _add_named(touched, text, known)
    # Beside a model text is refused whatever it says: an OR in it would undo the company's condition.
    if any(raw) and touched.models:
        touched.unscopable = _TEXT
    if isinstance(statement, UpdateBase):
        _look_at_write(statement, known, touched)
    return touched


def selects_columns(statement: Any) -> bool:
    """Whether it is a SELECT of columns and expressions only, without entities or options."""
    known = _selects_columns.get(statement) if isinstance(statement, SelectBase) else False
    if known is None:
        known = _selects_columns[statement] = _are_columns(statement)
    return known


#: Most statements that are read are built once.
_selects_columns: MutableMapping[Any, bool] = weakref.WeakKeyDictionary()


def _are_columns(statement: Any) -> bool:
    if isinstance(statement, CompoundSelect):
        return all(_are_columns(part) for part in statement.selects)
    return (
        isinstance(statement, Select)
        and not statement._with_options
        and not statement._execution_options
        and all(isinstance(column, ColumnElement) for column in statement._raw_columns)
    )


def _look_at(element: Any, statement: Any, known: Mapping[Table, type[Any]], touched: Touched) -> str | None:
    """Note what one element touches; returns its raw text where it is nothing else."""
    table = _table_of(element)
    if isinstance(table, Table):
        if table in known:
            touched.models.add(known[table])
    elif table is not None and _add_named(touched, table.name, known):
        touched.unscopable = _CORE
    if isinstance(element, TextClause):
        return element.text
    if isinstance(element, Select):
        _look_at_select(element, known, touched)
    elif isinstance(element, UpdateBase) and element is not statement:
        touched.unscopable = "statements that write inside others cannot be scoped"
    elif (
        isinstance(element, ColumnClause) and element.is_literal and _add_named(touched, element.name, known)
    ):
        touched.unscopable = _TEXT
    return None


def _look_at_select(select: Select[Any], known: Mapping[Table, type[Any]], touched: Touched) -> None:
    """Core tables are reached by the condition only where the same SELECT has their model as well."""
    touched.may_follow = touched.may_follow or bool(select._setup_joins or select._with_options)
    joined = [target for join in select._setup_joins for target in (join[0], join[2])]
    conditions = [*select._where_criteria, *select._having_criteria]
    ends = [*select._order_by_clauses, *select._group_by_clauses]
    reached: set[Any] = set()
    core: set[Any] = set()
    for element in _outside_subqueries(
        [*select._raw_columns, *select._from_obj, *joined, *conditions, *ends]
    ):
        table = _table_of(element)
        if table in known and isinstance(element, Column | FromClause):
            (reached if _is_mapped(element) else core).add(table)
    if core - reached:
        touched.unscopable = _CORE


def _look_at_write(statement: UpdateBase, known: Mapping[Table, type[Any]], touched: Touched) -> None:
    """The condition reaches a write's own table and its subqueries, not tables joined to it."""
    target = _table_of(statement.table)
    if target in known:
        touched.models.add(known[target])
    if not isinstance(statement, Update | Delete):
        return
    values = getattr(statement, "_values", None) or {}
    for element in _outside_subqueries([*statement._where_criteria, *values.values()]):
        table = _table_of(element)
        if isinstance(element, Column) and table in known and table is not target:
            touched.unscopable = "joined tables of a write cannot be scoped; use a subquery"


def _outside_subqueries(parts: Iterable[Any]) -> list[Any]:
    found, waiting = [], list(parts)
    while waiting:
        element = waiting.pop()
        if not isinstance(element, ClauseElement) or isinstance(element, SelectBase):
            continue
        found.append(element)
        if isinstance(element, Join):
            waiting.extend((element.left, element.right))
        elif isinstance(element, AliasedReturnsRows) and not isinstance(element, Alias | TableSample):
            waiting.append(element.element)
        elif not isinstance(element, Column | TableClause | Alias | TableSample):
            # Functions are FROM clauses as well, so they are walked into like any expression.
            waiting.extend(element.get_children())
    return found


def _add_named(touched: Touched, text: str, known: Mapping[Table, type[Any]]) -> bool:
    words = set(_WORD.findall(text.lower()))
    named = {model for table, model in known.items() if table.name in words}
    touched.models.update(named)
    return bool(named)


def _is_mapped(element: ClauseElement) -> bool:
    return "parentmapper" in element._annotations or "parententity" in element._annotations


def _table_of(element: Any) -> Any:
    """The table an element is, or is a column of, without aliases; mapped tables as the plain table."""
    table = element.table if isinstance(element, ColumnClause) else element
    while isinstance(table, Alias | TableSample):
        table = table.element
    if isinstance(table, Table):
        return table._deannotate() if table._annotations else table
    return table if isinstance(table, TableClause) else None
