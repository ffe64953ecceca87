"""Requests to become a reseller: made by strangers, confirmed by mail, vetted by vendor sales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import InvalidInput, NotFound
from app.core.permissions import Actor, Permission, requires
from app.core.states import StateChange, history_row, move
from app.core.texts import _
from app.domain.accounts.links import Purpose, get_link, make_link, use_link, void_links
from app.domain.accounts.mails import queue_mail
from app.domain.accounts.models import MailMessage, ResellerRequest, SingleUseLink
from app.domain.accounts.queries import get_vendor
from app.domain.accounts.rules import (
    AddressData,
    PersonData,
    address_values,
    clean_address,
    clean_tax_id,
    normal_email,
    one_line,
)
from app.domain.accounts.states import REQUEST_MACHINE, UNDECIDED, RequestState

MESSAGE_LENGTH = 2000
REASON_LENGTH = 500
_LINE_BREAKS = str.maketrans("\n\t", "  ")


@dataclass(frozen=True, slots=True)
class Application:
    """What a stranger enters."""

    company_name: str
    address: AddressData
    contact: PersonData
    tax_id: str | None = None
    phone: str = ""
    message: str = ""


def _text(text: str, *, field: str, maximum: int, required: bool = True) -> str:
    """Several lines, trimmed. :raises InvalidInput: empty though required, too long, unusable."""
    plain = text.replace("\r\n", "\n").strip()
    one_line(plain.translate(_LINE_BREAKS), field=field, maximum=maximum, required=required)
    return plain


def _values(application: Application) -> dict[str, Any]:
    address = address_values(clean_address(application.address))
    for part in ("street", "city"):
        one_line(address[part], field=part, maximum=200)
    return {
        "company_name": one_line(application.company_name, field="company_name", maximum=200),
        **address,
        "tax_id": clean_tax_id(application.tax_id),
        "contact_name": one_line(application.contact.name, field="contact_name", maximum=200),
        "phone": one_line(application.phone, field="phone", maximum=40, required=False),
        "message": _text(application.message, field="message", maximum=MESSAGE_LENGTH, required=False),
    }


@requires(Permission.ACCOUNT_USE)
def apply(session: Session, actor: Actor, *, application: Application, now: datetime) -> None:
    """Ask to become a reseller; a mail with a link goes to the contact, and nothing else is said.

    While the contact's own request is undecided, asking again is the same request.

    :raises InvalidInput: naming the field; never because somebody is known.
    """
    values, email = _values(application), normal_email(application.contact.email)
    request = session.scalars(
        select(ResellerRequest)
        .where(ResellerRequest.email == email, ResellerRequest.state.in_(UNDECIDED))
        .order_by(ResellerRequest.id.desc())
        .limit(1)
        .with_for_update()
    ).one_or_none()
    if request is not None and request.state != RequestState.UNCONFIRMED.value:
        _mail(session, request, "reseller_request_known", link=None, now=now)
        return
    if request is None:
        request = ResellerRequest(state=RequestState.UNCONFIRMED.value, email=email, created_at=now, **values)
        session.add(request)
        session.flush()
        record(session, _contact(request, actor), request, "reseller_request.made", now)
        session.add(
            history_row(
                REQUEST_MACHINE,
                request,
                event="apply",
                from_state=None,
                to_state=request.state,
                actor=_contact(request, actor),
                now=now,
            )
        )
    else:
        for name, value in values.items():
            setattr(request, name, value)
    link = make_link(session, purpose=Purpose.CONFIRMATION, request_id=request.id, now=now)
    _mail(session, request, "reseller_request_confirm", link=link, now=now)


def _contact(request: ResellerRequest, actor: Actor) -> Actor:
    """The contact, for histories and the audit trail."""
    return replace(actor, name=request.contact_name)


def record(
    session: Session,
    actor: Actor,
    request: ResellerRequest,
    action: str,
    now: datetime,
    after: dict[str, Any] | None = None,
) -> None:
    """The audit row of what happened to a request."""
    audit.record(
        session,
        actor,
        action,
        subject_type="reseller_request",
        subject_id=request.id,
        now=now,
        after={"company": request.company_name, **(after or {})},
    )


def _mail(
    session: Session,
    request: ResellerRequest,
    template: str,
    *,
    link: SingleUseLink | None,
    now: datetime,
    **context: Any,
) -> None:
    queue_mail(
        session,
        template=template,
        recipient=request.email,
        company_id=None,
        context={
            "name": request.contact_name,
            "company": request.company_name,
            "vendor": get_vendor(session).name,
            **context,
        },
        link_id=link.id if link else None,
        now=now,
    )


def _alert(session: Session, request: ResellerRequest, *, answer: str, now: datetime) -> None:
    vendor = get_vendor(session)
    if vendor.alert_email:
        queue_mail(
            session,
            template="reseller_request_alert",
            recipient=vendor.alert_email,
            company_id=None,
            context={
                "company": request.company_name,
                "contact": request.contact_name,
                "email": request.email,
                "city": request.city,
                "answer": answer,
                "url": f"/console/reseller-requests/{request.id}",
            },
            link_id=None,
            now=now,
        )


def locked_request(session: Session, request_id: int) -> ResellerRequest:
    """The request, locked until the transaction ends. :raises NotFound: there is none."""
    request = session.get(ResellerRequest, request_id, with_for_update=True, populate_existing=True)
    if request is None:
        raise NotFound(_("There is no such request."))
    return request


def _by_link(
    session: Session, token: str, purpose: Purpose, secrets: Sequence[bytes], now: datetime
) -> ResellerRequest:
    link = get_link(session, token, purpose=purpose, secrets_=secrets, now=now)
    use_link(session, link, now=now)
    if link.request_id is None:
        raise NotFound()
    return locked_request(session, link.request_id)


@requires(Permission.ACCOUNT_USE)
def confirm_application(
    session: Session, actor: Actor, *, token: str, secrets: Sequence[bytes], now: datetime
) -> None:
    """The contact has shown that the address is theirs: the request is put before vendor sales.

    :raises LinkUnusable: used before, replaced, too old, or not made here.
    """
    request = _by_link(session, token, Purpose.CONFIRMATION, secrets, now)
    contact = _contact(request, actor)
    move(session, REQUEST_MACHINE, request, "confirm", actor=contact, now=now)
    request.confirmed_at = now
    record(session, contact, request, "reseller_request.confirmed", now)
    _alert(session, request, answer="", now=now)


@requires(Permission.COMPANY_MANAGE)
def ask_applicant(session: Session, actor: Actor, *, request_id: int, question: str, now: datetime) -> None:
    """Ask the contact for more by mail; the link in it opens a page to answer on.

    :raises IllegalMove: it was decided, or asked already.
    """
    request = locked_request(session, request_id)
    text = _text(question, field="question", maximum=MESSAGE_LENGTH)
    move(session, REQUEST_MACHINE, request, "ask", actor=actor, now=now, reason=text[:REASON_LENGTH])
    request.question, request.answer = text, ""
    link = make_link(session, purpose=Purpose.ANSWER, request_id=request.id, now=now)
    _mail(session, request, "reseller_request_question", link=link, question=text, now=now)
    record(session, actor, request, "reseller_request.asked", now, {"question": text})


@requires(Permission.ACCOUNT_USE)
def answer_application(
    session: Session, actor: Actor, *, token: str, secrets: Sequence[bytes], answer: str, now: datetime
) -> None:
    """The contact's answer puts the request before vendor sales again.

    :raises LinkUnusable: used before, replaced, too old, or not made here.
    """
    text = _text(answer, field="answer", maximum=MESSAGE_LENGTH)
    request = _by_link(session, token, Purpose.ANSWER, secrets, now)
    contact = _contact(request, actor)
    move(session, REQUEST_MACHINE, request, "answer", actor=contact, now=now, reason=text[:REASON_LENGTH])
    request.answer = text
    record(session, contact, request, "reseller_request.answered", now, {"answer": text})
    _alert(session, request, answer=text, now=now)


@requires(Permission.COMPANY_MANAGE)
def refuse_application(
    session: Session, actor: Actor, *, request_id: int, reason: str, now: datetime
) -> None:
    """Refuse a request with a reason the contact reads. :raises IllegalMove: it was decided already."""
    request = locked_request(session, request_id)
    text = _text(reason, field="reason", maximum=REASON_LENGTH)
    decide(session, actor, request, "refuse", reason=text, now=now)
    request.reason = text
    _mail(session, request, "reseller_request_refused", link=None, reason=text, now=now)
    record(session, actor, request, "reseller_request.refused", now, {"reason": text})


def decide(
    session: Session, actor: Actor, request: ResellerRequest, event: str, *, now: datetime, reason: str | None
) -> None:
    """Move a request to its end, in the present transaction; its links open nothing any more."""
    if event not in ("approve", "refuse"):
        raise InvalidInput(_("A request is approved or refused."))
    move(session, REQUEST_MACHINE, request, event, actor=actor, now=now, reason=reason)
    request.decided_at, request.decided_by_name = now, actor.name
    for purpose in (Purpose.CONFIRMATION, Purpose.ANSWER):
        void_links(session, purpose=purpose, request_id=request.id, now=now)


def forget_unconfirmed(session: Session, *, before: datetime, limit: int) -> int:
    """Delete requests of addresses that nobody confirmed, with their links; returns how many."""
    ids = session.scalars(
        select(ResellerRequest.id)
        .where(ResellerRequest.state == RequestState.UNCONFIRMED.value, ResellerRequest.created_at < before)
        .order_by(ResellerRequest.created_at)
        .limit(limit)
    ).all()
    if not ids:
        return 0
    links = select(SingleUseLink.id).where(SingleUseLink.request_id.in_(ids))
    quietly: dict[str, Any] = {"synchronize_session": False}
    for statement in (
        update(MailMessage).where(MailMessage.link_id.in_(links)).values(link_id=None),
        delete(SingleUseLink).where(SingleUseLink.request_id.in_(ids)),
        delete(StateChange).where(
            StateChange.machine == REQUEST_MACHINE.name, StateChange.subject_id.in_(ids)
        ),
        delete(ResellerRequest).where(ResellerRequest.id.in_(ids)),
    ):
        session.execute(statement, execution_options=quietly)
    return len(ids)
