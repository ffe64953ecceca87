"""The vendor's settings: each save is checked, versioned and kept with who made it, before and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.audit import AuditEntry
from app.core.clock import business_date
from app.core.errors import InvalidInput, StaleEdit
from app.core.pages import Page, SortKey, paginate
from app.core.permissions import Actor, Permission, requires
from app.core.sequences import next_number, skip_numbers
from app.core.texts import _
from app.domain.accounts.models import Vendor
from app.domain.accounts.queries import VENDOR_ID, get_vendor
from app.domain.accounts.rules import AddressData, one_line
from app.domain.accounts.settings_rules import Limits, MailData, clean_base_url, clean_limits, clean_mail
from app.domain.accounts.vendor_rules import (
    LAST_NUMBER,
    known_accent,
    known_language,
    known_number,
    known_prefix,
    known_tax_id,
    known_timezone,
    legal_address,
    mailbox,
    order_range,
)

SUBJECT = "vendor"
CHANGED = "settings.changed"
MOST_ALLOCATION_DAYS = 365
#: New companies' numbers begin after this one.
FIRST_COMPANY = 1000


@dataclass(frozen=True, slots=True)
class CompanyData:
    """The vendor as documents, mails and pages name it."""

    name: str
    legal_name: str
    address: AddressData
    tax_id: str
    timezone: str
    language: str
    alert_email: str


@dataclass(frozen=True, slots=True)
class NumberData:
    """A range's first letters, and the number to skip ahead to (None: go on as it is)."""

    prefix: str
    skip_to: int | None = None


def _save(
    session: Session,
    actor: Actor,
    *,
    section: str,
    version: int,
    values: dict[str, Any],
    now: datetime,
    also: tuple[dict[str, Any], dict[str, Any]] = ({}, {}),
) -> None:
    """Store the values that differ as the next version, with its audit row; `also` adds to before and after.

    Nothing is written where nothing changes. :raises StaleEdit: somebody saved since `version` was shown.
    """
    vendor = get_vendor(session)
    before = {name: getattr(vendor, name) for name, value in values.items() if getattr(vendor, name) != value}
    after = {name: values[name] for name in before}
    before, after = {**before, **also[0]}, {**after, **also[1]}
    if vendor.version == version and not after:
        return
    _store(session, version, values)
    audit.record(
        session,
        actor,
        CHANGED,
        subject_type=SUBJECT,
        subject_id=VENDOR_ID,
        now=now,
        before={"section": section, "version": version, **before},
        after={"section": section, "version": version + 1, **after},
    )


def _store(session: Session, version: int, values: dict[str, Any]) -> None:
    saved: Any = session.execute(
        update(Vendor)
        .where(Vendor.id == VENDOR_ID, Vendor.version == version)
        .values(**values, version=version + 1)
        .execution_options(synchronize_session="fetch")
    )
    if saved.rowcount != 1:
        raise StaleEdit(
            _(
                "Somebody else saved the settings since you opened this page. What you typed is kept: look"
                " at the values as they are now, and save again."
            )
        )


@requires(Permission.SETTINGS_MANAGE)
def save_company(
    session: Session, actor: Actor, *, version: int, company: CompanyData, now: datetime
) -> None:
    """Name, legal address, tax id, time zone, language and the mailbox that hears of orders."""
    name = one_line(company.name, field="name", maximum=200)
    address = legal_address(company.address)
    values = {
        "name": name,
        "legal_name": one_line(company.legal_name, field="legal_name", maximum=200, required=False) or name,
        "street": address.street,
        "postcode": address.postcode,
        "city": address.city,
        "region": address.region,
        "country": address.country,
        "tax_id": known_tax_id(company.tax_id),
        "timezone": known_timezone(company.timezone),
        "language": known_language(company.language),
        "alert_email": mailbox(company.alert_email),
    }
    _save(session, actor, section="company", version=version, values=values, now=now)


@requires(Permission.SETTINGS_MANAGE)
def save_look(
    session: Session, actor: Actor, *, version: int, accent: str, logo_key: str | None, now: datetime
) -> str | None:
    """Accent and logo; gives the key of a logo that is not used any more."""
    before = get_vendor(session).logo_key
    values = {"accent": known_accent(accent), "logo_key": logo_key}
    _save(session, actor, section="branding", version=version, values=values, now=now)
    return before if before != logo_key else None


@requires(Permission.SETTINGS_MANAGE)
def save_release(
    session: Session,
    actor: Actor,
    *,
    version: int,
    releases_automatically: bool,
    allocation_days: int | None,
    now: datetime,
) -> None:
    """Whether orders are released by themselves, and how long one that is not keeps its stock.

    :raises InvalidInput: not a number of days.
    """
    if allocation_days is not None and not 1 <= allocation_days <= MOST_ALLOCATION_DAYS:
        message = _("Enter 1 to %(most)s days, or nothing.", most=MOST_ALLOCATION_DAYS)
        raise InvalidInput(message, field="allocation_days")
    values = {"releases_automatically": releases_automatically, "allocation_days": allocation_days}
    _save(session, actor, section="orders", version=version, values=values, now=now)


@requires(Permission.SETTINGS_MANAGE)
def save_base_url(session: Session, actor: Actor, *, version: int, base_url: str, now: datetime) -> None:
    """The portal's address in links, used where the environment says none."""
    values = {"base_url": clean_base_url(base_url)}
    _save(session, actor, section="address", version=version, values=values, now=now)


