"""List of mails, and one mail as text and as source."""

from __future__ import annotations

from flask import Blueprint, current_app, render_template, request

from app.core.errors import InvalidInput
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow
from app.core.web.extensions import db
from app.core.web.fields import find_control_character
from app.domain.accounts.links import address_of
from app.domain.accounts.mail_log import get_mail, get_mail_link, list_mails

blueprint = Blueprint("mail", __name__, url_prefix="/mail")


@blueprint.get("")
@allow(Permission.MAIL_READ)
def index() -> str:
    recipient = request.args.get("recipient", "").strip()[:254]
    if find_control_character(recipient):
        raise InvalidInput(_("The address contains a character nobody can see. Type it again."))
    page = list_mails(db.session(), recipient=recipient or None, cursor=request.args.get("cursor"))
    return render_template("console/mail/index.html", page=page, recipient=recipient)


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
        address = address_of(link, secret=secret, base_url=current_app.config["BASE_URL"])
    return render_template("console/mail/show.html", mail=mail, link=address)
