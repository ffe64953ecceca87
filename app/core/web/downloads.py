"""Uploads on their way out: never with the portal's rights."""

from __future__ import annotations

from pathlib import Path

from flask import Response, send_file

from app.core.uploads import IMAGES, content_disposition
from app.core.web.security import SANDBOX_CSP

_SHOWN = frozenset(kind.content_type for kind in IMAGES)


def send_upload(path: Path, *, filename: str, content_type: str, is_shown: bool = False) -> Response:
    """A kept file: a picture may be shown within a page, everything else is saved."""
    inline = is_shown and content_type in _SHOWN
    response = send_file(path, mimetype=content_type, conditional=True)
    response.headers["Content-Disposition"] = content_disposition(filename, inline=inline)
    response.headers["Content-Security-Policy"] = SANDBOX_CSP
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
