"""Tables in XLSX and ODS workbooks: looked through for formulas and size first, then read by calamine."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.parsers import expat

from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from app.adapters.archives import check_archive
from app.adapters.text_tables import source_row
from app.core.imports.tables import MAX_COLUMNS, Fault, SourceRow, UnreadableFile, checked_header
from app.core.texts import _

#: Cells that a sheet may span; calamine keeps the whole rectangle in memory.
MAX_CELLS = 6_000_000
MAX_ROWS = 1_048_576
#: Numbers from so many digits on are no longer exact in a workbook.
LONG_NUMBER = 10**15

_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships id"
_PACKAGE_START = "/xl/"


@dataclass(slots=True)
class _Extent:
    """What a pass over a sheet's XML finds: rows with formulas (from 1), and how far it reaches."""

    formula_rows: set[int] = field(default_factory=set)
    rows: int = 0
    columns: int = 0


@dataclass(frozen=True, slots=True)
class SheetTable:
    """The first sheet of a workbook on disk."""

    path: Path
    name: str
    formula_rows: frozenset[int]

    def header(self) -> list[str]:
        return checked_header(self.name, next(self._cells(), (0, []))[1])

    def rows(self) -> Iterator[SourceRow]:
        records = self._cells()
        width = len(checked_header(self.name, next(records, (0, []))[1]))
        for number, values in records:
            row = self._row(number, values, width)
            if row is not None:
                yield row

    def _row(self, number: int, values: list[Any], width: int) -> SourceRow | None:
        filled = values + [""] * (width - len(values))
        row = source_row(number, [_text(value) for value in filled], width)
        if row is None:
            return None
        if number in self.formula_rows:
            return SourceRow(number, row.cells, formula_fault())
        if any(_is_long_number(value) for value in values[:width]):
            return SourceRow(number, row.cells, long_number_fault())
        return row

    def _cells(self) -> Iterator[tuple[int, list[Any]]]:
        try:
            book = CalamineWorkbook.from_path(str(self.path))
            sheet = book.get_sheet_by_index(0)
            started = False
            # Columns count from the first used one, wherever that is; rows from the top.
            for number, values in enumerate(sheet.iter_rows(), start=1):
                started = started or any(value not in ("", None) for value in values)
                if started:
                    yield number, values
        except PasswordError as error:
            raise UnreadableFile(
                _("%(name)s is protected by a password. Save it without one.", name=self.name)
            ) from error
        except (CalamineError, OSError, IndexError, ValueError) as error:
            raise _damaged(self.name) from error


def formula_fault() -> Fault:
    """A row with a formula: the value a reader sees is not in the file for certain."""
    return Fault(
        "formula", _("This row has a formula. Copy the sheet and paste it as values, or format it as text.")
    )


def long_number_fault() -> Fault:
    """A row with a number of 16 digits or more, which the workbook has already rounded."""
    return Fault(
        "long_number",
        _("A number of 16 digits or more is rounded by the workbook. Format the column as text."),
    )


def _is_long_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= LONG_NUMBER


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        # A workbook shows 15 digits: 0.1 + 0.2 reads 0.3 there, so it does here.
        return f"{Decimal(f'{value:.15g}'):f}"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)


def _damaged(name: str) -> UnreadableFile:
    return UnreadableFile(
        _("%(name)s is damaged, or is no workbook. Open it in a spreadsheet and save it again.", name=name)
    )


