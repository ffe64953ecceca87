"""Requests to become a reseller, as vendor sales vets them."""

from app.console.applications.routes import blueprint

__all__ = ["blueprint"]
