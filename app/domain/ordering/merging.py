"""A doubled company becomes one with the company that stays, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, delete, select, text, update
from sqlalchemy.orm import Session, aliased

from app.core import audit
from app.core.database import Base
from app.core.errors import Conflict
from app.core.outbox import enqueue
from app.core.permissions import Actor, Permission, Role, requires
from app.core.tenancy import tenant_tables
from app.core.texts import N_, _
from app.domain.accounts.closing import end_sessions_for, lock_company
from app.domain.accounts.models import Branch, Company, EndCustomer, Membership
from app.domain.catalogue.models import CustomerPartNumber, TaxRate, VisibilityListing
from app.domain.ordering.changes import note_changed
from app.domain.ordering.merge_rules import (
    REFERENCES,
    Fate,
    Obstacle,
    Part,
    Side,
    fate_of,
    joined_part,
    obstacle_to,
    own_name,
)
from app.domain.ordering.models import Cart, Order

#: Kind of the job that looks once more for rows written into the double while it was merged.
SWEEP = "companies.sweep"
SWEEP_AFTER = timedelta(minutes=2)

OBSTACLES = {
    Obstacle.SAME: N_("These are the same company. Choose another one."),
    Obstacle.CURRENCY: N_("The two trade in different currencies, so their orders and prices cannot be one."),
    Obstacle.MERGED: N_("One of the two was merged already. Open the company that stayed."),
    Obstacle.CLOSED: N_("The company that is to stay is closed. Open it again first."),
}


def side_of(company: Company) -> Side:
    """The company as the rule looks at it."""
    return Side(company.id, company.currency, company.is_active, company.merged_into_id is not None)


@requires(Permission.COMPANY_MANAGE)
def merge_companies(
    session: Session, actor: Actor, *, stays_id: int, doubled_id: int, now: datetime
) -> Company:
    """Give everything of the doubled company to the one that stays; the double is closed and leads there.

    Doing it twice is the same as once. History (the audit trail) stays as it was written.

    :raises Conflict: see `OBSTACLES`.
    """
    # Carts first, as placing locks them: an order under way is finished before, a later one finds no cart.
    session.execute(
        select(Cart.id).where(Cart.company_id == doubled_id).order_by(Cart.id).with_for_update()
    ).all()
    locked = {key: lock_company(session, key) for key in sorted({stays_id, doubled_id})}
    stays, doubled = locked[stays_id], locked[doubled_id]
    if doubled.merged_into_id == stays.id:
        return stays
    obstacle = obstacle_to(side_of(stays), side_of(doubled))
    if obstacle is not None:
        raise Conflict(_(OBSTACLES[obstacle]))
    end_sessions_for(session, doubled.id, now=now)
    absorbed = absorb(session, stays, doubled)
    doubled.is_active, doubled.merged_into_id = False, stays.id
    doubled.version += 1
    _record(session, actor, stays, doubled, absorbed, now)
    session.flush()
    enqueue(session, SWEEP, {"company_id": doubled.id}, now=now, run_at=now + SWEEP_AFTER)
    return stays


@dataclass(slots=True)
class Absorbed:
    """What was made one and what was given up, as the audit trail keeps it, and rows moved by table."""

    moved: dict[str, int] = field(default_factory=dict)
    people: list[dict[str, Any]] = field(default_factory=list)
    end_customers: list[dict[str, Any]] = field(default_factory=list)
    part_numbers: list[str] = field(default_factory=list)
    listings: int = 0
    tax_rates: list[str] = field(default_factory=list)
    branches: list[dict[str, Any]] = field(default_factory=list)


def absorb(session: Session, stays: Company, doubled: Company) -> Absorbed:
    """Join what both have, then move the rest, in the present transaction; both companies are locked."""
    absorbed = Absorbed()
    session.flush()
    if session.get_bind().dialect.name == "sqlite":
        # A line names its order together with the company: neither can be changed before the other.
        session.execute(text("PRAGMA defer_foreign_keys = ON"))
    _join_people(session, stays.id, doubled.id, absorbed)
    _join_end_customers(session, stays.id, doubled.id, absorbed)
    _join_part_numbers(session, stays.id, doubled.id, absorbed)
    _join_listings(session, stays, doubled, absorbed)
    _join_tax_rates(session, stays.id, doubled.id, absorbed)
    _settle_branches(session, stays, doubled, absorbed)
    session.flush()
    note_changed(session, session.scalars(select(Order.id).where(Order.company_id == doubled.id)).all())
    absorbed.moved = {name: n for name, n in count_rows(session, doubled.id).items() if n}
    _move(session, stays.id, doubled.id)
    session.expire_all()
    return absorbed


def moved_tables() -> list[Table]:
    """Company-owned tables whose rows follow to the company that stays, by name."""
    return sorted(
        (table for table in tenant_tables() if fate_of(table.name) is not Fate.STAYS),
        key=lambda table: table.name,
    )


def count_rows(session: Session, company_id: int) -> dict[str, int]:
    """How many rows of each table the company owns, in one statement."""
    asked = " UNION ALL ".join(
        f"SELECT '{table.name}', count(*) FROM {table.name} WHERE company_id = :company"  # noqa: S608 - names of our own tables
        for table in moved_tables()
    )
    return {name: int(count) for name, count in session.execute(text(asked), {"company": company_id})}


def _move(session: Session, stays_id: int, doubled_id: int) -> None:
    """One statement for all tables on PostgreSQL, which checks what points where at its end."""
    updates = [
        f"UPDATE {table.name} SET company_id = :stays WHERE company_id = :doubled"  # noqa: S608 - names of our own tables
        for table in moved_tables()
    ]
    for name, fate in REFERENCES.items():
        table, _dot, column = name.partition(".")
        if table not in Base.metadata.tables:
            continue
        value = ":stays" if fate is Fate.MOVES else "NULL"
        updates.append(f"UPDATE {table} SET {column} = {value} WHERE {column} = :doubled")  # noqa: S608 - as above
    values = {"stays": stays_id, "doubled": doubled_id}
    if session.get_bind().dialect.name == "sqlite":
        for one in updates:
            used = {name: value for name, value in values.items() if f":{name}" in one}
            session.execute(text(one), used)
        return
    parts = ", ".join(f"moved_{place} AS ({one})" for place, one in enumerate(updates))
    session.execute(text(f"WITH {parts} SELECT 1"), values)


def referring_columns(table_name: str) -> list[Any]:
    """Columns that name a row of the table by its id alone."""
    return [
        constraint.columns[0]
        for table in Base.metadata.sorted_tables
        for constraint in table.foreign_key_constraints
        if constraint.referred_table.name == table_name
        and [element.column.name for element in constraint.elements] == ["id"]
    ]


def _point_elsewhere(session: Session, table_name: str, from_id: int, to_id: int) -> None:
    for column in referring_columns(table_name):
        statement = f"UPDATE {column.table.name} SET {column.name} = :there WHERE {column.name} = :here"  # noqa: S608 - names of our own tables
        session.execute(text(statement), {"there": to_id, "here": from_id})


def same_people(session: Session, stays_id: int, doubled_id: int) -> Sequence[tuple[Membership, Membership]]:
    """Memberships of those who belong to both: the one that stays and the other."""
    other = aliased(Membership)
    rows = session.execute(
        select(Membership, other)
        .join(other, other.user_id == Membership.user_id)
        .where(Membership.company_id == stays_id, other.company_id == doubled_id)
        .order_by(Membership.id)
    )
    return [(row[0], row[1]) for row in rows]


def _join_people(session: Session, stays_id: int, doubled_id: int, absorbed: Absorbed) -> None:
    for kept, other in same_people(session, stays_id, doubled_id):
        before = Part(kept.role, kept.is_active)
        joined = joined_part(before, Part(other.role, other.is_active))
        desk = Role.END_CUSTOMER_DESK.value
        if joined.role == desk:
            kept.end_customer_id = kept.end_customer_id or other.end_customer_id
        else:
            kept.end_customer_id = None
        kept.role, kept.is_active = joined.role, joined.is_active
        session.flush()
        absorbed.people.append(
            {"user_id": kept.user_id, "role": before.role, "doubled_role": other.role, "now": joined.role}
        )
        _point_elsewhere(session, "membership", other.id, kept.id)
        session.execute(delete(Membership).where(Membership.id == other.id))


def same_end_customers(
    session: Session, stays_id: int, doubled_id: int
) -> Sequence[tuple[EndCustomer, EndCustomer]]:
    """End customers of one name: the one that stays and the other."""
    other = aliased(EndCustomer)
    rows = session.execute(
        select(EndCustomer, other)
        .join(other, other.name == EndCustomer.name)
        .where(EndCustomer.company_id == stays_id, other.company_id == doubled_id)
        .order_by(EndCustomer.id)
    )
    return [(row[0], row[1]) for row in rows]


def _join_end_customers(session: Session, stays_id: int, doubled_id: int, absorbed: Absorbed) -> None:
    parts = ("street", "postcode", "city", "region", "country")
    for kept, other in same_end_customers(session, stays_id, doubled_id):
        kept.is_active = kept.is_active or other.is_active
        session.flush()
        given_up = {part: getattr(other, part) for part in parts}
        absorbed.end_customers.append({"id": kept.id, "name": kept.name, "doubled_address": given_up})
        _point_elsewhere(session, "end_customer", other.id, kept.id)
        session.execute(delete(EndCustomer).where(EndCustomer.id == other.id))


def same_part_numbers(session: Session, stays_id: int, doubled_id: int) -> Sequence[Any]:
    """Own part numbers that both use: id of the double's, code, and whether they name different products."""
    other = aliased(CustomerPartNumber)
    return session.execute(
        select(other.id, other.code, (other.product_id != CustomerPartNumber.product_id).label("differs"))
        .join(CustomerPartNumber, CustomerPartNumber.code_key == other.code_key)
        .where(CustomerPartNumber.company_id == stays_id, other.company_id == doubled_id)
        .order_by(other.code_key)
    ).all()


