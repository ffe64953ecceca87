"""`flask demo load`: a made-up vendor with resellers, people, products and orders to try the portal with."""

from __future__ import annotations

import json
import os
import secrets
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import select
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from app.core import clock
from app.core.database import run
from app.core.permissions import Actor, Permission, Role, requires
from app.core.web.extensions import db
from app.domain.accounts import actions
from app.domain.accounts.models import Company, EndCustomer, Membership, User, Vendor
from app.domain.accounts.passwords import hashing
from app.domain.accounts.queries import find_vendor
from app.domain.accounts.rules import AddressData, BranchData, role_name
from app.domain.catalogue.companies import TaxData, open_company
from app.jobs.demo_people import COMPANIES, PEOPLE, VENDOR, DemoCompany, DemoPerson
from app.jobs.instance import keep_secret

demo = AppGroup("demo", help="Made-up data to try the portal with.")

PASSWORD_FILE = "demo-passwords.json"  # noqa: S105 - a file's name
#: In the order they build on each other; each has a `load(session, now)`.
ROOMS = (
    "app.jobs.demo_catalogue",
    "app.jobs.demo_orders",
    "app.jobs.demo_shipments",
    "app.jobs.demo_assets",
    "app.jobs.demo_requests",
)
#: Sayable and easy to type: eight pairs of letters, 53 bits.
_CONSONANTS, _VOWELS = "bcdfghjklmnprstvwxyz", "aeiou"


def register(app: Flask) -> None:
    """Add the command."""
    app.cli.add_command(demo)


def make_password() -> str:
    """A random password such as `kavo-metu-rila-zobe`."""
    pairs = [secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(8)]
    return "-".join(pairs[index] + pairs[index + 1] for index in range(0, 8, 2))


def read_passwords(path: Path) -> dict[str, str]:
    """Passwords by e-mail that an earlier run made; none where there is no file."""
    if not path.is_file():
        return {}
    return {row["email"]: row["password"] for row in json.loads(path.read_text(encoding="utf-8"))}


def write_passwords(path: Path, passwords: dict[str, str]) -> None:
    """Keep the passwords where only this user reads them; the file is whole or the old one."""
    rows = [
        {
            "role": person.key,
            "name": person.name,
            "email": person.email,
            "password": passwords[person.email],
        }
        for person in PEOPLE
    ]
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(rows, file, indent=2)
        file.write("\n")
    draft.replace(path)


@requires(Permission.STAFF_MANAGE)
def make_vendor(session: Session, actor: Actor, *, now: datetime) -> None:
    """The demo's vendor, where there is none yet."""
    if find_vendor(session) is None:
        session.add(Vendor(id=1, is_demo=True, **VENDOR))


@requires(Permission.COMPANY_MANAGE)
def make_company(session: Session, actor: Actor, *, company: DemoCompany, now: datetime) -> None:
    """A reseller with branches, tax rate and end customers, where it is not there yet."""
    if session.execute(select(Company.id).where(Company.number == company.number)).first():
        return
    first, *others = [
        BranchData(name=branch.name, address=AddressData(**branch.address), terms_days=branch.terms_days)
        for branch in company.branches
    ]
    row = open_company(
        session,
        actor,
        name=company.name,
        number=company.number,
        currency=VENDOR["currency"],
        tier=company.tier,
        branch=first,
        tax=TaxData(code=company.tax_code, rate_bps=company.tax_bps),
        now=now,
    )
    for branch in others:
        actions.create_branch(session, actor, company_id=row.id, branch=branch, now=now)
    for name, address in company.end_customers.items():
        actions.create_end_customer(
            session, actor, company_id=row.id, name=name, address=AddressData(**address), now=now
        )


@requires(Permission.STAFF_MANAGE)
def make_person(
    session: Session, actor: Actor, *, person: DemoPerson, password_hash: str | None, now: datetime
) -> None:
    """A person with memberships; with `password_hash` a known person gets that password."""
    user = session.execute(select(User).where(User.email == person.email)).scalar_one_or_none()
    if user is not None:
        user.password_hash = password_hash or user.password_hash
        return
    user = User(email=person.email, name=person.name, password_hash=password_hash, created_at=now)
    session.add(user)
    session.flush()
    for number, role in person.memberships:
        company_id = None
        if number is not None:
            company_id = session.execute(select(Company.id).where(Company.number == number)).scalar_one()
        desk_of = None
        if role is Role.END_CUSTOMER_DESK:
            desk_of = (
                session.execute(
                    select(EndCustomer.id)
                    .where(EndCustomer.company_id == company_id)
                    .order_by(EndCustomer.id)
                )
                .scalars()
                .first()
            )
        session.add(
            Membership(
                user_id=user.id,
                company_id=company_id,
                role=role.value,
                end_customer_id=desk_of,
                created_at=now,
            )
        )


def _known_emails(session: Session) -> set[str]:
    emails = set(session.scalars(select(User.email)))
    session.rollback()
    return emails


def load_accounts(session: Session, data_dir: Path, *, now: datetime) -> dict[str, str]:
    """Vendor, companies and people; passwords by e-mail. What is there already stays."""
    actor = Actor.system("demo")
    run(session, make_vendor, actor, now=now)
    for company in COMPANIES:
        run(session, make_company, actor, company=company, now=now)
    path = data_dir / PASSWORD_FILE
    known, passwords = _known_emails(session), read_passwords(path)
    fresh = {person.email: make_password() for person in PEOPLE if person.email not in passwords}
    passwords = {**passwords, **fresh}
    if fresh:
        write_passwords(path, passwords)
    for person in PEOPLE:
        if person.email in fresh or person.email not in known:
            password_hash = hashing.hash(passwords[person.email])
            run(session, make_person, actor, person=person, password_hash=password_hash, now=now)
    return passwords


def load_rooms(session: Session, now: datetime) -> None:
    """The demo's products and orders, by the modules that make them."""
    for name in ROOMS:
        if find_spec(name) is not None:
            import_module(name).load(session, now)


def sign_in_lines(passwords: dict[str, str]) -> list[str]:
    """One line per role: role, address, password."""
    rows = [
        (role_name(person.role), person.email, passwords[person.email]) for person in PEOPLE if person.shown
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return [f"  {row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}" for row in rows]


@demo.command("load")
@with_appcontext
def load() -> None:
    """Load the demo's data; what is there already stays. Refused on an instance with real data."""
    session: Any = db.session()
    try:
        vendor = find_vendor(session)
    except (OperationalError, ProgrammingError) as error:
        raise click.ClickException(
            "The database has no tables yet, or cannot be reached. Run `flask db upgrade` first."
        ) from error
    session.expunge_all()
    session.rollback()
    if vendor is not None and not vendor.is_demo:
        raise click.ClickException(
            f"This instance belongs to {vendor.name}; demo data is not mixed with real data. "
            "Use another DATA_DIR or DATABASE_URL."
        )
    keep_secret()
    now = clock.now()
    passwords = load_accounts(session, Path(current_app.config["DATA_DIR"]), now=now)
    load_rooms(session, now)
    click.echo("Sign in as")
    for line in sign_in_lines(passwords):
        click.echo(line)
