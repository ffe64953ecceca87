"""Mails are rendered once per message id, as text and HTML, and nothing typed by people gets into headers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.outbox import Job, JobView
from app.domain.accounts.mails import queue_mail
from app.domain.accounts.models import MailMessage
from app.jobs.execution import in_transaction, sessions_of
from app.jobs.mail import absolute_url, checked_address, look_of, money_text, render, render_mail
from app.jobs.registry import Unworkable
from app.jobs.worker import Worker
from tests.factories.accounts import NOW, make_vendor, read

LINES = [
    {"sku": "MEM-1", "name": "Memory <16 GB>", "quantity": 3, "unit_price": "1299.5", "amount": "3898.50"},
    {"sku": "CBL-2", "name": "Cable", "quantity": 1, "unit_price": "0.0335", "amount": "0.03"},
]
ORDER = {
    "number": "SO-26-000001",
    "company": "Kettle & Byte",
    "url": "/orders/SO-26-000001",
    "lines": LINES,
    "currency": "USD",
    "total": "3898.53",
    "tax": "0",
    "discount": "0",
    "po_number": "PO-7",
}
REQUEST = {
    "number": "PR-26-1", "company": "Kettle & Byte", "url": "/requests/1", "sku": "MEM-1",
    "name": "Memory", "quantity": 5,
}  # fmt: skip
CONTEXTS: dict[str, dict[str, Any]] = {
    "invitation": {"name": "Mara Vint", "email": "m@x.example", "company": "Kettle & Byte"},
    "membership_added": {"name": "Mara Vint", "company": "Kettle & Byte"},
    "password_reset": {"name": "Mara Vint", "email": "m@x.example", "vendor": "Larkspur"},
    "order_confirmation": ORDER,
    "new_order_alert": ORDER,
    "order_cancelled": {**ORDER, "reason": "no longer needed"},
    "order_shipped": {**ORDER, "shipment": "SH-26-00001", "carrier": "Hollow Freight", "tracking": "HF 1"},
    "company_export": {"company": "Kettle & Byte", "days": 7, "url": "/company/data"},
    "company_closed": {"company": "Kettle & Byte", "orders": 2, "carts": 1},
    "company_reopened": {"company": "Kettle & Byte", "carts": 1, "url": "/sign-in"},
    "reseller_request_alert": {
        "company": "Newcomer", "contact": "Nell", "email": "n@x.example", "city": "Newtown", "answer": "",
        "url": "/console/reseller-requests/1",
    },
    "reseller_request_confirm": {"name": "Nell", "company": "Newcomer"},
    "reseller_request_known": {"name": "Nell", "company": "Newcomer"},
    "reseller_request_question": {"name": "Nell", "company": "Newcomer", "question": "Since when?"},
    "reseller_request_refused": {"name": "Nell", "company": "Newcomer", "reason": "Too far"},
    "price_request_alert": {**REQUEST, "note": "by Friday"},
    "price_request_answer": {
        **REQUEST, "unit_price": "17.5", "currency": "EUR", "valid_until": "2026-11-30", "answer": "Hello"
    },
}  # fmt: skip


@pytest.fixture
def in_app(app: Flask, session: Session) -> Iterator[Flask]:
    make_vendor(session)
    with app.app_context():
        yield app


def deliver(app: Flask) -> list[str | None]:
    """Do every job that is due."""
    worker = Worker(sessions_of(app))
    return list(iter(worker.run_one, None))


def queue(app: Flask, **values: Any) -> None:
    mail = {
        "template": "invitation",
        "recipient": "mara@kettle.example",
        "company_id": None,
        "context": CONTEXTS["invitation"],
        "link_id": None,
        **values,
    }
    in_transaction(sessions_of(app), queue_mail, now=NOW, **mail)


def test_no_template_is_left_out_here() -> None:
    folder = Path(__file__).parents[2] / "templates" / "email"

    for suffix in (".html", ".txt", ".subject.txt"):
        names = {path.name.removesuffix(suffix) for path in folder.glob(f"*{suffix}")}
        known = {name for name in names if "." not in name} - {"layout", "parts"}
        assert known == set(CONTEXTS), suffix


@pytest.mark.parametrize("template", CONTEXTS)
def test_every_template_renders_all_three_parts(in_app: Flask, template: str) -> None:
    subject, text, html = render(template, CONTEXTS[template], vendor_name="Larkspur")

    assert subject
    assert "\n" not in subject
    assert "Larkspur" in text
    assert "{{" not in text + html
    assert html.startswith("<!doctype html>")
    assert "None" not in text + html


def test_a_confirmation_shows_lines_totals_and_the_way_to_the_order(in_app: Flask) -> None:
    subject, text, html = render("order_confirmation", ORDER, vendor_name="Larkspur")

    assert subject == "Your order SO-26-000001"
    assert "3 x Memory <16 GB> (MEM-1), 1,299.50 each: 3,898.50 USD" in text
    assert "1 x Cable (CBL-2), 0.0335 each: 0.03 USD" in text
    assert "Total: 3,898.53 USD" in text
    assert "Discount" not in text + html
    with_discount = render("order_confirmation", {**ORDER, "discount": "38.98"}, vendor_name="Larkspur")
    assert "Discount: -38.98 USD" in with_discount[1]
    address = in_app.config["BASE_URL"] + "/orders/SO-26-000001"
    assert f"See the order: {address}" in text
    assert f'href="{address}"' in html
    assert "Memory &lt;16 GB&gt;" in html


@pytest.mark.parametrize("template", CONTEXTS)
def test_every_mail_has_the_vendors_logo_accent_and_legal_footer(
    in_app: Flask, session: Session, template: str
) -> None:
    vendor = make_vendor(session)
    key = "0123456789abcdef0123456789abcdef.png"
    vendor.accent, vendor.logo_key, vendor.tax_id = "#1a7f37", key, "GB 123"
    vendor.legal_name, vendor.street, vendor.postcode = "Larkspur <Supplies> Ltd", "4 Quay", "L1"
    vendor.city, vendor.country = "Leith", "GB"
    _subject, text, html = render(template, CONTEXTS[template], vendor_name="Larkspur", look=look_of(vendor))

    assert f'src="{in_app.config["BASE_URL"]}/brand/logo/{key}"' in html
    assert "#1a7f37" in html
    assert "#1f5fd6" not in html
    assert "Larkspur &lt;Supplies&gt; Ltd<br>4 Quay, L1 Leith, United Kingdom<br>Tax id GB 123" in html
    assert "Larkspur <Supplies> Ltd\n4 Quay, L1 Leith, United Kingdom\nTax id GB 123" in text


def test_a_vendor_without_a_look_has_its_name_and_our_colour(in_app: Flask, session: Session) -> None:
    _subject, text, html = render("invitation", CONTEXTS["invitation"], vendor_name="Larkspur")

    assert "<img" not in html
    assert "background:#1f5fd6" in html
    assert text.rstrip().endswith("the reseller portal of Larkspur.")


def test_an_answer_names_price_and_last_day(in_app: Flask) -> None:
    text = render("price_request_answer", CONTEXTS["price_request_answer"], vendor_name="Larkspur")[1]

    assert "Our price is 17.50 EUR each.\nIt is valid until 30 Nov 2026.\n" in text


def test_an_answer_without_a_price_says_so(in_app: Flask) -> None:
    context = {**REQUEST, "unit_price": None, "currency": "EUR", "valid_until": None, "answer": ""}
    text = render("price_request_answer", context, vendor_name="Larkspur")[1]

    assert "We cannot offer it." in text
    assert "17.5" not in text


@pytest.mark.parametrize(
    ("value", "currency", "shown"),
    [
        ("1234.5", "USD", "1,234.50"),
        ("1234.5000", "JPY", "1,234.5"),
        ("0.0335", "USD", "0.0335"),
        ("1,234.50", "USD", "1,234.50"),
        ("on request", None, "on request"),
        ("NaN", "USD", "NaN"),
        ({"amount": "7", "currency": "EUR"}, None, "7.00 EUR"),
    ],
)
def test_money_is_written_with_the_currencys_decimals(value: Any, currency: str | None, shown: str) -> None:
    assert money_text(value, currency) == shown


def test_what_people_typed_stays_text_in_every_part(in_app: Flask) -> None:
    hostile = "<script>x</script>\r\nBcc: all@x.example {{7*7}} [[link]] %(x)s \x00\u2028"
    subject, text, html = render(
        "new_order_alert", {**ORDER, "company": hostile, "number": hostile}, vendor_name=hostile
    )

    assert "\n" not in subject
    assert "\r" not in subject
    assert len(subject) <= 300
    assert "<script>" not in html
    for part in (subject, text, html):
        assert "{{7*7}}" in part
        assert "[[link]]" not in part
        assert "\x00" not in part


@pytest.mark.parametrize(
    "recipient",
    [
        "a@x.example\nBcc: b@x.example", "a@x.example\r", "a@x.example, b@x.example", "Mara <a@x.example>",
        "a", "@x.example", "a@", "a b@x.example", "a@x.example\x00", "", None, 7, "a" * 65 + "@x.example",
        "a@" + "x" * 190,
    ],
)  # fmt: skip
def test_only_one_plain_address_is_a_recipient(recipient: Any) -> None:
    with pytest.raises(Unworkable):
        checked_address(recipient)


@pytest.mark.parametrize("template", ["../base", "layout.html", "nothing", "", "Invitation", "a" * 61])
def test_only_templates_that_exist_are_rendered(in_app: Flask, template: str) -> None:
    with pytest.raises(Unworkable):
        render(template, {}, vendor_name="x")


def test_addresses_are_absolute(in_app: Flask) -> None:
    assert absolute_url("/orders/1") == in_app.config["BASE_URL"] + "/orders/1"


def test_a_queued_mail_ends_in_the_mail_log(in_app: Flask, session: Session) -> None:
    queue(in_app)

    assert deliver(in_app) == ["done"]
    (mail,) = read(session, select(MailMessage))
    assert (mail.recipient, mail.template, mail.state, mail.link_id) == (
        "mara@kettle.example", "invitation", "kept", None,
    )  # fmt: skip
    assert mail.subject == "Your access to Larkspur"
    assert "[[link]]" in mail.text_body
    assert 'href="[[link]]"' in mail.html_body


def test_a_mail_delivered_twice_is_kept_once(in_app: Flask, session: Session) -> None:
    queue(in_app)
    deliver(in_app)
    (job,) = read(session, select(Job))

    view = JobView(job.id, job.message_id, job.kind, job.payload, 2, "late")
    in_transaction(sessions_of(in_app), render_mail, view, NOW)

    assert len(read(session, select(MailMessage.id))) == 1


@pytest.mark.parametrize("values", [{"recipient": "a@x.example\nBcc: b@x.example"}, {"template": "nothing"}])
def test_a_mail_that_can_never_be_rendered_waits_for_a_person_at_once(
    in_app: Flask, session: Session, values: dict[str, Any]
) -> None:
    queue(in_app, **values)

    assert deliver(in_app) == ["failed"]
    (job,) = read(session, select(Job))
    assert (job.state, job.attempts) == ("dead", 1)
    assert read(session, select(MailMessage.id)) == []
