"""The mail server, and a test that goes through it at once."""

from __future__ import annotations

import uuid
from typing import Any

from flask import current_app, flash, redirect, url_for
from markupsafe import escape

from app.adapters.mail_setup import SecretFile, find_setup
from app.adapters.mailer import DeliveryFault, Letter, NotNow, SmtpMailer
from app.console.settings.forms import MailForm
from app.console.settings.room import blueprint, has_password, is_given, save, section_page
from app.core import clock
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, current_actor
from app.core.web.extensions import db, limiter
from app.core.web.visitor import current_visitor
from app.domain.accounts import settings
from app.domain.accounts.models import Vendor
from app.domain.accounts.queries import get_vendor
from app.domain.accounts.settings_rules import MailData

#: Somebody waits in front of the page.
TEST_S = 10.0


def _stored(vendor: Vendor) -> dict[str, Any]:
    return {
        "host": vendor.mail_host,
        "security": vendor.mail_security,
        "port": vendor.mail_port,
        "user": vendor.mail_user,
        "sender": vendor.mail_sender,
        "reply_to": vendor.mail_reply_to,
    }


@blueprint.route("/mail", methods=["GET", "POST"])
@allow(Permission.SETTINGS_MANAGE)
def mail() -> Any:
    """Server, sign-in, sender and reply address."""
    form = MailForm(data=_stored(get_vendor(db.session())))
    note = None
    if is_given("MAIL_URL"):
        note = _("MAIL_URL is set on the server, so its server is used whatever is stored here.")
    values = {"note": note, "can_test": find_setup(db.session(), current_app.config) is not None}
    if not form.validate_on_submit():
        return section_page("mail", form, **values)
    kept = SecretFile.of_mail(current_app.config)
    names = ("host", "port", "security", "user", "password", "sender", "reply_to")

    def keep(password: str | None) -> None:
        kept.delete() if password is None else kept.write(password)

    data = MailData(**{name: form[name].data or (None if name == "port" else "") for name in names})
    return save("mail", form, settings.save_mail, mail=data, keep_password=keep, has_password=has_password())


@blueprint.post("/mail/test")
@allow(Permission.SETTINGS_MANAGE)
@limiter.limit("10 per minute", key_func=lambda: f"mail-test:{current_actor().user_id}")
def test_mail() -> Any:
    """Send a mail to whoever asks, and show what the server says."""
    recipient = current_visitor().email
    try:
        words = _send_test(recipient)
    except DeliveryFault as fault:
        flash(_("The test was not taken. %(words)s", words=fault.words), "error")
    else:
        flash(_("The server took the test for %(to)s: %(words)s", to=recipient, words=words), "success")
    return redirect(url_for("console.settings.mail"), 303)


def _send_test(recipient: str) -> str:
    session = db.session()
    setup = find_setup(session, current_app.config)
    if setup is None or setup.server is None or setup.fault:
        raise NotNow((setup and setup.fault) or _("No mail server is set."), is_of_server=True)
    # The page's reading transaction ends before a stranger's server is waited for.
    session.rollback()
    text = _("This mail shows that %(name)s can send mails.", name=setup.sender_name)
    letter = Letter(
        message_id=str(uuid.uuid4()),
        sender=setup.sender,
        sender_name=setup.sender_name,
        recipient=recipient,
        subject=_("A test of the mail server"),
        text=f"{text}\n",
        html=f"<!doctype html>\n<title>{_('A test of the mail server')}</title>\n<p>{escape(text)}</p>\n",
        date=clock.now(),
        reply_to=setup.reply_to,
    )
    return SmtpMailer(setup.server, step_s=TEST_S / 2, total_s=TEST_S).deliver(letter)
