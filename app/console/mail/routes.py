"""List of mails, one mail as text and as source, and mails sent by hand."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.adapters.base_address import base_url
from app.adapters.mail_setup import find_setup
from app.console.lists import given_choice, limited
from app.console.mail.notice import mail_notice
from app.core import clock
from app.core.errors import Conflict, InvalidInput
from app.core.permissions import Permission
from app.core.texts import N_, _
from app.core.web.door import allow, current_actor, do
from app.core.web.extensions import db
from app.core.web.fields import find_control_character
from app.domain.accounts import mail_delivery
from app.domain.accounts.links import address_of
from app.domain.accounts.mail_delivery import SENDABLE, MailState
from app.domain.accounts.mail_log import get_mail, get_mail_link, list_mails

blueprint = Blueprint("mail", __name__, url_prefix="/mail")

STATES = {
    MailState.WAITING.value: N_("Waits"),
    MailState.KEPT.value: N_("Kept"),
    MailState.SENT.value: N_("Sent"),
    MailState.REFUSED.value: N_("Refused"),
    MailState.BOUNCED.value: N_("Sent back"),
    MailState.FAILED.value: N_("Given up"),
    MailState.LAPSED.value: N_("Too late"),
}


def _can_send() -> bool:
    return find_setup(db.session(), current_app.config) is not None


def _chips(state: str | None, recipient: str) -> list[dict[str, Any]]:
    choices = [(None, _("All")), *((one, _(label)) for one, label in STATES.items())]
    return [
        {
            "label": label,
            "href": url_for("console.mail.index", state=one, recipient=recipient or None),
            "current": one == state,
        }
        for one, label in choices
    ]


@blueprint.get("")
@allow(Permission.MAIL_READ)
def index() -> str:
    recipient = request.args.get("recipient", "").strip()[:254]
    if find_control_character(recipient):
        raise InvalidInput(_("The address contains a character nobody can see. Type it again."))
    state = given_choice("state", STATES)
    session = db.session()
    page = list_mails(session, recipient=recipient or None, state=state, cursor=request.args.get("cursor"))
    kept = mail_delivery.count_recent_kept(session, now=clock.now()) if _can_send() else 0
    return render_template(
        "console/mail/index.html",
        page=page,
        recipient=recipient,
        state=state,
        chips=_chips(state, recipient),
        kept=limited(kept),
        notice=mail_notice(session, current_actor()),
    )


@blueprint.get("/<int:mail_id>")
@allow(Permission.MAIL_READ)
def show(mail_id: int) -> str:
    session = db.session()
    mail = get_mail(session, mail_id)
    address = None
    if current_app.config["DEMO"] and mail.link_id is not None:
        # A real instance sends the link and shows it to nobody.
        link = get_mail_link(session, mail.link_id)
        secret = current_app.config["SECRET_KEY"].encode()
        address = address_of(link, secret=secret, base_url=base_url(session, current_app.config))
    return render_template(
        "console/mail/show.html",
        mail=mail,
        link=address,
        can_send=mail.state in SENDABLE and _can_send(),
        may_have_arrived=mail.state != MailState.SENT and mail.handed_at is not None,
    )


@blueprint.post("/<int:mail_id>/send")
@allow(Permission.MAIL_SEND)
def send(mail_id: int) -> Response:
    """Send one mail that did not go out, or was refused."""
    get_mail(db.session(), mail_id)
    _require_server()
    try:
        do(mail_delivery.send_mail, mail_id=mail_id, now=clock.now())
    except Conflict as error:
        flash(error.message, "error")
    else:
        flash(_("The mail is on its way."), "success")
    return redirect(url_for("console.mail.show", mail_id=mail_id), 303)


@blueprint.post("/send-kept")
@allow(Permission.MAIL_SEND)
def send_kept() -> Response:
    """Send the kept mails of the last seven days whose links still work."""
    _require_server()
    count = do(mail_delivery.send_recent_kept, now=clock.now())
    flash(_("%(count)s kept mails are on their way.", count=count), "success")
    return redirect(url_for("console.mail.index"), 303)


def _require_server() -> None:
    if not _can_send():
        raise Conflict(_("No mail server is set. Set one under Settings, Mail server."))
