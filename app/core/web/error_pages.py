"""Error pages: what happened, what to do next, and nothing about our insides."""

from __future__ import annotations

import logging

from flask import Flask, g, render_template, request
from flask_limiter.errors import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from werkzeug.exceptions import HTTPException, SecurityError

from app.core.errors import DomainError, PermissionDenied
from app.core.texts import _
from app.core.uploads import MEGABYTE
from app.core.web.door import audit_refusal
from app.core.web.extensions import db

log = logging.getLogger("sellthru")

RETRY_AFTER_S = 30

Answer = tuple[str, int] | tuple[str, int, dict[str, str]]


def render_error(status: int, title: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    """The error page; a bare alert for htmx requests, so that it can stand beside its cause."""
    template = "errors/fragment.html" if request.headers.get("HX-Request") else "errors/error.html"
    body = render_template(
        template, status=status, title=title, message=message, request_id=g.get("request_id")
    )
    return body, status, headers or {}


_TITLES = {
    400: lambda: _("This request could not be read"),
    403: lambda: _("Not allowed"),
    404: lambda: _("Nothing here"),
    405: lambda: _("Not possible that way"),
    409: lambda: _("Not possible any more"),
    413: lambda: _("Too large"),
    422: lambda: _("Something needs changing"),
    429: lambda: _("Too many tries"),
    500: lambda: _("Our fault"),
    503: lambda: _("Not at the moment"),
}


def title_of(status: int) -> str:
    """A few words for an HTTP status."""
    return _TITLES.get(status, _TITLES[500 if status >= 500 else 400])()


def _database_away(error: OperationalError) -> Answer:
    # Lost, restarting, locked too long, or its disk is full: another try may succeed.
    log.error("the database did not do its work on %s", request.endpoint, exc_info=error)
    message = _("The database is out of reach or has no room. Nothing was saved. Try again in a minute.")
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    try:
        db.session.rollback()
        return render_error(503, title_of(503), message, headers)
    except SQLAlchemyError:
        # The page's frame reads who is signed in.
        return message, 503, {**headers, "Content-Type": "text/plain; charset=utf-8"}


def register(app: Flask) -> None:
    """Install the handlers."""

    @app.errorhandler(DomainError)
    def domain_error(error: DomainError) -> Answer:
        db.session.rollback()
        if isinstance(error, PermissionDenied):
            audit_refusal(error)
        headers = {}
        if "retry_after_s" in error.details:
            headers["Retry-After"] = str(error.details["retry_after_s"])
        return render_error(error.status, title_of(error.status), error.message, headers)

    @app.errorhandler(RateLimitExceeded)
    def rate_limited(error: RateLimitExceeded) -> Answer:
        seconds = max(1, int(error.limit.limit.get_expiry()))
        message = _("Wait %(seconds)s seconds and try again.", seconds=seconds)
        return render_error(429, title_of(429), message, {"Retry-After": str(seconds)})

    @app.errorhandler(CSRFError)
    def csrf_error(error: CSRFError) -> Answer:
        message = _("The page was open too long, or the form came from elsewhere. Reload it and send again.")
        return render_error(400, title_of(400), message)

    @app.errorhandler(SecurityError)
    def untrusted_host(error: SecurityError) -> Answer:
        # No page: addresses cannot be built for a host that is not ours.
        return _("This host name is not ours."), 400, {"Content-Type": "text/plain; charset=utf-8"}

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Answer:
        status = error.code or 500
        messages = {
            404: _("There is nothing at this address, or it belongs to somebody else."),
            405: _("This address does not take that kind of request."),
            413: _(
                "What you sent is larger than the %(most)s MB that are taken here. "
                "Send a smaller file or fewer rows.",
                most=(request.max_content_length or 0) // MEGABYTE,
            ),
        }
        message = messages.get(status, _("The request was not understood. Go back and try again."))
        return render_error(status, title_of(status), message)

    app.register_error_handler(OperationalError, _database_away)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Answer:
        db.session.rollback()
        log.exception("unexpected error on %s", request.endpoint)
        message = _(
            "This is our fault and was logged. Nothing was saved. Try again, or tell us the number below."
        )
        return render_error(500, title_of(500), message)
