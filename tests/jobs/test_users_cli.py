"""`flask users recover-admin`: a link made on the server, which works once and is audited."""

from __future__ import annotations

from click.testing import Result
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.database import writing
from app.core.permissions import Role
from app.core.tenancy import all_companies
from app.domain.accounts.models import Membership, SingleUseLink, User
from tests.factories.accounts import make_person, make_vendor, read, sign_in

NEW = "meadow under slow rain"


def recover(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=["users", "recover-admin", *words])


def path_of(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return "/" + result.stdout.rstrip().splitlines()[-1].split("/", 3)[3]


def admin(session: Session, email: str = "ada@fennel.example", password: str | None = "x" * 14) -> User:
    return make_person(session, None, Role.VENDOR_ADMIN, email=email, name="Ada Finch", password=password)


def change(session: Session, *statements: object) -> None:
    with writing(session), all_companies(session, reason="test"):
        for statement in statements:
            session.execute(statement)
        session.commit()


def test_an_administrator_comes_in_again_by_a_link_that_works_once(app: Flask, session: Session) -> None:
    user = admin(session)
    result = recover(app, "--email", "ADA@fennel.example")
    path = path_of(result)
    assert path.startswith("/reset/")
    assert "once, within one hour" in result.output
    entry = read(session, select(AuditEntry).where(AuditEntry.action == "user.recovered"))[0]
    assert (entry.subject_id, entry.after["link"]) == (user.id, "reset")
    assert entry.actor_name.startswith("flask users recover-admin by ")
    assert app.test_client().post(path, data={"password": NEW}).status_code == 303
    assert app.test_client().post(path, data={"password": NEW}).status_code == 410
    client = app.test_client()
    assert sign_in(client, "ada@fennel.example", NEW).status_code == 303
    assert client.get("/console/people").status_code == 200


def test_without_an_address_the_administrators_are_listed_and_nothing_changes(
    app: Flask, session: Session
) -> None:
    admin(session)
    admin(session, "bo@fennel.example", password=None)
    gone = admin(session, "cy@fennel.example")
    make_person(session, None, Role.VENDOR_SALES, email="sal@fennel.example")
    change(session, update(User).where(User.id == gone.id).values(is_disabled=True))
    result = recover(app)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "ada@fennel.example  Ada Finch  can sign in",
        "bo@fennel.example  Ada Finch  has not accepted the invitation",
        "cy@fennel.example  Ada Finch  disabled",
    ]
    assert read(session, select(SingleUseLink)) == []


def test_somebody_locked_out_is_let_in_again_and_that_is_said(app: Flask, session: Session) -> None:
    user = admin(session)
    change(session, update(User).values(is_disabled=True), update(Membership).values(is_active=False))
    result = recover(app, "--email", "ada@fennel.example")
    assert "was disabled and is let in again" in result.output
    assert "was let go and is an administrator again" in result.output
    client = app.test_client()
    assert client.post(path_of(result), data={"password": NEW}).status_code == 303
    assert client.get("/console/people").status_code == 200
    assert read(session, select(User.is_disabled).where(User.id == user.id)) == [False]


def test_the_first_administrator_who_never_came_gets_a_new_invitation(app: Flask, session: Session) -> None:
    admin(session, password=None)
    first, second = (path_of(recover(app, "--email", "ada@fennel.example")) for _ in range(2))
    assert second.startswith("/invitation/")
    assert app.test_client().post(first, data={"password": NEW}).status_code == 410
    assert app.test_client().post(second, data={"password": NEW}).status_code == 303


def test_others_are_refused_by_the_names_of_those_there_are(app: Flask, session: Session) -> None:
    admin(session)
    make_person(session, None, Role.VENDOR_SALES, email="sal@fennel.example")
    for email in ("sal@fennel.example", "nobody@fennel.example"):
        result = recover(app, "--email", email)
        assert result.exit_code == 1
        assert f"No administrator has the address {email}; there are: ada@fennel.example." in result.stderr
    assert recover(app, "--email", "ada").exit_code == 1
    assert read(session, select(SingleUseLink)) == []
    assert read(session, select(AuditEntry)) == []


def test_where_nobody_is_an_administrator_any_more_the_person_becomes_one(
    app: Flask, session: Session
) -> None:
    make_person(session, None, Role.VENDOR_SALES, email="sal@fennel.example")
    result = recover(app, "--email", "sal@fennel.example")
    assert "There was no administrator" in result.output
    assert read(session, select(Membership.role)) == ["vendor_admin"]
    change(session, update(Membership).values(role="vendor_sales"))
    result = recover(app, "--email", "new@fennel.example")
    assert path_of(result).startswith("/invitation/")
    assert read(session, select(Membership.role).order_by(Membership.id)) == ["vendor_sales", "vendor_admin"]


def test_before_set_up_it_says_so(app: Flask, session: Session) -> None:
    result = recover(app, "--email", "ada@fennel.example")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: This instance is not set up yet; run `flask setup`.\n",
    )
    make_vendor(session)
    assert recover(app).output == ""
