"""What an import changes, as pages show it: the subject, and each value before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.core.imports import changes
from app.core.imports.kinds import ImportKind
from app.core.imports.models import ImportRun
from app.core.texts import N_, _

SHOWN_CHANGES = 10
#: Values of one change; a new product has many.
SHOWN_VALUES = 6
#: Kept for undoing alone.
_SILENT = frozenset({"version"})


def first_changes(session: Session, import_run: ImportRun, kind: ImportKind) -> list[dict[str, Any]]:
    """The first changes of a run that has ended."""
    if not import_run.change_count:
        return []
    return shown(changes.list_changes(session, import_run.id).items[:SHOWN_CHANGES], kind)


def list_counts(session: Session, import_run: ImportRun) -> list[str]:
    """What would be taken back, for the question before undoing: `Product: 40 new, 2 changed`."""
    if not import_run.change_count:
        return []
    return [
        f"{record(table)}: {_counted(*numbers)}"
        for table, numbers in changes.count_changes(session, import_run.id).items()
    ]


def _counted(created: int, updated: int, removed: int) -> str:
    parts = [
        _("%(n)s new", n=created) if created else "",
        _("%(n)s changed", n=updated) if updated else "",
        _("%(n)s removed", n=removed) if removed else "",
    ]
    return ", ".join(filter(None, parts))


#: Tables whose own name says little.
_RECORDS = {"price_row": N_("Price"), "product_media": N_("Image")}


def record(table: str) -> str:
    """A table in words."""
    known = _RECORDS.get(table)
    return _(known) if known else table.replace("_", " ").capitalize()


def shown(rows: Iterable[Any], kind: ImportKind) -> list[dict[str, Any]]:
    """Changes as the page lists them."""
    labels = {field.code: field.label for field in kind.fields}
    return [_shown(row, labels) for row in rows]


def _shown(row: Any, labels: Mapping[str, str]) -> dict[str, Any]:
    before, after = row.before or {}, row.after or {}
    names = [name for name in dict.fromkeys((*before, *after)) if name not in _SILENT]
    differing = [name for name in names if before.get(name) != after.get(name)]
    return {
        "subject": row.subject,
        "record": record(row.table_name),
        "outcome": "created" if row.before is None else "removed" if row.after is None else "updated",
        "values": [
            (_label(name, labels), _text(before.get(name)), _text(after.get(name)))
            for name in differing[:SHOWN_VALUES]
        ],
        "more": max(0, len(differing) - SHOWN_VALUES),
    }


def _label(name: str, labels: Mapping[str, str]) -> str:
    if name.startswith("="):
        return name[1:].replace("_", " ")
    return _(labels[name]) if name in labels else name.replace("_", " ").capitalize()


def _text(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)[:200]
