"""Parts of pages that are drawn again and again: drawn once by their macro with holes, then only filled.

What decides how a part looks is its shape; what is merely written into it are its texts. At the first
drawing of a shape holes stand for the texts, so a macro must not look at them. Texts are escaped when
they are filled in, whatever they are: markup is not taken for safe.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from operator import itemgetter
from typing import Any

from flask import Flask, current_app, g, request
from jinja2 import Template
from jinja2.environment import TemplateModule
from jinja2.runtime import Context
from markupsafe import Markup, escape

from app.core.errors import ProgrammingFault
from app.core.web.language import current_texts
from app.core.web.stems import address_of

#: Shapes kept, of all parts together.
MOST_KEPT = 1000
_HOLE = re.compile("\x02(\\d+)\x03")


def hole(number: int) -> str:
    """What stands for the text of that number. No form takes these characters."""
    return f"\x02{number}\x03"


class _Pattern:
    """A drawn part with its holes."""

    def __init__(self, drawn: str) -> None:
        parts = _HOLE.split(drawn)
        self._format = "%s".join(part.replace("%", "%%") for part in parts[::2])
        # An itemgetter gives a tuple from two places on.
        self._pick = itemgetter(*map(int, parts[1::2])) if len(parts) > 3 else None
        self._only = int(parts[1]) if len(parts) == 3 else None

    def fill(self, safe: Sequence[str]) -> str:
        """The part with its texts, which are escaped already."""
        if self._pick is not None:
            picked: Any = self._pick(safe)
        else:
            picked = () if self._only is None else (safe[self._only],)
        return str(self._format % picked)


def _escaped(texts: Sequence[object]) -> list[str]:
    """Every text escaped, all in one go: there are hundreds."""
    safe = str(escape("\x04".join(map(str, texts)))).split("\x04")
    # A text that has the mark itself is escaped with the others one by one.
    return safe if len(safe) == len(texts) else [str(escape(str(text))) for text in texts]


class Fragments:
    """Patterns by macro, shape, language, and the address the application is mounted at."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, _Pattern] = {}

    def fill(
        self,
        macro: Any,
        parts: Iterable[tuple[Hashable, Sequence[object]]],
        draw: Callable[[Any], str] | None = None,
    ) -> Markup:
        """Parts, each a shape with its texts, one after another; a new shape is drawn by `macro(shape)`."""
        kept, place = self._kept, (macro._func, current_texts(), request.root_path)
        parts = list(parts)
        safe, first, filled = _escaped([text for _shape, texts in parts for text in texts]), 0, []
        for shape, texts in parts:
            key = (place, shape)
            pattern = kept.get(key)
            if pattern is None:
                if len(kept) >= MOST_KEPT:
                    kept.clear()
                pattern = kept[key] = _Pattern(_checked((draw or macro)(shape)))
            filled.append(pattern.fill(safe[first : first + len(texts)]))
            first += len(texts)
        return Markup("".join(filled))  # noqa: S704 - drawn by a macro, and what fills it is escaped


def _checked(drawn: str) -> str:
    """:raises ProgrammingFault: it holds this visitor's token of forms, and would be shown to others."""
    token = g.get("csrf_token")
    if token and token in drawn:
        raise ProgrammingFault("the token of forms is a text of a part, never drawn into it")
    return drawn


class _Template(Template):
    """A template whose imports are made once.

    Jinja asks at every import whether the importing page has globals of its own; none has.
    """

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        return super()._get_default_module(None)


def fragments() -> Fragments:
    """The application's."""
    found: Fragments = current_app.extensions["fragments"]
    return found


def register(app: Flask) -> None:
    """Give the application its fragments, and templates `filled(macro, parts)`, `hole` and `address_of`."""
    app.jinja_env.template_class = _Template
    app.extensions["fragments"] = kept = Fragments()
    app.jinja_env.globals["filled"] = kept.fill
    app.jinja_env.globals["hole"] = hole
    app.jinja_env.globals["address_of"] = address_of
