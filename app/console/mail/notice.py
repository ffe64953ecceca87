"""What administrators are told while mails do not go out."""

from __future__ import annotations

from flask import current_app
from sqlalchemy.orm import Session

from app.adapters.mail_setup import find_setup
from app.core.permissions import Actor, Permission
from app.core.texts import _


def mail_notice(session: Session, actor: Actor) -> str | None:
    """Why mails stay in the house, for whoever may change that; None while they go out."""
    if not actor.may(Permission.SETTINGS_MANAGE):
        return None
    setup = find_setup(session, current_app.config)
    if setup is None:
        return _("No mail server is set, so mails are kept in the mail log and reach nobody.")
    return setup.fault
