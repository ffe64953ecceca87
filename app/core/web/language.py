"""The reader's language, looked up once a request: locale, catalogue, and gettext for templates.

Flask-Babel asks the request anew for every text and number, which on a page of 24 products is a quarter
of the whole page.
"""

from __future__ import annotations

from typing import Any

from babel import Locale
from babel.support import NullTranslations
from flask import Flask, g, has_app_context
from flask_babel import get_locale, get_translations
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup

#: Texts kept per catalogue; what templates say is finite, but codes shown as words are not quite.
MOST_KEPT = 5000


class Texts:
    """A catalogue's texts as templates need them, remembered."""

    def __init__(self, catalogue: Any) -> None:
        self.catalogue = catalogue
        self._plain: dict[str, str] = {}
        self._marked: dict[str, Markup] = {}
        self._patterns: dict[str, Markup] = {}

    def plain(self, message: str) -> str:
        """The translation, placeholders as they are."""
        text = self._plain.get(message)
        if text is None:
            text = _keep(self._plain, message, str(self.catalogue.ugettext(message)))
        return text

    def marked(self, message: str) -> Markup:
        """The translation of a message without placeholders, as markup."""
        text = self._marked.get(message)
        if text is None:
            # Always read as a pattern: `%%` is a percent sign whether or not there are values.
            text = _keep(self._marked, message, Markup(self.plain(message)) % {})  # noqa: S704 - our own text
        return text

    def pattern(self, message: str) -> Markup:
        """The translation as markup whose placeholders are to be filled with escaped values."""
        text = self._patterns.get(message)
        if text is None:
            text = _keep(self._patterns, message, Markup(self.plain(message)))  # noqa: S704 - our own text
        return text


def _keep(kept: dict[str, Any], message: str, text: Any) -> Any:
    if len(kept) >= MOST_KEPT:
        kept.clear()
    kept[message] = text
    return text


_texts: dict[int, Texts] = {}
_UNTRANSLATED = Texts(NullTranslations())


def current_locale() -> Locale:
    """The reader's locale."""
    known: Locale | None = g.get("locale")
    if known is None:
        known = g.locale = get_locale() or Locale("en")
    return known


def current_texts() -> Texts:
    """The texts of the reader's language; of none outside a request, where nobody reads."""
    if not has_app_context():
        return _UNTRANSLATED
    known: Texts | None = g.get("texts")
    if known is None:
        catalogue = get_translations()
        found = _texts.get(id(catalogue))
        if found is None or found.catalogue is not catalogue:
            found = _texts[id(catalogue)] = Texts(catalogue)
        known = g.texts = found
    return known


@pass_eval_context
def _template_text(context: EvalContext, message: str, /, **values: Any) -> str:
    """gettext of templates: values are escaped where the template is HTML."""
    texts = current_texts()
    if context.autoescape:
        return texts.pattern(message) % values if values else texts.marked(message)
    return texts.plain(message) % values


def register(app: Flask) -> None:
    """Give templates their `_`. To be called after Flask-Babel, whose `_` it takes the place of."""
    app.jinja_env.globals["_"] = app.jinja_env.globals["gettext"] = _template_text
