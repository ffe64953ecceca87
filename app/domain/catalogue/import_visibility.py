"""Import of visibility: how companies see the catalogue, and the products and categories listed for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.core.database import is_writing
from app.core.errors import InvalidInput
from app.core.imports.cells import Cells, RowReader, refuse_columns
from app.core.imports.kinds import Change, FilePlan, Item, Judged, PlainKind
from app.core.imports.mapping import Field
from app.core.imports.repeats import fingerprint
from app.core.imports.tables import SourceRow
from app.core.imports.verdicts import IS_CREATED, IS_UNCHANGED, IS_UPDATED, Verdict, rejected
from app.core.permissions import Actor, Permission
from app.core.texts import N_, _
from app.domain.accounts.import_lookups import company_refusal
from app.domain.accounts.queries import companies_by_number
from app.domain.catalogue import import_visibility_store
from app.domain.catalogue.agreements import check_dates
from app.domain.catalogue.assignments import MAX_LISTINGS
from app.domain.catalogue.import_lookups import (
    categories_by_slug,
    products_by_sku,
    read_sku,
    unknown_sku,
)
from app.domain.catalogue.import_visibility_store import Subject, Work
from app.domain.catalogue.visibility import MODES

FIELDS = (
    Field(
        "company",
        N_("Company number"),
        is_required=True,
        aliases=("company_number", "customer", "customer_number", "reseller"),
        example="EXAMPLE-1",
        help=N_("Whose view of the catalogue it is; the company must be there."),
    ),
    Field(
        "mode",
        N_("What it sees"),
        aliases=("visibility", "visibility_mode"),
        example="only_listed",
        help=N_("all, only_listed or all_except. Empty: it stays; all rows of a company must agree."),
    ),
    Field(
        "sku",
        N_("SKU"),
        aliases=("product", "article_number", "item_number", "stock_code"),
        example="EXAMPLE-SKU",
        help=N_("The product that is listed."),
    ),
    Field(
        "category",
        N_("Category"),
        aliases=("category_slug",),
        help=N_("In place of a product, a category with all below it, by the name in its address."),
    ),
    Field(
        "starts_on",
        N_("From"),
        aliases=("start", "valid_from", "from", "start_date"),
        example="2026-12-01",
        help=N_("First day on which it is listed; empty for always."),
    ),
    Field(
        "ends_on",
        N_("Until before"),
        aliases=("end", "valid_to", "until", "to", "end_date"),
        help=N_("First day on which it is not listed any more."),
    ),
    Field(
        "reason",
        N_("Reason"),
        aliases=("note", "comment"),
        example="Trial",
        help=N_("Why, for whoever looks at it later."),
    ),
)
#: Columns that tell other files about companies and products.
_STRANGE = {
    **dict.fromkeys(("price", "unit_price", "min_quantity", "from_quantity"), N_("prices")),
    **dict.fromkeys(
        ("number", "code", "cross_reference", "part_number", "customer_part_number"),
        N_("other numbers of products"),
    ),
    **dict.fromkeys(("quantity", "qty", "warehouse", "invoice", "order_number"), N_("orders or stock")),
}
_MODES = {mode: mode for mode in MODES}
_REASON_LENGTH = 200


@dataclass(frozen=True, slots=True)
class VisibilityRow:
    """A company's mode, a listing, or both; `listing` holds the cells that are filled."""

    company: str
    mode: str
    sku: str = field(repr=False)
    sku_key: str
    category: str
    listing: Mapping[str, Any]

    @property
    def names_subject(self) -> bool:
        return bool(self.sku_key or self.category)


