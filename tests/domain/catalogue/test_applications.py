"""A firm asks to become a reseller: confirmed by mail, vetted, made a company once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.database import run, writing
from app.core.errors import Conflict, DomainError, IllegalMove, InvalidInput
from app.core.outbox import Job
from app.core.permissions import Actor, Permission, Role
from app.core.tenancy import all_companies
from app.domain.accounts import actions
from app.domain.accounts.applications import Application, forget_unconfirmed
from app.domain.accounts.errors import LinkUnusable
from app.domain.accounts.links import Purpose, token_of
from app.domain.accounts.models import Branch, Company, Membership, ResellerRequest, SingleUseLink
from app.domain.accounts.rules import AddressData, PersonData
from app.domain.catalogue.companies import TaxData, approve_application
from app.domain.catalogue.models import TaxRate
from tests.domain.ordering.parallel import at_once, errors_of
from tests.factories.accounts import NOW, actor_for, make_person, make_user, make_vendor, read

SECRET = b"secret"
STRANGER = Actor(name="reseller request", permissions=frozenset({Permission.ACCOUNT_USE}))
FIRM = Application(
    company_name="Quillfeather Systems",
    address=AddressData("3 Quay", "10115", "Lidham", "", "DE"),
    contact=PersonData("Ilse Worm", "Ilse@quill.example"),
    tax_id="DE123",
    phone="+49 30 1",
    message="We sell to schools.\nSince 1990.",
)
TERMS: dict[str, Any] = {"currency": "EUR", "tier": "gold", "terms_days": 14, "tax": TaxData("DE-19", 1900)}


def act(session: Session, action: Callable[..., Any], actor: Actor = STRANGER, **values: Any) -> Any:
    return run(session, action, actor, **{"now": NOW, **values})


@pytest.fixture
def sales(session: Session) -> Actor:
    make_vendor(session)
    actor = actor_for(session, make_person(session, None, Role.VENDOR_SALES, name="Ida Sorrel"), None)
    session.rollback()
    return actor


def asked(session: Session) -> ResellerRequest:
    return read(session, select(ResellerRequest).order_by(ResellerRequest.id.desc()))[0]


def token(session: Session, purpose: Purpose) -> str:
    links = select(SingleUseLink).where(SingleUseLink.purpose == purpose.value)
    return token_of(read(session, links.order_by(SingleUseLink.id.desc()))[0], SECRET)


def mails(session: Session) -> list[tuple[str, str]]:
    jobs = read(session, select(Job).where(Job.kind == "mail.render").order_by(Job.id))
    return [(job.payload["template"], job.payload["recipient"]) for job in jobs]


def confirmed(session: Session) -> int:
    act(session, actions.apply, application=FIRM)
    by_link = {"token": token(session, Purpose.CONFIRMATION), "secrets": [SECRET]}
    act(session, actions.confirm_application, **by_link)
    return asked(session).id


def test_a_request_waits_for_its_address_and_then_for_the_vendor(session: Session, sales: Actor) -> None:
    act(session, actions.apply, application=FIRM)
    row = asked(session)
    assert (row.state, row.email, row.confirmed_at) == ("unconfirmed", "ilse@quill.example", None)
    with pytest.raises(IllegalMove):
        act(session, approve_application, sales, request_id=row.id, **TERMS)
    by_link = {"token": token(session, Purpose.CONFIRMATION), "secrets": [SECRET]}
    act(session, actions.confirm_application, **by_link)
    assert (asked(session).state, asked(session).confirmed_at) == ("open", NOW)
    assert mails(session) == [
        ("reseller_request_confirm", "ilse@quill.example"),
        ("reseller_request_alert", "orders@larkspur.example"),
    ]
    with pytest.raises(LinkUnusable):
        act(session, actions.confirm_application, **by_link)


def test_asking_again_is_the_same_request_and_tells_the_address_alone(session: Session, sales: Actor) -> None:
    act(session, actions.apply, application=FIRM)
    first = token(session, Purpose.CONFIRMATION)
    act(session, actions.apply, application=FIRM)
    with pytest.raises(LinkUnusable):
        act(session, actions.confirm_application, token=first, secrets=[SECRET])
    by_link = {"token": token(session, Purpose.CONFIRMATION), "secrets": [SECRET]}
    act(session, actions.confirm_application, **by_link)
    act(session, actions.apply, application=FIRM)
    assert len(read(session, select(ResellerRequest))) == 1
    assert mails(session)[-1] == ("reseller_request_known", "ilse@quill.example")


def test_approving_makes_the_company_and_invites_the_contact_once(session: Session, sales: Actor) -> None:
    request_id = confirmed(session)
    made = act(session, approve_application, sales, request_id=request_id, **TERMS)
    again = act(session, approve_application, sales, request_id=request_id, **TERMS)
    assert made.id == again.id
    company = read(session, select(Company))[0]
    assert (company.name, company.currency, company.tier, company.tax_id) == (
        "Quillfeather Systems", "EUR", "gold", "DE123",
    )  # fmt: skip
    branch = read(session, select(Branch))[0]
    assert (branch.street, branch.city, branch.country, branch.terms_days) == ("3 Quay", "Lidham", "DE", 14)
    assert read(session, select(TaxRate.rate_bps)) == [1900]
    roles = read(session, select(Membership.role).where(Membership.company_id == company.id))
    assert roles == ["reseller_admin"]
    assert mails(session)[-1] == ("invitation", "ilse@quill.example")
    row = asked(session)
    assert (row.state, row.made_company_id, row.decided_by_name) == ("approved", company.id, "Ida Sorrel")
    assert "reseller_request.approved" in read(session, select(AuditEntry.action))


def test_approved_twice_at_once_is_one_company(engine: Engine, session: Session, sales: Actor) -> None:
    request_id = confirmed(session)

    def approve(own: Session) -> int:
        return run(own, approve_application, sales, request_id=request_id, now=NOW, **TERMS).id

    results = at_once(engine, [approve] * 4)
    assert errors_of(results) == []
    assert len(set(results)) == 1
    assert len(read(session, select(Company))) == 1


def test_a_contact_who_is_kept_out_is_no_company(session: Session, sales: Actor) -> None:
    make_user(session, "ilse@quill.example", is_disabled=True)
    request_id = confirmed(session)
    with pytest.raises(Conflict):
        act(session, approve_application, sales, request_id=request_id, **TERMS)
    assert read(session, select(Company)) == []
    assert asked(session).state == "open"


def test_a_question_is_answered_by_its_link_and_the_request_waits_again(
    session: Session, sales: Actor
) -> None:
    request_id = confirmed(session)
    act(session, actions.ask_applicant, sales, request_id=request_id, question="Which schools?")
    assert asked(session).state == "asked"
    with pytest.raises(IllegalMove):
        act(session, actions.ask_applicant, sales, request_id=request_id, question="Which ones?")
    by_link = {"token": token(session, Purpose.ANSWER), "secrets": [SECRET]}
    late = NOW + timedelta(days=31)
    with pytest.raises(LinkUnusable):
        act(session, actions.answer_application, answer="All", now=late, **by_link)
    act(session, actions.answer_application, answer="All of Lidham's", **by_link)
    row = asked(session)
    assert (row.state, row.question, row.answer) == ("open", "Which schools?", "All of Lidham's")
    with pytest.raises(LinkUnusable):
        act(session, actions.answer_application, answer="Other", **by_link)
    assert [template for template, _to in mails(session)][-2:] == [
        "reseller_request_question", "reseller_request_alert",
    ]  # fmt: skip


def test_a_refusal_is_mailed_with_its_reason_and_is_the_end(session: Session, sales: Actor) -> None:
    request_id = confirmed(session)
    act(session, actions.refuse_application, sales, request_id=request_id, reason="We sell elsewhere.")
    row = asked(session)
    assert (row.state, row.reason) == ("refused", "We sell elsewhere.")
    assert mails(session)[-1] == ("reseller_request_refused", "ilse@quill.example")
    with pytest.raises(IllegalMove):
        act(session, approve_application, sales, request_id=request_id, **TERMS)
    assert read(session, select(Company)) == []
    act(session, actions.apply, application=FIRM)
    assert asked(session).id != request_id


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"company_name": " "}, "company_name"),
        ({"address": AddressData("", "1", "Lidham", "", "DE")}, "street"),
        ({"address": AddressData("3 Quay", "1", "", "", "DE")}, "city"),
        ({"address": AddressData("3 Quay", "1", "Lidham", "", "XX")}, "country"),
        ({"contact": PersonData("", "ilse@quill.example")}, "contact_name"),
        ({"contact": PersonData("Ilse", "ilse@")}, "email"),
        ({"message": "x" * 2001}, "message"),
        ({"message": "a\x00b"}, "message"),
    ],
)
def test_what_cannot_be_used_names_its_field_and_changes_nothing(
    session: Session, sales: Actor, changed: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        act(session, actions.apply, application=replace(FIRM, **changed))
    assert refused.value.field == field
    assert read(session, select(ResellerRequest)) == []
    assert mails(session) == []


def test_only_who_keeps_companies_decides(session: Session, sales: Actor) -> None:
    request_id = confirmed(session)
    for action, values in (
        (actions.refuse_application, {"reason": "no"}),
        (actions.ask_applicant, {"question": "who"}),
        (approve_application, TERMS),
    ):
        with pytest.raises(DomainError):
            act(session, action, STRANGER, request_id=request_id, **values)
    assert asked(session).state == "open"


def test_a_request_nobody_confirmed_is_forgotten_after_a_month(session: Session, sales: Actor) -> None:
    confirmed(session)
    late = replace(FIRM, contact=PersonData("Ilse Worm", "late@quill.example"))
    act(session, actions.apply, application=late)
    forget = {"before": NOW + timedelta(seconds=1), "limit": 10}
    with writing(session), all_companies(session, reason="test"):
        assert forget_unconfirmed(session, before=NOW, limit=10) == 0
        assert forget_unconfirmed(session, **forget) == 1
        session.commit()
    assert read(session, select(ResellerRequest.email)) == ["ilse@quill.example"]
    assert len(read(session, select(SingleUseLink))) == 1