def _join_part_numbers(session: Session, stays_id: int, doubled_id: int, absorbed: Absorbed) -> None:
    rows = same_part_numbers(session, stays_id, doubled_id)
    absorbed.part_numbers = [row.code for row in rows]
    if rows:
        session.execute(delete(CustomerPartNumber).where(CustomerPartNumber.id.in_([row.id for row in rows])))


def _join_listings(session: Session, stays: Company, doubled: Company, absorbed: Absorbed) -> None:
    if stays.visibility_mode == doubled.visibility_mode:
        return
    # Under another mode a listing would say the opposite of what it was made for.
    gone: Any = session.execute(delete(VisibilityListing).where(VisibilityListing.company_id == doubled.id))
    absorbed.listings = int(gone.rowcount)


def same_tax_classes(session: Session, stays_id: int, doubled_id: int) -> Sequence[tuple[TaxRate, TaxRate]]:
    """Rates of one tax class: the one that stays and the other."""
    other = aliased(TaxRate)
    rows = session.execute(
        select(TaxRate, other)
        .join(other, other.tax_class == TaxRate.tax_class)
        .where(TaxRate.company_id == stays_id, other.company_id == doubled_id)
        .order_by(TaxRate.id)
    )
    return [(row[0], row[1]) for row in rows]


