"""Price agreements: list, new, change, and the quantity ladder of each product in them."""

from app.console.agreements import ladders
from app.console.agreements.routes import blueprint

__all__ = ["blueprint", "ladders"]