def _read(cells: Cells) -> tuple[str, VisibilityRow]:
    company = cells.text("company", most=40, is_required=True)
    mode = cells.word("mode", _MODES)
    sku, key = read_sku(cells, is_required=False)
    category = cells.text("category", most=120)
    if key and category:
        raise cells.refused("category", _("list a product or a category in one row, not both."))
    if not (key or category or mode):
        raise cells.refused("sku", _("list a product or a category, or say what the company sees."))
    starts_on, ends_on = cells.find_day("starts_on"), cells.find_day("ends_on")
    check_dates(starts_on, ends_on)
    given = {"starts_on": starts_on, "ends_on": ends_on, "reason": cells.text("reason", most=_REASON_LENGTH)}
    listing = {name: value for name, value in given.items() if value}
    return company, VisibilityRow(company, mode, sku, key, category, listing)


@dataclass(slots=True)
class _State:
    """What is known of one company while a batch is judged."""

    known: Any
    listed: int
    mode: str = ""
    #: Fingerprints of what the run's rows said of each product and category.
    said: dict[str, str] = field(default_factory=dict)

    def memory(self) -> str:
        return json.dumps([self.mode, self.listed, self.said])


class VisibilityKind(PlainKind):
    """A listing is known by company and product or category; what a file does not list stays listed."""

    name = "visibility"
    title = N_("Visibility")
    hint = N_("Which products and categories resellers see, one row for each that is listed for a company.")
    fields: Sequence[Field] = FIELDS
    permissions = (Permission.CATALOGUE_MANAGE,)

    def check(self, plan: FilePlan) -> None:
        """:raises UnreadableFile: the columns are those of another kind of data."""
        refuse_columns(plan, self.title, _STRANGE)

    def open(self, plan: FilePlan) -> Callable[[SourceRow], Item]:
        """Reader of the file's rows."""
        return RowReader(plan, FIELDS, _read)

    def judge(
        self, session: Session, plan: FilePlan, items: Sequence[Item], recalled: Mapping[str, str]
    ) -> Judged:
        """A verdict for each row; where the run stores, nobody else changes the companies meanwhile."""
        rows: list[VisibilityRow] = [item.value for item in items if item.fault is None]
        companies = companies_by_number(session, {row.company for row in rows}, locked=is_writing(session))
        products = products_by_sku(session, {row.sku_key for row in rows if row.sku_key})
        categories = categories_by_slug(session, {row.category for row in rows if row.category})
        stored = import_visibility_store.load(
            session,
            [company.id for company in companies.values()],
            [product.id for product in products.values()],
            list(categories.values()),
        )
        judging = _Judging(companies, products, categories, stored, recalled)
        verdicts = [item.fault or judging.judge(item.value) for item in items]
        return Judged(verdicts, judging.memories(), judging.work, judging.work.changes())

    def memories(self, items: Sequence[Item], recalled: Mapping[str, str]) -> dict[str, str]:
        """What the run's rows said of each company."""
        states: dict[str, _State] = {}
        for item in items:
            if item.fault is None:
                row: VisibilityRow = item.value
                state = states.setdefault(item.key, _recalled(None, 0, recalled.get(item.key)))
                if _conflict(row, state) is None:
                    _remember(row, state)
        return {key: state.memory() for key, state in states.items()}

    def store(
        self, session: Session, actor: Actor, plan: FilePlan, judged: Judged, *, run_id: int, now: datetime
    ) -> None:
        """Write the batch's modes and listings."""
        import_visibility_store.store(session, actor, judged.work, run_id=run_id, now=now)

    def undo(
        self, session: Session, actor: Actor, changes: Sequence[Change], *, run_id: int, now: datetime
    ) -> None:
        """Take listings away again, and bring modes and dates back."""
        import_visibility_store.undo(session, changes)


def _recalled(known: Any, listed: int, remembered: str | None) -> _State:
    state = _State(known, listed)
    if remembered is not None:
        state.mode, counted, state.said = json.loads(remembered)
        # A dry run has listed what is not stored.
        state.listed = max(listed, counted)
    return state


def _subject_key(row: VisibilityRow) -> str:
    return f"={row.sku_key}" if row.sku_key else f">{row.category}"