@requires(Permission.SETTINGS_MANAGE)
def save_limits(session: Session, actor: Actor, *, version: int, limits: Limits, now: datetime) -> None:
    """How large uploads may be."""
    checked = clean_limits(limits)
    values = {
        "table_limit_mb": checked.table_mb,
        "archive_limit_mb": checked.archive_mb,
        "attachment_limit_mb": checked.attachment_mb,
    }
    _save(session, actor, section="limits", version=version, values=values, now=now)


def _is_same_server(vendor: Vendor, data: MailData) -> bool:
    stored = (vendor.mail_host, vendor.mail_port, vendor.mail_security, vendor.mail_user or "")
    return stored == (data.host, data.port, data.security, data.user)


@requires(Permission.SETTINGS_MANAGE)
def save_mail(
    session: Session,
    actor: Actor,
    *,
    version: int,
    mail: MailData,
    keep_password: Callable[[str | None], None],
    has_password: bool,
    now: datetime,
) -> None:
    """The mail server. Its password goes to `keep_password` and into no row, audit entry or log.

    A password is only kept for the server and user it was typed for, so that it cannot be sent elsewhere.
    """
    data = clean_mail(mail)
    is_kept = has_password and _is_same_server(get_vendor(session), data)
    if data.user and not data.password and not is_kept:
        message = _("Type the password: one is only kept for the server and user it was typed for.")
        raise InvalidInput(message, field="password")
    values = {
        "mail_host": data.host or None,
        "mail_port": data.port,
        "mail_security": data.security,
        "mail_user": data.user or None,
        "mail_sender": data.sender or None,
        "mail_reply_to": data.reply_to or None,
    }
    is_new = bool(data.user and data.password)
    also = ({"password": "kept" if has_password else None}, {"password": "typed anew"})
    _save(
        session,
        actor,
        section="mail",
        version=version,
        values=values,
        now=now,
        also=also if is_new else ({}, {}),
    )
    session.flush()
    if is_new or not data.user:
        keep_password(data.password if is_new else None)


def range_names(session: Session, *, now: datetime) -> dict[str, str]:
    """The ranges numbers are taken from today, by what they number."""
    day = business_date(now, get_vendor(session).timezone)
    return {"order": order_range(day), "request": f"price-request-{day:%y}", "company": "company"}


def next_numbers(session: Session, *, now: datetime) -> dict[str, int]:
    """The next number of each range, as it will be shown."""
    found = {kind: next_number(session, name) for kind, name in range_names(session, now=now).items()}
    return {**found, "company": FIRST_COMPANY + found["company"]}


@requires(Permission.SETTINGS_MANAGE)
def save_numbers(
    session: Session, actor: Actor, *, version: int, ranges: dict[str, NumberData], now: datetime
) -> None:
    """Prefixes of orders, price requests and companies, and numbers to skip ahead to.

    :raises InvalidInput: a prefix cannot begin a number or is used twice, or a number was given already.
    """
    values, prefixes = {}, []
    for kind, data in ranges.items():
        values[f"{kind}_prefix"] = _prefix(kind, data.prefix)
        prefixes.append(values[f"{kind}_prefix"])
    if len(set(prefixes)) < len(prefixes):
        message = _("Two ranges begin with the same letters. Give each its own.")
        raise InvalidInput(message, field="order_prefix")
    names, before, after = range_names(session, now=now), {}, {}
    for kind, data in ranges.items():
        if data.skip_to is not None:
            shown = next_numbers(session, now=now)[kind]
            offset = FIRST_COMPANY if kind == "company" else 0
            skip_to = _skip_to(kind, data.skip_to, shown)
            if not skip_numbers(session, names[kind], to=skip_to - offset):
                raise StaleEdit(_("Numbers were given out meanwhile. Look at the next one and save again."))
            if skip_to != shown:
                before[f"{kind}_next"], after[f"{kind}_next"] = shown, skip_to
    _save(session, actor, section="numbers", version=version, values=values, now=now, also=(before, after))


def _prefix(kind: str, text: str) -> str:
    try:
        return known_prefix(text)
    except InvalidInput as error:
        raise InvalidInput(error.message, field=f"{kind}_prefix") from error


def _skip_to(kind: str, value: int, shown: int) -> int:
    try:
        return known_number(value, least=shown)
    except InvalidInput as error:
        message = _(
            "Numbers only go up: enter %(least)s to %(most)s, or nothing.", least=shown, most=LAST_NUMBER
        )
        raise InvalidInput(message, field=f"{kind}_next") from error


def stored_limits(session: Session) -> Limits:
    """The limits in force; the usual ones before set-up."""
    row = session.execute(
        select(Vendor.table_limit_mb, Vendor.archive_limit_mb, Vendor.attachment_limit_mb)
    ).one_or_none()
    return Limits(*row) if row else Limits(200, 1024, 10)


def list_changes(session: Session, *, cursor: str | None = None) -> Page[Any]:
    """Saves of the settings, the newest first: at, actor_name, action, before, after."""
    statement = select(
        AuditEntry.id,
        AuditEntry.at,
        AuditEntry.actor_name,
        AuditEntry.action,
        AuditEntry.before,
        AuditEntry.after,
    ).where(AuditEntry.subject_type == SUBJECT, AuditEntry.subject_id == VENDOR_ID)
    return paginate(
        session,
        statement,
        sort=[SortKey(AuditEntry.id, descending=True)],
        read_keys=lambda row: (row.id,),
        cursor=cursor,
    )
