"""Translation for rooms that do not know Flask: the door installs the translator, everybody else says `_`."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar


def _untranslated(message: str) -> str:
    return message


#: Set by the web door to the request's gettext; identity elsewhere (jobs and tests speak English).
translator: ContextVar[Callable[[str], str]] = ContextVar("translator", default=_untranslated)


def _(message: str, **values: object) -> str:
    """The message in the reader's language, with `%(name)s` placeholders filled."""
    text = translator.get()(message)
    return text % values if values else text


def N_(message: str) -> str:
    """Marks a text that is stored as data and translated where it is shown."""
    return message
