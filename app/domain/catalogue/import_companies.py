"""Import of companies with branches, addresses and terms: one row per branch, and its verdict."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.core.database import is_writing
from app.core.imports.cells import Cells, RowReader
from app.core.imports.kinds import Change, FilePlan, Item, Judged, PlainKind
from app.core.imports.mapping import Field
from app.core.imports.repeats import fingerprint
from app.core.imports.tables import SourceRow
from app.core.imports.verdicts import IS_CREATED, IS_UNCHANGED, IS_UPDATED, Verdict, rejected
from app.core.permissions import Actor, Permission
from app.core.texts import N_, _
from app.domain.accounts.companies import DEFAULT_TERMS_DAYS, MAXIMUM_TERMS_DAYS
from app.domain.accounts.import_lookups import merged_company
from app.domain.accounts.rules import (
    AddressData,
    address_values,
    clean_address,
    clean_tax_id,
    clean_tier,
    known_country,
    known_currency,
    one_line,
)
from app.domain.catalogue import import_company_store
from app.domain.catalogue.agreements import required_text
from app.domain.catalogue.import_company_store import KnownBranch, KnownCompany, Opened, Work

FIRST_BRANCH = "Main branch"

FIELDS = (
    Field(
        "number",
        N_("Company number"),
        is_required=True,
        aliases=("company_number", "customer_number", "account_number", "company_id", "customer_id"),
        example="EXAMPLE-1",
        help=N_("How you name the company; one that is there already is changed."),
    ),
    Field(
        "name",
        N_("Company"),
        aliases=("company", "company_name", "customer", "customer_name", "account_name", "reseller"),
        example="Kettle & Byte Ltd",
        help=N_("The company's name. Needed for a new company."),
    ),
    Field(
        "currency",
        N_("Currency"),
        aliases=("currency_code",),
        example="USD",
        help=N_("Three letters. Needed for a new company; it stays what it is."),
    ),
    Field(
        "tier",
        N_("Price tier"),
        aliases=("price_tier", "price_group", "customer_group"),
        example="gold",
        help=N_("Whose tier prices apply."),
    ),
    Field(
        "tax_id",
        N_("Tax number"),
        aliases=("vat_id", "vat_number", "tax_number", "ein"),
        example="12-3456789",
        help=N_("The company's tax number."),
    ),
    Field(
        "tax_code",
        N_("Tax code"),
        example="US-ME",
        help=N_("What documents print beside the tax. Needed for a new company."),
    ),
    Field(
        "tax_percent",
        N_("Tax in per cent"),
        aliases=("tax_rate", "tax", "vat_rate", "vat_percent"),
        example="5.5",
        help=N_("5.5 for five and a half per cent, 0 for none. Needed for a new company."),
    ),
    Field(
        "branch",
        N_("Branch"),
        aliases=("branch_name", "location", "site"),
        example="Portland",
        help=N_("Empty: the company's first branch. One row for each branch."),
    ),
    Field(
        "street",
        N_("Street and number"),
        aliases=("address", "address_1", "street_address"),
        example="1 Mill Lane",
    ),
    Field("postcode", N_("Postcode"), aliases=("postal_code", "zip", "zip_code"), example="04101"),
    Field("city", N_("City"), aliases=("town", "place"), example="Portland"),
    Field("region", N_("State or region"), aliases=("state", "province", "county"), example="ME"),
    Field(
        "country",
        N_("Country"),
        aliases=("country_code",),
        example="US",
        help=N_("Two letters or the English name. Needed for a new branch."),
    ),
    Field(
        "terms_days",
        N_("Days net"),
        aliases=("terms", "payment_terms", "net_days", "payment_days"),
        example="30",
        help=N_("Days in which invoices are due; 30 where a new branch says nothing."),
    ),
)
_NEW_COMPANY = ("name", "currency", "tax_code", "tax_percent")
_PLACE = ("street", "postcode", "city", "region")


@dataclass(frozen=True, slots=True)
class CompanyRow:
    """A row's values; what its cells leave empty is left out."""

    number: str
    company: Mapping[str, Any]
    branch: str
    place: Mapping[str, Any]


