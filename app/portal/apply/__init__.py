"""The public pages on which a firm asks to become a reseller."""

from app.portal.apply.routes import blueprint

__all__ = ["blueprint"]
