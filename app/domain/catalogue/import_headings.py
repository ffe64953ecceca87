"""Which price agreement a row of an import means: by its number, or by whose it is and from when."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.core.clock import business_date
from app.core.imports.verdicts import Verdict, rejected
from app.core.permissions import Actor
from app.core.texts import _
from app.domain.accounts.import_lookups import unknown_company
from app.domain.accounts.models import Branch, Company
from app.domain.accounts.queries import find_vendor
from app.domain.catalogue.agreements import create_agreement
from app.domain.catalogue.models import PriceAgreement

NUMBER_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Heading:
    """What a row says of its agreement; `until` is the last day it holds."""

    level: str
    currency: str
    number: str = ""
    tier: str = ""
    company: str = ""
    branch: str = ""
    since: date | None = None
    until: date | None = None

    @property
    def ends_on(self) -> date | None:
        """The first day without it."""
        return self.until + timedelta(days=1) if self.until else None

    def key(self) -> str:
        """The heading as a part of a row's key."""
        return "|".join(map(str, (self.level, self.currency, self.number, self.tier, self.company))) + (
            f"|{self.branch}|{self.since}|{self.until}"
        )


@dataclass(frozen=True, slots=True)
class Found:
    """The agreement of a heading: a stored one, or one to be made for the company or branch."""

    heading: Heading
    agreement_id: int | None
    #: Its number, or what it will be called.
    number: str
    company_id: int | None = None
    branch_id: int | None = None
    name: str = ""


class HeadingBook:
    """The agreements of a batch's headings, found in a few statements."""

    def __init__(self, session: Session, headings: Collection[Heading]) -> None:
        self._companies = _companies(session, {one.company for one in headings if one.company})
        self._branches = _branches(session, self._companies)
        self._agreements = _agreements(session, headings, [row.id for row in self._companies.values()])
        self._found: dict[Heading, Found | Verdict] = {one: self._find(one) for one in headings}

    def __getitem__(self, heading: Heading) -> Found | Verdict:
        """The agreement, or why the row cannot be used."""
        return self._found[heading]

    def _find(self, heading: Heading) -> Found | Verdict:
        company_id: int | None = None
        branch_id: int | None = None
        title = _TITLES.get(heading.level, "") + (heading.tier or "")
        if heading.company:
            company = self._companies.get(heading.company)
            if company is None:
                return unknown_company(heading.company)
            if company.currency != heading.currency:
                return _other_currency(company, heading.currency)
            company_id, title = company.id, company.name
        if heading.branch:
            branches = self._branches.get((company_id or 0, heading.branch.casefold()), [])
            if len(branches) != 1:
                return _no_branch(heading, len(branches))
            branch_id, title = branches[0], f"{title}, {heading.branch}"
        return self._agreement(heading, company_id, branch_id, title)

    def _agreement(
        self, heading: Heading, company_id: int | None, branch_id: int | None, title: str
    ) -> Found | Verdict:
        party = (heading.level, heading.currency, heading.tier or None, company_id, branch_id)
        if heading.number:
            stored = next((row for row in self._agreements if row.number == heading.number), None)
            if stored is not None and _fits(stored, party, heading):
                return Found(heading, stored.id, stored.number, company_id, branch_id)
            if stored is not None:
                return _other_agreement(heading.number)
            number = heading.number
        else:
            stored = next((row for row in self._agreements if _fits(row, party, heading)), None)
            if stored is not None:
                return Found(heading, stored.id, stored.number, company_id, branch_id)
            number = _number_for(heading, branch_id)
        name = f"{title.strip()} {heading.currency}"[:120]
        return Found(heading, None, number, company_id, branch_id, name)


_TITLES = {"list": "List price", "tier": "Tier "}


def _companies(session: Session, numbers: Collection[str]) -> dict[str, Any]:
    if not numbers:
        return {}
    # The number of a merged company leads to the one that stayed.
    stays = aliased(Company)
    rows = session.execute(
        select(stays.id, Company.number, stays.name, stays.currency)
        .join(stays, stays.id == func.coalesce(Company.merged_into_id, Company.id))
        .where(Company.number.in_(numbers))
    )
    return {row.number: row for row in rows}


