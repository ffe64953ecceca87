"""What an import of contacts reads and writes, for a batch at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, exists, insert, select, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.imports import undoing
from app.core.imports.kinds import Change
from app.core.outbox import enqueue_all
from app.core.permissions import Actor, Role
from app.core.texts import _
from app.domain.accounts.links import Purpose, make_links
from app.domain.accounts.mails import RENDER
from app.domain.accounts.models import Company, EndCustomer, Membership, SingleUseLink, User
from app.domain.accounts.people import mail_context
from app.domain.accounts.queries import get_vendor

_PEOPLE: Table = User.__table__  # type: ignore[assignment]  # mapped to exactly one table
_MEMBERS: Table = Membership.__table__  # type: ignore[assignment]  # mapped to exactly one table


@dataclass(frozen=True, slots=True)
class Stored:
    """What a batch's rows refer to: companies by number, people by address, roles, end customers by name."""

    companies: Mapping[str, Any]
    users: Mapping[str, Any]
    memberships: Mapping[tuple[int, int], Any]
    customers: Mapping[tuple[int, str], int]


def load(
    session: Session, companies: Mapping[str, Any], *, emails: Collection[str], customers: Collection[str]
) -> Stored:
    """The people of these addresses with their roles in the companies."""
    company_ids = [company.id for company in companies.values()]
    if not company_ids:
        return Stored({}, {}, {}, {})
    invited = exists().where(
        SingleUseLink.user_id == User.id, SingleUseLink.purpose == Purpose.INVITATION.value
    )
    users = session.execute(
        select(
            User.id,
            User.email,
            User.is_disabled,
            User.password_hash.is_not(None).label("has_password"),
            (User.password_hash.is_(None) & ~invited).label("was_never_invited"),
        ).where(User.email.in_(emails))
    ).all()
    members = session.execute(
        select(
            Membership.id,
            Membership.user_id,
            Membership.company_id,
            Membership.role,
            Membership.is_active,
            Membership.end_customer_id,
        ).where(Membership.user_id.in_([user.id for user in users]), Membership.company_id.in_(company_ids))
    )
    named = select(EndCustomer.id, EndCustomer.company_id, EndCustomer.name).where(
        EndCustomer.company_id.in_(company_ids), EndCustomer.name.in_(customers), EndCustomer.is_active
    )
    return Stored(
        companies,
        {user.email: user for user in users},
        {(row.user_id, row.company_id): row for row in members},
        {(row.company_id, row.name): row.id for row in session.execute(named)} if customers else {},
    )


@dataclass(slots=True)
class Work:
    """What a batch writes. Members carry the address of their person, whose id may not be known yet."""

    is_inviting: bool = False
    people: dict[str, Change] = field(default_factory=dict)
    members: list[tuple[str, dict[str, Any], Change]] = field(default_factory=list)
    roles: list[Change] = field(default_factory=list)
    invited: list[tuple[str, int]] = field(default_factory=list)
    mailed: set[str] = field(default_factory=set)
    invitations: list[Change] = field(default_factory=list)
    user_ids: dict[str, int] = field(default_factory=dict)

    def changes(self) -> list[Change]:
        """All changes in the order in which they are written."""
        return [
            *self.people.values(),
            *(change for _email, _values, change in self.members),
            *self.roles,
            *self.invitations,
        ]

    def add_person(self, email: str, name: str) -> None:
        """Somebody nobody knows yet, without a password."""
        self.people[email] = Change(email, _PEOPLE.name, None, {"email": email, "name": name})

    def add_member(self, row: Any, company: Any, user: Any, customer_id: int | None) -> None:
        """A role in a company."""
        shown = {"role": row.role}
        if row.end_customer:
            shown["end_customer"] = row.end_customer
        # One link lets a person into all companies; who has a password is told of each.
        if self.is_inviting and ((user is not None and user.has_password) or row.email not in self.mailed):
            shown["invited"] = True
            self._invite(row.email, company.id)
        if user is not None:
            self.user_ids[row.email] = user.id
        values = {"company_id": company.id, "role": row.role, "end_customer_id": customer_id}
        self.members.append((row.email, values, Change(_title(row), _MEMBERS.name, None, shown)))

    def _invite(self, email: str, company_id: int) -> None:
        self.invited.append((email, company_id))
        self.mailed.add(email)

    def change_role(self, row: Any, known: Any) -> None:
        """Another role in the company."""
        before, after = {"role": known.role}, {"role": row.role}
        self.roles.append(Change(_title(row), _MEMBERS.name, before, after, known.id))

    def invite(self, row: Any, company: Any, known: Any, user: Any) -> bool:
        """A mail to somebody who is a member and was never sent one; False where the batch sends it."""
        if row.email in self.mailed:
            return False
        self.user_ids[row.email] = user.id
        self._invite(row.email, company.id)
        before, after = {"invited": False}, {"invited": True}
        self.invitations.append(Change(_title(row), _MEMBERS.name, before, after, known.id))
        return True


