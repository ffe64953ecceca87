"""The room of the settings: its sections, and what each page shows around its form."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, url_for

from app.adapters.base_address import base_url
from app.adapters.mail_setup import SecretFile, find_setup
from app.console.settings.forms import SettingsForm, fields_of
from app.core import clock
from app.core.errors import Conflict, DomainError, InvalidInput, StaleEdit
from app.core.texts import N_, _
from app.core.web.door import do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.accounts.models import Vendor
from app.domain.accounts.queries import get_vendor
from app.domain.accounts.settings import next_numbers

blueprint = Blueprint("settings", __name__, url_prefix="/settings")

#: Section, title, what it is about; each has a page of its own.
SECTIONS = {
    "company": (N_("Company"), N_("Who you are: on documents, pages and in mails.")),
    "branding": (N_("Logo and colour"), N_("How pages and mails look.")),
    "numbers": (N_("Number ranges"), N_("What numbers look like, and which comes next.")),
    "orders": (N_("Release of orders"), N_("Whether orders go to the warehouse by themselves.")),
    "address": (N_("Address of the portal"), N_("What links in mails begin with.")),
    "mail": (N_("Mail server"), N_("How mails leave the house.")),
    "limits": (N_("Upload limits"), N_("How large files may be.")),
}


def is_given(name: str) -> bool:
    """Whether the environment says a value, which then wins over the stored one."""
    return bool(current_app.config.get(name))


def section_page(section: str, form: SettingsForm, *, error: DomainError | None = None, **values: Any) -> Any:
    """A section's form with its explanations; a refusal keeps what was typed."""
    session = db.session()
    vendor = get_vendor(session)
    status = 200
    if error is not None:
        put_error(form, error)
        status = error.status
    elif form.is_submitted():
        status = 422
    # After a refusal the next save is made against the values as they are now.
    form.version.data = form.version.raw_data = None
    form.version.data = str(vendor.version)
    page = render_template(
        "console/settings/section.html",
        section=section,
        title=_(SECTIONS[section][0]),
        sub=_(SECTIONS[section][1]),
        form=form,
        fields=fields_of(form),
        vendor=vendor,
        is_stale=isinstance(error, StaleEdit),
        now_stored=facts_of(section, vendor) if isinstance(error, StaleEdit) else [],
        **values,
    )
    return page, status


def save(section: str, form: SettingsForm, action: Any, **values: Any) -> Any:
    """Run the section's action; its page with the reason where it is refused."""
    try:
        do(action, version=form.shown_version(), now=clock.now(), **values)
    except (InvalidInput, Conflict, StaleEdit) as error:
        return section_page(section, form, error=error)
    flash(_("The settings are saved."), "success")
    return redirect(url_for("console.settings.index"), 303)


def facts_of(section: str, vendor: Vendor) -> list[tuple[str, str]]:
    """A section's present values in words."""
    return _FACTS[section](vendor)


def _company(vendor: Vendor) -> list[tuple[str, str]]:
    place = [vendor.street, f"{vendor.postcode} {vendor.city}".strip(), vendor.region, vendor.country]
    return [
        (_("Name"), vendor.name),
        (_("Legal name"), vendor.legal_name or vendor.name),
        (_("Address"), ", ".join(part for part in place if part) or _("not set")),
        (_("Tax id"), vendor.tax_id or _("not set")),
        (_("Time zone"), vendor.timezone),
        (_("Mailbox for alerts"), vendor.alert_email or _("not set")),
    ]


def _branding(vendor: Vendor) -> list[tuple[str, str]]:
    return [
        (_("Accent colour"), vendor.accent or _("ours")),
        (_("Logo"), _("set") if vendor.logo_key else _("not set")),
    ]


def _numbers(vendor: Vendor) -> list[tuple[str, str]]:
    now = clock.now()
    coming = next_numbers(db.session(), now=now)
    year = f"{now:%y}"
    return [
        (_("Next order"), f"{vendor.order_prefix}-{year}-{coming['order']:05}"),
        (_("Next price request"), f"{vendor.request_prefix}-{year}-{coming['request']:05}"),
        (_("Next company"), f"{vendor.company_prefix}{coming['company']}"),
    ]


def _orders(vendor: Vendor) -> list[tuple[str, str]]:
    days = vendor.allocation_days
    return [
        (_("Release"), _("by itself") if vendor.releases_automatically else _("by hand")),
        (_("Unreleased orders keep stock"), _("%(n)s days", n=days) if days else _("as long as they wait")),
    ]


def _address(vendor: Vendor) -> list[tuple[str, str]]:
    where = _("stored here") if vendor.base_url else _("not set yet")
    if is_given("BASE_URL_IS_GIVEN"):
        where = _("from BASE_URL")
    return [(_("Address"), f"{base_url(db.session(), current_app.config)} ({where})")]


def _mail(vendor: Vendor) -> list[tuple[str, str]]:
    setup = find_setup(db.session(), current_app.config)
    if setup is None:
        return [(_("Mail server"), _("not set: mails are kept in the mail log"))]
    server = f"{setup.server.host}:{setup.server.port}" if setup.server else _("cannot be used")
    where = _("from MAIL_URL") if setup.is_of_environment else _("stored here")
    facts = [(_("Mail server"), f"{server} ({where})"), (_("Sender"), setup.sender or _("not set"))]
    if setup.reply_to:
        facts.append((_("Reply address"), setup.reply_to))
    return [*facts, (_("Fault"), setup.fault)] if setup.fault else facts


def _limits(vendor: Vendor) -> list[tuple[str, str]]:
    return [
        (_("Tables"), f"{vendor.table_limit_mb} MB"),
        (_("ZIP files of pictures"), f"{vendor.archive_limit_mb} MB"),
        (_("Attachments"), f"{vendor.attachment_limit_mb} MB"),
    ]


_FACTS = {
    "company": _company,
    "branding": _branding,
    "numbers": _numbers,
    "orders": _orders,
    "address": _address,
    "mail": _mail,
    "limits": _limits,
}


def has_password() -> bool:
    """Whether a password of the stored mail server is kept on this machine."""
    return SecretFile.of_mail(current_app.config).read() is not None
