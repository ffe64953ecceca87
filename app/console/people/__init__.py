"""The vendor's own staff, and the search over everybody who may sign in."""

from __future__ import annotations

from app.console.people import person
from app.console.people.routes import blueprint

__all__ = ["blueprint", "person"]
