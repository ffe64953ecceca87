"""Per request: an id for logs and audit, and the translator for rooms that do not know Flask."""

from __future__ import annotations

import logging
import re
import time
import uuid
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.routing import IntegerConverter, Map

from app.core import logs, metrics, statements
from app.core.permissions import Actor
from app.core.texts import translator
from app.core.web.language import current_texts

log = logging.getLogger("sellthru.requests")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Asked every few seconds by machines, or once a page by browsers.
QUIET = frozenset({"static", "health.healthz", "health.readyz", "metrics.show"})
#: The largest key a database stores.
MAX_KEY = 2**63 - 1


class Key(IntegerConverter):
    """A row's key in an address; a number no key can be is no address."""

    def __init__(self, map: Map, *args: Any, **kwargs: Any) -> None:
        super().__init__(map, *args, **{"max": MAX_KEY, **kwargs})


def register(app: Flask) -> None:
    """Read `<int:...>` in addresses as keys, and log requests. To be called before routes are added."""
    app.url_map.converters["int"] = Key
    app.after_request(end)


_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


def begin() -> None:
    """Take the proxy's request id where it is well formed, else make one; install gettext."""
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
    g.began, g.asked = time.perf_counter(), statements.begin()
    logs.begin_fields(request_id=g.request_id, endpoint=request.endpoint)
    translator.set(_gettext)


def end(response: Response) -> Response:
    """Log what was asked and answered: ids, names of ours and numbers, nothing that a visitor typed."""
    began = g.get("began")
    if began is None:
        return response
    seconds = time.perf_counter() - began
    endpoint = request.endpoint or "none"
    metrics.requests.count(endpoint, response.status_code, seconds, g.asked.count)
    actor: Actor | None = g.get("actor")
    logs.event(
        log,
        logging.DEBUG if endpoint in QUIET else logging.INFO,
        "request",
        request_id=g.request_id,
        method=request.method if request.method in METHODS else "other",
        endpoint=endpoint,
        status=response.status_code,
        duration_ms=round(seconds * 1000, 1),
        statements=g.asked.count,
        sql_ms=round(g.asked.seconds * 1000, 1),
        user_id=actor.user_id if actor else None,
        company_id=actor.company_id if actor else None,
        view_as_by=actor.real_user_id if actor else None,
    )
    return response


def _gettext(message: str) -> str:
    # Placeholders are filled by `_`, so nothing is passed on here.
    return current_texts().plain(message)
