"""Home of the vendor's staff: what waits for the person, by role."""

from app.console.home.routes import blueprint

__all__ = ["blueprint"]
