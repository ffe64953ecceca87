"""What a serial number is called, and whether it can be one: characters, mask, check digit.

Only characters, length, mask and check digit reject. A look-alike (O for 0, I for 1) is suggested, never
rewritten.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from app.domain.assets import gs1, masks

MAX_SERIAL = 64
#: What scanners and copying leave around a serial.
_AROUND = " \t\r\n\x0b\x0c"
_LOOK_ALIKE = str.maketrans("OI", "01")
#: A run of digits and letters that look like digits.
_DIGIT_LIKE = re.compile(r"[0-9OI]{2,}")
_IMEI_CHECKED, _IMEI_LENGTHS = 15, (14, 15, 16)
_GTIN_LENGTHS = (8, 12, 13, 14)


class Check(StrEnum):
    """How a product family checks its serials beyond their mask."""

    LUHN = "luhn"
    MOD10 = "mod10"
    GS1 = "gs1"


#: With these, hyphens and blanks are dropped before anything is judged.
_DROPPING = (Check.LUHN, Check.MOD10)


class Result(StrEnum):
    """Whether a serial can be taken."""

    OK = "ok"
    WARN = "warn"
    REJECT = "reject"


class BadCharacter(ValueError):
    """A blank inside, an invisible character, or one outside printable ASCII."""


@dataclass(frozen=True, slots=True)
class SerialVerdict:
    """What is said of a typed or scanned serial; `canonical` is None where its characters cannot be one's."""

    canonical: str | None
    result: Result
    code: str | None = None
    suggestions: tuple[str, ...] = ()


def canonical(raw: str) -> str:
    """The name a serial is kept and found by: NFKC, trimmed, printable ASCII, capitals.

    Full-width `ＳＮ１` is `SN1`; `ı` and `ß` are refused, not turned into I and SS.

    :raises BadCharacter: it holds a blank, an invisible character or one that is not ASCII.
    """
    return _printable(unicodedata.normalize("NFKC", raw).strip(_AROUND)).upper()


def check_serial(raw: str, *, mask: str | None = None, check: Check | None = None) -> SerialVerdict:
    """Judge a serial by its family's mask and check.

    :raises ValueError: the mask is none.
    """
    if mask is not None and not masks.is_mask(mask):
        raise ValueError("a mask has 1 to 64 printable characters")
    if mask is not None and check in _DROPPING:
        mask = masks.without_separators(mask)
    try:
        if check is Check.GS1:
            return _judge_gs1(raw, mask)
        serial = _without_separators(raw) if check in _DROPPING else canonical(raw)
    except BadCharacter:
        return SerialVerdict(None, Result.REJECT, "bad_character")
    return _judge(serial, mask, check)


def _printable(text: str) -> str:
    if not all("!" <= character <= "~" for character in text):
        raise BadCharacter
    return text


def _without_separators(raw: str) -> str:
    text = unicodedata.normalize("NFKC", raw).strip(_AROUND)
    return _printable(text.replace("-", "").replace(" ", "")).upper()


def _judge(serial: str, mask: str | None, check: Check | None) -> SerialVerdict:
    code = _fault(serial, mask, check)
    if code:
        read = serial.translate(_LOOK_ALIKE)
        likely = _looks_for_mask(serial, mask) if mask else read
        suggestions = (likely,) if likely != serial and not _fault(likely, mask, check) else ()
        return SerialVerdict(serial, Result.REJECT, code, suggestions)
    read = _with_digits(serial, mask)
    if read != serial and not _fault(read, mask, check):
        return SerialVerdict(serial, Result.WARN, "look_alike", (read,))
    return SerialVerdict(serial, Result.OK)


def _fault(serial: str, mask: str | None, check: Check | None) -> str | None:
    if not serial:
        return "bad_length"
    if mask is not None:
        if not masks.fits(serial, mask):
            return "bad_mask"
    elif len(serial) > MAX_SERIAL:
        return "too_long"
    if check in _DROPPING:
        return _digit_fault(serial, check)
    return None


def _digit_fault(serial: str, check: Check | None) -> str | None:
    if not serial.isdigit():
        return "bad_character"
    if check is Check.LUHN:
        if len(serial) not in _IMEI_LENGTHS:
            return "bad_length"
        return None if len(serial) != _IMEI_CHECKED or passes_luhn(serial) else "bad_check_digit"
    if len(serial) not in _GTIN_LENGTHS:
        return "bad_length"
    return None if gs1.has_check_digit(serial) else "bad_check_digit"


def passes_luhn(digits: str) -> bool:
    """Luhn's check over all digits: 490154203237518 passes."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _looks_for_mask(serial: str, mask: str) -> str:
    """The serial with each look-alike as its place in the mask wants it."""
    if len(serial) != len(mask):
        return serial
    as_letters = serial.translate(str.maketrans("01", "OI"))
    as_digits = serial.translate(_LOOK_ALIKE)
    return "".join(
        {"A": letter, "9": digit}.get(place, own)
        for own, letter, digit, place in zip(serial, as_letters, as_digits, mask, strict=True)
    )


def _with_digits(serial: str, mask: str | None) -> str:
    """The serial with 0 and 1 for O and I where they stand among digits and the mask leaves it open."""

    def read(match: re.Match[str]) -> str:
        run = match.group()
        if not any(character.isdigit() for character in run):
            return run
        return "".join(
            character.translate(_LOOK_ALIKE)
            if mask is None or mask[match.start() + place] == "X"
            else character
            for place, character in enumerate(run)
        )

    if mask is not None and len(mask) != len(serial):
        return serial
    return _DIGIT_LIKE.sub(read, serial)


def _judge_gs1(raw: str, mask: str | None) -> SerialVerdict:
    text = unicodedata.normalize("NFKC", raw).strip(_AROUND)
    _printable(text.replace(gs1.FNC1, ""))
    try:
        elements = gs1.read_elements(text)
    except gs1.BadElementString:
        return SerialVerdict(None, Result.REJECT, "bad_gs1")
    serial = elements.serial.upper()
    if mask is not None and not masks.fits(serial, mask):
        return SerialVerdict(serial, Result.REJECT, "bad_mask")
    if "01" in elements.values and not gs1.has_check_digit(elements.values["01"]):
        return SerialVerdict(serial, Result.REJECT, "bad_check_digit")
    if not elements.has_item:
        return SerialVerdict(serial, Result.WARN, "bad_gs1")
    return SerialVerdict(serial, Result.OK)
