"""The catalogue as staff keep it: products with all that hangs on them, categories, companies' views."""

from app.console.catalogue import categories, companies, editing, media, parts, routes
from app.console.catalogue.room import blueprint

__all__ = ["blueprint", "categories", "companies", "editing", "media", "parts", "routes"]
