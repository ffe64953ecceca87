"""Which blueprints and commands the application has; one line a room."""

from __future__ import annotations

from flask import Flask

from app.core.web import shell


def register(app: Flask) -> None:
    """Register the frame, the public pages, the portal, the console and the commands."""
    # Imported here and not at the top, so that models are complete before views import forms.
    from app import console, portal
    from app.api import health, metrics
    from app.jobs import (
        backups_cli,
        company_exports,
        demo,
        doctor,
        explain_cli,
        export_cli,
        imports_cli,
        mail_cli,
        replay_cli,
        setup_cli,
        users_cli,
    )
    from app.jobs import cli as jobs_cli
    from app.portal import account, apply, brand, sign_in

    shell.register(app)
    sign_in.register(app)
    app.register_blueprint(sign_in.blueprint)
    app.register_blueprint(apply.blueprint)
    brand.register(app)
    app.register_blueprint(account.blueprint)
    portal.register(app)
    console.register(app)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(metrics.blueprint)
    jobs_cli.register(app)
    imports_cli.register(app)
    replay_cli.register(app)
    explain_cli.register(app)
    export_cli.register(app)
    setup_cli.register(app)
    doctor.register(app)
    users_cli.register(app)
    backups_cli.register(app)
    mail_cli.register(app)
    company_exports.register(app)
    demo.register(app)
