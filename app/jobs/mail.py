"""Render a mail from its template into the mail log, and queue its sending where there is a server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from babel.dates import format_date
from babel.numbers import format_decimal
from flask import current_app
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound, select_autoescape
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.adapters.base_address import base_url
from app.adapters.mail_setup import find_setup
from app.core.money import exponent, round_to_currency
from app.core.outbox import JobView
from app.core.texts import _
from app.core.web.extensions import db
from app.domain.accounts.mail_delivery import LINK_PLACEHOLDER, queue_sending
from app.domain.accounts.models import MailMessage, Vendor
from app.domain.accounts.queries import find_vendor
from app.domain.accounts.rules import country_names
from app.jobs.registry import Unworkable, handles

SUBJECT_LENGTH = 300
#: The product's own accent.
ACCENT = "#1f5fd6"
_TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "email"
_TEMPLATE_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_ADDRESS = re.compile(r"[^@\s<>,;:\"()\\\x00-\x1f\x7f]{1,64}@[^@\s<>,;:\"()\\\x00-\x1f\x7f]{1,189}")
_EMPTY_LINES = re.compile(r"\n{3,}")
#: Control characters have no place in a mail; tabs and line ends stay in bodies.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029]")


def money_text(value: Any, currency: str | None = None) -> str:
    """`1234.5` in USD as `1,234.50`; `{"amount", "currency"}` with its code; other texts as they are."""
    if isinstance(value, dict):
        return f"{money_text(value['amount'], value['currency'])} {value['currency']}"
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    if not amount.is_finite():
        return str(value)
    places = exponent(currency) if currency else 2
    if currency and amount == round_to_currency(amount, currency):
        amount = round_to_currency(amount, currency)
    pattern = "#,##0." + "0" * places + "#" * max(0, 4 - places) if places else "#,##0.####"
    return str(format_decimal(amount, format=pattern, locale="en"))


def day_text(value: str) -> str:
    """`2026-12-01` as `1 Dec 2026`; other texts as they are."""
    try:
        return str(format_date(date.fromisoformat(value), format="d MMM y", locale="en"))
    except ValueError:
        return value


def is_amount(value: Any) -> bool:
    """Whether a total is worth a line: not nothing, and not zero however it is written."""
    return any(digit in str(value or "") for digit in "123456789")


def absolute_url(path: str) -> str:
    """The address of one of our pages for a reader outside."""
    return base_url(db.session(), current_app.config) + "/" + path.lstrip("/")


@dataclass(frozen=True, slots=True)
class Look:
    """What every mail of the vendor's shows: logo, accent, and the lines of its legal footer."""

    logo_url: str | None = None
    accent: str = ACCENT
    footer: tuple[str, ...] = ()


def look_of(vendor: Vendor | None) -> Look:
    """The vendor's look. The footer is empty until a legal address is stored."""
    if vendor is None:
        return Look()
    country = country_names().get(vendor.country, "")
    place = ", ".join(
        part
        for part in (vendor.street, f"{vendor.postcode} {vendor.city}".strip(), vendor.region, country)
        if part
    )
    lines = (vendor.legal_name, place, _("Tax id %(id)s", id=vendor.tax_id) if vendor.tax_id else "")
    return Look(
        logo_url=absolute_url(f"/brand/logo/{vendor.logo_key}") if vendor.logo_key else None,
        accent=vendor.accent or ACCENT,
        footer=tuple(clean(line) for line in lines if line),
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["money"] = money_text
    environment.filters["day"] = day_text
    environment.tests["amount"] = is_amount
    environment.globals.update(_=_, absolute_url=absolute_url, link=LINK_PLACEHOLDER)
    return environment


_environments: list[Environment] = []


def templates() -> Environment:
    """The mail templates; read once."""
    if not _environments:
        _environments.append(_environment())
    return _environments[0]


def clean(value: Any) -> Any:
    """A context value without control characters and without our own placeholder."""
    if isinstance(value, str):
        return _CONTROL.sub("", value).replace(LINK_PLACEHOLDER, "[link]")
    if isinstance(value, dict):
        return {key: clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item) for item in value]
    return value


def render(
    template: str, context: dict[str, Any], *, vendor_name: str, look: Look | None = None
) -> tuple[str, str, str]:
    """Subject, text and HTML of a mail. The subject is one line, whatever the values are.

    :raises Unworkable: there is no such template.
    """
    if not _TEMPLATE_NAME.fullmatch(template):
        raise Unworkable(f"There is no mail template named {template!r}.")
    values = {**clean(context), "vendor_name": clean(vendor_name), "look": look or Look()}
    environment = templates()
    try:
        parts = [
            environment.get_template(f"{template}{suffix}").render(values)
            for suffix in (".subject.txt", ".txt", ".html")
        ]
    except TemplateNotFound as error:
        raise Unworkable(f"There is no mail template named {error.name}.") from error
    subject = " ".join(parts[0].split())[:SUBJECT_LENGTH]
    text_body = _EMPTY_LINES.sub("\n\n", parts[1]).strip() + "\n"
    return subject, text_body, parts[2].strip() + "\n"


def checked_address(recipient: Any) -> str:
    """:raises Unworkable: not one plain address; line ends, lists and comments are refused."""
    if not isinstance(recipient, str) or not _ADDRESS.fullmatch(recipient):
        raise Unworkable("The mail's address is not one plain e-mail address.")
    return recipient


@handles("mail.render", lease_s=60)
def render_mail(session: Session, job: JobView, now: datetime) -> None:
    """Keep one rendered mail per message id."""
    if session.execute(select(MailMessage.id).where(MailMessage.message_id == job.message_id)).first():
        return
    payload = job.payload
    recipient = checked_address(payload.get("recipient"))
    vendor = find_vendor(session)
    template = str(payload.get("template"))
    subject, text_body, html_body = render(
        template,
        payload.get("context") or {},
        vendor_name=vendor.name if vendor else "Sellthru",
        look=look_of(vendor),
    )
    mail = MailMessage(
        message_id=job.message_id,
        template=template,
        recipient=recipient,
        company_id=payload.get("company_id"),
        subject=subject,
        text_body=text_body,
        html_body=html_body,
        link_id=payload.get("link_id"),
        created_at=now,
    )
    session.add(mail)
    if find_setup(session, current_app.config) is not None:
        queue_sending(session, mail, now=now)
