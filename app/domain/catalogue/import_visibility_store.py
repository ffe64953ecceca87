"""What an import of visibility reads and writes, for a batch at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Table, bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.imports import undoing
from app.core.imports.kinds import Change
from app.core.permissions import Actor
from app.domain.accounts.models import Company
from app.domain.catalogue.models import VisibilityListing

_COMPANIES: Table = Company.__table__  # type: ignore[assignment]  # mapped to exactly one table
_LISTINGS: Table = VisibilityListing.__table__  # type: ignore[assignment]  # mapped to exactly one table
_DAYS = ("starts_on", "ends_on")


@dataclass(frozen=True, slots=True)
class Subject:
    """A product or a category, and what people call it."""

    name: str
    product_id: int | None = None
    category_id: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """Listings by (company, product, category), and how many each company has."""

    listings: Mapping[tuple[int, int | None, int | None], Sequence[Any]]
    counts: Mapping[int, int]


def load(
    session: Session, company_ids: Sequence[int], product_ids: Sequence[int], category_ids: Sequence[int]
) -> Stored:
    """What is listed for the companies: those products and categories, and the number of all."""
    if not company_ids:
        return Stored({}, {})
    listings: dict[tuple[int, int | None, int | None], list[Any]] = {}
    owned = VisibilityListing.company_id.in_(company_ids)
    named = or_(
        VisibilityListing.product_id.in_(product_ids), VisibilityListing.category_id.in_(category_ids)
    )
    for row in session.execute(select(*_LISTINGS.c).where(owned, named).order_by(VisibilityListing.id)):
        listings.setdefault((row.company_id, row.product_id, row.category_id), []).append(row)
    counts = session.execute(
        select(VisibilityListing.company_id, func.count()).where(owned).group_by(VisibilityListing.company_id)
    )
    return Stored(listings, {row[0]: row[1] for row in counts})


@dataclass(slots=True)
class Work:
    """Modes and listings that a batch writes, each with the change that reports it."""

    modes: list[Change] = field(default_factory=list)
    new: list[tuple[dict[str, Any], Change]] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    company_ids: set[int] = field(default_factory=set)

    def changes(self) -> list[Change]:
        """All changes in the order in which they are written."""
        return [*self.modes, *(change for _values, change in self.new), *self.changed]

    def set_mode(self, company: Any, mode: str) -> None:
        """The company sees the catalogue in another way."""
        before = {"visibility_mode": company.visibility_mode}
        after = {"visibility_mode": mode}
        self.modes.append(Change(company.number, _COMPANIES.name, before, after, company.id))
        self.company_ids.add(company.id)

    def add(self, company: Any, subject: Subject, listing: Mapping[str, Any]) -> None:
        """A product or category is listed."""
        values = {"starts_on": None, "ends_on": None, "reason": "", **listing}
        values |= {"product_id": subject.product_id, "category_id": subject.category_id}
        change = Change(_title(company, subject), _LISTINGS.name, None, undoing.plain_values(listing))
        self.new.append(({**values, "company_id": company.id}, change))
        self.company_ids.add(company.id)

    def change(self, company: Any, subject: Subject, known: Any, listing: Mapping[str, Any]) -> None:
        """A listing gets other days or another reason."""
        after = {name: value for name, value in listing.items() if getattr(known, name) != value}
        before = {name: getattr(known, name) for name in after}
        self.changed.append(
            Change(
                _title(company, subject),
                _LISTINGS.name,
                undoing.plain_values(before),
                undoing.plain_values(after),
                known.id,
            )
        )
        self.company_ids.add(company.id)


def _title(company: Any, subject: Subject) -> str:
    return f"{company.number}: {subject.name}"


def store(session: Session, actor: Actor, work: Work, *, run_id: int, now: datetime) -> None:
    """Write a batch; whoever has the page of one of the companies open is told when saving it."""
    if work.company_ids:
        session.connection().execute(
            update(_COMPANIES)
            .where(_COMPANIES.c.id.in_(work.company_ids))
            .values(version=_COMPANIES.c.version + 1)
        )
    _update(session, _COMPANIES, work.modes, "visibility_mode")
    if work.new:
        made = session.connection().execute(
            insert(_LISTINGS).returning(_LISTINGS.c.id, sort_by_parameter_order=True),
            [values for values, _change in work.new],
        )
        for row, (_values, change) in zip(made, work.new, strict=True):
            change.row_id = row.id
    for name in (*_DAYS, "reason"):
        _update(session, _LISTINGS, work.changed, name)
    changes = work.changes()
    if changes:
        audit.record(
            session,
            actor,
            "visibility.imported",
            subject_type="import_run",
            subject_id=run_id,
            now=now,
            before={one.subject: dict(one.before) for one in changes if one.before is not None} or None,
            after={one.subject: dict(one.after or {}) for one in changes},
        )


def _update(session: Session, table: Table, changes: Sequence[Change], name: str) -> None:
    rows = [
        {"row_id": change.row_id, "value": _typed(name, (change.after or {})[name])}
        for change in changes
        if name in (change.after or {})
    ]
    if rows:
        statement = update(table).where(table.c.id == bindparam("row_id"))
        session.connection().execute(statement.values({name: bindparam("value")}), rows)


def _typed(name: str, value: Any) -> Any:
    return date.fromisoformat(value) if name in _DAYS else value


def undo(session: Session, changes: Sequence[Change]) -> None:
    """Take a run's changes back. :raises CannotUndo: one was changed since."""
    for table in (_LISTINGS, _COMPANIES):
        undoing.take_back(session, table, [change for change in changes if change.table == table.name])
