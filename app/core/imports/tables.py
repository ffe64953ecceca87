"""A table of text as an import sees it: a header, rows of cells, and what a first reading tells."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.core.errors import DomainError
from app.core.imports.numbers import has_decimal_comma
from app.core.texts import _

MAX_COLUMNS = 200
MAX_HEADER_LENGTH = 120
#: Distinct values are counted up to here.
DISTINCT_LIMIT = 500
SAMPLES = 3

_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
_BOOLEANS = frozenset({"true", "false"})
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class UnreadableFile(DomainError):
    """A file cannot be read as the table that was asked for; nothing of it was stored."""

    code = "unreadable_file"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row cannot be used: a stable code and a message that says what to change."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row with its number in the file (the header is 1), trimmed cells, and what the reader objects to."""

    number: int
    cells: Sequence[str]
    fault: Fault | None = None


#: A spreadsheet runs a cell that begins with one of these.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def without_guard(row: SourceRow) -> SourceRow:
    """A row of a file that we wrote, without the quote that kept spreadsheets from running its cells."""
    cells = [
        cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA_STARTS) else cell
        for cell in row.cells
    ]
    return SourceRow(row.number, cells, row.fault)


class TableSource(Protocol):
    """A file that can be read several times, row by row. Its name has no folder."""

    @property
    def name(self) -> str: ...

    def header(self) -> list[str]:
        """:raises UnreadableFile: it cannot be read."""

    def rows(self) -> Iterator[SourceRow]:
        """Rows below the header, blank ones left out. :raises UnreadableFile: it cannot be read on."""


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What a column's values look like: number | boolean | text | empty; `distinct` None is very many."""

    header: str
    looks: str
    filled: int
    distinct: int | None
    samples: tuple[str, ...]
    #: Whether a value can only be a number with a decimal comma.
    has_decimal_comma: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """A file read once from end to end."""

    name: str
    header: tuple[str, ...]
    row_count: int
    columns: tuple[ColumnFacts, ...]


@dataclass(slots=True)
class _Column:
    header: str
    filled: int = 0
    is_number: bool = True
    is_boolean: bool = True
    has_decimal_comma: bool = False
    values: set[str] | None = field(default_factory=set)
    samples: list[str] = field(default_factory=list)

    def see(self, value: str) -> None:
        self.filled += 1
        values = self.values
        if values is not None:
            if value in values:
                return
            values.add(value)
            if len(values) > DISTINCT_LIMIT:
                self.values = None
            if len(self.samples) < SAMPLES:
                self.samples.append(value[:60])
        if self.is_number and not is_number(value):
            self.is_number = False
        if self.is_boolean and value not in _BOOLEANS:
            self.is_boolean = False
        if not self.has_decimal_comma and "," in value and has_decimal_comma(value):
            self.has_decimal_comma = True

    def facts(self) -> ColumnFacts:
        looks = "text"
        if not self.filled:
            looks = "empty"
        elif self.is_boolean:
            looks = "boolean"
        elif self.is_number:
            looks = "number"
        distinct = None if self.values is None else len(self.values)
        samples = tuple(self.samples)
        return ColumnFacts(self.header, looks, self.filled, distinct, samples, self.has_decimal_comma)


def is_number(text: str) -> bool:
    """Whether the text is a plain decimal number: -1.5 is one, 1e9 and 1,5 are not."""
    return _NUMBER.fullmatch(text) is not None


def has_hidden_characters(text: str) -> bool:
    """Whether the text holds characters nobody can see, or that reorder it. Line ends and tabs pass."""
    return _CONTROL.search(text) is not None


def checked_header(name: str, cells: Sequence[str]) -> list[str]:
    """The header's names, trimmed, without empty ones at the end.

    :raises UnreadableFile: no names, too many, an empty, repeated or unprintable one.
    """
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise UnreadableFile(_("%(name)s is empty. Its first row must name the columns.", name=name))
    if len(names) > MAX_COLUMNS:
        raise UnreadableFile(
            _(
                "%(name)s has %(count)s columns; at most %(most)s are read. Leave out those not needed.",
                name=name,
                count=len(names),
                most=MAX_COLUMNS,
            )
        )
    seen: set[str] = set()
    for place, header in enumerate(names, start=1):
        fault = _header_fault(header, seen)
        if fault:
            raise UnreadableFile(
                _("%(name)s, column %(place)s: %(fault)s", name=name, place=place, fault=fault)
            )
        seen.add(header.casefold())
    return names


def _header_fault(header: str, seen: set[str]) -> str | None:
    if not header:
        return _("it has no name. Name every column in the first row.")
    if len(header) > MAX_HEADER_LENGTH:
        return _(
            "its name is longer than %(most)s characters. Is the first row the header?",
            most=MAX_HEADER_LENGTH,
        )
    if has_hidden_characters(header) or "\n" in header:
        return _("its name has a character that cannot be seen. Type the name again.")
    if header.casefold() in seen:
        return _("the name %(header)s stands twice. Give each column a name of its own.", header=header)
    return None


def survey(source: TableSource, *, most_rows: int | None = None) -> Survey:
    """Read a file once: how many rows, and what each column's values look like; memory stays flat.

    With `most_rows` only the first rows are looked at.

    :raises UnreadableFile: it cannot be read to its end.
    """
    header = source.header()
    columns = [_Column(name) for name in header]
    count = 0
    for row in itertools.islice(source.rows(), most_rows):
        count += 1
        for column, value in zip(columns, row.cells, strict=False):
            if value:
                column.see(value)
    return Survey(source.name, tuple(header), count, tuple(column.facts() for column in columns))
