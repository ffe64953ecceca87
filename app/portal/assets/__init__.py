"""Units in the field: the installed base, and one unit's page."""

from __future__ import annotations

from app.portal.assets.routes import blueprint

__all__ = ["blueprint"]
