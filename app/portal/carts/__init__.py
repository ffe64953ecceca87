"""Carts: several by name, kept across sign-outs, shared by a company's buyers."""

from __future__ import annotations

from app.portal.carts.routes import blueprint

__all__ = ["blueprint"]