def _join_tax_rates(session: Session, stays_id: int, doubled_id: int, absorbed: Absorbed) -> None:
    for _kept, other in same_tax_classes(session, stays_id, doubled_id):
        absorbed.tax_rates.append(f"{other.tax_class} {other.code} {other.rate_bps}")
        session.execute(delete(TaxRate).where(TaxRate.id == other.id))


def _settle_branches(session: Session, stays: Company, doubled: Company, absorbed: Absorbed) -> None:
    """Give moved branches names of their own, and close those without an address."""
    names = select(Branch.name).where(Branch.company_id == stays.id)
    taken = frozenset(name.casefold() for name in session.scalars(names))
    for branch in session.scalars(
        select(Branch).where(Branch.company_id == doubled.id).order_by(Branch.id)
    ).all():
        values: dict[str, Any] = {"name": own_name(branch.name, doubled.number, taken)}
        if not branch.street and not branch.city:
            values["is_active"] = False
        changed = {name: value for name, value in values.items() if getattr(branch, name) != value}
        if changed:
            absorbed.branches.append({"id": branch.id, "name": branch.name, "now": changed})
            session.execute(update(Branch).where(Branch.id == branch.id).values(**changed))


def _record(
    session: Session, actor: Actor, stays: Company, doubled: Company, absorbed: Absorbed, now: datetime
) -> None:
    joined = {
        "people": absorbed.people,
        "end_customers": absorbed.end_customers,
        "part_numbers": absorbed.part_numbers,
        "listings_given_up": absorbed.listings,
        "tax_rates_given_up": absorbed.tax_rates,
        "branches": absorbed.branches,
    }
    for company, action, after in (
        (doubled, "company.merged", {"into": stays.number, "into_id": stays.id}),
        (stays, "company.absorbed", {"from": doubled.number, "from_id": doubled.id, "moved": absorbed.moved}),
    ):
        audit.record(
            session,
            actor,
            action,
            subject_type="company",
            subject_id=company.id,
            company_id=company.id,
            now=now,
            after={**after, **(joined if company is stays else {})},
        )


@requires(Permission.COMPANY_MANAGE)
def sweep_merged(session: Session, actor: Actor, *, company_id: int, now: datetime) -> int:
    """Move what was written into a merged company by whoever was at work in it; returns how many rows."""
    merged_into = session.scalar(select(Company.merged_into_id).where(Company.id == company_id))
    if merged_into is None or not any(count_rows(session, company_id).values()):
        return 0
    locked = {key: lock_company(session, key) for key in sorted({merged_into, company_id})}
    stays, doubled = locked[merged_into], locked[company_id]
    end_sessions_for(session, doubled.id, now=now)
    absorbed = absorb(session, stays, doubled)
    _record(session, actor, stays, doubled, absorbed, now)
    return sum(absorbed.moved.values())
