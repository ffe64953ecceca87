"""Orders: list with filters and export, the order page, confirmation, cancelling, ordering again."""

from __future__ import annotations

from app.portal.orders.routes import blueprint

__all__ = ["blueprint"]