def _read(cells: Cells) -> tuple[str, CompanyRow]:
    number = one_line(cells.text("number", most=40, is_required=True), field="number", maximum=40)
    company: dict[str, Any] = {}
    readers: dict[str, Callable[[str], Any]] = {
        "name": lambda text: one_line(text, field="name", maximum=200),
        "currency": known_currency,
        "tier": clean_tier,
        "tax_id": clean_tax_id,
        "tax_code": lambda text: required_text(text, field="tax_code", limit=20),
    }
    for code, read in readers.items():
        text = cells.text(code, most=200)
        if text:
            company[code] = read(text)
    points = cells.basis_points("tax_percent")
    if points is not None:
        company["tax_percent"] = points
    branch = cells.text("branch", most=200)
    return number, CompanyRow(number, company, branch, _read_place(cells))


def _read_place(cells: Cells) -> dict[str, Any]:
    given = {code: text for code in (*_PLACE, "country") if (text := cells.text(code, most=200))}
    if "country" in given:
        given["country"] = known_country(given["country"])
    # The rules look at a whole address; of one that is there already a row may say a part.
    clean = address_values(clean_address(AddressData(**{"country": "US", **given})))
    place: dict[str, Any] = {code: clean[code] for code in given}
    terms = cells.find_whole("terms_days", lowest=0, highest=MAXIMUM_TERMS_DAYS)
    if terms is not None:
        place["terms_days"] = terms
    return place


@dataclass(slots=True)
class _State:
    """What is known of one company while a batch is judged: stored before it, or said by the run."""

    known: KnownCompany | None
    #: What the run's rows said of the company, and a fingerprint of what they said of each branch.
    said: dict[str, Any] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    #: The first branch's name, for rows that name none.
    first: str = ""
    is_seen: bool = False
    opened: Opened | None = None

    def memory(self) -> str:
        return json.dumps([self.said, self.branches, self.first])

    def branch_of(self, row: CompanyRow) -> str:
        return row.branch or self.first or FIRST_BRANCH


def _state(known: KnownCompany | None, remembered: str | None) -> _State:
    state = _State(known, first=known.first_branch if known else "")
    if remembered is not None:
        state.said, state.branches, first = json.loads(remembered)
        state.first, state.is_seen = state.first or first, True
    return state


class CompaniesKind(PlainKind):
    """A company is known by its number, a branch by its name within the company."""

    name = "companies"
    title = N_("Companies and branches")
    hint = N_("Resellers with their branches, addresses, tax and terms; one row for each branch.")
    fields: Sequence[Field] = FIELDS
    permissions = (Permission.COMPANY_MANAGE, Permission.PRICE_MANAGE)

    def open(self, plan: FilePlan) -> Callable[[SourceRow], Item]:
        """Reader of the file's rows."""
        return RowReader(plan, FIELDS, _read)

    def judge(
        self, session: Session, plan: FilePlan, items: Sequence[Item], recalled: Mapping[str, str]
    ) -> Judged:
        """A verdict for each row. Rows of one company must say the same of it; empty cells say nothing."""
        rows: list[CompanyRow] = [item.value for item in items if item.fault is None]
        stored = import_company_store.load(
            session, {row.number for row in rows}, {row.branch for row in rows if row.branch} | {FIRST_BRANCH}
        )
        states: dict[str, _State] = {}
        work = Work()
        verdicts = []
        for item in items:
            if item.fault is not None:
                verdicts.append(item.fault)
                continue
            state = states.get(item.key)
            if state is None:
                known = stored.get(item.key)
                # Only a dry run remembers companies that are not stored.
                remembered = recalled.get(item.key) if known or not is_writing(session) else None
                state = states[item.key] = _state(known, remembered)
            verdicts.append(_judge(item.value, state, work))
        memories = {key: state.memory() for key, state in states.items() if state.is_seen}
        return Judged(verdicts, memories, work, work.changes())

    def memories(self, items: Sequence[Item], recalled: Mapping[str, str]) -> dict[str, str]:
        """What the run's rows said of each company and branch."""
        states: dict[str, _State] = {}
        for item in items:
            if item.fault is not None:
                continue
            row: CompanyRow = item.value
            state = states.get(item.key)
            if state is None:
                state = states[item.key] = _state(None, recalled.get(item.key))
            if _conflict(row, state) is None:
                _remember(row, state.branch_of(row), state)
        return {key: state.memory() for key, state in states.items() if state.is_seen}

    def store(
        self, session: Session, actor: Actor, plan: FilePlan, judged: Judged, *, run_id: int, now: datetime
    ) -> None:
        """Write the batch's companies, tax rates and branches."""
        import_company_store.store(session, actor, judged.work, run_id=run_id, now=now)

    def undo(
        self, session: Session, actor: Actor, changes: Sequence[Change], *, run_id: int, now: datetime
    ) -> None:
        """Take companies and branches away again that nothing refers to, and bring values back."""
        import_company_store.undo(session, changes)