def _conflict(row: VisibilityRow, state: _State) -> Verdict | None:
    if row.mode and state.mode and row.mode != state.mode:
        return rejected(
            "conflicting_mode",
            _(
                "An earlier row of this import says that the company sees %(mode)s. Keep one.",
                mode=state.mode,
            ),
        )
    said = state.said.get(_subject_key(row)) if row.names_subject else None
    if said is not None and said != fingerprint(row.listing):
        return rejected(
            "conflicting_row",
            _("An earlier row of this import lists the same with other values. Keep one of the rows."),
        )
    return None


def _remember(row: VisibilityRow, state: _State) -> None:
    state.mode = state.mode or row.mode
    if row.names_subject:
        state.said[_subject_key(row)] = fingerprint(row.listing)


class _Judging:
    """The judgement of one batch."""

    def __init__(
        self,
        companies: Mapping[str, Any],
        products: Mapping[str, Any],
        categories: Mapping[str, int],
        stored: import_visibility_store.Stored,
        recalled: Mapping[str, str],
    ) -> None:
        self._companies, self._products, self._categories = companies, products, categories
        self._stored, self._recalled = stored, recalled
        self._states: dict[str, _State] = {}
        self.work = Work()

    def memories(self) -> dict[str, str]:
        return {number: state.memory() for number, state in self._states.items()}

    def judge(self, row: VisibilityRow) -> Verdict:
        company: Any = self._companies.get(row.company)
        refused = company_refusal(company, row.company)
        if refused is not None:
            return refused
        state = self._states.get(row.company)
        if state is None:
            listed = self._stored.counts.get(company.id, 0)
            state = self._states[row.company] = _recalled(company, listed, self._recalled.get(row.company))
        refusal = _conflict(row, state)
        if refusal is not None:
            return refusal
        verdict = self._judge_listing(row, state) if row.names_subject else IS_UNCHANGED
        if verdict.code:
            return verdict
        if row.mode and not state.mode and row.mode != company.visibility_mode:
            self.work.set_mode(company, row.mode)
            verdict = IS_UPDATED if verdict is IS_UNCHANGED else verdict
        _remember(row, state)
        return verdict

    def _judge_listing(self, row: VisibilityRow, state: _State) -> Verdict:
        subject = self._subject(row)
        if isinstance(subject, Verdict):
            return subject
        if _subject_key(row) in state.said:
            return IS_UNCHANGED
        same = self._stored.listings.get((state.known.id, subject.product_id, subject.category_id), [])
        if any(all(getattr(one, name) == value for name, value in row.listing.items()) for one in same):
            return IS_UNCHANGED
        if len(same) > 1:
            return rejected(
                "several_listings",
                _(
                    "%(name)s is listed several times with other dates. Change it on the page.",
                    name=subject.name,
                ),
            )
        if same:
            return self._judge_change(row, same[0], subject, state.known)
        if state.listed >= MAX_LISTINGS:
            return rejected(
                "too_many_listings",
                _("A company lists at most %(limit)s; list whole categories.", limit=MAX_LISTINGS),
            )
        state.listed += 1
        self.work.add(state.known, subject, row.listing)
        return IS_CREATED

    def _subject(self, row: VisibilityRow) -> Subject | Verdict:
        if row.sku_key:
            product = self._products.get(row.sku_key)
            return unknown_sku(row.sku) if product is None else Subject(product.sku, product_id=product.id)
        category_id = self._categories.get(row.category)
        if category_id is None:
            return rejected(
                "unknown_category",
                _(
                    "There is no category %(name)s. Write the name in its address, such as internal-drives.",
                    name=row.category,
                ),
            )
        return Subject(row.category, category_id=category_id)

    def _judge_change(self, row: VisibilityRow, known: Any, subject: Subject, company: Any) -> Verdict:
        dates: dict[str, date | None] = {name: getattr(known, name) for name in ("starts_on", "ends_on")}
        dates |= {name: value for name, value in row.listing.items() if name in dates}
        try:
            check_dates(dates["starts_on"], dates["ends_on"])
        except InvalidInput as error:
            return rejected("bad_ends_on", error.message)
        self.work.change(company, subject, known, row.listing)
        return IS_UPDATED
