"""What reseller staff see."""

from __future__ import annotations

from flask import Blueprint, Flask

from app.core.web import shell
from app.portal import assets, carts, catalogue, checkout, company, exports, home, orders, requests, search
from app.portal.navigation import NAVIGATION, count_rooms

portal = Blueprint("portal", __name__)
for area in (home, catalogue, search, carts, checkout, orders, requests, assets, company, exports):
    portal.register_blueprint(area.blueprint)


def register(app: Flask) -> None:
    """Register the portal's areas, one line each, and its navigation."""
    app.register_blueprint(portal)
    shell.add_area(app, "portal", NAVIGATION, counts=count_rooms)
