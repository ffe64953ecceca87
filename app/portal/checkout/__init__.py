"""Checkout on one page: what is asked, what it costs, one button."""

from __future__ import annotations

from app.portal.checkout.routes import blueprint

__all__ = ["blueprint"]
