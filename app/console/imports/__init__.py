"""Imports: files of a kind sent, their columns settled, a dry run, the run with its progress, the history."""

from app.console.imports import changing, sending  # noqa: F401 - their routes
from app.console.imports.routes import blueprint

__all__ = ["blueprint"]
