"""Per request: an id for logs and audit, and the translator for rooms that do not know Flask."""

from __future__ import annotations

import re
import uuid
from typing import Any

from flask import Flask, g, request
from werkzeug.routing import IntegerConverter, Map

from app.core.texts import translator
from app.core.web.language import current_texts

#: The largest key a database stores.
MAX_KEY = 2**63 - 1


class Key(IntegerConverter):
    """A row's key in an address; a number no key can be is no address."""

    def __init__(self, map: Map, *args: Any, **kwargs: Any) -> None:
        super().__init__(map, *args, **{"max": MAX_KEY, **kwargs})


def register(app: Flask) -> None:
    """Read `<int:...>` in addresses as keys. To be called before routes are added."""
    app.url_map.converters["int"] = Key


_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


def begin() -> None:
    """Take the proxy's request id where it is well formed, else make one; install gettext."""
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
    translator.set(_gettext)


def _gettext(message: str) -> str:
    # Placeholders are filled by `_`, so nothing is passed on here.
    return current_texts().plain(message)