def _conflict(row: CompanyRow, state: _State) -> Verdict | None:
    other = next(
        (code for code, value in row.company.items() if code in state.said and state.said[code] != value),
        None,
    )
    if other is not None:
        label = next(known.label for known in FIELDS if known.code == other)
        return rejected(
            "conflicting_company",
            _(
                "An earlier row of this import says something else of this company: %(column)s. "
                "All rows of a company must agree.",
                column=_(label),
            ),
        )
    branch = state.branch_of(row)
    said = state.branches.get(branch)
    if said and row.place and said != fingerprint(row.place):
        return rejected(
            "conflicting_branch",
            _(
                "An earlier row of this import says something else of the branch %(branch)s. "
                "Keep one of the rows.",
                branch=branch,
            ),
        )
    return None


def _remember(row: CompanyRow, branch: str, state: _State) -> None:
    state.is_seen = True
    state.said.update(row.company)
    state.first = state.first or branch
    if row.place:
        state.branches[branch] = fingerprint(row.place)
    else:
        state.branches.setdefault(branch, "")


def _judge(row: CompanyRow, state: _State, work: Work) -> Verdict:
    refusal = _conflict(row, state) or _refusal(row, state)
    if refusal is not None:
        return refusal
    is_new = state.known is None and not state.is_seen
    is_changed = False
    fresh = {code: value for code, value in row.company.items() if code not in state.said}
    if is_new:
        state.opened = work.open_company(row.number, row.company)
    elif state.opened is not None:
        is_changed = state.opened.add(fresh)
    elif state.known is not None:
        is_changed = work.change_company(state.known, fresh)
    branch = state.branch_of(row)
    same = state.known.branches.get(branch, ()) if state.known else ()
    if not state.branches.get(branch):
        if same:
            is_changed = work.change_branch(row.number, same[0], row.place) or is_changed
        else:
            is_new = True
            place = {"terms_days": DEFAULT_TERMS_DAYS, **dict.fromkeys(_PLACE, ""), **row.place}
            work.open_branch(row.number, state.known, branch, place)
    _remember(row, branch, state)
    if is_new:
        return IS_CREATED
    return IS_UPDATED if is_changed else IS_UNCHANGED


def _refusal(row: CompanyRow, state: _State) -> Verdict | None:
    known = state.known
    if known is None and not state.is_seen:
        missing = [code for code in _NEW_COMPANY if code not in row.company]
        if missing:
            return _missing(missing, _("a new company"))
    if known is not None:
        if known.merged_into:
            return merged_company(row.number, known.merged_into)
        currency = row.company.get("currency", known.values["currency"])
        if currency != known.values["currency"]:
            return rejected(
                "currency_fixed",
                _(
                    "The company's currency is %(currency)s and stays: its prices and orders are in it. "
                    "Leave the cell empty.",
                    currency=known.values["currency"],
                ),
            )
        if known.tax_rate_id is None and "tax_percent" in row.company and "tax_code" not in row.company:
            return _missing(["tax_code"], _("a tax rate"))
        if known.tax_rate_id is None and "tax_code" in row.company and "tax_percent" not in row.company:
            return _missing(["tax_percent"], _("a tax rate"))
    return _branch_refusal(row, state)


def _branch_refusal(row: CompanyRow, state: _State) -> Verdict | None:
    branch = state.branch_of(row)
    same: Sequence[KnownBranch] = state.known.branches.get(branch, ()) if state.known else ()
    if state.branches.get(branch):
        return None
    if len(same) > 1 and row.place:
        return rejected(
            "several_branches",
            _(
                "The company has %(count)s branches called %(branch)s. Give each a name of its own first.",
                count=len(same),
                branch=branch,
            ),
        )
    if not same and branch not in state.branches and "country" not in row.place:
        return _missing(["country"], _("a new branch"))
    return None


def _missing(codes: Sequence[str], what: str) -> Verdict:
    labels = [_(known.label) for known in FIELDS if known.code in codes]
    return rejected(
        "missing_value",
        _("%(columns)s: needed for %(what)s, and empty.", columns=", ".join(labels), what=what),
    )
