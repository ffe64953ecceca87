"""`flask setup`: a vendor and one administrator in an empty instance, once, or nothing at all."""

from __future__ import annotations

import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from PIL import Image
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import config
from app.core.audit import AuditEntry
from app.core.database import run
from app.core.errors import Conflict
from app.core.permissions import Actor
from app.core.sequences import NumberRange
from app.domain.accounts import actions
from app.domain.accounts.models import Membership, SingleUseLink, User, Vendor
from app.domain.accounts.rules import AddressData, PersonData
from app.domain.accounts.vendor_rules import VendorData
from app.jobs import setup_cli
from app.jobs.questions import QUESTIONS
from tests.factories.accounts import NOW, make_person, make_vendor, read

NEEDED = {
    "--vendor": "Fennel",
    "--currency": "gbp",
    "--timezone": "Europe/London",
    "--admin-name": "Ada Finch",
    "--admin-email": "Ada@fennel.example",
}
MORE = {
    "--legal-name": "Fennel Trading Ltd",
    "--street": "1 Mill Lane",
    "--postcode": "LS1 1AA",
    "--city": "Leeds",
    "--country": "gb",
    "--tax-id": "GB 123 4567 89",
    "--order-prefix": "fe",
    "--next-order": "2001",
    "--request-prefix": "RQ",
    "--accent": "#0B6E4F",
    "--alerts": "orders@fennel.example",
}


@pytest.fixture(autouse=True)
def schema_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's database has its tables; migrations are tried by the system tests."""
    monkeypatch.setattr(setup_cli.flask_migrate, "upgrade", lambda **_: None)


def set_up(app: Flask, *more: str, typed: str | None = None, **given: str | None) -> Result:
    options = {**NEEDED, **{f"--{name.replace('_', '-')}": value for name, value in given.items()}}
    words = [word for name, value in options.items() if value is not None for word in (name, value)]
    return app.test_cli_runner().invoke(args=["setup", *words, *more], input=typed)


def count(session: Session, model: Any) -> int:
    return int(read(session, select(func.count()).select_from(model))[0])


def test_an_instance_is_set_up_with_one_person_who_comes_in_by_the_link(app: Flask, session: Session) -> None:
    assert count(session, User) == 0
    result = set_up(app, *(word for pair in MORE.items() for word in pair))
    assert result.exit_code == 0, result.output
    vendor = read(session, select(Vendor))[0]
    assert (vendor.name, vendor.legal_name, vendor.currency, vendor.is_demo) == (
        "Fennel",
        "Fennel Trading Ltd",
        "GBP",
        False,
    )
    assert (vendor.street, vendor.city, vendor.country) == ("1 Mill Lane", "Leeds", "GB")
    assert (vendor.order_prefix, vendor.accent, vendor.tax_id) == ("FE", "#0b6e4f", "GB 123 4567 89")
    assert (vendor.request_prefix, vendor.company_prefix) == ("RQ", "C")
    assert read(session, select(NumberRange.next_value)) == [2001]
    assert read(session, select(User.email)) == ["ada@fennel.example"]
    assert read(session, select(Membership.role)) == ["vendor_admin"]
    assert "vendor.set_up" in read(session, select(AuditEntry.action))
    address = result.stdout.rstrip().splitlines()[-1]
    path = address[address.index("/invitation/") :]
    client = app.test_client()
    assert client.post(path, data={"password": "meadow under slow rain"}).status_code == 303
    assert client.get("/console/people").status_code == 200
    assert app.test_client().post(path, data={"password": "meadow under slow rain"}).status_code == 410


def test_a_second_set_up_says_who_is_there_and_how_to_come_in_again(app: Flask, session: Session) -> None:
    assert set_up(app).exit_code == 0
    result = set_up(app, admin_email="b@fennel.example")
    assert result.exit_code == 1
    assert "belongs to Fennel" in result.stderr
    assert "Ada Finch <ada@fennel.example>" in result.stderr
    assert "flask users recover-admin" in result.stderr
    assert count(session, User) == 1


def test_an_instance_with_demo_data_is_refused_by_its_folder(app: Flask, session: Session) -> None:
    make_vendor(session, is_demo=True)
    result = set_up(app)
    assert result.exit_code == 1
    assert f"DATA_DIR {app.config['DATA_DIR']} has the demo's data" in result.stderr
    assert count(session, User) == 0


