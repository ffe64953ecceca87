"""Numbers as people write them: decimal point or comma, with or without thousands."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[0-9]{1,15}(\.[0-9]+)?")
_POINT = re.compile(r"[0-9]{1,3}(,[0-9]{3}){1,4}\.[0-9]+")
_COMMA = re.compile(r"([0-9]{1,15}|[0-9]{1,3}(\.[0-9]{3}){1,4})(,[0-9]+)?")
#: 1,5 and 1.234,50 say it for certain; 1,234 does not, it may be a thousand.
_SURELY_COMMA = re.compile(r"-?([0-9]{1,15},([0-9]{1,2}|[0-9]{4})|[0-9]{1,3}(\.[0-9]{3}){1,4},[0-9]+)")
_SPACES = re.compile(r"(?<=[0-9])[   '’](?=[0-9]{3})")


def has_decimal_comma(text: str) -> bool:
    """Whether the text is a number that can only be read with a decimal comma."""
    return _SURELY_COMMA.fullmatch(text) is not None


def decimal_text(text: str, *, comma: bool) -> str | None:
    """A number without sign as 1234.50, or None where it cannot be told what is meant.

    `comma` says that the file writes decimals with a comma: there 1.234 is a thousand, and 1.5 nothing.
    """
    if _PLAIN.fullmatch(text) and not (comma and "." in text):
        return text
    text = _SPACES.sub("", text)
    if comma:
        return text.replace(".", "").replace(",", ".") if _COMMA.fullmatch(text) else None
    if _PLAIN.fullmatch(text):
        return text
    return text.replace(",", "") if _POINT.fullmatch(text) else None
