"""The columns of uploaded files, and what each is taken for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.adapters.import_files import open_source, peek
from app.adapters.storage import LocalStore
from app.core.imports import mapping
from app.core.imports.engine import check_kind
from app.core.imports.kinds import ImportKind
from app.core.imports.mapping import normalise
from app.core.uploads import upload_limits
from app.domain.ordering.import_kinds import KINDS


def propose(
    kind: ImportKind, columns: Sequence[Mapping[str, Any]], saved: Mapping[str, str] | None
) -> dict[str, str]:
    """Target by normalised header."""
    headers = [str(column["header"]) for column in columns]
    targets = mapping.propose(
        kind.fields, headers, saved=saved, ignored=kind.ignored, accepts_extras=kind.accepts_extras
    )
    return {normalise(header): target for header, target in targets.items()}


def find_columns(
    session: Session,
    kind: ImportKind,
    files: Sequence[Mapping[str, Any]],
    *,
    mapping_name: str | None,
    store: LocalStore,
) -> dict[str, Any]:
    """The `columns` of the files and the `targets` proposed for them.

    :raises UnreadableFile: a file cannot be read, or its columns are those of another kind.
    """
    most = upload_limits().archive_entries
    sources = [
        open_source(kind, store.path_of(file["key"]), name=file["name"], store=store, most_entries=most)[0]
        for file in files
    ]
    columns = peek(sources)
    saved = mapping.get_saved(session, kind.name, mapping_name) if mapping_name else None
    if saved is None and not kind.reads_archives:
        for source in sources:
            check_kind(source.name, kind, source.header(), KINDS.values())
    return {"columns": columns, "targets": propose(kind, columns, saved)}
