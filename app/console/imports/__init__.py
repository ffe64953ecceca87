"""Imports: files sent, their columns settled, a dry run, the run with its progress, and the history."""

from app.console.imports.routes import blueprint

__all__ = ["blueprint"]
