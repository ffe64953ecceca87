"""The vendor's logo and accent, which strangers see as well: on the sign-in page and in mails."""

from __future__ import annotations

from app.portal.brand.routes import blueprint, register

__all__ = ["blueprint", "register"]
