"""Reports of rejected rows: the rows as they came, each with its file, line, reason and what to change."""

from __future__ import annotations

import csv
import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO

from app.adapters.spreadsheets import safe_cell
from app.core.imports.engine import RejectedRow
from app.core.imports.mapping import REPORT_COLUMNS


class RejectReport:
    """A CSV file that grows with a run. Its header holds the columns of all files of the run.

    A run that goes on after a kill opens it again with the number of rows that were kept.
    """

    def __init__(self, path: Path, headers: Sequence[Sequence[str]], *, kept: int = 0) -> None:
        self.path = path
        self._columns = list(dict.fromkeys(name for header in headers for name in header))
        self._file = self._open(path, kept)
        self._writer = csv.writer(self._file)
        if kept == 0:
            self._writer.writerow([*REPORT_COLUMNS, *(safe_cell(name) for name in self._columns)])
        self._file.flush()
        self._places = {kept: self._file.tell()}

    @staticmethod
    def _open(path: Path, kept: int) -> TextIO:
        if kept == 0:
            return path.open("w", encoding="utf-8", newline="")
        file = path.open("r+", encoding="utf-8", newline="")
        for _record in range(kept + 1):
            _skip_record(file)
        file.seek(file.tell())
        file.truncate()
        return file

    def __enter__(self) -> RejectReport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def write(self, kept: int, rows: Sequence[RejectedRow]) -> None:
        """Add rows behind the first `kept`; what an attempt rolled back had added is written over."""
        if kept in self._places:
            self._file.seek(self._places[kept])
            self._file.truncate()
        else:
            self._places = {kept: self._file.tell()}
        for rejected in rows:
            values = dict(zip(rejected.header, rejected.row.cells, strict=False))
            about = (rejected.file, rejected.row.number, rejected.verdict.code, rejected.verdict.message)
            cells = [*about, *(values.get(name, "") for name in self._columns)]
            self._writer.writerow([safe_cell(cell) for cell in cells])
        self._file.flush()


def _skip_record(file: TextIO) -> None:
    """Read one CSV record, which may span lines within quotes."""
    quotes = 0
    while line := file.readline():
        quotes += line.count('"')
        if quotes % 2 == 0:
            return


def first_rejects(path: Path, *, most: int) -> list[dict[str, str]]:
    """The first rows of a report by column; empty where there is none yet."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        return [
            {str(name): value or "" for name, value in row.items()} for row in itertools.islice(reader, most)
        ]
