"""Price requests: asking for a price where there is none, and the answers."""

from __future__ import annotations

from app.portal.requests.routes import blueprint

__all__ = ["blueprint"]
