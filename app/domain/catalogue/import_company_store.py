"""What an import of companies reads and writes, for a batch at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Integer, Table, bindparam, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from app.core import audit
from app.core.imports import undoing
from app.core.imports.kinds import Change
from app.core.permissions import Actor
from app.core.texts import _
from app.domain.accounts.models import Branch, Company
from app.domain.catalogue.models import TaxRate

_COMPANIES: Table = Company.__table__  # type: ignore[assignment]  # mapped to exactly one table
_BRANCHES: Table = Branch.__table__  # type: ignore[assignment]  # mapped to exactly one table
_TAX_RATES: Table = TaxRate.__table__  # type: ignore[assignment]  # mapped to exactly one table

TAX_CLASS = "standard"
_COMPANY_COLUMNS = ("name", "currency", "tier", "tax_id")
_PLACE_COLUMNS = ("street", "postcode", "city", "region", "country", "terms_days")
#: A company's values as rows give them, by the column of its tax rate.
_TAX = {"tax_code": "code", "tax_percent": "rate_bps"}
_POINTS = 100


#: What a change calls columns, so that people read it in the words of the file.
_SHOWN = {
    _BRANCHES.name: {"name": "branch"},
    _TAX_RATES.name: {column: code for code, column in _TAX.items()},
}


def _change(
    subject: str,
    table: Table,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
    row_id: int | None = None,
) -> Change:
    """A change of columns, in the words of the file."""
    names = _SHOWN.get(table.name, {})

    def shown(values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            names.get(name, name): f"{(Decimal(value) / _POINTS).normalize():f}"
            if name == "rate_bps"
            else value
            for name, value in values.items()
        }

    return Change(subject, table.name, None if before is None else shown(before), shown(after), row_id)


def _columns(change: Change) -> Change:
    """The change in columns again."""
    columns = {shown: name for name, shown in _SHOWN.get(change.table, {}).items()}

    def typed(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if values is None:
            return None
        return {
            columns.get(name, name): int(Decimal(value) * _POINTS) if name == "tax_percent" else value
            for name, value in values.items()
        }

    return replace(change, before=typed(change.before), after=typed(change.after))


@dataclass(frozen=True, slots=True)
class KnownBranch:
    """A stored branch."""

    id: int
    name: str
    values: Mapping[str, Any]


@dataclass(slots=True)
class KnownCompany:
    """A stored company with the branches that the batch names, and the name of its first one."""

    id: int
    number: str
    values: Mapping[str, Any]
    tax_rate_id: int | None
    merged_into: str | None
    first_branch: str = ""
    branches: dict[str, list[KnownBranch]] = field(default_factory=dict)


def load(session: Session, numbers: Collection[str], branches: Collection[str]) -> dict[str, KnownCompany]:
    """The stored companies of the numbers, each with its tax rate, its first branch and those named."""
    if not numbers:
        return {}
    columns = [getattr(Company, name) for name in _COMPANY_COLUMNS]
    stays = aliased(Company)
    rows = session.execute(
        select(
            Company.id,
            Company.number,
            *columns,
            TaxRate.id.label("tax_rate_id"),
            TaxRate.code,
            TaxRate.rate_bps,
            stays.number.label("merged_into"),
        )
        .outerjoin(stays, stays.id == Company.merged_into_id)
        .outerjoin(TaxRate, (TaxRate.company_id == Company.id) & (TaxRate.tax_class == TAX_CLASS))
        .where(Company.number.in_(numbers))
    )
    found: dict[int, KnownCompany] = {}
    for row in rows:
        values = {name: getattr(row, name) for name in _COMPANY_COLUMNS}
        values |= {"tax_code": row.code, "tax_percent": row.rate_bps}
        found[row.id] = KnownCompany(row.id, row.number, values, row.tax_rate_id, row.merged_into)
    _load_branches(session, found, branches)
    return {company.number: company for company in found.values()}


def _load_branches(session: Session, companies: Mapping[int, KnownCompany], names: Collection[str]) -> None:
    if not companies:
        return
    other = aliased(Branch)
    is_first = ~exists().where(other.company_id == Branch.company_id, other.id < Branch.id)
    rows = session.execute(
        select(Branch.company_id, Branch.id, Branch.name, *(getattr(Branch, name) for name in _PLACE_COLUMNS))
        .where(Branch.company_id.in_(list(companies)), or_(is_first, Branch.name.in_(names)))
        .order_by(Branch.company_id, Branch.id)
    )
    for row in rows:
        company = companies[row.company_id]
        company.first_branch = company.first_branch or row.name
        values = {name: getattr(row, name) for name in _PLACE_COLUMNS}
        company.branches.setdefault(row.name, []).append(KnownBranch(row.id, row.name, values))


@dataclass(slots=True)
class Opened:
    """A company that the batch opens; its later rows may say more of it."""

    values: dict[str, Any]
    shown: dict[str, Any]

    def add(self, given: Mapping[str, Any]) -> bool:
        """What a later row says beside the first one; whether it says anything."""
        own = {code: value for code, value in given.items() if code in _COMPANY_COLUMNS}
        self.values.update(own)
        self.shown.update(own)
        return bool(own)


@dataclass(slots=True)
class Work:
    """What a batch writes: rows with the change that reports each."""

    companies: list[tuple[dict[str, Any], Change]] = field(default_factory=list)
    company_changes: list[tuple[KnownCompany, Change]] = field(default_factory=list)
    tax_rates: list[tuple[str, KnownCompany | None, dict[str, Any], Change]] = field(default_factory=list)
    tax_changes: list[Change] = field(default_factory=list)
    branches: list[tuple[str, KnownCompany | None, dict[str, Any], Change]] = field(default_factory=list)
    branch_changes: list[Change] = field(default_factory=list)

    def changes(self) -> list[Change]:
        """All changes in the order in which they are written."""
        return [
            *(change for _values, change in self.companies),
            *(change for _known, change in self.company_changes),
            *(change for _number, _known, _values, change in self.tax_rates),
            *self.tax_changes,
            *(change for _number, _known, _values, change in self.branches),
            *self.branch_changes,
        ]

    def open_company(self, number: str, given: Mapping[str, Any]) -> Opened:
        """A new company with its tax rate."""
        values = {name: given.get(name) for name in _COMPANY_COLUMNS}
        values |= {"number": number, "name_key": str(given["name"]).lower()}
        shown = {"number": number, **{name: values[name] for name in _COMPANY_COLUMNS if values[name]}}
        self.companies.append((values, Change(number, _COMPANIES.name, None, shown)))
        self._open_tax_rate(number, None, {column: given[code] for code, column in _TAX.items()})
        return Opened(values, shown)

    def _open_tax_rate(self, number: str, known: KnownCompany | None, values: dict[str, Any]) -> None:
        self.tax_rates.append((number, known, values, _change(number, _TAX_RATES, None, values)))

    def change_company(self, known: KnownCompany, given: Mapping[str, Any]) -> bool:
        """Values that differ; whether any does."""
        changed = {code: value for code, value in given.items() if known.values[code] != value}
        own = {code: value for code, value in changed.items() if code in _COMPANY_COLUMNS}
        if own:
            before = {code: known.values[code] for code in own}
            self.company_changes.append((known, Change(known.number, _COMPANIES.name, before, own, known.id)))
        tax = {column: changed[code] for code, column in _TAX.items() if code in changed}
        if tax and known.tax_rate_id is None:
            self._open_tax_rate(known.number, known, tax)
        elif tax:
            before = {column: known.values[code] for code, column in _TAX.items() if column in tax}
            self.tax_changes.append(_change(known.number, _TAX_RATES, before, tax, known.tax_rate_id))
        return bool(changed)

    def open_branch(
        self, number: str, known: KnownCompany | None, name: str, place: Mapping[str, Any]
    ) -> None:
        """A new branch of a company that is stored, or written with this batch or one before."""
        values = {"name": name, **place}
        shown = {code: value for code, value in values.items() if value != ""}
        change = _change(f"{number}: {name}", _BRANCHES, None, shown)
        self.branches.append((number, known, values, change))

    def change_branch(self, number: str, known: KnownBranch, place: Mapping[str, Any]) -> bool:
        """Values that differ; whether any does."""
        after = {code: value for code, value in place.items() if known.values[code] != value}
        if after:
            before = {code: known.values[code] for code in after}
            subject = f"{number}: {known.name}"
            self.branch_changes.append(Change(subject, _BRANCHES.name, before, after, known.id))
        return bool(after)


def store(session: Session, actor: Actor, work: Work, *, run_id: int, now: datetime) -> None:
    """Write a batch: companies, tax rates, branches, and one audit row that names what changed."""
    ids = _insert_companies(session, work, now)
    _update(session, _COMPANIES, [_with_name_key(change) for _known, change in work.company_changes])
    for table, made in ((_TAX_RATES, work.tax_rates), (_BRANCHES, work.branches)):
        _insert_owned(session, table, made, ids)
    _update(
        session,
        _TAX_RATES,
        [(change.row_id, dict(_columns(change).after or {})) for change in work.tax_changes],
    )
    _update(session, _BRANCHES, [(change.row_id, dict(change.after or {})) for change in work.branch_changes])
    changes = work.changes()
    changed = [one for one in changes if one.before is not None]
    if changes:
        # Without the company: what the trail refers to could not be taken back any more.
        audit.record(
            session,
            actor,
            "companies.imported",
            subject_type="import_run",
            subject_id=run_id,
            now=now,
            before={"changed": [[one.subject, one.before] for one in changed]} if changed else None,
            after={
                "changed": [[one.subject, one.after] for one in changed],
                "created": [
                    one.subject for one in changes if one.before is None and one.table != _TAX_RATES.name
                ],
            },
        )


def _insert_companies(session: Session, work: Work, now: datetime) -> dict[str, int]:
    if not work.companies:
        return {}
    rows = [{**values, "created_at": now} for values, _change in work.companies]
    made = session.connection().execute(
        insert(_COMPANIES).returning(_COMPANIES.c.id, _COMPANIES.c.number), rows
    )
    ids = {number: company_id for company_id, number in made}
    for values, change in work.companies:
        change.row_id = ids[values["number"]]
    return ids


def _insert_owned(
    session: Session,
    table: Table,
    made: Sequence[tuple[str, KnownCompany | None, dict[str, Any], Change]],
    ids: Mapping[str, int],
) -> None:
    """Rows of companies, whose ids are those just made or those known."""
    if not made:
        return
    fixed = {"tax_class": TAX_CLASS} if table is _TAX_RATES else {}
    name = "tax_class" if table is _TAX_RATES else "name"
    rows = [
        {**fixed, **values, "company_id": known.id if known is not None else ids[number]}
        for number, known, values, _change in made
    ]
    found = session.connection().execute(
        insert(table).returning(
            table.c.id,
            table.c.company_id,
            table.c[name],
            # A company's first branch is the one that its first row names.
            sort_by_parameter_order=True,
        ),
        rows,
    )
    by_key = {(company_id, key): row_id for row_id, company_id, key in found}
    for row, (_number, _known, _values, change) in zip(rows, made, strict=True):
        change.row_id = by_key[row["company_id"], row[name]]


def _with_name_key(change: Change) -> tuple[int | None, dict[str, Any]]:
    values = dict(change.after or {})
    if "name" in values:
        values["name_key"] = values["name"].lower()
    return change.row_id, values


def _update(session: Session, table: Table, rows: Sequence[tuple[int | None, dict[str, Any]]]) -> None:
    """Write changed values, rows that change the same columns in one go; people who edit at once are told."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row_id, values in rows:
        given = {f"to_{name}": value for name, value in values.items()}
        groups.setdefault(tuple(sorted(values)), []).append({"row_id": row_id, **given})
    for names, group in groups.items():
        values = {name: bindparam(f"to_{name}") for name in names}
        if "version" in table.c:
            values["version"] = table.c.version + 1
        session.connection().execute(
            update(table).where(table.c.id == bindparam("row_id")).values(values), group
        )


