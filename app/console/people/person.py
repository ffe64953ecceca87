"""One person: where the person belongs, sessions, how signing in went, mails, and what can be done."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.console.lists import KEY
from app.console.people.routes import blueprint
from app.core import clock
from app.core.errors import DomainError
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.browsers import browser_name
from app.core.web.door import allow, current_actor, do
from app.core.web.extensions import db
from app.domain.accounts import actions, queries
from app.domain.accounts import person_reads as reads
from app.domain.ordering.closing import open_work_of_person


def person_page(user_id: int, *, error: DomainError | None = None) -> Any:
    """The person's page, with the refusal of what was just tried."""
    session, now = db.session(), clock.now()
    user = queries.get_user(session, user_id)
    places = reads.list_places_of(session, user_id)
    sessions = reads.list_sessions_of(session, user_id=user_id, now=now)
    may_mail = current_actor().may(Permission.MAIL_READ)
    page = render_template(
        "console/people/person.html",
        user=user,
        places=places,
        sessions=sessions,
        open_sessions=sum(1 for row in sessions if row.is_open),
        sign_ins=reads.sign_ins_of(session, user_id),
        mails=reads.list_mails_to(session, user.email) if may_mail else None,
        work=open_work_of_person(session, user_id),
        may_come=any(p.is_active and p.company_is_active is not False for p in places),
        browser_name=browser_name,
        error=error,
    )
    return page, error.status if error else 200


@blueprint.get(f"/person/<{KEY}:user_id>")
@allow(Permission.STAFF_MANAGE)
def person(user_id: int) -> Any:
    """One person of any company or of the staff."""
    return person_page(user_id)


def _to_person(user_id: int, done: str) -> Response:
    flash(done, "success")
    return redirect(url_for("console.people.person", user_id=user_id), 303)


@blueprint.post(f"/sessions/<{KEY}:session_id>/end")
@allow(Permission.STAFF_MANAGE)
def end_session(session_id: int) -> Response:
    """Sign a person out of one browser."""
    user_id = reads.get_session_owner(db.session(), session_id)
    do(actions.end_session_of, session_id=session_id, now=clock.now())
    return _to_person(user_id, _("That session is ended."))


@blueprint.post(f"/person/<{KEY}:user_id>/sessions/end")
@allow(Permission.STAFF_MANAGE)
def end_sessions(user_id: int) -> Response:
    """Sign a person out everywhere."""
    do(actions.end_all_sessions_of, user_id=user_id, now=clock.now())
    return _to_person(user_id, _("The person is signed out everywhere."))


@blueprint.post(f"/person/<{KEY}:user_id>/reset")
@allow(Permission.STAFF_MANAGE)
def send_reset(user_id: int) -> Any:
    """Mail a link to choose a new password."""
    try:
        do(actions.send_reset_link, user_id=user_id, now=clock.now())
    except DomainError as error:
        return person_page(user_id, error=error)
    return _to_person(user_id, _("The link is on its way. It works once and for one hour."))
