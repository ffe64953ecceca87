"""Order histories: CSV files of invoice lines, packed or not, given invoice by invoice."""

from __future__ import annotations

import gzip
import re
import tempfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.adapters.spreadsheets import open_table
from app.core.imports.tables import SourceRow, TableSource, UnreadableFile
from app.core.texts import _
from app.domain.ordering.replay import RawLine, invoice_number

#: A packed file may unpack to this much, and beyond RATIO_FREE to a hundred times its size.
MAX_UNPACKED = 1024 * 1024 * 1024
MAX_RATIO = 100
RATIO_FREE = 50 * 1024 * 1024

_CHUNK = 1024 * 1024
#: Columns in the order of a RawLine, by the letters of their names.
_COLUMNS: tuple[tuple[str, ...], ...] = (
    ("invoiceno", "invoice"),
    ("stockcode",),
    ("description",),
    ("quantity",),
    ("invoicedate",),
    ("unitprice", "price"),
    ("customerid",),
    ("country",),
)
_NAMES = (
    *("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate"),
    *("UnitPrice", "CustomerID", "Country"),
)


@dataclass(frozen=True, slots=True)
class HistoryFile:
    """A history that was read through once, so that it is known which invoices lie apart in it."""

    table: TableSource
    places: tuple[int, ...]
    spread: frozenset[str]

    def invoices(self) -> Iterator[tuple[str | None, list[RawLine]]]:
        """Each invoice once with all its lines, at its first line's place; None for lines of no invoice."""
        apart = self._gather() if self.spread else {}
        number: str | None = None
        lines: list[RawLine] = []
        for row in self.table.rows():
            raw = self._raw(row)
            own = invoice_number(raw.invoice)
            if own != number:
                yield from _whole(number, lines, apart)
                number, lines = own, []
            lines.append(raw)
        yield from _whole(number, lines, apart)

    def _gather(self) -> dict[str, list[RawLine]]:
        found: dict[str, list[RawLine]] = defaultdict(list)
        for row in self.table.rows():
            raw = self._raw(row)
            number = invoice_number(raw.invoice)
            if number in self.spread:
                found[number or ""].append(raw)
        return found

    def _raw(self, row: SourceRow) -> RawLine:
        cells: list[str | None] = [row.cells[place] for place in self.places]
        if row.fault is not None:
            cells[1:] = [None] * (len(cells) - 1)
        return RawLine(*cells)


def _whole(
    number: str | None, lines: list[RawLine], apart: dict[str, list[RawLine]]
) -> Iterator[tuple[str | None, list[RawLine]]]:
    """The lines read together; for an invoice that lies apart all of them, the first time only."""
    if not lines:
        return
    if number is None or number not in apart:
        yield number, lines
    elif apart[number]:
        yield number, apart[number]
        apart[number] = []


@contextmanager
def open_history(path: Path) -> Iterator[HistoryFile]:
    """Read a `.csv` or `.csv.gz` file through once; nothing is stored before that went well.

    :raises UnreadableFile: it is not there, damaged, or lacks a column.
    """
    with tempfile.TemporaryDirectory(prefix="history-") as folder:
        plain, name = path, path.name
        if path.suffix.lower() == ".gz":
            plain, name = Path(folder) / "history.csv", path.name[:-3]
            _unpack(path, plain)
        table = open_table(plain, name=name)
        places = _places(name, table.header())
        yield HistoryFile(table, places, _spread(table, places[0]))


def _unpack(path: Path, target: Path) -> None:
    unpacked = 0
    try:
        most = max(RATIO_FREE, MAX_RATIO * path.stat().st_size)
        with gzip.open(path) as packed, target.open("wb") as plain:
            while chunk := packed.read(_CHUNK):
                unpacked += len(chunk)
                if unpacked > min(most, MAX_UNPACKED):
                    raise UnreadableFile(
                        _("%(name)s unpacks to more than is read. Split it.", name=path.name)
                    )
                plain.write(chunk)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableFile(_("%(name)s is damaged. Pack it again with gzip.", name=path.name)) from error
    except OSError as error:
        raise UnreadableFile(
            _("%(name)s cannot be opened: %(reason)s.", name=path.name, reason=error.strerror or "")
        ) from error


def _places(name: str, header: Sequence[str]) -> tuple[int, ...]:
    letters = [re.sub(r"[^a-z]", "", title.lower()) for title in header]
    places, missing = [], []
    for column, title in zip(_COLUMNS, _NAMES, strict=True):
        place = next((letters.index(known) for known in column if known in letters), None)
        if place is None:
            missing.append(title)
        else:
            places.append(place)
    if missing:
        raise UnreadableFile(
            _(
                "%(name)s lacks the columns %(missing)s. Its first row must name all of %(all)s.",
                name=name,
                missing=", ".join(missing),
                all=", ".join(_NAMES),
            )
        )
    return tuple(places)


def _spread(table: TableSource, place: int) -> frozenset[str]:
    """Invoices whose lines lie apart in the file."""
    seen: set[str] = set()
    spread: set[str] = set()
    number: str | None = None
    for row in table.rows():
        own = invoice_number(row.cells[place])
        if own != number:
            number = own
            if own in seen:
                spread.add(own or "")
            seen.add(own or "")
    return frozenset(spread - {""})
