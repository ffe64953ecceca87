"""One field that finds orders, products, companies and price requests."""

from app.console.search.routes import blueprint

__all__ = ["blueprint"]
