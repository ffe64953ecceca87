"""Taking rows back that an import wrote: only while they are as it left them and nothing depends on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Date, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.schema import Column, Table

from app.core.database import Amount, Base, UTCDateTime
from app.core.errors import Conflict
from app.core.imports.kinds import Change
from app.core.texts import _

#: Ids per statement.
CHUNK = 500


class CannotUndo(Conflict):
    """Something depends on what a run stored, or it was changed since."""

    code = "cannot_undo"


def plain(value: Any) -> Any:
    """A value as a `Change` keeps it: amounts, days and moments as text."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value


def plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """All values as a `Change` keeps them."""
    return {name: plain(value) for name, value in values.items()}


def changed_since(subject: str) -> CannotUndo:
    """The refusal for a row that is no longer as the run left it."""
    return CannotUndo(
        _("%(subject)s was changed after this import. Nothing was taken back.", subject=subject),
    )


def check_unused(
    session: Session, table: Table, subjects: Mapping[int, str], *, owned: Collection[str] = ()
) -> None:
    """Whether no row of another table refers to these ids; tables in `owned` go together with them.

    :raises CannotUndo: it names the first row that does.
    """
    for found, by in _users(session, table, list(subjects), owned):
        raise CannotUndo(
            _(
                "%(subject)s is in use: %(by)s refers to it. Nothing was taken back.",
                subject=subjects[found],
                by=by.replace("_", " "),
            )
        )


def used_ids(session: Session, table: Table, ids: Sequence[int], *, owned: Collection[str] = ()) -> set[int]:
    """Those of the ids that rows of other tables refer to."""
    return {found for found, _by in _users(session, table, ids, owned)}


def _users(
    session: Session, table: Table, ids: Sequence[int], owned: Collection[str]
) -> Iterator[tuple[int, str]]:
    for column in _references(table):
        name = str(getattr(column.table, "name", ""))
        for start in range(0, len(ids) if name not in owned else 0, CHUNK):
            part = ids[start : start + CHUNK]
            # Not DISTINCT: the first one is looked for in most cases, and there is none in most others.
            for found in session.execute(select(column).where(column.in_(part))).scalars():
                yield found, name


def _references(table: Table) -> Iterable[Column[Any]]:
    target = table.c.id
    for other in Base.metadata.sorted_tables:
        for column in other.columns:
            if any(key.column is target for key in column.foreign_keys):
                yield column


def take_back(
    session: Session, table: Table, changes: Sequence[Change], *, owned: Collection[str] = ()
) -> None:
    """Undo changes whose values are columns of `table`, as they came: newest first.

    Rows of `owned` tables that belong to a new row must be deleted by the caller before. Keys of a change
    that are no column are for the reader alone.

    :raises CannotUndo: a row was changed or removed since, or is in use.
    """
    present = _present(session, table, [change.row_id for change in changes if change.row_id is not None])
    for change in changes:
        if change.after is not None:
            _compare(table, change, present.get(change.row_id or 0))
            present[change.row_id or 0] |= change.before or {}
    made = {one.row_id: one.subject for one in changes if one.before is None and one.row_id is not None}
    check_unused(session, table, made, owned=owned)
    _restore(session, table, changes)
    ids = list(made)
    for start in range(0, len(ids), CHUNK):
        session.execute(delete(table).where(table.c.id.in_(ids[start : start + CHUNK])))


def _present(session: Session, table: Table, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(ids), CHUNK):
        rows = session.execute(select(table).where(table.c.id.in_(ids[start : start + CHUNK])))
        found |= {row["id"]: plain_values(dict(row)) for row in rows.mappings()}
    return found


def _compare(table: Table, change: Change, present: Mapping[str, Any] | None) -> None:
    if present is None:
        raise changed_since(change.subject)
    for name, value in (change.after or {}).items():
        if name in table.c and present[name] != value:
            raise changed_since(change.subject)


def _restore(session: Session, table: Table, changes: Sequence[Change]) -> None:
    """Write the values before, rows that change the same columns in one go."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for change in changes:
        if change.before is None:
            continue
        values = {
            name: _typed(table.c[name], value) for name, value in change.before.items() if name in table.c
        }
        if change.after is None:
            session.connection().execute(insert(table).values(id=change.row_id, **values))
        elif values:
            row = {f"to_{name}": value for name, value in values.items()}
            groups.setdefault(tuple(sorted(values)), []).append({"row_id": change.row_id, **row})
    for names, rows in groups.items():
        statement = update(table).where(table.c.id == bindparam("row_id"))
        statement = statement.values({name: bindparam(f"to_{name}") for name in names})
        session.connection().execute(statement, rows)


def _typed(column: Column[Any], value: Any) -> Any:
    """A kept value as its column takes it."""
    if not isinstance(value, str):
        return value
    if isinstance(column.type, UTCDateTime):
        return datetime.fromisoformat(value)
    if isinstance(column.type, Date):
        return date.fromisoformat(value)
    return Decimal(value) if isinstance(column.type, Amount) else value
