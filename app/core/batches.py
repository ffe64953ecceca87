"""Many rows in one statement that does not grow with them: PostgreSQL gets them as one document.

A statement with twenty parameters a row is taken apart by the driver and planned by the server for each
of them. SQLite, which does neither, is given rows the plain way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, Table, Text, bindparam, cast, column, func, insert, select
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine


def takes_documents(session: Session) -> bool:
    """Whether the session's database reads rows from a document."""
    return session.get_bind().dialect.name == "postgresql"


def table_of_document(columns: Mapping[str, TypeEngine[Any]], *, name: str = "given") -> Any:
    """The rows of the parameter `rows`, a document, as a table with these columns."""
    document = cast(bindparam("rows", type_=Text()), JSON)
    parts = [column(key, kind) for key, kind in columns.items()]
    return func.json_to_recordset(document).table_valued(*parts).render_derived(name=name, with_types=True)


def document_of(
    columns: Mapping[str, TypeEngine[Any]], rows: Iterable[Mapping[str, Any]], dialect: Dialect
) -> str:
    """The rows as a document, each value as its column's type stores it."""
    writers = {key: kind.dialect_impl(dialect).bind_processor(dialect) for key, kind in columns.items()}
    plain = [{key: write(row[key]) if write else row[key] for key, write in writers.items()} for row in rows]
    return json.dumps(plain, default=_day, ensure_ascii=False)


def _day(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not written into a document")


@lru_cache(maxsize=32)
def _insert_statement(table: Table, names: tuple[str, ...], returned: tuple[str, ...]) -> Any:
    given = table_of_document({name: table.c[name].type for name in names})
    statement: Any = insert(table).from_select(names, select(*(given.c[name] for name in names)))
    return statement.returning(*(table.c[name] for name in returned)) if returned else statement


def insert_document(
    session: Session,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    returned: tuple[str, ...] = (),
    options: Mapping[str, Any] | None = None,
) -> Sequence[Any]:
    """Insert rows of one shape from a document; gives the columns asked for, in no order."""
    names = tuple(rows[0])
    columns = {name: table.c[name].type for name in names}
    document = document_of(columns, rows, session.get_bind().dialect)
    statement = _insert_statement(table, names, returned)
    result: Any = session.execute(statement, {"rows": document}, execution_options=options or {})
    return list(result) if returned else []