def open_sheet(path: Path, name: str) -> SheetTable:
    """Check a workbook and find its rows with formulas.

    :raises UnreadableFile: too large, damaged, protected, or spanning too many cells.
    """
    check_archive(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if "content.xml" in names:
                extent = _scan_ods(archive, name)
            elif "xl/workbook.xml" in names:
                extent = _scan_xlsx(archive, _first_sheet(archive, name, names))
            else:
                raise UnreadableFile(_("%(name)s holds no sheet. Save it as XLSX, ODS or CSV.", name=name))
    except (zipfile.BadZipFile, expat.ExpatError, KeyError, ValueError, zlib.error) as error:
        raise _damaged(name) from error
    _check_extent(extent, name)
    return SheetTable(path, name, frozenset(extent.formula_rows))


def _check_extent(extent: _Extent, name: str) -> None:
    if extent.columns > MAX_COLUMNS:
        raise UnreadableFile(
            _(
                "%(name)s has %(count)s columns; at most %(most)s are read. Leave out those not needed.",
                name=name,
                count=extent.columns,
                most=MAX_COLUMNS,
            )
        )
    if extent.rows > MAX_ROWS or extent.rows * max(1, extent.columns) > MAX_CELLS:
        raise UnreadableFile(
            _("%(name)s has more rows than are read from a workbook. Save it as CSV.", name=name)
        )


def _scan(archive: zipfile.ZipFile, part: str, start: Any, end: Any = None) -> None:
    parser = expat.ParserCreate(namespace_separator=" ")

    def refuse(*_arguments: Any) -> None:
        raise ValueError("a workbook has no document type")

    # No document type means no entities, neither inner nor outer.
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    if end is not None:
        parser.EndElementHandler = end
    with archive.open(part) as file:
        parser.ParseFile(file)


def _first_sheet(archive: zipfile.ZipFile, name: str, names: set[str]) -> str:
    ids: list[str] = []
    targets: dict[str, str] = {}

    def sheet(tag: str, attributes: dict[str, str]) -> None:
        if tag.endswith(" sheet"):
            ids.append(attributes.get(_RELATION, ""))

    def relation(tag: str, attributes: dict[str, str]) -> None:
        if tag.endswith(" Relationship"):
            targets[attributes.get("Id", "")] = attributes.get("Target", "")

    _scan(archive, "xl/workbook.xml", sheet)
    _scan(archive, "xl/_rels/workbook.xml.rels", relation)
    target = targets.get(ids[0], "") if ids else ""
    part = target.removeprefix("/") if target.startswith(_PACKAGE_START) else f"xl/{target}"
    if part not in names:
        raise _damaged(name)
    return part


def _scan_xlsx(archive: zipfile.ZipFile, part: str) -> _Extent:
    extent = _Extent()
    place = [0, 0]

    def start(tag: str, attributes: dict[str, str]) -> None:
        local = tag.rpartition(" ")[2]
        if local == "row":
            place[0] = _whole(attributes.get("r"), place[0] + 1)
            place[1] = 0
        elif local == "c":
            place[1] = _column_of(attributes.get("r"), place[1] + 1)
            extent.rows = max(extent.rows, place[0], _row_of(attributes.get("r")))
            extent.columns = max(extent.columns, place[1])
        elif local == "f":
            extent.formula_rows.add(place[0])

    _scan(archive, part, start)
    return extent


def _whole(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(text)
    return int(text)


def _column_of(reference: str | None, default: int) -> int:
    if not reference:
        return default
    letters = reference.rstrip("0123456789").replace("$", "")
    if not letters.isascii() or not letters.isalpha() or len(letters) > 4:
        raise ValueError(reference)
    column = 0
    for letter in letters.upper():
        column = column * 26 + ord(letter) - 64
    return column


def _row_of(reference: str | None) -> int:
    digits = (reference or "").lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz$")
    return _whole(digits or None, 0)


class _OdsScan:
    """As for XLSX; ODS writes equal neighbours once with a count, and a sheet's rest as one empty row."""

    def __init__(self, name: str) -> None:
        self.extent = _Extent()
        self._name = name
        self._sheet = self._row = self._column = self._filled = 0
        self._repeat = 1
        self._has_formula = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        local = tag.rpartition(" ")[2]
        if local == "table":
            self._sheet += 1
        elif self._sheet != 1:
            return
        elif local == "table-row":
            self._column = self._filled = 0
            self._has_formula = False
            self._repeat = _whole(_named(attributes, "number-rows-repeated"), 1)
        elif local in ("table-cell", "covered-table-cell"):
            self._cell(attributes)
        elif local == "p":
            self._filled = self._column

    def _cell(self, attributes: dict[str, str]) -> None:
        self._column += _whole(_named(attributes, "number-columns-repeated"), 1)
        has_formula = _named(attributes, "formula") is not None
        if has_formula or _named(attributes, "value-type"):
            self._filled = self._column
        self._has_formula = self._has_formula or has_formula

    def end(self, tag: str) -> None:
        if self._sheet != 1 or not tag.endswith(" table-row"):
            return
        extent, last = self.extent, self._row + self._repeat
        if self._filled:
            extent.rows, extent.columns = last, max(extent.columns, self._filled)
            # Before the rows are counted one by one: a repetition may stand for millions.
            _check_extent(extent, self._name)
        if self._has_formula:
            extent.formula_rows.update(range(self._row + 1, last + 1))
        self._row = last


def _scan_ods(archive: zipfile.ZipFile, name: str) -> _Extent:
    scan = _OdsScan(name)
    _scan(archive, "content.xml", scan.start, scan.end)
    return scan.extent


def _named(attributes: dict[str, str], local: str) -> str | None:
    for name, value in attributes.items():
        if name.rpartition(" ")[2] == local:
            return value
    return None
