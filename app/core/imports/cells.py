"""Reading the cells of a row strictly: a value is used as it was meant, or the row says what to change."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from app.core.errors import InvalidInput
from app.core.imports.kinds import FilePlan, Item
from app.core.imports.mapping import IGNORE, Field, normalise
from app.core.imports.tables import SourceRow, UnreadableFile
from app.core.imports.verdicts import Verdict, rejected
from app.core.texts import _

#: Controls, line ends, characters that reorder text, lone surrogates, and what stands for unreadable bytes.
_UNUSABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffd\ufffe\uffff]"
)
_WHOLE = re.compile(r"[0-9]+")
_PERCENT = re.compile(r"([0-9]{1,3})([.,]([0-9]{1,9}))? ?%?")
_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})([T ]00:00(:00)?)?")
_DOTTED_DAY = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
_BASIS_POINTS = 100
_FULL = 10_000
_PLACES = 2


def refuse_columns(plan: FilePlan, title: str, strange: Mapping[str, str]) -> None:
    """:raises UnreadableFile: an unused column tells that the file is of another kind.

    `strange` names the kind by the column's normalised header.
    """
    for header, target in plan.targets.items():
        other = strange.get(normalise(header)) if target == IGNORE else None
        if other is not None:
            raise UnreadableFile(
                _(
                    "%(name)s does not look like %(kind)s: the column %(header)s belongs to %(other)s. "
                    "Import it as that, or leave the column out.",
                    name=plan.survey.name,
                    kind=_(title),
                    header=header,
                    other=_(other),
                )
            )


class CellRefused(Exception):
    """A cell cannot be used; the verdict says what to change."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.verdict = rejected(code, message)


class Cells:
    """The cells of one row by field. A field without a column reads as an empty cell."""

    __slots__ = ("_cells", "_labels", "_places")

    def __init__(self, places: Mapping[str, int], labels: Mapping[str, str], cells: Sequence[str]) -> None:
        self._places, self._labels, self._cells = places, labels, cells

    def label(self, code: str) -> str:
        """What people call the field."""
        return _(self._labels.get(code, code))

    def raw(self, code: str) -> str:
        """The cell as it stands."""
        place = self._places.get(code)
        return self._cells[place] if place is not None else ""

    def refused(self, code: str, message: str) -> CellRefused:
        """The refusal of a field's cell: what the field is called, and what to change."""
        return CellRefused(f"bad_{code}", _("%(column)s: %(fault)s", column=self.label(code), fault=message))

    def text(self, code: str, *, most: int, is_required: bool = False) -> str:
        """One line of text, at most `most` characters."""
        text = self.raw(code)
        if not text:
            if is_required:
                raise CellRefused("missing_value", _("%(column)s is empty.", column=self.label(code)))
            return ""
        # ASCII without controls is by far the most frequent.
        if not (text.isascii() and text.isprintable()) and _UNUSABLE.search(text):
            raise CellRefused(
                "bad_character",
                _(
                    "%(column)s has a character that cannot be seen or stored. Type it again.",
                    column=self.label(code),
                ),
            )
        if len(text) > most:
            raise CellRefused(
                "too_long",
                _("%(column)s is longer than %(most)s characters.", column=self.label(code), most=most),
            )
        return text

    def find_whole(self, code: str, *, lowest: int, highest: int) -> int | None:
        """A whole number in digits; None for an empty cell."""
        return self.whole(code, lowest=lowest, highest=highest) if self.raw(code) else None

    def whole(self, code: str, *, lowest: int, highest: int) -> int:
        """A whole number in digits; an empty cell is refused."""
        text = self.text(code, most=200, is_required=True)
        digits = text.lstrip("0") or "0"
        fits = _WHOLE.fullmatch(text) and len(digits) <= len(str(highest)) and text.isascii()
        if not fits or not lowest <= int(text) <= highest:
            raise CellRefused(
                "bad_number",
                _(
                    "%(column)s must be a whole number from %(lowest)s to %(highest)s, digits only.",
                    column=self.label(code),
                    lowest=lowest,
                    highest=highest,
                ),
            )
        return int(text)

    def basis_points(self, code: str) -> int | None:
        """Per cent as 8.25 or 8,25, in basis points; None for an empty cell."""
        text = self.text(code, most=200)
        if not text:
            return None
        found = _PERCENT.fullmatch(text)
        decimals = (found[3] or "").rstrip("0") if found else ""
        points = Decimal(f"{found[1]}.{decimals or 0}") * _BASIS_POINTS if found else Decimal(-1)
        if found is None or len(decimals) > _PLACES or points > _FULL:
            raise self.refused(
                code, _("write per cent from 0 to 100 with at most two decimals, such as 8.25.")
            )
        return int(points)

    def find_day(self, code: str) -> date | None:
        """A day as 2026-12-31 or 31.12.2026; None for an empty cell."""
        return self.day(code) if self.raw(code) else None

    def day(self, code: str) -> date:
        """A day as 2026-12-31 or 31.12.2026; an empty cell is refused."""
        text = self.text(code, most=200, is_required=True)
        iso, dotted = _ISO_DAY.fullmatch(text), _DOTTED_DAY.fullmatch(text)
        try:
            if iso:
                return date(int(iso[1]), int(iso[2]), int(iso[3]))
            if dotted:
                return date(int(dotted[3]), int(dotted[2]), int(dotted[1]))
        except ValueError:
            pass
        raise CellRefused(
            "bad_date", _("%(column)s must be a day written as 2026-12-31.", column=self.label(code))
        )

    def word(self, code: str, words: Mapping[str, str], *, is_required: bool = False) -> str:
        """One of some words, whatever their case, spaces and hyphens; empty for an empty cell.

        `words` gives the meaning of each, by the word in lower case with underscores.
        """
        text = self.text(code, most=200, is_required=is_required)
        if not text:
            return ""
        found = words.get("_".join(text.casefold().replace("-", " ").replace("_", " ").split()))
        if found is None:
            raise CellRefused(
                "bad_word",
                _(
                    "%(column)s must be one of: %(words)s.",
                    column=self.label(code),
                    words=", ".join(dict.fromkeys(words.values())),
                ),
            )
        return found


class RowReader:
    """Reads the rows of one file; `read` gives what a row is about and its value."""

    def __init__(
        self, plan: FilePlan, fields: Sequence[Field], read: Callable[[Cells], tuple[str, object]]
    ) -> None:
        self._labels = {field.code: field.label for field in fields}
        targets = [plan.targets[name] for name in plan.survey.header]
        self._places = {target: place for place, target in enumerate(targets) if target in self._labels}
        self._read = read

    def __call__(self, row: SourceRow) -> Item:
        fault, key, value = self._taken(row)
        return Item(row, key, value, fault)

    def _taken(self, row: SourceRow) -> tuple[Verdict | None, str, object]:
        if row.fault is not None:
            return rejected(row.fault.code, row.fault.message), "", None
        cells = Cells(self._places, self._labels, row.cells)
        try:
            key, value = self._read(cells)
        except CellRefused as refusal:
            return refusal.verdict, "", None
        except InvalidInput as error:
            # A rule of the forms: it names the field, and we the column.
            field = error.field if error.field in self._labels else ""
            return (
                (
                    cells.refused(field, error.message).verdict
                    if field
                    else rejected("bad_row", error.message)
                ),
                "",
                None,
            )
        return None, key, value
