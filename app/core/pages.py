"""Keyset pages: the next page starts after the last row's sort values, so page 50 costs what page 1 does."""

from __future__ import annotations

import base64
import json
import weakref
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from sqlalchemy import Boolean, Date, Float, Integer, Select, String, and_, bindparam, or_
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from app.core.database import Amount, UTCDateTime
from app.core.errors import InvalidInput
from app.core.tenancy import read_rows
from app.core.texts import _

T = TypeVar("T")

PAGE_SIZE = 24
#: Rows at a time of whoever reads a list to its end.
WHOLE_SIZE = 500
#: Totals are exact up to here, then "1,000+".
COUNT_LIMIT = 1000

_size: ContextVar[int | None] = ContextVar("page_size", default=None)


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
    return value


def _checked(value: Any) -> Any:
    """:raises ValueError: a database could not compare with it."""
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("a moment without its zone")
    if isinstance(value, Decimal) and (not value.is_finite() or abs(value) >= 10**14):
        raise ValueError("out of range")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError("out of range")
    if isinstance(value, str) and ("\0" in value or _has_surrogate(value)):
        raise ValueError("not a text")
    if value is None or isinstance(value, dict | list):
        raise ValueError("not a sort value")
    return value


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


#: Kinds of value a column of each type is sorted by; other types take any.
_KINDS: tuple[tuple[type[Any], tuple[type[Any], ...]], ...] = (
    (UTCDateTime, (datetime,)),
    (Amount, (Decimal,)),
    (Date, (date,)),
    (Boolean, (bool,)),
    (Float, (float, int)),
    (Integer, (int,)),
    (String, (str,)),
)


def _fits(column: Any, value: Any) -> bool:
    for column_type, kinds in _KINDS:
        if isinstance(getattr(column, "type", None), column_type):
            return type(value) in kinds
    return True


def decode_cursor(cursor: str, keys: int) -> tuple[list[Any], bool, int]:
    """Sort values, direction and position.

    :raises InvalidInput: the cursor was not made here, or for another sort.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        backwards, index, values = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        rich = [_checked(_rich(value)) for value in values]
        if len(rich) != keys or type(index) is not int or not 0 <= index < 2**31:
            raise ValueError("another list's cursor")
        return rich, bool(backwards), index
    except Exception as error:
        raise _refusal() from error


def _refusal() -> InvalidInput:
    return InvalidInput(_("This page's address is incomplete. Start from the first page."))


def paginate(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    *,
    sort: Sequence[SortKey],
    read_keys: Callable[[Any], Sequence[Any]],
    cursor: str | None = None,
    size: int = PAGE_SIZE,
    total: int | None = None,
    given: Mapping[str, Any] | None = None,
) -> Page[Any]:
    """One keyset page of `statement` (its rows, not yet ordered or limited).

    `read_keys` gives a row's sort values in the order of `sort`. Keys must not be null. With `given`, the
    values of its parameters, the statement is one that was built once, and so are its pages.
    """
    size = _size.get() or size
    values, backwards, index = decode_cursor(cursor, len(sort)) if cursor else ([], False, 0)
    if not all(_fits(key.column, value) for key, value in zip(sort, values, strict=False)):
        raise _refusal()
    if given is None:
        rows = list(read_rows(session, _page_of(statement, sort, values, backwards, size)))
    else:
        rows = _rows_of_built(session, statement, sort, (values, backwards, size), given)
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


def _page_of(
    statement: Any, sort: Sequence[SortKey], values: Sequence[Any], backwards: bool, size: int
) -> Any:
    """The statement in order, behind the values, and one row longer than the page."""
    if values:
        statement = statement.where(_after(sort, values, backwards))
    order = [(key.column.asc() if key.descending == backwards else key.column.desc()) for key in sort]
    return statement.order_by(*order).limit(size + 1)


#: Pages of statements that were built once, by the statement and what the page depends on.
_built: MutableMapping[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()


def _rows_of_built(
    session: Session,
    statement: Any,
    sort: Sequence[SortKey],
    place: tuple[Sequence[Any], bool, int],
    given: Mapping[str, Any],
) -> list[Any]:
    values, backwards, size = place
    pages = _built.setdefault(statement, {})
    key = (tuple((key.column.key, key.descending) for key in sort), bool(values), backwards, size)
    page = pages.get(key)
    if page is None:
        marks = [bindparam(f"after_{n}", type_=sort[n].column.type) for n in range(len(values))]
        page = pages[key] = _page_of(statement, sort, marks, backwards, size)
    after = {f"after_{n}": value for n, value in enumerate(values)}
    return list(read_rows(session, page, {**given, **after}))


def read_whole(fetch: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """All rows of a list; see :func:`read_pages`."""
    for page in read_pages(fetch):
        yield from page.items


def read_pages(fetch: Callable[[str | None], Page[T]]) -> Iterator[Page[T]]:
    """All of a list in large pages; `fetch` gives a page by its cursor."""
    cursor: str | None = None
    while True:
        token = _size.set(WHOLE_SIZE)
        try:
            page = fetch(cursor)
        finally:
            _size.reset(token)
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return


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