def _title(row: Any) -> str:
    return f"{row.email} · {row.company}"


def store(session: Session, actor: Actor, work: Work, *, run_id: int, now: datetime) -> None:
    """Write a batch: people, memberships, roles, and a link and a mail for each invitation."""
    ids = dict(work.user_ids)
    if work.people:
        rows = [{**(change.after or {}), "created_at": now} for change in work.people.values()]
        made = session.connection().execute(insert(_PEOPLE).returning(_PEOPLE.c.id, _PEOPLE.c.email), rows)
        for user_id, email in made:
            ids[email] = work.people[email].row_id = user_id
    if work.members:
        rows = [
            {**values, "user_id": ids[email], "created_at": now} for email, values, _change in work.members
        ]
        added = session.connection().execute(
            insert(_MEMBERS).returning(_MEMBERS.c.id, sort_by_parameter_order=True), rows
        )
        for row, (_email, _values, change) in zip(added, work.members, strict=True):
            change.row_id = row.id
    if work.roles:
        statement = update(_MEMBERS).where(_MEMBERS.c.id == bindparam("row_id"))
        session.connection().execute(
            statement.values(role=bindparam("to_role")),
            [{"row_id": one.row_id, "to_role": (one.after or {})["role"]} for one in work.roles],
        )
    _send(session, [(ids[email], company_id) for email, company_id in work.invited], now)
    _record(session, actor, work.changes(), run_id, now)


def _send(session: Session, invited: Sequence[tuple[int, int]], now: datetime) -> None:
    """A link to people without a password, a word to those who have one; few statements for all of them."""
    if not invited:
        return
    people = session.execute(
        select(User.id, User.name, User.email, User.password_hash.is_not(None).label("has_password")).where(
            User.id.in_([user_id for user_id, _company_id in invited])
        )
    ).all()
    by_id = {person.id: person for person in people}
    names = session.execute(
        select(Company.id, Company.name).where(Company.id.in_([company_id for _user, company_id in invited]))
    )
    companies = {row.id: row.name for row in names}
    new = [person.id for person in people if not person.has_password]
    links = make_links(session, purpose=Purpose.INVITATION, user_ids=new, now=now)
    vendor = get_vendor(session).name
    enqueue_all(
        session,
        RENDER,
        [
            {
                "template": "invitation" if user_id in links else "membership_added",
                "recipient": by_id[user_id].email,
                "company_id": company_id,
                "context": mail_context(
                    name=by_id[user_id].name,
                    email=by_id[user_id].email,
                    company=companies[company_id],
                    vendor=vendor,
                ),
                "link_id": links.get(user_id),
            }
            for user_id, company_id in invited
        ],
        now=now,
    )


def _record(session: Session, actor: Actor, changes: Sequence[Change], run_id: int, now: datetime) -> None:
    if not changes:
        return
    # Without the company: what the trail refers to could not be taken back any more.
    audit.record(
        session,
        actor,
        "contacts.imported",
        subject_type="import_run",
        subject_id=run_id,
        now=now,
        before={one.subject: dict(one.before) for one in changes if one.before is not None} or None,
        after={one.subject: dict(one.after or {}) for one in changes},
    )


def undo(session: Session, changes: Sequence[Change]) -> None:
    """Take a run's people and roles back.

    :raises CannotUndo: somebody was mailed, came, or has other roles; or no administrator would be left.
    """
    mailed = next((one for one in changes if (one.after or {}).get("invited")), None)
    if mailed is not None:
        raise undoing.CannotUndo(
            _(
                "%(subject)s was sent an invitation. Let the person go on the company's page instead.",
                subject=mailed.subject,
            )
        )
    members = [change for change in changes if change.table == _MEMBERS.name]
    _keep_administrators(session, members)
    undoing.take_back(session, _MEMBERS, members)
    undoing.take_back(session, _PEOPLE, [change for change in changes if change.table == _PEOPLE.name])


def _keep_administrators(session: Session, changes: Sequence[Change]) -> None:
    """Whoever was made an administrator by the run must not be the last one with a password."""
    role = Role.RESELLER_ADMIN.value
    going = [change.row_id for change in changes if (change.after or {}).get("role") == role]
    if not going:
        return
    other = Membership.__table__.alias("other")
    others = exists().where(
        other.c.company_id == Membership.company_id,
        other.c.role == role,
        other.c.is_active,
        other.c.id.not_in(going),
    )
    last = session.execute(
        select(User.email)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.id.in_(going), User.password_hash.is_not(None), Membership.is_active, ~others)
        .limit(1)
    ).scalar()
    if last is not None:
        raise undoing.CannotUndo(
            _(
                "%(email)s is the company's only administrator by now. Make somebody else one first.",
                email=last,
            )
        )
