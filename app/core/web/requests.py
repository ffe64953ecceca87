"""Per request: an id for logs and audit, and the translator for rooms that do not know Flask."""

from __future__ import annotations

import re
import uuid

from flask import g, request
from flask_babel import gettext

from app.core.texts import translator

_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


def begin() -> None:
    """Take the proxy's request id where it is well formed, else make one; install gettext."""
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
    translator.set(_gettext)


def _gettext(message: str) -> str:
    # Placeholders are filled by `_`, so nothing is passed on here.
    return str(gettext(message))
