"""Which blueprints and commands the application has; one line a room."""

from __future__ import annotations

from flask import Flask


def register(app: Flask) -> None:
    """Register the public pages, the portal, the console and the commands."""
    # One import per room, here and not at the top, so that models are complete before views import forms.
