"""The first page: what waits for the reader, what is on its way."""

from __future__ import annotations

from app.portal.home.routes import blueprint

__all__ = ["blueprint"]
