"""The mail log: what was rendered for whom."""

from app.console.mail.routes import blueprint

__all__ = ["blueprint"]
