"""Signing in and out, invitations and forgotten passwords; for resellers and the vendor's staff alike."""

from __future__ import annotations

from app.portal.sign_in.routes import blueprint
from app.portal.sign_in.session import register

__all__ = ["blueprint", "register"]
