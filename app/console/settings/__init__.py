"""What the vendor sets for the whole portal."""

from __future__ import annotations

from flask import Flask, has_app_context

from app.console.imports.sending import body_limit as imports_limit
from app.console.settings import mail, routes
from app.console.settings.room import blueprint
from app.core.uploads import MEGABYTE, UploadLimits, set_limits_reader, upload_limits
from app.core.web import bodies
from app.core.web.extensions import db
from app.domain.accounts.settings import stored_limits

__all__ = ["blueprint", "mail", "register", "routes"]


#: What a form has beside its file.
_FORM_BYTES = MEGABYTE // 2


def _limits() -> UploadLimits:
    if not has_app_context():
        return UploadLimits()
    stored = stored_limits(db.session())
    return UploadLimits(
        table_bytes=stored.table_mb * MEGABYTE,
        archive_bytes=stored.archive_mb * MEGABYTE,
        attachment_bytes=stored.attachment_mb * MEGABYTE,
    )


def _most_imported() -> int:
    return imports_limit() + _FORM_BYTES


def register(app: Flask) -> None:
    """Let uploads obey the stored limits."""
    set_limits_reader(_limits)
    bodies.allow_larger(app, "console.imports.new", _most_imported)
    for endpoint in ("console.catalogue.add_medium", "console.settings.branding"):
        bodies.allow_larger(app, endpoint, lambda: upload_limits().attachment_bytes + _FORM_BYTES)