def _branches(session: Session, companies: Mapping[str, Any]) -> dict[tuple[int, str], list[int]]:
    found: dict[tuple[int, str], list[int]] = {}
    if companies:
        ids = [row.id for row in companies.values()]
        for row in session.execute(
            select(Branch.id, Branch.company_id, Branch.name).where(
                Branch.company_id.in_(ids), Branch.is_active
            )
        ):
            found.setdefault((row.company_id, row.name.casefold()), []).append(row.id)
    return found


def _agreements(session: Session, headings: Collection[Heading], company_ids: list[int]) -> list[Any]:
    """What any of the headings may mean, the one that began last first."""
    columns = (
        *(PriceAgreement.id, PriceAgreement.number, PriceAgreement.level, PriceAgreement.currency),
        *(PriceAgreement.tier, PriceAgreement.company_id, PriceAgreement.branch_id),
        *(PriceAgreement.starts_on, PriceAgreement.ends_on, PriceAgreement.is_active),
    )
    numbers = {one.number for one in headings if one.number}
    tiers = {one.tier for one in headings if one.tier}
    conditions = [
        PriceAgreement.level == "list",
        PriceAgreement.number.in_(numbers),
        PriceAgreement.tier.in_(tiers),
        PriceAgreement.company_id.in_(company_ids),
    ]
    found: dict[int, Any] = {}
    for condition in conditions:
        found |= {row.id: row for row in session.execute(select(*columns).where(condition))}
    return sorted(found.values(), key=lambda row: (row.starts_on, row.id), reverse=True)


def _fits(row: Any, party: tuple[Any, ...], heading: Heading) -> bool:
    """Whether a stored agreement is the one; without days the file means the open one, by number any."""
    if (row.level, row.currency, row.tier, row.company_id, row.branch_id) != party or not row.is_active:
        return False
    if heading.since is not None and row.starts_on != heading.since:
        return False
    if heading.until is None and (heading.number or heading.since is not None):
        return heading.since is None or row.ends_on is None
    return bool(row.ends_on == heading.ends_on)


def _number_for(heading: Heading, branch_id: int | None) -> str:
    parts = {
        "list": ["LIST"],
        "tier": ["TIER", heading.tier],
        "company": ["CO", heading.company],
        "branch": ["BR", heading.company, str(branch_id)],
    }[heading.level]
    days = [f"{day:%Y%m%d}" for day in (heading.since, heading.until) if day]
    return "-".join([*parts, heading.currency, *days]).upper().replace(" ", "-")


def _other_currency(company: Any, currency: str) -> Verdict:
    return rejected(
        "other_currency",
        _(
            "%(company)s trades in %(own)s; its prices are in that currency, not in %(currency)s.",
            company=company.name,
            own=company.currency,
            currency=currency,
        ),
    )


def _no_branch(heading: Heading, count: int) -> Verdict:
    if count:
        message = _(
            "%(company)s has %(count)s branches called %(branch)s. Give them different names.",
            company=heading.company,
            branch=heading.branch,
            count=count,
        )
    else:
        message = _(
            "%(company)s has no branch called %(branch)s. Import its branches first, or correct it.",
            company=heading.company,
            branch=heading.branch,
        )
    return rejected("unknown_branch", message)


def _other_agreement(number: str) -> Verdict:
    return rejected(
        "other_agreement",
        _(
            "The agreement %(number)s is closed, or of another company, level, currency or day. "
            "Correct the row, or use another number.",
            number=number,
        ),
    )


def make_agreement(session: Session, actor: Actor, found: Found, *, now: datetime) -> PriceAgreement:
    """The agreement a heading asks for; without a first day it begins today."""
    heading = found.heading
    vendor = find_vendor(session)
    today = business_date(now, vendor.timezone if vendor else "UTC")
    return create_agreement(
        session,
        actor,
        number=_free_number(session, found.number[:NUMBER_LENGTH]),
        name=found.name,
        level=heading.level,
        currency=heading.currency,
        starts_on=heading.since or min(today, heading.until or today),
        ends_on=heading.ends_on,
        tier=heading.tier or None,
        company_id=found.company_id if heading.level == "company" else None,
        branch_id=found.branch_id,
        now=now,
    )


def _free_number(session: Session, number: str) -> str:
    start = number[: NUMBER_LENGTH - 4]
    statement = select(PriceAgreement.number).where(PriceAgreement.number.startswith(start, autoescape=True))
    taken = set(session.scalars(statement))
    candidate, suffix = number, 2
    while candidate in taken:
        candidate, suffix = f"{start}-{suffix}", suffix + 1
    return candidate
