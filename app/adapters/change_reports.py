"""Reports of what an import changes: a line for every value, before and after."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from app.adapters.spreadsheets import safe_cell
from app.core.imports.kinds import Change

HEADER = ("subject", "record", "change", "field", "before", "after")


def lines_of(change: Any, table: str | None = None) -> Iterator[tuple[str, ...]]:
    """A change, or a row of the stored ones, as lines of the report."""
    record = (table or change.table_name).replace("_", " ")
    before, after = change.before or {}, change.after or {}
    what = "created" if change.before is None else "removed" if change.after is None else "updated"
    for name in dict.fromkeys((*before, *after)):
        values = (_text(before.get(name)), _text(after.get(name)))
        yield (change.subject, record, what, name.lstrip("="), *values)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


class ChangeReport:
    """A CSV file that grows with a run; without a path nothing is written."""

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("w", encoding="utf-8", newline="") if path else None
        self._writer = csv.writer(self._file) if self._file else None
        if self._writer:
            self._writer.writerow(HEADER)

    def __enter__(self) -> ChangeReport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    def write(self, kept: int, changes: Sequence[Change]) -> None:
        """Add a batch's changes."""
        if self._writer:
            for change in changes:
                self._writer.writerows(
                    [safe_cell(cell) for cell in line] for line in lines_of(change, change.table)
                )