def test_a_folder_that_cannot_be_made_is_named(app: Flask, session: Session, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    app.config["DATA_DIR"] = str(tmp_path / "file" / "data")
    result = set_up(app)
    assert result.exit_code == 1
    assert f"{tmp_path / 'file' / 'data'} cannot be used: Not a directory." in result.stderr


def test_a_new_folder_is_its_owners_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    config.load()
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_the_demos_folder_is_refused_with_another_database_too(app: Flask, session: Session) -> None:
    (Path(app.config["DATA_DIR"]) / "demo-passwords.json").write_text("[]")
    result = set_up(app)
    assert result.exit_code == 1
    assert "has the demo's data" in result.stderr
    assert count(session, Vendor) == 0


def test_the_demo_is_refused_in_an_instance_that_is_set_up(app: Flask, session: Session) -> None:
    assert set_up(app).exit_code == 0
    result = app.test_cli_runner().invoke(args=["demo", "load"])
    assert result.exit_code == 1
    assert "belongs to Fennel" in result.stderr
    assert count(session, User) == 1


@pytest.mark.parametrize("more", [(), ("--no-input",)])
def test_what_is_missing_is_named_where_nobody_can_be_asked(
    app: Flask, session: Session, more: tuple[str, ...]
) -> None:
    result = set_up(app, *more, currency=None, admin_email=None)
    assert result.exit_code == 2
    assert "give these options too: --currency, --admin-email." in result.stderr
    assert count(session, Vendor) == 0


def test_at_a_terminal_the_rest_is_asked_and_asked_again_when_it_cannot_be(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup_cli, "has_terminal", lambda: True)
    typed = "\n".join(
        [
            *("", "", "", "", "", "", ""),  # legal name, address, tax number
            *("pounds", "gbp"),
            *("", "", "", "", "", ""),  # language, prefixes, next number, logo
            *("yellow", "#4a48c4"),
            "",
        ]
    )
    result = set_up(app, currency=None, typed=typed + "\n")
    assert result.exit_code == 0, result.output
    assert "Enter a currency's three letters" in result.stderr
    vendor = read(session, select(Vendor))[0]
    assert (vendor.currency, vendor.accent, vendor.legal_name) == ("GBP", "#4a48c4", "Fennel")
    assert (vendor.country, vendor.order_prefix, vendor.alert_email) == ("", "SO", None)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("currency", "pounds", "Enter a currency's three letters"),
        ("timezone", "Mars/Olympus", "Enter a time zone's name"),
        ("timezone", "../../etc/passwd", "Enter a time zone's name"),
        ("language", "tlh", "Choose one of these languages: en."),
        ("admin_email", "ada", "Enter one e-mail address"),
        ("vendor", " ", "Fill this in."),
        ("street", "1 Mill Lane", "--country: Enter a country's two letters"),
        ("country", "GB", "--street: Fill this in."),
        ("country", "XX", "Enter a country's two letters"),
        ("order_prefix", "-SO", "1 to 10 letters, digits and hyphens"),
        ("order_prefix", "ELEVENCHARS", "1 to 10 letters, digits and hyphens"),
        ("next_order", "0", "from 1 to 99999999"),
        ("next_order", "9" * 5000, "from 1 to 99999999"),
        ("accent", "#ffee00", "too pale to be read: its contrast with white is 1.2"),
        ("accent", "blue", "six hex digits"),
        ("logo", "/nowhere/logo.png", "/nowhere/logo.png cannot be read"),
        ("logo", "README.md", "README.md is not taken here"),
    ],
)
def test_a_value_that_cannot_be_is_named_and_nothing_is_kept(
    app: Flask, session: Session, option: str, value: str, said: str
) -> None:
    result = set_up(app, **{option: value})
    assert result.exit_code == 2
    assert said in result.stderr
    assert [count(session, model) for model in (Vendor, User, SingleUseLink)] == [0, 0, 0]


def logos(app: Flask) -> list[Path]:
    return [path for path in (Path(app.config["DATA_DIR"]) / "uploads").rglob("*") if path.is_file()]


def test_after_a_failure_the_set_up_is_simply_repeated(
    app: Flask, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logo = tmp_path / "logo.png"
    Image.new("RGB", (40, 20), "#0b6e4f").save(logo)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", "sellthru.db")

    with monkeypatch.context() as patched:
        fail.required_permission = actions.set_up_vendor.required_permission  # type: ignore[attr-defined]
        patched.setattr(setup_cli.actions, "set_up_vendor", fail)
        result = set_up(app, logo=str(logo))
    assert result.exit_code == 1
    assert "sellthru.db cannot be used: No space left on device." in result.stderr
    assert [count(session, model) for model in (Vendor, User)] == [0, 0]
    assert logos(app) == []
    assert set_up(app, logo=str(logo)).exit_code == 0
    key = read(session, select(Vendor.logo_key))[0]
    assert [path.name for path in logos(app)] == [key]


def test_of_two_set_ups_at_once_one_wins(app: Flask, session: Session) -> None:
    answers = setup_cli.answer_all(
        {one.name: NEEDED.get(one.option, "") if one.default is None else None for one in QUESTIONS},
        may_ask=False,
    )
    vendor = setup_cli.read_vendor(answers)
    barrier, outcomes = threading.Barrier(4), []

    def task(number: int) -> None:
        admin = PersonData("Ada", f"ada{number}@fennel.example")
        with app.app_context():
            barrier.wait()
            try:
                setup_cli.set_up(vendor, admin, logo=None, secret="x")
                outcomes.append("set up")
            except Exception as error:
                outcomes.append(str(error))

    threads = [threading.Thread(target=task, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("set up") == 1, outcomes
    assert sum("set up already" in outcome for outcome in outcomes) == 3, outcomes
    assert [count(session, model) for model in (Vendor, User, Membership)] == [1, 1, 1]


def test_an_instance_with_people_is_not_set_up_under_them(session: Session) -> None:
    make_person(session, None)
    with pytest.raises(Conflict, match="already"):
        run(
            session,
            actions.set_up_vendor,
            Actor.system("test"),
            vendor=VendorData(name="F", currency="USD", timezone="UTC", address=AddressData()),
            admin=PersonData("Ada", "ada@fennel.example"),
            now=NOW,
        )
