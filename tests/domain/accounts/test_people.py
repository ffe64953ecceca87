"""Invitations, links, roles and the last administrator, also when two people act at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.database import run, writing
from app.core.errors import Conflict, InvalidInput, NotFound, PermissionDenied
from app.core.outbox import Job
from app.core.permissions import Actor, Role
from app.core.tenancy import TenantSession, all_companies
from app.domain.accounts import actions
from app.domain.accounts.errors import AlreadyMember, LastAdministrator, LinkUnusable
from app.domain.accounts.links import LIFETIMES, Purpose, address_of, get_link, token_of
from app.domain.accounts.models import Membership, SignInSession, SingleUseLink, User
from app.domain.accounts.passwords import NewPassword
from app.domain.accounts.rules import PersonData
from tests.factories.accounts import (
    NOW,
    actor_for,
    make_company,
    make_end_customer,
    make_member,
    make_person,
    make_vendor,
    read,
)

SECRET = b"a secret of this test"
STRANGER = Actor.system("link")
ILSE = PersonData("Ilse Worm", "ilse@kettle.example")


def invite(session: Session, actor: Actor, company_id: int | None, role: str = "buyer", **values: Any) -> Any:
    values = {"person": ILSE, "now": NOW, **values}
    return run(session, actions.invite_user, actor, company_id=company_id, role=role, **values)


def member_of(session: Session, user_id: int) -> Membership:
    statement = select(Membership).where(Membership.user_id == user_id).order_by(Membership.id)
    return read(session, statement)[0]  # type: ignore[no-any-return]  # a row


def links(session: Session) -> list[SingleUseLink]:
    return read(session, select(SingleUseLink).order_by(SingleUseLink.id))


def admin_of(session: Session, company: Any, name: str = "Mara Vint") -> tuple[User, Actor]:
    role = Role.RESELLER_ADMIN if company else Role.VENDOR_ADMIN
    user = make_person(session, company, role, name=name)
    return user, actor_for(session, user, company)


def test_an_invitation_writes_person_link_mail_and_audit_together(session: Session) -> None:
    company = make_company(session)
    _user, admin = admin_of(session, company)
    member = invite(session, admin, company.id)
    link = links(session)[0]
    assert (link.purpose, link.expires_at - link.created_at) == ("invitation", timedelta(days=7))
    job = read(session, select(Job))[0]
    assert job.payload["template"] == "invitation"
    assert job.payload["link_id"] == link.id
    assert link.nonce not in str(job.payload)
    entry = read(session, select(AuditEntry))[0]
    assert (entry.action, entry.subject_id, entry.company_id) == ("member.invited", member.id, company.id)
    assert entry.after == {"email": "ilse@kettle.example", "role": "buyer"}


def test_somebody_with_a_password_gets_no_link(session: Session) -> None:
    company, other = make_company(session), make_company(session, "Other")
    make_person(session, other, email="ilse@kettle.example", name="Known Ilse")
    _user, admin = admin_of(session, company)
    invite(session, admin, company.id)
    assert links(session) == []
    assert [job.payload["template"] for job in read(session, select(Job))] == ["membership_added"]
    assert read(session, select(User.name).where(User.email == "ilse@kettle.example")) == ["Known Ilse"]


def test_nobody_is_invited_twice_or_while_disabled(session: Session) -> None:
    company = make_company(session)
    _user, admin = admin_of(session, company)
    invite(session, admin, company.id)
    with pytest.raises(AlreadyMember):
        invite(session, admin, company.id, "approver")
    with writing(session), all_companies(session, reason="test"):
        session.execute(update(User).where(User.email == "ilse@kettle.example").values(is_disabled=True))
        session.commit()
    other = make_company(session, "Other")
    with pytest.raises(Conflict):
        invite(session, Actor.system("vendor"), other.id)
    assert len(read(session, select(Membership))) == 2


@pytest.mark.parametrize("role", ["vendor_admin", "vendor_sales", "nonsense", ""])
def test_a_reseller_gives_no_vendor_roles(session: Session, role: str) -> None:
    company = make_company(session)
    user, admin = admin_of(session, company)
    with pytest.raises(InvalidInput):
        invite(session, admin, company.id, role)
    number = member_of(session, user.id).id
    with pytest.raises(InvalidInput):
        run(session, actions.change_role, admin, membership_id=number, role=role, now=NOW)
    assert len(read(session, select(User))) == 1


def test_an_end_customers_desk_belongs_to_one_of_the_own_end_customers(session: Session) -> None:
    company, other = make_company(session), make_company(session, "Other")
    own, foreign = make_end_customer(session, company), make_end_customer(session, other)
    _user, admin = admin_of(session, company)
    with pytest.raises(InvalidInput):
        invite(session, admin, company.id, "end_customer_desk")
    with pytest.raises(InvalidInput):
        invite(session, admin, company.id, "buyer", end_customer_id=own.id)
    with pytest.raises(NotFound):
        invite(session, admin, company.id, "end_customer_desk", end_customer_id=foreign.id)
    member = invite(session, admin, company.id, "end_customer_desk", end_customer_id=own.id)
    assert member.end_customer_id == own.id


def test_another_company_is_not_found_and_other_roles_are_refused(session: Session) -> None:
    company, other = make_company(session), make_company(session, "Other")
    _user, admin = admin_of(session, company)
    stranger, _actor = admin_of(session, other)
    number = member_of(session, stranger.id).id
    with pytest.raises(NotFound):
        invite(session, admin, other.id)
    with pytest.raises(NotFound):
        invite(session, admin, None, "vendor_admin")
    with pytest.raises(NotFound):
        run(session, actions.change_role, admin, membership_id=number, role="buyer", now=NOW)
    for role in (Role.BUYER, Role.APPROVER, Role.RESELLER_FINANCE, Role.RESELLER_SUPPORT):
        person = make_person(session, company, role)
        with pytest.raises(PermissionDenied):
            invite(session, actor_for(session, person, company), company.id)
    assert read(session, select(Job)) == []


def accept(
    session: Session, token: str, *, now: Any = NOW, secrets: Any = (SECRET,), new: str = "hash"
) -> Any:
    return run(
        session,
        actions.accept_invitation,
        STRANGER,
        token=token,
        secrets=secrets,
        new=NewPassword(new),
        now=now,
    )


@pytest.fixture
def invited(session: Session) -> tuple[Actor, str]:
    company = make_company(session)
    _user, admin = admin_of(session, company)
    invite(session, admin, company.id)
    return admin, token_of(links(session)[0], SECRET)


def test_an_invitation_works_once(session: Session, invited: tuple[Actor, str]) -> None:
    _admin, token = invited
    proof = accept(session, token)
    with pytest.raises(LinkUnusable, match="has been used"):
        accept(session, token, new="another")
    assert read(session, select(User.password_hash).where(User.id == proof.user_id)) == ["hash"]


def test_an_invitation_lasts_seven_days_to_the_second(session: Session, invited: tuple[Actor, str]) -> None:
    _admin, token = invited
    with pytest.raises(LinkUnusable, match="too old"):
        accept(session, token, now=NOW + timedelta(days=7))
    assert accept(session, token, now=NOW + timedelta(days=7, seconds=-1))


def test_sending_again_voids_the_older_link(session: Session, invited: tuple[Actor, str]) -> None:
    admin, token = invited
    number = read(session, select(Membership).order_by(Membership.id.desc()))[0].id
    run(session, actions.resend_invitation, admin, membership_id=number, now=NOW + timedelta(days=1))
    with pytest.raises(LinkUnusable, match="newer link"):
        accept(session, token, now=NOW + timedelta(days=1))
    assert accept(session, token_of(links(session)[1], SECRET), now=NOW + timedelta(days=8, seconds=-1))
    with pytest.raises(Conflict):
        run(session, actions.resend_invitation, admin, membership_id=number, now=NOW)


def test_a_deactivated_members_invitation_is_void(session: Session, invited: tuple[Actor, str]) -> None:
    admin, token = invited
    number = read(session, select(Membership).order_by(Membership.id.desc()))[0].id
    run(session, actions.set_member_active, admin, membership_id=number, is_active=False, now=NOW)
    with pytest.raises(LinkUnusable):
        accept(session, token)


def test_a_changed_token_opens_nothing(session: Session, invited: tuple[Actor, str]) -> None:
    _admin, token = invited
    number, _dot, mac = token.partition(".")
    assert len(mac) == 43
    changed = [number + "." + mac[:at] + ("A" if mac[at] != "A" else "B") + mac[at + 1 :] for at in range(42)]
    odd = [
        "",
        ".",
        number,
        f"{number}.",
        f"0{token}",
        f"{number}.{mac}x",
        f"9{token}",
        "١.x",
        f"-{token}",
        "9" * 30,
    ]
    for text in [*changed, *odd, f"{number}.é"]:
        with pytest.raises(LinkUnusable):
            accept(session, text)
    with pytest.raises(LinkUnusable):
        accept(session, token, secrets=(b"another secret",))
    assert links(session)[0].used_at is None
    assert accept(session, token, secrets=(b"the present secret", SECRET))


def test_a_link_of_one_purpose_is_none_of_another(session: Session, invited: tuple[Actor, str]) -> None:
    _admin, token = invited
    values: dict[str, Any] = {"token": token, "secrets": (SECRET,), "new": NewPassword("hash"), "now": NOW}
    with pytest.raises(LinkUnusable):
        run(session, actions.reset_password, STRANGER, **values)
    with writing(session):
        session.execute(update(SingleUseLink).values(purpose="reset"))
        session.commit()
    with pytest.raises(LinkUnusable):
        run(session, actions.reset_password, STRANGER, **values)


def test_an_address_is_made_of_purpose_and_token(session: Session, invited: tuple[Actor, str]) -> None:
    _admin, token = invited
    address = address_of(links(session)[0], secret=SECRET, base_url="https://portal.example/")
    assert address == f"https://portal.example/invitation/{token}"
    found = get_link(session, token, purpose=Purpose.INVITATION, secrets_=(SECRET,), now=NOW)
    assert found.id == links(session)[0].id


def test_a_reset_lasts_an_hour_ends_all_sessions_and_voids_older_links(session: Session) -> None:
    company = make_company(session)
    person = make_person(session, company, email="mara@kettle.example")
    number = member_of(session, person.id).id
    with writing(session):
        session.add(
            SignInSession(
                token_hash="x", user_id=person.id, membership_id=number, created_at=NOW, last_seen_at=NOW
            )
        )
        session.commit()
    for minutes in (0, 1):
        run(
            session,
            actions.request_reset,
            STRANGER,
            email="Mara@kettle.example",
            now=NOW + timedelta(minutes=minutes),
        )
    first, second = (token_of(link, SECRET) for link in links(session))
    values: dict[str, Any] = {"secrets": (SECRET,), "new": NewPassword("new hash")}
    with pytest.raises(LinkUnusable, match="newer"):
        run(session, actions.reset_password, STRANGER, token=first, now=NOW, **values)
    late = NOW + timedelta(minutes=61)
    with pytest.raises(LinkUnusable, match="too old"):
        run(session, actions.reset_password, STRANGER, token=second, now=late, **values)
    run(session, actions.reset_password, STRANGER, token=second, now=NOW + timedelta(minutes=60), **values)
    assert read(session, select(User.password_hash)) == ["new hash"]
    assert read(session, select(SignInSession.ended_at)) == [NOW + timedelta(minutes=60)]
    assert LIFETIMES[Purpose.RESET] == timedelta(hours=1)


@pytest.mark.parametrize("who", ["unknown", "disabled", "not accepted", "let go"])
def test_nobody_else_is_mailed_a_reset(session: Session, who: str) -> None:
    company = make_company(session)
    person = make_person(
        session, company, email="mara@kettle.example", password=None if who == "not accepted" else "x" * 12
    )
    with writing(session), all_companies(session, reason="test"):
        if who == "disabled":
            session.execute(update(User).values(is_disabled=True))
        if who == "let go":
            session.execute(update(Membership).values(is_active=False))
        session.commit()
    email = "nobody@kettle.example" if who == "unknown" else person.email
    run(session, actions.request_reset, STRANGER, email=email, now=NOW)
    assert read(session, select(Job)) == []
    assert links(session) == []


def together(engine: Engine, *tasks: Callable[[Session], Any]) -> list[Any]:
    """Run the tasks in threads that start together; what each returned or raised."""
    barrier = threading.Barrier(len(tasks))
    results: list[Any] = [None] * len(tasks)

    def work(index: int, task: Callable[[Session], Any]) -> None:
        with TenantSession(bind=engine) as session:
            barrier.wait()
            try:
                results[index] = task(session)
            except Exception as error:
                results[index] = error

    threads = [threading.Thread(target=work, args=(index, task)) for index, task in enumerate(tasks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_of_parallel_uses_of_a_link_one_wins(
    engine: Engine, session: Session, invited: tuple[Actor, str]
) -> None:
    _admin, token = invited
    results = together(
        engine, *(lambda own, text=f"hash {n}": accept(own, token, new=text) for n in range(8))
    )
    won = [result for result in results if not isinstance(result, Exception)]
    assert len(won) == 1
    assert {type(result) for result in results if isinstance(result, Exception)} == {LinkUnusable}
    assert read(session, select(User.password_hash).where(User.id == won[0].user_id)) == [
        won[0].password_hash
    ]


def admins_left(session: Session) -> int:
    statement = select(func.count(Membership.id)).where(
        Membership.role.in_(["reseller_admin", "vendor_admin"]), Membership.is_active
    )
    return int(read(session, statement)[0])


@pytest.mark.parametrize("side", ["reseller", "vendor"])
@pytest.mark.parametrize("how", ["demoted", "let go"])
def test_two_administrators_who_remove_each_other_leave_one(
    engine: Engine, session: Session, side: str, how: str
) -> None:
    make_vendor(session)
    company = make_company(session) if side == "reseller" else None
    (one, actor_one), (two, actor_two) = (admin_of(session, company, name) for name in ("A", "B"))
    numbers = {user.id: member_of(session, user.id).id for user in (one, two)}
    role = "buyer" if company else "vendor_sales"

    def remove(actor: Actor, user: User) -> Callable[[Session], Any]:
        number = numbers[user.id]
        if how == "demoted":
            return lambda own: run(own, actions.change_role, actor, membership_id=number, role=role, now=NOW)
        return lambda own: run(
            own, actions.set_member_active, actor, membership_id=number, is_active=False, now=NOW
        )

    for _ in range(10):
        results = together(engine, remove(actor_one, two), remove(actor_two, one))
        assert sorted(type(result) for result in results if result is not None) == [LastAdministrator]
        assert admins_left(session) == 1
        with writing(session), all_companies(session, reason="test"):
            back = "reseller_admin" if company else "vendor_admin"
            session.execute(update(Membership).values(role=back, is_active=True))
            session.commit()


def test_without_the_lock_both_administrators_would_go(engine: Engine, session: Session) -> None:
    company = make_company(session)
    people = [admin_of(session, company, name)[0] for name in ("A", "B")]
    numbers = [member_of(session, user.id).id for user in people]
    have_read = threading.Barrier(2)

    def naive(number: int) -> Callable[[Session], None]:
        def task(own: Session) -> None:
            with all_companies(own, reason="control"):
                others = select(func.count(Membership.id)).where(
                    Membership.role == "reseller_admin", Membership.id != number
                )
                count = own.execute(others).scalar_one()
                own.rollback()
                have_read.wait()
                with writing(own):
                    if count:
                        own.execute(update(Membership).where(Membership.id == number).values(role="buyer"))
                    own.commit()

        return task

    together(engine, naive(numbers[0]), naive(numbers[1]))
    assert admins_left(session) == 0


def test_disabling_and_demoting_at_once_leave_an_administrator(engine: Engine, session: Session) -> None:
    company = make_company(session)
    vendor_user = make_person(session, None, Role.VENDOR_ADMIN)
    vendor = actor_for(session, vendor_user, None)
    (one, actor_one), (two, _actor) = (admin_of(session, company, name) for name in ("A", "B"))
    number = member_of(session, two.id).id
    results = together(
        engine,
        lambda own: run(own, actions.set_user_disabled, vendor, user_id=one.id, is_disabled=True, now=NOW),
        lambda own: run(own, actions.change_role, actor_one, membership_id=number, role="buyer", now=NOW),
    )
    assert [type(result) for result in results if result is not None] == [LastAdministrator]


def test_an_administrator_who_has_not_accepted_does_not_take_over(session: Session) -> None:
    company = make_company(session)
    user, admin = admin_of(session, company)
    make_person(session, company, Role.RESELLER_ADMIN, password=None)
    number = member_of(session, user.id).id
    with pytest.raises(LastAdministrator):
        run(session, actions.change_role, admin, membership_id=number, role="buyer", now=NOW)


def test_changes_are_audited_from_and_to(session: Session) -> None:
    company = make_company(session)
    _user, admin = admin_of(session, company)
    person = make_person(session, company, Role.BUYER)
    number = member_of(session, person.id).id
    run(session, actions.change_role, admin, membership_id=number, role="approver", now=NOW)
    run(session, actions.set_member_active, admin, membership_id=number, is_active=False, now=NOW)
    rows = read(session, select(AuditEntry).order_by(AuditEntry.id))
    assert [(row.action, row.before, row.after) for row in rows] == [
        ("member.role_changed", {"role": "buyer"}, {"role": "approver"}),
        ("member.deactivated", {"is_active": True}, {"is_active": False}),
    ]
    assert {row.actor_user_id for row in rows} == {admin.user_id}


def test_a_person_in_two_companies_keeps_the_other(session: Session) -> None:
    company, other = make_company(session), make_company(session, "Other")
    _user, admin = admin_of(session, company)
    person = make_person(session, company, Role.BUYER)
    second = make_member(session, person, other, Role.BUYER)
    number = member_of(session, person.id).id
    run(session, actions.set_member_active, admin, membership_id=number, is_active=False, now=NOW)
    assert read(session, select(Membership.is_active).where(Membership.id == second.id)) == [True]
