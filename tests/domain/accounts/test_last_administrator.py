"""However two sides go about it in the same moment, somebody stays who manages the vendor's people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from app.core.database import run, writing
from app.core.permissions import Actor, Permission, Role
from app.core.tenancy import all_companies
from app.domain.accounts import actions
from app.domain.accounts.errors import LastAdministrator, LinkUnusable
from app.domain.accounts.links import Purpose, get_link, token_of
from app.domain.accounts.models import Membership, SingleUseLink, User
from app.domain.accounts.passwords import NewPassword
from tests.domain.accounts.test_people import together
from tests.factories.accounts import NOW, actor_for, make_person, make_vendor, read

SECRET = b"a secret of the tests"
SERVER = Actor.system("flask users recover-admin by root")

Act = Callable[[Session], Any]


@pytest.fixture
def admins(session: Session) -> list[tuple[User, Actor, int]]:
    """Two administrators of the vendor: person, actor, membership."""
    make_vendor(session)
    found = []
    for name in ("ada", "bo"):
        user = make_person(session, None, Role.VENDOR_ADMIN, email=f"{name}@fennel.example", name=name)
        number = read(session, select(Membership.id).where(Membership.user_id == user.id))[0]
        found.append((user, actor_for(session, user, None), number))
    return found


def removal(how: str, actor: Actor, user: User, membership_id: int) -> Act:
    if how == "disabled":
        return lambda own: run(
            own, actions.set_user_disabled, actor, user_id=user.id, is_disabled=True, now=NOW
        )
    if how == "let go":
        return lambda own: run(
            own, actions.set_member_active, actor, membership_id=membership_id, is_active=False, now=NOW
        )
    return lambda own: run(
        own, actions.change_role, actor, membership_id=membership_id, role="vendor_sales", now=NOW
    )


def able(session: Session) -> int:
    """Administrators who can sign in."""
    statement = (
        select(func.count(Membership.id))
        .join(User, User.id == Membership.user_id)
        .where(Membership.role == "vendor_admin", Membership.is_active, User.is_disabled.is_(False))
    )
    return int(read(session, statement)[0])


@pytest.mark.parametrize("one", ["disabled", "let go", "demoted"])
@pytest.mark.parametrize("other", ["disabled", "let go", "demoted"])
def test_removed_from_both_sides_at_once_one_stays(
    engine: Engine, session: Session, admins: list[tuple[User, Actor, int]], one: str, other: str
) -> None:
    (ada, as_ada, ada_number), (bo, as_bo, bo_number) = admins
    for _ in range(4):
        results = together(
            engine, removal(one, as_ada, bo, bo_number), removal(other, as_bo, ada, ada_number)
        )
        assert [type(result) for result in results if result is not None] == [LastAdministrator]
        assert able(session) == 1
        with writing(session), all_companies(session, reason="test"):
            session.execute(update(Membership).values(role="vendor_admin", is_active=True))
            session.execute(update(User).values(is_disabled=False))
            session.commit()


def test_each_removing_oneself_at_once_leaves_one(
    engine: Engine, session: Session, admins: list[tuple[User, Actor, int]]
) -> None:
    (ada, as_ada, ada_number), (bo, as_bo, bo_number) = admins
    results = together(
        engine, removal("demoted", as_ada, ada, ada_number), removal("disabled", as_bo, bo, bo_number)
    )
    assert [type(result) for result in results if result is not None] == [LastAdministrator]
    assert able(session) == 1


def test_a_recovery_and_a_removal_at_once_leave_the_recovered_one(
    engine: Engine, session: Session, admins: list[tuple[User, Actor, int]]
) -> None:
    (ada, as_ada, ada_number), (bo, _as_bo, _bo_number) = admins
    run(session, actions.set_user_disabled, as_ada, user_id=bo.id, is_disabled=True, now=NOW)
    together(
        engine,
        lambda own: run(own, actions.recover_admin, SERVER, email=bo.email, now=NOW),
        removal("let go", as_ada, ada, ada_number),
    )
    assert able(session) >= 1
    assert read(session, select(User.is_disabled).where(User.id == bo.id)) == [False]


def test_of_links_made_at_once_one_works_and_works_once(
    engine: Engine, session: Session, admins: list[tuple[User, Actor, int]]
) -> None:
    bo = admins[1][0]
    made = together(
        engine,
        *(lambda own: run(own, actions.recover_admin, SERVER, email=bo.email, now=NOW) for _ in range(4)),
    )
    tokens = [token_of(one.link, SECRET) for one in made]
    session.rollback()
    usable = []
    for token in tokens:
        try:
            get_link(session, token, purpose=Purpose.RESET, secrets_=(SECRET,), now=NOW)
            usable.append(token)
        except LinkUnusable:
            pass
    assert len(usable) == 1
    assert len(read(session, select(SingleUseLink))) == 4

    def use(own: Session) -> Any:
        return run(
            own,
            actions.reset_password,
            Actor(name="visitor", permissions=frozenset({Permission.ACCOUNT_USE})),
            token=usable[0],
            secrets=(SECRET,),
            new=NewPassword("hash"),
            now=NOW,
        )

    results = together(engine, *(use for _ in range(4)))
    assert [type(result) for result in results].count(LinkUnusable) == 3
