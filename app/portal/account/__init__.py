"""Everybody's own account: name, password, sessions, the company worked for; resellers and staff alike."""

from __future__ import annotations

from app.portal.account.routes import blueprint

__all__ = ["blueprint"]
