"""Buyers' questions for a price, and their answers."""

from app.console.requests.routes import blueprint

__all__ = ["blueprint"]
