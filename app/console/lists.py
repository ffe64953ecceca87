"""What the console's lists share: filters read from the address, refused where they cannot be used."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import request

from app.core.errors import InvalidInput
from app.core.pages import Page
from app.core.texts import _
from app.core.web.fields import find_control_character

#: Largest key of either database; converters refuse longer numbers with a 404.
KEY = "int(max=9223372036854775807)"


def given_text(name: str, *, maximum: int = 100) -> str | None:
    """A filter's text, trimmed; None where nothing is given. :raises InvalidInput: unusable characters."""
    text = request.args.get(name, "").strip()[:maximum]
    if find_control_character(text):
        raise InvalidInput(_("This filter contains a character nobody can see. Type it again."), field=name)
    return text or None


def given_choice(name: str, choices: Any, *, default: str | None = None) -> str | None:
    """A filter out of a few. :raises InvalidInput: none of them."""
    value = request.args.get(name) or None
    if value is None:
        return default
    if value not in choices:
        raise InvalidInput(_("There is no such choice. Take one from the list."), field=name)
    return value


def given_number(name: str) -> int | None:
    """A filter that is a row's number. :raises InvalidInput: not a number."""
    text = request.args.get(name) or None
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidInput(_("There is no such choice. Take one from the list."), field=name)
    return int(text)


def given_day(name: str) -> date | None:
    """A filter that is a day. :raises InvalidInput: not a day."""
    text = request.args.get(name) or None
    if text is None:
        return None
    try:
        if len(text) != 10:
            raise ValueError("another way of writing a day")
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(_("Write the day as 2026-11-24."), field=name) from error


def total_text(page: Page[Any]) -> int | str | None:
    """The number of rows as the pager shows it: exact to 1,000, then "1,000+"."""
    if page.total is None:
        return None
    return page.total if page.total_is_exact else _("1,000+")


def limited(count: int) -> int | str:
    """A count as shown: exact to 1,000, then "1,000+"."""
    return count if count <= 1000 else _("1,000+")
