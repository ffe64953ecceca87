"""Tables in text files: encoding and separator are found out, rows are read one by one."""

from __future__ import annotations

import codecs
import csv
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from charset_normalizer import from_bytes

from app.core.imports.tables import Fault, SourceRow, UnreadableFile, checked_header
from app.core.texts import _

DELIMITERS = (",", ";", "\t", "|")
#: Characters of one cell.
MAX_CELL = 32_767
#: A file with more NUL bytes than that is no eight-bit text; a row with a stray one is refused alone.
MOST_NULS = 0.05

_SAMPLE = 64 * 1024
_CHUNK = 1024 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Eight-bit encodings that spreadsheets still write; the first is taken where a sample is too short to tell.
_GUESSES = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "shift_jis", "gb18030", "big5", "euc_kr"]
#: Contents that other extensions belong to.
_OTHER_KINDS = (
    (b"PK\x03\x04", "XLSX"),
    (b"\xd0\xcf\x11\xe0", "XLS"),
    (b"%PDF", "PDF"),
    (b"\x1f\x8b", "GZIP"),
    (b"\x89PNG", "PNG"),
)


@dataclass(frozen=True, slots=True)
class TextTable:
    """A CSV or tab-separated file on disk, under the name people know it by."""

    path: Path
    name: str
    encoding: str
    delimiter: str
    #: Lines before the header: 1 for Excel's `sep=;`.
    skipped: int = 0

    def header(self) -> list[str]:
        with self._open() as file:
            return checked_header(self.name, next(self._records(file), (0, []))[1])

    def rows(self) -> Iterator[SourceRow]:
        with self._open() as file:
            records = self._records(file)
            width = len(checked_header(self.name, next(records, (0, []))[1]))
            for number, cells in records:
                row = source_row(number, cells, width)
                if row is not None:
                    yield row

    def _open(self) -> TextIO:
        file = self.path.open(encoding=self.encoding, newline="")
        for _line in range(self.skipped):
            file.readline()
        return file

    def _records(self, file: TextIO) -> Iterator[tuple[int, list[str]]]:
        # Strict: a stray quote is said instead of swallowing the lines after it.
        reader = csv.reader(file, delimiter=self.delimiter, strict=True)
        number = self.skipped
        try:
            for cells in reader:
                yield number + 1, cells
                number = self.skipped + reader.line_num
        except csv.Error as error:
            raise UnreadableFile(
                _(
                    "%(name)s cannot be read from line %(line)s on: a quotation mark is not closed, or text "
                    "follows a closed one. Write a quotation mark within quotes twice.",
                    name=self.name,
                    line=number + 1,
                )
            ) from error
        except UnicodeError as error:
            raise UnreadableFile(
                _(
                    "%(name)s mixes encodings near line %(line)s. Save it as UTF-8.",
                    name=self.name,
                    line=number + 1,
                )
            ) from error


def source_row(number: int, cells: Sequence[str], width: int) -> SourceRow | None:
    """A row trimmed and brought to the header's width, or None for a blank one."""
    trimmed = [cell.strip() for cell in cells]
    if not any(trimmed):
        return None
    fault = None
    if len(trimmed) != width:
        if len(trimmed) < width or any(trimmed[width:]):
            fault = Fault(
                "wrong_cell_count",
                _(
                    "This row has %(found)s cells and the header %(expected)s.",
                    found=len(trimmed),
                    expected=width,
                ),
            )
        trimmed = [*trimmed[:width], *[""] * (width - len(trimmed))]
    if fault is None and any(len(cell) > MAX_CELL for cell in trimmed):
        fault = Fault("too_long", _("A cell is longer than %(most)s characters.", most=MAX_CELL))
    return SourceRow(number, trimmed, fault)


def open_text(path: Path, name: str) -> TextTable:
    """Find out how a text file is written.

    :raises UnreadableFile: empty, binary, or in an encoding that cannot be told.
    """
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    if not sample.strip():
        raise UnreadableFile(_("%(name)s is empty. Its first row must name the columns.", name=name))
    for start, kind in _OTHER_KINDS:
        if sample.startswith(start):
            raise UnreadableFile(
                _("%(name)s is a %(kind)s file. Give it the extension it belongs to.", name=name, kind=kind)
            )
    encoding = _encoding_of(path, name, sample)
    try:
        with path.open(encoding=encoding, newline="") as text:
            head = text.read(_SAMPLE)
    except UnicodeError as error:
        raise _unknown_encoding(name) from error
    skipped = 0
    first, _end, _rest = head.partition("\n")
    if first.strip().lower() in [f"sep={one}" for one in DELIMITERS]:
        return TextTable(path, name, encoding, first.strip()[4:] or "\t", skipped=1)
    return TextTable(path, name, encoding, _delimiter_of(head), skipped)


def _unknown_encoding(name: str) -> UnreadableFile:
    return UnreadableFile(
        _("The characters of %(name)s cannot be told. Save it as UTF-8 (CSV UTF-8 in Excel).", name=name)
    )


def _encoding_of(path: Path, name: str, sample: bytes) -> str:
    for bom, encoding in _BOMS:
        if sample.startswith(bom):
            return encoding
    if sample.count(0) > len(sample) * MOST_NULS:
        return _wide_encoding(name, sample)
    bad = _first_bad_utf8(path)
    if bad is None:
        return "utf-8"
    with path.open("rb") as file:
        file.seek(max(0, bad - _SAMPLE // 2))
        around = file.read(_SAMPLE)
    guess = from_bytes(around, cp_isolation=_GUESSES, enable_fallback=False).best()
    encoding = guess.encoding if guess is not None and guess.encoding in _GUESSES else _GUESSES[0]
    return encoding


def _wide_encoding(name: str, sample: bytes) -> str:
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) / 2
    if odd > half * 0.7 and even < half * 0.1:
        return "utf-16-le"
    if even > half * 0.7 and odd < half * 0.1:
        return "utf-16-be"
    raise UnreadableFile(
        _("%(name)s holds bytes that are no text (NUL). Save it again as CSV UTF-8.", name=name)
    )


def _first_bad_utf8(path: Path) -> int | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    place = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                return place + error.start
            place += len(chunk)
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return max(0, place - 4)
    return None


def _delimiter_of(head: str) -> str:
    """The separator that gives the first rows the most columns of equal number."""

    def score(delimiter: str) -> tuple[int, int]:
        reader = csv.reader(head.splitlines(keepends=True), delimiter=delimiter)
        try:
            widths = [len(cells) for cells in itertools.islice(reader, 20) if cells]
        except csv.Error:
            return 0, 0
        same = sum(width == widths[0] for width in widths) if widths else 0
        return (widths[0] if widths else 0), same

    return max(DELIMITERS, key=score)
