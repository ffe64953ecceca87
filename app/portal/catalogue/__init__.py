"""The catalogue: list with facets, product, why a price, suggestions, and putting things into the cart."""

from __future__ import annotations

from app.portal.catalogue.routes import blueprint

__all__ = ["blueprint"]
