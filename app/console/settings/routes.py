"""All settings at a glance with their history, and a page for each section."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from flask import current_app, render_template

from app.adapters.images import read_picture
from app.adapters.storage import LocalStore
from app.console.lists import given_text
from app.console.settings.forms import (
    AddressForm,
    BrandingForm,
    CompanyForm,
    LimitsForm,
    NumbersForm,
    ReleaseForm,
)
from app.console.settings.room import SECTIONS, blueprint, facts_of, is_given, save, section_page
from app.core import clock
from app.core.errors import InvalidInput
from app.core.permissions import Permission
from app.core.texts import _
from app.core.uploads import JPEG, PNG, check_content, kind_of, safe_filename, upload_limits
from app.core.web.door import allow
from app.core.web.extensions import db
from app.domain.accounts import settings
from app.domain.accounts.models import Vendor
from app.domain.accounts.queries import get_vendor
from app.domain.accounts.rules import AddressData
from app.domain.accounts.settings import CompanyData, NumberData, next_numbers
from app.domain.accounts.settings_rules import Limits

RANGES = ("order", "request", "company")


@blueprint.get("")
@allow(Permission.SETTINGS_MANAGE)
def index() -> str:
    """Every section with its present values, and who changed what and when."""
    vendor = get_vendor(db.session())
    page = settings.list_changes(db.session(), cursor=given_text("cursor", maximum=1000))
    return render_template(
        "console/settings/index.html",
        sections=[
            (name, _(title), _(sub), facts_of(name, vendor)) for name, (title, sub) in SECTIONS.items()
        ],
        page=page,
        changes=[_change(entry) for entry in page.items],
    )


def _change(entry: Any) -> dict[str, Any]:
    """An audit row as lines of what was and what is."""
    before, after = dict(entry.before or {}), dict(entry.after or {})
    section = after.pop("section", None)
    before.pop("section", None)
    version = after.pop("version", None)
    before.pop("version", None)
    for values in (before, after):
        if "logo_key" in values:
            # A key says nothing to anybody.
            values["logo"] = _("another") if values.pop("logo_key") else None
    names = sorted({*before, *after})
    return {
        "at": entry.at,
        "who": entry.actor_name,
        "section": _(SECTIONS[section][0]) if section in SECTIONS else _("Set-up"),
        "version": version,
        "lines": [
            (name.replace("_", " "), _shown(before.get(name)), _shown(after.get(name))) for name in names
        ],
    }


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "–"
    return _("yes") if value is True else _("no") if value is False else str(value)


@blueprint.route("/company", methods=["GET", "POST"])
@allow(Permission.SETTINGS_MANAGE)
def company() -> Any:
    """Name, legal address, tax id, zone, language, mailbox."""
    vendor = get_vendor(db.session())
    form = CompanyForm(obj=vendor)
    if not form.validate_on_submit():
        return section_page("company", form)
    parts = {name: form[name].data for name in ("street", "postcode", "city", "region", "country")}
    others = {name: form[name].data for name in ("name", "legal_name", "tax_id", "timezone", "language")}
    data = CompanyData(address=AddressData(**parts), alert_email=form.alert_email.data, **others)
    return save("company", form, settings.save_company, company=data)


@blueprint.route("/branding", methods=["GET", "POST"])
@allow(Permission.SETTINGS_MANAGE)
def branding() -> Any:
    """Accent, and a logo that is written anew so that nothing but the picture is kept of the file."""
    vendor = get_vendor(db.session())
    form = BrandingForm(obj=vendor)
    if not form.validate_on_submit():
        return section_page("branding", form)
    store = LocalStore(Path(current_app.config["DATA_DIR"]) / "uploads")
    former, key = vendor.logo_key, None if form.remove_logo.data else vendor.logo_key
    try:
        sent = _logo(form, store)
    except InvalidInput as error:
        form.logo.errors = [error.message]
        return section_page("branding", form)
    answer = save("branding", form, settings.save_look, accent=form.accent.data, logo_key=sent or key)
    is_saved = getattr(answer, "status_code", None) == 303
    if is_saved and former and former != (sent or key):
        store.delete(former)
    elif not is_saved and sent:
        store.delete(sent)
    return answer


def _logo(form: BrandingForm, store: LocalStore) -> str | None:
    """The key of the logo that was sent, None where none was. :raises UploadRefused: it cannot be taken."""
    sent = form.logo.data
    if not sent or not sent.filename:
        return None
    name = safe_filename(sent.filename)
    check_content(name, sent.stream, most=upload_limits().attachment_bytes)
    kind_of(name, sent.stream, (PNG, JPEG))
    picture = read_picture(name, sent.stream)
    return store.save(io.BytesIO(picture.full), extension=picture.extension)


@blueprint.route("/numbers", methods=["GET", "POST"])
@allow(Permission.SETTINGS_MANAGE)
def numbers() -> Any:
    """Prefixes, and numbers to skip ahead to."""
    form = NumbersForm(obj=get_vendor(db.session()))
    coming = next_numbers(db.session(), now=clock.now())
    for kind in RANGES:
        form[f"{kind}_next"].description = _(
            "The next one is %(number)s. Numbers only go up; empty: they go on as they are.",
            number=coming[kind],
        )
    if not form.validate_on_submit():
        return section_page("numbers", form)
    ranges = {kind: NumberData(form[f"{kind}_prefix"].data, form[f"{kind}_next"].data) for kind in RANGES}
    return save("numbers", form, settings.save_numbers, ranges=ranges)


@blueprint.route("/orders", methods=["GET", "POST"])
@allow(Permission.SETTINGS_MANAGE)
def orders() -> Any:
    """Release by itself or by hand."""
    vendor = get_vendor(db.session())
    form = ReleaseForm(
        data={
            "release": "auto" if vendor.releases_automatically else "hand",
            "allocation_days": vendor.allocation_days,
        }
    )
    cards = {
        "auto": _("An order goes to the warehouse as soon as one unit of it is allocated."),
        "hand": _("Sales looks at each order and releases it."),
    }
    if not form.validate_on_submit():
        return section_page("orders", form, cards=cards)
    return save(
        "orders",
        form,
        settings.save_release,
        releases_automatically=form.release.data == "auto",
        allocation_days=form.allocation_days.data,
    )


@blueprint.route("/address", methods=["GET", "POST"])
@allow(Permission.SETTINGS_MANAGE)
def address() -> Any:
    """What links begin with."""
    form = AddressForm(obj=get_vendor(db.session()))
    note = None
    if is_given("BASE_URL_IS_GIVEN"):
        note = _(
            "BASE_URL is set on the server, so %(address)s is used whatever is stored here.",
            address=current_app.config["BASE_URL"],
        )
    if not form.validate_on_submit():
        return section_page("address", form, note=note)
    return save("address", form, settings.save_base_url, base_url=form.base_url.data)


@blueprint.route("/limits", methods=["GET", "POST"])
@allow(Permission.SETTINGS_MANAGE)
def limits() -> Any:
    """How large uploads may be."""
    form = LimitsForm(data=_stored_limits(get_vendor(db.session())))
    if not form.validate_on_submit():
        return section_page("limits", form)
    data = Limits(form.table_mb.data, form.archive_mb.data, form.attachment_mb.data)
    return save("limits", form, settings.save_limits, limits=data)


def _stored_limits(vendor: Vendor) -> dict[str, int]:
    return {
        "table_mb": vendor.table_limit_mb,
        "archive_mb": vendor.archive_limit_mb,
        "attachment_mb": vendor.attachment_limit_mb,
    }
