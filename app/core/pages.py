"""Keyset pages: the next page starts after the last row's sort values, so page 50 costs what page 1 does."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, and_, or_
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from app.core.errors import InvalidInput
from app.core.texts import _

T = TypeVar("T")

PAGE_SIZE = 24
#: Totals are exact up to here, then "1,000+".
COUNT_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class SortKey:
    """A column to sort by; the last key of a sort is unique (the id)."""

    column: Any
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows of one page. `first_index` counts from 1; `total` is None where it was not counted."""

    items: Sequence[T]
    first_index: int = 1
    next_cursor: str | None = None
    previous_cursor: str | None = None
    total: int | None = None

    @property
    def last_index(self) -> int:
        return self.first_index + len(self.items) - 1

    @property
    def total_is_exact(self) -> bool:
        return self.total is not None and self.total <= COUNT_LIMIT


def encode_cursor(values: Sequence[Any], *, backwards: bool, index: int) -> str:
    """A cursor for an address: sort values of the border row, direction, and the position reached."""
    plain = [_plain(value) for value in values]
    body = json.dumps([int(backwards), index, plain], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return ["t", value.isoformat()]
    if isinstance(value, date):
        return ["d", value.isoformat()]
    if isinstance(value, Decimal):
        return ["n", str(value)]
    return value


def _rich(value: Any) -> Any:
    if isinstance(value, list):
        kind, text = value
        readers: dict[str, Callable[[str], Any]] = {
            "t": datetime.fromisoformat,
            "d": date.fromisoformat,
            "n": Decimal,
        }
        return readers[kind](text)
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError("out of range")
    return value


def decode_cursor(cursor: str, keys: int) -> tuple[list[Any], bool, int]:
    """Sort values, direction and position.

    :raises InvalidInput: the cursor was not made here, or for another sort.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        backwards, index, values = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        rich = [_rich(value) for value in values]
        if len(rich) != keys or not isinstance(index, int) or not 0 <= index < 2**31:
            raise ValueError("another list's cursor")
        return rich, bool(backwards), index
    except Exception as error:
        raise InvalidInput(_("This page's address is incomplete. Start from the first page.")) from error


def paginate(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    *,
    sort: Sequence[SortKey],
    read_keys: Callable[[Any], Sequence[Any]],
    cursor: str | None = None,
    size: int = PAGE_SIZE,
    total: int | None = None,
) -> Page[Any]:
    """One keyset page of `statement` (its rows, not yet ordered or limited).

    `read_keys` gives a row's sort values in the order of `sort`. Keys must not be null.
    """
    values, backwards, index = decode_cursor(cursor, len(sort)) if cursor else ([], False, 0)
    if values:
        statement = statement.where(_after(sort, values, backwards))
    order = [(key.column.asc() if key.descending == backwards else key.column.desc()) for key in sort]
    rows = list(session.execute(statement.order_by(*order).limit(size + 1)).all())
    more, rows = len(rows) > size, rows[:size]
    if backwards:
        rows.reverse()
    first_index = max(1, index - len(rows) if backwards else index + 1)
    has_next, has_previous = (True, more) if backwards else (more, bool(values))
    last_index = first_index + len(rows) - 1
    return Page(
        items=rows,
        first_index=first_index,
        next_cursor=encode_cursor(read_keys(rows[-1]), backwards=False, index=last_index)
        if rows and has_next
        else None,
        previous_cursor=encode_cursor(read_keys(rows[0]), backwards=True, index=first_index)
        if rows and has_previous
        else None,
        total=total,
    )


def _after(sort: Sequence[SortKey], values: Sequence[Any], backwards: bool) -> ColumnElement[bool]:
    alternatives = []
    for depth, (key, value) in enumerate(zip(sort, values, strict=True)):
        equal = [earlier.column == known for earlier, known in zip(sort[:depth], values[:depth], strict=True)]
        beyond = key.column > value if key.descending == backwards else key.column < value
        alternatives.append(and_(*equal, beyond))
    # The plain bound on the first key lets the database start in its index.
    lead, first = sort[0], values[0]
    bound = lead.column >= first if lead.descending == backwards else lead.column <= first
    return and_(bound, or_(*alternatives))
