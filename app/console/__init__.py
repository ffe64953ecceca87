"""What the vendor's staff see."""

from __future__ import annotations

from flask import Blueprint, Flask

from app.console import (
    agreements,
    applications,
    assets,
    audit,
    catalogue,
    companies,
    exports,
    home,
    imports,
    jobs,
    mail,
    orders,
    people,
    requests,
    search,
    settings,
    shipping,
    stock,
)
from app.console.navigation import NAVIGATION
from app.core.web import shell

console = Blueprint("console", __name__, url_prefix="/console")
for area in (
    home,
    orders,
    requests,
    companies,
    applications,
    catalogue,
    agreements,
    imports,
    stock,
    shipping,
    assets,
    search,
    people,
    jobs,
    mail,
    audit,
    exports,
    settings,
):
    console.register_blueprint(area.blueprint)


def register(app: Flask) -> None:
    """Register the console's areas, one line each, and its navigation."""
    app.register_blueprint(console)
    settings.register(app)
    shell.add_area(app, "console", NAVIGATION)