def undo(session: Session, changes: Sequence[Change]) -> None:
    """Take a run's changes back, newest first.

    :raises CannotUndo: something refers to a company or branch, or it was changed since.
    """
    for table in (_BRANCHES, _TAX_RATES, _COMPANIES):
        own = [_columns(change) for change in changes if change.table == table.name]
        touched = [change.row_id for change in own]
        companies = _companies_of(session, touched) if table is _BRANCHES else []
        undoing.take_back(session, table, own)
        _require_open_branch(session, companies)
        if table is _COMPANIES:
            _renew_name_keys(session, [change.row_id for change in own if "name" in (change.before or {})])


def _companies_of(session: Session, branch_ids: Sequence[int | None]) -> Sequence[int]:
    statement = select(Branch.company_id).where(Branch.id.in_(branch_ids)).distinct()
    return session.scalars(statement).all()


def _require_open_branch(session: Session, company_ids: Sequence[int]) -> None:
    if not company_ids:
        return
    found = session.execute(
        select(Company.number)
        .join(Branch, Branch.company_id == Company.id)
        .where(Company.id.in_(company_ids))
        .group_by(Company.id, Company.number)
        .having(func.sum(func.coalesce(Branch.is_active.cast(Integer), 0)) == 0)
        .limit(1)
    ).scalar()
    if found is not None:
        raise undoing.CannotUndo(
            _("%(number)s would be left without an open branch. Nothing was taken back.", number=found)
        )


def _renew_name_keys(session: Session, ids: Sequence[int | None]) -> None:
    if not ids:
        return
    rows = session.execute(select(Company.id, Company.name).where(Company.id.in_(ids))).all()
    session.connection().execute(
        update(_COMPANIES).where(_COMPANIES.c.id == bindparam("row_id")).values(name_key=bindparam("key")),
        [{"row_id": row.id, "key": row.name.lower()} for row in rows],
    )
