"""Reseller companies as the vendor's staff keep them."""

from __future__ import annotations

from app.console.companies import branches, closing, data, members, merging, routes
from app.console.companies.room import blueprint

__all__ = ["blueprint", "branches", "closing", "data", "members", "merging", "routes"]
