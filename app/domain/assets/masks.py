"""Masks of serial numbers: `A` a letter, `9` a digit, `X` either, anything else itself.

No regular expressions: a mask is typed by people, and is compared character by character.
"""

from __future__ import annotations

MAX_MASK = 64
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DIGITS = frozenset("0123456789")


def is_mask(text: str) -> bool:
    """Whether the text can be a mask: 1 to 64 printable ASCII characters without blanks."""
    return 0 < len(text) <= MAX_MASK and all("!" <= character <= "~" for character in text)


def _allowed(place: str) -> frozenset[str]:
    if place == "A":
        return _LETTERS
    if place == "9":
        return _DIGITS
    if place == "X":
        return _LETTERS | _DIGITS
    return frozenset(place.upper())


def fits(serial: str, mask: str) -> bool:
    """Whether a canonical serial fits the mask whole: `AB012345` fits `AA999999`."""
    return len(serial) == len(mask) and all(
        character in _allowed(place) for character, place in zip(serial, mask, strict=True)
    )


def without_separators(mask: str) -> str:
    """The mask of the same serial written without hyphens and blanks."""
    return mask.replace("-", "").replace(" ", "")
