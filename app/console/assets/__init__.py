"""Units in the field: the installed base, one unit's page, and rules of serial numbers."""

from __future__ import annotations

from app.console.assets import rules
from app.console.assets.routes import blueprint

__all__ = ["blueprint", "rules"]
