"""Files with tables in and out: CSV, tab-separated, XLSX and ODS are read, CSV and XLSX are written."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import xlsxwriter

from app.adapters.sheets import open_sheet
from app.adapters.text_tables import open_text
from app.core.imports.tables import FORMULA_STARTS, TableSource, UnreadableFile
from app.core.texts import _

TEXT_EXTENSIONS = frozenset({".csv", ".tsv", ".txt", ".tab"})
SHEET_EXTENSIONS = frozenset({".xlsx", ".xlsm", ".ods"})
EXTENSIONS = TEXT_EXTENSIONS | SHEET_EXTENSIONS

_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_FLUSH_EVERY = 200
_CREATED = datetime(2000, 1, 1, tzinfo=UTC)


def open_table(path: Path, *, name: str | None = None) -> TableSource:
    """A file to read rows from, `name` being what people know it by.

    :raises UnreadableFile: it is not there, of another kind, or malformed.
    """
    name = name or path.name
    extension = Path(name).suffix.lower()
    if extension == ".xls":
        raise UnreadableFile(_("%(name)s is in Excel's old format. Save it as XLSX or CSV.", name=name))
    if extension not in EXTENSIONS:
        raise UnreadableFile(
            _("%(name)s is not read here. Send a CSV, XLSX or ODS file, with that extension.", name=name)
        )
    try:
        if extension in SHEET_EXTENSIONS:
            return open_sheet(path, name)
        return open_text(path, name)
    except OSError as error:
        raise UnreadableFile(
            _("%(name)s cannot be opened: %(reason)s.", name=name, reason=error.strerror or "")
        ) from error


def safe_cell(value: Any) -> str:
    """A cell's text that no spreadsheet runs: `=1+1` becomes `'=1+1`, the plain number `-1.5` stays."""
    text = "" if value is None else str(value)
    if text.startswith(FORMULA_STARTS) and not _PLAIN_NUMBER.fullmatch(text):
        return "'" + text
    return text


def csv_chunks(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """A CSV file in pieces, every cell safe to open in a spreadsheet."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([safe_cell(cell) for cell in header])
    for count, row in enumerate(rows, start=1):
        writer.writerow([safe_cell(cell) for cell in row])
        if count % _FLUSH_EVERY == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def write_xlsx(file: BinaryIO, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a workbook of one sheet; every cell is text, so that nothing in it can run."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, {**options, "strings_to_numbers": False}) as book:
        # The moment of writing is left out: the same rows give the same file.
        book.set_properties({"created": _CREATED})
        sheet = book.add_worksheet()
        _write_row(sheet, 0, header)
        for number, row in enumerate(rows, start=1):
            _write_row(sheet, number, row)


def _write_row(sheet: Any, number: int, row: Sequence[Any]) -> None:
    for column, value in enumerate(row):
        sheet.write_string(number, column, "" if value is None else str(value))
