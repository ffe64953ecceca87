"""The demo's firm that asks to become a reseller; it looks like one that is there already."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database import run
from app.core.permissions import Actor, Permission, requires
from app.core.states import history_row, move
from app.domain.accounts.models import ResellerRequest
from app.domain.accounts.states import REQUEST_MACHINE, RequestState

ASKED_BEFORE = timedelta(hours=20)
WAITED = timedelta(minutes=6)


@requires(Permission.COMPANY_MANAGE)
def make_request(session: Session, actor: Actor, *, now: datetime) -> None:
    """One request that waits to be vetted, where there is none yet."""
    if session.execute(select(ResellerRequest.id).limit(1)).first():
        return
    at = now - ASKED_BEFORE
    request = ResellerRequest(
        state=RequestState.UNCONFIRMED.value,
        company_name="Quillfeather System Ltd",
        street="80 Foundry Way",
        postcode="02118",
        city="Boston",
        region="MA",
        country="US",
        tax_id="04-7712093",
        contact_name="Greta Holm",
        email="greta@quillfeather.example",
        phone="+1 617 555 0142",
        message="We equip clinics and small practices around Boston.\nAbout 40 workplaces a month.",
        created_at=at,
        confirmed_at=at + WAITED,
    )
    session.add(request)
    session.flush()
    contact = replace(actor, name=request.contact_name)
    session.add(
        history_row(
            REQUEST_MACHINE,
            request,
            event="apply",
            from_state=None,
            to_state=request.state,
            actor=contact,
            now=at,
        )
    )
    move(session, REQUEST_MACHINE, request, "confirm", actor=contact, now=at + WAITED)


def load(session: Session, now: datetime) -> None:
    """The request."""
    run(session, make_request, Actor.system("demo"), now=now)
