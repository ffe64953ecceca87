"""Which column holds which field: found by the header's names, changed by hand, saved under a name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import InvalidInput, NotFound
from app.core.imports.models import ImportMapping
from app.core.imports.tables import UnreadableFile
from app.core.texts import _

#: A column nobody wants, and one that is kept under its own name.
IGNORE = "ignore"
EXTRA = "extra"

#: What a report of rejected rows adds to the columns of its file.
REPORT_COLUMNS = ("import_file", "import_row", "import_reason", "import_message")

_OTHER = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Field:
    """What a column can mean. `aliases` are other headers that say the same, normalised.

    `example` and `help` (marked for translation) stand in the kind's template. An example with the word
    EXAMPLE in it marks the line: left as it is, the line is passed over when the template is imported.
    """

    code: str
    label: str
    is_required: bool = False
    aliases: tuple[str, ...] = ()
    hint: str = ""
    example: str = ""
    help: str = ""


def normalise(header: str) -> str:
    """A header without case, spaces and signs: `Unit Price (USD)` is `unit_price_usd`."""
    return _OTHER.sub("_", header.strip().casefold()).strip("_")


def propose(
    fields: Sequence[Field],
    header: Sequence[str],
    *,
    saved: Mapping[str, str] | None = None,
    ignored: frozenset[str] = frozenset(),
    accepts_extras: bool = True,
) -> dict[str, str]:
    """A target for each header: the saved one, else the field of that name or alias, else extra or ignore."""
    saved = saved or {}
    targets: dict[str, str] = {}
    for name in header:
        key = normalise(name)
        if key in saved:
            targets[name] = saved[key]
    by_name = {field.code: field.code for field in fields}
    by_alias = {alias: field.code for field in fields for alias in field.aliases}
    for known in (by_name, by_alias):
        for name in header:
            code = known.get(normalise(name))
            if name not in targets and code is not None and code not in targets.values():
                targets[name] = code
    rest = EXTRA if accepts_extras else IGNORE
    for name in header:
        key = normalise(name)
        is_ignored = key in ignored or key in REPORT_COLUMNS or not key
        targets.setdefault(name, IGNORE if is_ignored else rest)
    return {name: targets[name] for name in header}


def known_columns(
    fields: Sequence[Field], header: Sequence[str], *, besides: frozenset[str] = frozenset()
) -> int:
    """How many of the columns are called as a field is, or are known `besides`."""
    names = {name for field in fields for name in (field.code, *field.aliases)} | besides
    return sum(normalise(name) in names for name in header)


def lacks_required(fields: Sequence[Field], header: Sequence[str]) -> bool:
    """Whether a needed field has no column of its name."""
    names = {normalise(name) for name in header}
    return any(field.is_required and names.isdisjoint((field.code, *field.aliases)) for field in fields)


def check(name: str, fields: Sequence[Field], columns: Mapping[str, str]) -> None:
    """Whether the mapping can be used for the file `name`.

    :raises UnreadableFile: a required field has no column, or a field has two.
    """
    known = {field.code for field in fields} | {IGNORE, EXTRA}
    used: dict[str, str] = {}
    for header, target in columns.items():
        if target not in known:
            raise UnreadableFile(
                _(
                    "%(name)s: column %(header)s is mapped to a field that does not exist.",
                    **_at(name, header),
                )
            )
        if target in used and target not in (IGNORE, EXTRA):
            raise UnreadableFile(
                _(
                    "%(name)s: columns %(first)s and %(header)s are both mapped to %(target)s. Choose one.",
                    first=used[target],
                    target=target,
                    **_at(name, header),
                )
            )
        used[target] = header
    missing = [field.label for field in fields if field.is_required and field.code not in used]
    if missing:
        raise UnreadableFile(
            _(
                "%(name)s has no column for: %(missing)s. Its columns are: %(found)s. "
                "Name a column so, or map it.",
                name=name,
                missing=", ".join(missing),
                found=", ".join(list(columns)[:20]),
            )
        )


def _at(name: str, header: str) -> dict[str, str]:
    return {"name": name, "header": header}


def saved_names(session: Session, kind: str) -> list[str]:
    """Names of the kind's saved mappings."""
    statement = select(ImportMapping.name).where(ImportMapping.kind == kind).order_by(ImportMapping.name)
    return list(session.scalars(statement))


def get_saved(session: Session, kind: str, name: str) -> dict[str, str]:
    """:raises NotFound: the kind has no mapping of that name."""
    statement = select(ImportMapping.columns).where(ImportMapping.kind == kind, ImportMapping.name == name)
    found = session.scalar(statement)
    if found is None:
        raise NotFound(_("There is no mapping named %(name)s.", name=name))
    return {str(header): str(target) for header, target in found.items()}


def save(session: Session, *, kind: str, name: str, columns: Mapping[str, str]) -> None:
    """Store a mapping under a name, in place of one of the same name.

    :raises InvalidInput: the name is empty or longer than 120 characters.
    """
    name = name.strip()
    if not 1 <= len(name) <= 120:
        raise InvalidInput(_("Give the mapping a name of 1 to 120 characters."), field="mapping_name")
    stored = {normalise(header): target for header, target in columns.items()}
    known = session.scalars(
        select(ImportMapping).where(ImportMapping.kind == kind, ImportMapping.name == name)
    ).one_or_none()
    if known is None:
        session.add(ImportMapping(kind=kind, name=name, columns=stored))
    else:
        known.columns = stored
