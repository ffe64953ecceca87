"""One search box: an exact number goes straight to its page, words find products and orders."""

from __future__ import annotations

from app.portal.search.routes import blueprint

__all__ = ["blueprint"]
