"""Reading the serials typed or scanned for a line: as many as units, each as its product's serials are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from app.core.texts import _
from app.domain.assets import gs1
from app.domain.assets.serial_ranges import RangeRefused, expand_serials
from app.domain.assets.serial_rules import Rule, fault_text
from app.domain.assets.serials import BadCharacter, Check, Result, canonical

_SEPARATORS = re.compile(r"[ \t\r\n,]+")
#: How a scanned GS1 code begins.
_GS1 = ("(", "]D2", "]C1", "]d2", "]C1", gs1.FNC1)


class FieldRefused(Exception):
    """A line's serials cannot be taken; `quoted` is the field with the part in doubt as one serial."""

    def __init__(self, code: str, message: str, quoted: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.quoted = quoted


def needs_next(text: str) -> bool:
    """Whether the field asks for the next free number."""
    return "~" in text


def read_serials(
    text: str, *, quantity: int, rule: Rule, next_free: str | None = None
) -> list[tuple[str, str]]:
    """The serials of a field as (canonical, as typed), in its order.

    :raises FieldRefused: not as many as units, one twice, or one that cannot be the product's.
    """
    if rule.check is Check.GS1:
        text = _without_gs1(text, rule)
    try:
        found = expand_serials(text, count=quantity, next_free=next_free, mask=rule.mask)
    except RangeRefused as error:
        raise FieldRefused(error.code, error.message, _quoted(text, error)) from error
    typed = _as_typed(text)
    serials = [(_checked(serial, rule), typed.get(serial, serial)) for serial in found]
    twice = [serial for serial, times in Counter(serial for serial, _raw in serials).items() if times > 1]
    if twice:
        raise FieldRefused(
            "duplicate", _("%(serial)s stands in the field twice. Take one of them out.", serial=twice[0])
        )
    return serials


def _checked(serial: str, rule: Rule) -> str:
    # A serial read out of a GS1 code has been judged; what was typed alone has no code around it.
    check = None if rule.check is Check.GS1 else rule.check
    verdict = Rule(rule.mask, check).judge(serial)
    if verdict.result is Result.REJECT or verdict.canonical is None:
        raise FieldRefused(verdict.code or "bad_serial", f"{serial}: {fault_text(verdict)}")
    return verdict.canonical


def _without_gs1(text: str, rule: Rule) -> str:
    """The field with each scanned code as the serial in it, in quotation marks."""
    kept = []
    for token in _SEPARATORS.split(text):
        if not token.startswith(_GS1) and gs1.FNC1 not in token:
            kept.append(token)
            continue
        verdict = rule.judge(token)
        if verdict.result is Result.REJECT or verdict.canonical is None:
            raise FieldRefused(verdict.code or "bad_gs1", fault_text(verdict))
        kept.append(f'"{verdict.canonical}"')
    return " ".join(kept)


def _as_typed(text: str) -> dict[str, str]:
    found = {}
    for token in _SEPARATORS.split(text):
        bare = token.strip('"')
        try:
            found[canonical(bare)] = bare
        except BadCharacter:
            continue
    return found


def _quoted(text: str, error: RangeRefused) -> str | None:
    """The field with the part in doubt in quotation marks, where that would make it one serial."""
    if error.token is None or error.code not in ("ambiguous_range", "bad_range") or '"' in error.token:
        return None
    place = re.search(rf"(?<![^\s,]){re.escape(error.token)}(?![^\s,])", text)
    return f'{text[: place.start()]}"{error.token}"{text[place.end() :]}' if place else None


def next_after(serial: str | None, taken: Sequence[str] = ()) -> str | None:
    """The number after a serial that ends in digits: `SN-0099` gives `SN-0100`."""
    match = re.fullmatch(r"(.*?)([0-9]+)", serial or "")
    if match is None:
        return None
    number = int(match[2]) + 1
    while (found := f"{match[1]}{number:0{len(match[2])}d}") in taken:
        number += 1
    return found
