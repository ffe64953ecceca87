"""Background work: what waits, runs and failed; failed jobs are started again here."""

from app.console.jobs.routes import blueprint

__all__ = ["blueprint"]
