"""GS1 element strings, as scanners read them (`]d2`, FNC1 between elements) or as labels print them.

Source: GS1 General Specifications, section 3 (application identifiers, predefined lengths).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FNC1 = "\x1d"
_SCANNER_PREFIXES = ("]d2", "]C1", "]e0", "]Q3")
#: Identifiers whose value has one length, by their first digits: (digits of the identifier, value's length).
_FIXED = {"00": (2, 18), "01": (2, 14), "02": (2, 14), "03": (2, 14), "20": (2, 2)}
_FIXED |= {f"1{digit}": (2, 6) for digit in range(1, 10)}
_FIXED |= {f"3{digit}": (4, 6) for digit in range(1, 7)} | {"41": (3, 13)}
#: The others' value ends at FNC1: digits of the identifier by its first two.
_DIGITS = {"10": 2, "21": 2, "22": 2, "30": 2, "37": 2}
_DIGITS |= dict.fromkeys(("23", "24", "25", "40", "42", "71"), 3)
_DIGITS |= dict.fromkeys(("39", "43", "70", "72", "80", "81", "82"), 4)
_DIGITS |= {str(number): 2 for number in range(90, 100)}
#: Longest values that matter here; the rest may have 90 characters.
_LONGEST = {"10": 20, "21": 20, "22": 20, "240": 30, "241": 30, "250": 30, "251": 30, "30": 8, "37": 8}
_EXACT = {"8006": 18}
#: GS1 character set 82.
_CHARACTERS = re.compile(r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]+")
_PRINTED = re.compile(r"\((\d{2,4})\)")


class BadElementString(ValueError):
    """It is not built as GS1 says; the text says where."""


@dataclass(frozen=True, slots=True)
class Elements:
    """Values by application identifier."""

    values: dict[str, str]

    @property
    def serial(self) -> str:
        """Serial number, AI 21."""
        return self.values["21"]

    @property
    def has_item(self) -> bool:
        """Whether the serial says of what: AI 01 (GTIN) or 8006 (piece of an item)."""
        return "01" in self.values or "8006" in self.values


def has_check_digit(digits: str) -> bool:
    """Whether the last digit of a GTIN is its check digit: weights 3, 1 from the right, modulo 10."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return total % 10 == 0


def read_elements(text: str) -> Elements:
    """Read an element string with its serial.

    :raises BadElementString: an unknown identifier, a value too long or of wrong characters, an element
        twice, or no serial (AI 21).
    """
    values: dict[str, str] = {}
    for identifier, value in _printed(text) if text.startswith("(") else _scanned(text):
        _check(identifier, value)
        if values.setdefault(identifier, value) != value:
            raise BadElementString(f"({identifier}) stands there twice with other values")
    if "21" not in values:
        raise BadElementString("there is no serial number, (21)")
    return Elements(values)


def _digits_of(text: str) -> int:
    digits = _FIXED[text[:2]][0] if text[:2] in _FIXED else _DIGITS.get(text[:2], 0)
    if not digits or not (text[:digits].isdigit() and len(text) >= digits):
        raise BadElementString(f"{text[:4]} is no application identifier")
    return digits


def _printed(text: str) -> list[tuple[str, str]]:
    parts = _PRINTED.split(text)
    if parts[0]:
        raise BadElementString("it does not begin with an identifier")
    pairs = list(zip(parts[1::2], parts[2::2], strict=True))
    for identifier, _value in pairs:
        if _digits_of(identifier) != len(identifier):
            raise BadElementString(f"({identifier}) is no application identifier")
    return pairs


def _scanned(text: str) -> list[tuple[str, str]]:
    for prefix in _SCANNER_PREFIXES:
        text = text.removeprefix(prefix)
    pairs = []
    rest = text.strip(FNC1)
    while rest:
        digits = _digits_of(rest)
        identifier, rest = rest[:digits], rest[digits:]
        if identifier[:2] in _FIXED:
            length = _FIXED[identifier[:2]][1]
            value, rest = rest[:length], rest[length:].removeprefix(FNC1)
        else:
            value, _separator, rest = rest.partition(FNC1)
        pairs.append((identifier, value))
    return pairs


def _check(identifier: str, value: str) -> None:
    if identifier[:2] in _FIXED:
        if len(value) != _FIXED[identifier[:2]][1] or not (value.isascii() and value.isdigit()):
            raise BadElementString(f"({identifier}) takes {_FIXED[identifier[:2]][1]} digits")
        return
    if len(value) != _EXACT.get(identifier, len(value)):
        raise BadElementString(f"({identifier}) takes {_EXACT[identifier]} characters")
    if not value or len(value) > _LONGEST.get(identifier, 90):
        raise BadElementString(f"({identifier}) takes 1 to {_LONGEST.get(identifier, 90)} characters")
    if not _CHARACTERS.fullmatch(value):
        raise BadElementString(f"({identifier}) holds a character that GS1 does not allow")
