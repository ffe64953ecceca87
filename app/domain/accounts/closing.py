"""Companies closed and opened again: history stays, its people are out at once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import Conflict, NotFound
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.domain.accounts.models import Company, Membership, SignInSession


def lock_company(session: Session, company_id: int) -> Company:
    """The company, locked so that orders being placed are finished first and later ones wait.

    :raises NotFound: no such company.
    """
    company = session.execute(
        select(Company)
        .where(Company.id == company_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if company is None:
        raise NotFound()
    return company


def end_sessions_for(session: Session, company_id: int, *, now: datetime) -> None:
    """Sign the company's people out, and end the visits of staff who look through its eyes."""
    its_own = exists().where(
        Membership.id == SignInSession.membership_id, Membership.company_id == company_id
    )
    for condition, values in (
        (its_own, {"ended_at": now}),
        (SignInSession.view_as_company_id == company_id, {"view_as_company_id": None}),
    ):
        session.execute(
            update(SignInSession)
            .where(SignInSession.ended_at.is_(None), condition)
            .values(values)
            .execution_options(synchronize_session=False)
        )


@requires(Permission.COMPANY_MANAGE)
def set_company_active(
    session: Session, actor: Actor, *, company_id: int, is_active: bool, now: datetime
) -> bool:
    """Close a company, which signs its people out at once, or open it again; False where it was so already.

    :raises Conflict: it was merged into another one.
    """
    company = lock_company(session, company_id)
    if company.is_active == is_active:
        return False
    if company.merged_into_id is not None:
        raise Conflict(_("This company was merged into another one and cannot be opened again."))
    company.is_active = is_active
    if not is_active:
        end_sessions_for(session, company_id, now=now)
    audit.record(
        session,
        actor,
        "company.reopened" if is_active else "company.closed",
        subject_type="company",
        subject_id=company.id,
        company_id=company.id,
        now=now,
        before={"is_active": not is_active},
        after={"is_active": is_active},
    )
    return True
