"""Vendor, companies, people and signed-in actors for tests.

What a factory returns is detached and fully loaded, so that it stays readable whatever the session does.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

from argon2 import PasswordHasher
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.core.database import writing
from app.core.permissions import ROLE_PERMISSIONS, Actor, Role
from app.core.tenancy import all_companies
from app.domain.accounts import passwords
from app.domain.accounts.models import Branch, Company, EndCustomer, Membership, User, Vendor

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PASSWORD = "gravel otter lantern"
#: A thousandth of the real cost; the parameters of the real one have a test of their own.
CHEAP = passwords.Hashing(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
passwords.hashing = CHEAP
PASSWORD_HASH = CHEAP.hash(PASSWORD)

_numbers = itertools.count(1001)


def make_vendor(session: Session, **values: Any) -> Vendor:
    """The vendor Larkspur (USD, UTC), or the one that is there."""
    with writing(session), all_companies(session, reason="test data"):
        vendor = session.get(Vendor, 1)
        if vendor is None:
            vendor = Vendor(
                **{
                    "id": 1,
                    "name": "Larkspur",
                    "currency": "USD",
                    "timezone": "UTC",
                    "alert_email": "orders@larkspur.example",
                    **values,
                }
            )
            session.add(vendor)
        session.commit()
        session.expunge_all()
        return vendor


def make_company(
    session: Session,
    name: str = "Kettle & Byte",
    *,
    currency: str = "USD",
    tier: str | None = None,
    branches: tuple[str, ...] = ("Main branch",),
    **values: Any,
) -> Company:
    """A reseller company with its branches, `company.branches[0]` the first."""
    make_vendor(session)
    with writing(session), all_companies(session, reason="test data"):
        company = Company(
            **{
                "name": name,
                "name_key": name.lower(),
                "number": str(next(_numbers)),
                "currency": currency,
                "tier": tier,
                "created_at": NOW,
                **values,
            }
        )
        session.add(company)
        company.branches = [
            Branch(name=branch, street="1 Mill Lane", postcode="04101", city="Portland", region="ME")
            for branch in branches
        ]
        session.commit()
        company_branches = list(company.branches)
        assert len(company_branches) == len(branches)
        session.expunge_all()
        return company


def make_end_customer(
    session: Session, company: Company, name: str = "Upper Thimble Town Hall"
) -> EndCustomer:
    """An end customer of the reseller."""
    with writing(session), all_companies(session, reason="test data"):
        customer = EndCustomer(company_id=company.id, name=name, street="2 Hill", city="Thimble")
        session.add(customer)
        session.commit()
        session.expunge_all()
        return customer


def make_user(
    session: Session,
    email: str = "mara@kettle.example",
    *,
    name: str = "Mara Vint",
    password: str | None = PASSWORD,
    is_disabled: bool = False,
) -> User:
    """A person who knows PASSWORD, or with None has not accepted the invitation yet."""
    with writing(session), all_companies(session, reason="test data"):
        if password is None:
            password_hash = None
        else:
            password_hash = PASSWORD_HASH if password == PASSWORD else CHEAP.hash(password)
        user = User(
            email=email, name=name, password_hash=password_hash, is_disabled=is_disabled, created_at=NOW
        )
        session.add(user)
        session.commit()
        session.expunge_all()
        return user


def make_member(
    session: Session,
    user: User,
    company: Company | None,
    role: Role = Role.BUYER,
    *,
    is_active: bool = True,
) -> Membership:
    """The person's role in the company; with None in the vendor."""
    make_vendor(session)
    with writing(session), all_companies(session, reason="test data"):
        membership = Membership(
            user_id=user.id,
            company_id=company.id if company else None,
            role=role.value,
            is_active=is_active,
            created_at=NOW,
        )
        session.add(membership)
        session.commit()
        session.expunge_all()
        return membership


def make_person(
    session: Session,
    company: Company | None,
    role: Role = Role.BUYER,
    *,
    email: str | None = None,
    name: str = "Mara Vint",
    password: str | None = PASSWORD,
) -> User:
    """A new person with one membership."""
    user = make_user(
        session, email or f"{role.value}{next(_numbers)}@people.example", name=name, password=password
    )
    make_member(session, user, company, role)
    return user


def actor_for(session: Session, user: User, company: Company | None) -> Actor:
    """The actor that signing in for the company (None: the vendor) gives."""
    company_id = company.id if company else None
    with all_companies(session, reason="test data"):
        condition = (
            Membership.company_id.is_(None) if company_id is None else Membership.company_id == company_id
        )
        row = session.execute(
            select(Membership.id, Membership.role).where(Membership.user_id == user.id, condition)
        ).one()
    role = Role(row.role)
    return Actor(
        name=user.name,
        permissions=ROLE_PERMISSIONS[role],
        user_id=user.id,
        membership_id=row.id,
        role=role,
        company_id=company_id,
    )


def sign_in(client: FlaskClient, email: str, password: str = PASSWORD) -> TestResponse:
    """Sign in through the form; the test client keeps the cookie."""
    return client.post("/sign-in", data={"email": email, "password": password})


def read(session: Session, statement: Any) -> list[Any]:
    """What is stored now, read over all companies; rows read before stay as they were."""
    session.expunge_all()
    session.rollback()
    with all_companies(session, reason="test"):
        return list(session.scalars(statement))
