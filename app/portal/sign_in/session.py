"""Finds who a cookie's token stands for, in one read."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from flask import Flask, current_app, g
from sqlalchemy.exc import OperationalError

from app.core import clock
from app.core.database import run
from app.core.permissions import Actor
from app.core.web import shell, visitor
from app.core.web.extensions import db
from app.core.web.visitor import Visitor
from app.domain.accounts import actions, queries
from app.domain.accounts.rules import role_name
from app.domain.accounts.sessions import SEEN_EVERY, SignedIn, find_signed_in
from app.portal.navigation import counts_read_along

log = logging.getLogger("sellthru")


def link_secrets() -> list[bytes]:
    """Secrets that links may have been made with: the present one and those before it."""
    known = [current_app.config["SECRET_KEY"], *(current_app.config.get("SECRET_KEY_FALLBACKS") or [])]
    return [secret.encode() if isinstance(secret, str) else secret for secret in known]


def _choices(signed_in: Any) -> Iterable[shell.MembershipChoice]:
    rows = queries.list_memberships_of(db.session(), signed_in.actor.user_id)
    for row in rows:
        place = row.company_name or signed_in.vendor_name
        yield shell.MembershipChoice(
            id=row.membership_id,
            label=f"{place} · {role_name(row.role)}",
            current=row.membership_id == signed_in.actor.membership_id,
        )


def _touch(signed_in: SignedIn) -> None:
    now = clock.now()
    if now - signed_in.last_seen_at < SEEN_EVERY:
        return
    try:
        run(
            db.session(),
            actions.touch_session,
            Actor.system("last seen"),
            session_id=signed_in.session_id,
            now=now,
        )
    except OperationalError:
        # Busy with an import, say: the page matters more than the note, and the next one writes it.
        log.warning("last-seen of session %s was not written", signed_in.session_id)


def load(token: str) -> Visitor | None:
    """The visitor of a token, or None where the session has ended."""
    signed_in = find_signed_in(
        db.session(),
        token,
        now=clock.now(),
        request_id=g.get("request_id"),
        extras=counts_read_along(),
    )
    if signed_in is None:
        return None
    g.vendor_timezone = signed_in.vendor_timezone
    _touch(signed_in)
    return Visitor(token, signed_in, _choices)


def _vendor_mark() -> shell.VendorMark:
    vendor = queries.find_vendor(db.session())
    if vendor is None:
        return shell.VendorMark("Sellthru")
    return shell.VendorMark(vendor.name, vendor.accent, vendor.logo_key)


def register(app: Flask) -> None:
    """Install the reading of sessions and the frame's sources."""
    visitor.register(app, load)
    shell.set_vendor_source(app, _vendor_mark)
    app.jinja_env.filters["role"] = role_name
