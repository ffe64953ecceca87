"""Files of imports: opened by what their kind reads, and the templates that people fill in."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.adapters.image_archives import MOST_ENTRIES, ImageArchive
from app.adapters.spreadsheets import csv_chunks, open_table, write_xlsx
from app.adapters.storage import LocalStore
from app.core.imports.kinds import ImportKind
from app.core.imports.mapping import normalise
from app.core.imports.tables import TableSource, survey
from app.core.imports.templates import template_rows

ARCHIVE_EXTENSIONS = frozenset({".zip"})
#: Rows looked at before the columns are shown.
PEEKED_ROWS = 200


def open_source(
    kind: ImportKind, path: Path, *, name: str, store: LocalStore, most_entries: int = MOST_ENTRIES
) -> tuple[TableSource, Any]:
    """A kind's file as a table, and what it holds beside its rows; pictures of it go to the `store`.

    :raises UnreadableFile: it is not there, of another sort, or malformed.
    """
    if not kind.reads_archives:
        return open_table(path, name=name), None
    archive = ImageArchive(path, name, store)
    archive.check(most_entries)
    return archive, archive


def peek(sources: Sequence[TableSource]) -> list[dict[str, Any]]:
    """The columns of all files by header, with samples and the files they are in.

    :raises UnreadableFile: a file cannot be read.
    """
    found: dict[str, dict[str, Any]] = {}
    for source in sources:
        facts = survey(source, most_rows=PEEKED_ROWS)
        for column in facts.columns:
            known = found.setdefault(
                normalise(column.header),
                {"header": column.header, "looks": column.looks, "samples": [], "files": []},
            )
            known["files"].append(source.name)
            known["samples"] = [*known["samples"], *column.samples][:3]
    return list(found.values())


def template_csv(kind: ImportKind) -> str:
    """The kind's template as CSV."""
    header, rows = template_rows(kind)
    return "".join(csv_chunks(header, rows))


def template_xlsx(kind: ImportKind) -> bytes:
    """The kind's template as a workbook."""
    buffer = io.BytesIO()
    header, rows = template_rows(kind)
    write_xlsx(buffer, header, rows)
    return buffer.getvalue()
