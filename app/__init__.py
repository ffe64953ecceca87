"""Sellthru: the portal a hardware vendor runs for its resellers."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

import config as settings
from app import models  # noqa: F401 - every table is known before the first query
from app.core import statements
from app.core.database import configure_engine
from app.core.web import (
    assets,
    door,
    downloads,
    error_pages,
    formats,
    fragments,
    language,
    requests,
    security,
)
from app.core.web.extensions import babel, csrf, db, limiter, login_manager, migrate


def create_app(overrides: dict[str, Any] | None = None) -> Flask:
    """The application: extensions, blueprints, error pages, commands. Nothing else."""
    app = Flask(__name__, template_folder="../templates", static_folder="../static")
    app.config.from_mapping(settings.load())
    app.config.update(overrides or {})
    hops = app.config["PROXY_HOPS"]
    if hops:
        # The visitor's address and scheme as the proxies say them; the host name comes by Host alone.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # as Flask's documentation does
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=0, x_port=0, x_prefix=0
        )
    db.init_app(app)
    with app.app_context():
        for engine in db.engines.values():
            configure_engine(engine)
            statements.watch(engine, slow_ms=app.config["SLOW_QUERY_MS"])
    migrate.init_app(app, db, render_as_batch=True, compare_type=True)
    csrf.init_app(app)
    limiter.init_app(app)
    login_manager.init_app(app)
    babel.init_app(app)
    app.before_request(requests.begin)
    app.before_request(door.guard)
    for room in (requests, assets, formats, fragments, language, security, error_pages, downloads):
        room.register(app)
    from app import areas

    areas.register(app)
    return app
