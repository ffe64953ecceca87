"""Keys that numbers and names are compared by, and the check digit of GTINs."""

from __future__ import annotations

import re
import unicodedata

from stdnum import ean

from app.core.errors import InvalidInput
from app.core.texts import _

NAME_KEY_LENGTH = 120
#: Controls, lone surrogates and non-characters, which the two databases store differently or not at all.
_UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
#: What spreadsheets and web pages leave around a number without anybody seeing it.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
_GTIN_LENGTHS = (8, 12, 13, 14)


def is_storable(text: str) -> bool:
    """Whether both databases can hold and compare the text."""
    return _UNSTORABLE.search(text) is None


def code_key(text: str) -> str:
    """A SKU, part number or other number as it is compared: ` ab-12 ` is `AB-12`.

    NFKC, without invisible characters, trimmed, upper case; punctuation is kept.
    """
    plain = _UNSTORABLE.sub("", _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)))
    return plain.strip().upper()


def normalise(text: str) -> str:
    """Text as it is searched and sorted: NFKC, case folded, white space collapsed, punctuation kept."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(_UNSTORABLE.sub(" ", folded).split())


def name_key(name: str) -> str:
    """What products are ordered by: the name normalised, cut to 120 characters."""
    return normalise(name)[:NAME_KEY_LENGTH]


def without_separators(text: str) -> str:
    """The letters and digits alone: `ab-12/x` is `ab12x`."""
    return _NOT_ALPHANUMERIC.sub("", text)


def parse_gtin(text: str) -> str:
    """A GTIN-8, -12, -13 or -14 as its digits alone.

    :raises InvalidInput: not such a number, or its check digit is wrong (4006381333931 is right).
    """
    digits = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text))
    if not (digits.isascii() and digits.isdigit()) or len(digits) not in _GTIN_LENGTHS:
        raise InvalidInput(_("A GTIN has 8, 12, 13 or 14 digits."), field="gtin")
    if not ean.is_valid(digits):
        raise InvalidInput(
            _("The check digit of this GTIN is wrong. Compare it with the number on the packaging."),
            field="gtin",
        )
    return digits


def gtin_forms(text: str) -> list[str]:
    """The lengths one GTIN may be written in: 012345678905 is 0012345678905 and 00012345678905 as well.

    Empty where the text is no GTIN.
    """
    if not (text.isascii() and text.isdigit()) or len(text) not in _GTIN_LENGTHS or not ean.is_valid(text):
        return []
    digits = text.lstrip("0")
    return [digits.zfill(length) for length in _GTIN_LENGTHS if len(digits) <= length]
