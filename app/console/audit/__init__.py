"""The audit trail: who did what, before and after, and whether its seals hold."""

from app.console.audit.routes import blueprint

__all__ = ["blueprint"]
