"""What the columns of an import's files are taken for, as it was chosen on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from werkzeug.datastructures import MultiDict

from app.core.errors import InvalidInput
from app.core.imports import mapping
from app.core.imports.kinds import FilePlan, ImportKind
from app.core.imports.mapping import EXTRA, IGNORE, normalise
from app.core.imports.tables import Survey
from app.core.texts import _


def read_targets(
    kind: ImportKind, columns: Sequence[Mapping[str, Any]], form: MultiDict[str, str]
) -> dict[str, str]:
    """The targets chosen on the page. :raises InvalidInput: one that does not exist."""
    known = {field.code for field in kind.fields} | {IGNORE, EXTRA}
    targets: dict[str, str] = {}
    for number, column in enumerate(columns):
        target = form.get(f"column-{number}", "")
        if target not in known:
            raise InvalidInput(
                _("Choose what the column %(header)s holds.", header=column["header"]),
                field=f"column-{number}",
            )
        targets[normalise(str(column["header"]))] = target
    return targets


def check_files(
    kind: ImportKind, columns: Sequence[Mapping[str, Any]], targets: Mapping[str, str], names: Sequence[str]
) -> None:
    """Whether each file can be imported with these targets.

    :raises UnreadableFile: a required field has no column, or two have the same.
    """
    for name in names:
        headers = tuple(str(column["header"]) for column in columns if name in column["files"])
        chosen = {header: targets[normalise(header)] for header in headers}
        kept = [header for header, target in targets.items() if target == EXTRA]
        kind.check(FilePlan(Survey(name, headers, 0, ()), chosen, {"kept": kept}))
        mapping.check(name, kind.fields, chosen)
