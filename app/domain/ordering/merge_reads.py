"""What a merge would do, read before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.accounts.doubles import Double, find_doubles, own_domain
from app.domain.accounts.models import Branch, Company, Membership, User
from app.domain.accounts.queries import get_company
from app.domain.ordering.merge_rules import Obstacle, Part, joined_part, obstacle_to, own_name
from app.domain.ordering.merging import (
    count_rows,
    same_end_customers,
    same_part_numbers,
    same_people,
    same_tax_classes,
    side_of,
)


@dataclass(frozen=True, slots=True)
class JoinedPerson:
    """Somebody who belongs to both, with the role in each and the one that stays."""

    name: str
    email: str
    role: str
    doubled_role: str
    now: str


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What moves and what is made one; with an obstacle nothing can be done."""

    stays: Company
    doubled: Company
    obstacle: Obstacle | None
    #: Rows by table.
    moves: dict[str, int]
    people: Sequence[JoinedPerson]
    #: Names of end customers that both have.
    end_customers: Sequence[str]
    #: code, and whether the two name different products by it.
    part_numbers: Sequence[Any]
    #: Tax class, rate that stays, rate given up (basis points), where they differ.
    tax_rates: Sequence[tuple[str, int, int]]
    #: Listings given up, because the two see products by another rule.
    listings: int
    #: Name, name then, whether it is closed for want of an address.
    branches: Sequence[tuple[str, str, bool]]

    @property
    def differs(self) -> bool:
        """Whether anything is made one or given up."""
        return bool(
            self.people
            or self.end_customers
            or self.part_numbers
            or self.tax_rates
            or self.listings
            or self.branches
        )


def plan_merge(session: Session, *, stays_id: int, doubled_id: int) -> MergePlan:
    """What merging would do now. :raises NotFound: no such company."""
    stays, doubled = get_company(session, stays_id), get_company(session, doubled_id)
    moves = count_rows(session, doubled.id)
    by_other_rule = stays.visibility_mode != doubled.visibility_mode
    return MergePlan(
        stays=stays,
        doubled=doubled,
        obstacle=obstacle_to(side_of(stays), side_of(doubled)),
        moves={name: count for name, count in moves.items() if count},
        people=_people(session, stays.id, doubled.id),
        end_customers=[kept.name for kept, _other in same_end_customers(session, stays.id, doubled.id)],
        part_numbers=same_part_numbers(session, stays.id, doubled.id),
        tax_rates=[
            (kept.tax_class, kept.rate_bps, other.rate_bps)
            for kept, other in same_tax_classes(session, stays.id, doubled.id)
            if kept.rate_bps != other.rate_bps
        ],
        listings=moves.get("visibility_listing", 0) if by_other_rule else 0,
        branches=_branches(session, stays, doubled),
    )


def _people(session: Session, stays_id: int, doubled_id: int) -> list[JoinedPerson]:
    pairs = same_people(session, stays_id, doubled_id)
    rows = select(User).where(User.id.in_([kept.user_id for kept, _other in pairs]))
    users = {user.id: user for user in session.scalars(rows)} if pairs else {}
    return [
        JoinedPerson(
            name=users[kept.user_id].name,
            email=users[kept.user_id].email,
            role=kept.role,
            doubled_role=other.role,
            now=joined_part(Part(kept.role, kept.is_active), Part(other.role, other.is_active)).role,
        )
        for kept, other in pairs
    ]


def _branches(session: Session, stays: Company, doubled: Company) -> list[tuple[str, str, bool]]:
    taken = frozenset(
        name.casefold() for name in session.scalars(select(Branch.name).where(Branch.company_id == stays.id))
    )
    rows = session.scalars(select(Branch).where(Branch.company_id == doubled.id).order_by(Branch.id))
    found = []
    for branch in rows:
        name = own_name(branch.name, doubled.number, taken)
        closes = branch.is_active and not branch.street and not branch.city
        if closes or name != branch.name:
            found.append((branch.name, name, closes))
    return found


def likely_doubles(session: Session, company: Company) -> list[Double]:
    """Companies that may be the same one, by name, tax number and the domains of its people's addresses."""
    emails = session.scalars(
        select(User.email)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.company_id == company.id)
        .limit(50)
    )
    domains = {domain for email in emails if (domain := own_domain(email))}
    return find_doubles(session, name=company.name, tax_id=company.tax_id, domains=domains, but=company.id)


def find_by_number(session: Session, number: str) -> Company | None:
    """The company of a number; of a merged one the company that stayed."""
    found = session.scalars(select(Company).where(Company.number == number.strip())).one_or_none()
    if found is not None and found.merged_into_id is not None:
        return get_company(session, found.merged_into_id)
    return found


def merged_into(session: Session, company_id: int) -> Sequence[Any]:
    """Companies that were merged into this one: id, number and name, oldest first."""
    return session.execute(
        select(Company.id, Company.number, Company.name)
        .where(Company.merged_into_id == company_id)
        .order_by(Company.id)
    ).all()
