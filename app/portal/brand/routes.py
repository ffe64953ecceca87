"""The logo, and the accent as a style sheet: the content security policy allows no inline style."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Flask, Response, current_app, g, make_response, url_for

from app.adapters.storage import LocalStore
from app.core.errors import InvalidInput, NotFound
from app.core.web import shell
from app.core.web.door import public
from app.core.web.downloads import send_upload
from app.core.web.extensions import db
from app.domain.accounts.accents import accent_sheet
from app.domain.accounts.queries import find_vendor
from app.domain.accounts.vendor_rules import known_accent

blueprint = Blueprint("brand", __name__, url_prefix="/brand")

_COLOUR = re.compile(r"[0-9a-f]{6}")
_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}


@lru_cache(maxsize=64)
def _sheet(colour: str) -> tuple[str, str]:
    """The style sheet of a colour, and its hash for the address."""
    text = accent_sheet(f"#{colour}")
    return text, hashlib.sha256(text.encode()).hexdigest()[:12]


@blueprint.get("/accent-<colour>.css")
@public("the sign-in page has the vendor's colour, and a colour is no secret")
def accent(colour: str) -> Response:
    """The style sheet of a colour; its address changes with it, so browsers keep it for good."""
    try:
        known_accent(colour if _COLOUR.fullmatch(colour) else "none")
    except InvalidInput as error:
        raise NotFound() from error
    response = make_response(_sheet(colour)[0])
    response.mimetype = "text/css"
    g.is_immutable = True
    return response


@blueprint.get("/logo/<key>")
@public("the sign-in page and mails show the vendor's logo")
def logo(key: str) -> Response:
    """The present logo, also where an older mail asks for the one before."""
    vendor = find_vendor(db.session())
    present = vendor.logo_key if vendor else None
    if present is None:
        raise NotFound()
    store = LocalStore(Path(current_app.config["DATA_DIR"]) / "uploads")
    kind = _TYPES.get(Path(present).suffix, "image/png")
    g.is_immutable = key == present
    response = send_upload(
        store.path_of(present), filename=f"logo{Path(present).suffix}", content_type=kind, is_shown=True
    )
    # Readers of mails in a browser are elsewhere.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def mark_addresses(accent_colour: str | None, logo_key: str | None) -> shell.MarkAddresses:
    """Where the frame finds the accent's style sheet and the logo."""
    colour = (accent_colour or "").lstrip("#")
    sheet = None
    if _COLOUR.fullmatch(colour):
        sheet = url_for("brand.accent", colour=colour, v=_sheet(colour)[1])
    return shell.MarkAddresses(sheet, url_for("brand.logo", key=logo_key) if logo_key else None)


def register(app: Flask) -> None:
    """Add the routes, and tell the frame how to find them."""
    app.register_blueprint(blueprint)
    shell.set_mark_addresses(app, mark_addresses)
