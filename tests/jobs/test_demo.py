"""The demo's people, from the command line."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.permissions import Role
from app.domain.accounts import passwords
from app.domain.accounts.models import Company, EndCustomer, Membership, User, Vendor
from app.jobs import demo
from tests.factories.accounts import make_vendor, read, sign_in


@pytest.fixture(autouse=True)
def accounts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products and orders of the demo have tests of their own."""
    monkeypatch.setattr(demo, "ROOMS", ())


def load(app: Flask) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["demo", "load"])
    return result.exit_code, result.output


def file_of(app: Flask) -> Path:
    return Path(app.config["DATA_DIR"]) / "demo-passwords.json"


def test_a_fresh_instance_has_nobody_and_no_vendor(app: Flask, session: Session) -> None:
    assert read(session, select(func.count(User.id))) == [0]
    assert read(session, select(func.count(Vendor.id))) == [0]
    assert app.test_client().get("/sign-in").status_code == 200


def test_every_role_gets_a_sign_in_with_a_password_of_its_own(app: Flask, session: Session) -> None:
    status, output = load(app)
    assert status == 0, output
    rows = json.loads(file_of(app).read_text())
    by_role = {row["role"]: row for row in rows}
    assert {role.value for role in Role} <= set(by_role)
    assert len({row["password"] for row in rows}) == len(rows)
    assert stat.S_IMODE(file_of(app).stat().st_mode) == 0o600
    for role in Role:
        row = by_role[role.value]
        assert row["email"] in output
        assert row["password"] in output
        assert sign_in(app.test_client(), row["email"], row["password"]).status_code == 303
    vendor = read(session, select(Vendor))[0]
    assert (vendor.name, vendor.currency, vendor.is_demo) == ("Larkspur", "USD", True)
    assert read(session, select(Company.name).order_by(Company.id)) == [
        "Kettle & Byte",
        "Quillfeather Systems",
        "Marrow Lane IT",
    ]


def test_loading_again_changes_nothing(app: Flask, session: Session) -> None:
    first = load(app)
    counted = [read(session, select(func.count(model.id))) for model in (User, Membership, EndCustomer)]
    hashes = read(session, select(User.password_hash).order_by(User.id))
    assert load(app) == first
    assert counted == [
        read(session, select(func.count(model.id))) for model in (User, Membership, EndCustomer)
    ]
    assert read(session, select(User.password_hash).order_by(User.id)) == hashes


def test_a_lost_password_file_gives_new_passwords(app: Flask, session: Session) -> None:
    _status, first = load(app)
    file_of(app).unlink()
    status, second = load(app)
    assert status == 0
    assert second != first
    row = json.loads(file_of(app).read_text())[0]
    assert sign_in(app.test_client(), row["email"], row["password"]).status_code == 303


def test_real_data_is_not_mixed_with_the_demo(app: Flask, session: Session) -> None:
    make_vendor(session, name="Real Vendor")
    status, output = load(app)
    assert status == 1
    assert "belongs to Real Vendor" in output
    assert read(session, select(func.count(Company.id))) == [0]
    assert not file_of(app).exists()


def test_passwords_are_random_and_keep_the_rules() -> None:
    made = {demo.make_password() for _ in range(200)}
    assert len(made) == 200
    for password in made:
        passwords.check_rules(password)
