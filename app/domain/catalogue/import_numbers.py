"""Import of other numbers of products: cross-references for everybody, and companies' own part numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.imports import undoing
from app.core.imports.cells import Cells, RowReader
from app.core.imports.kinds import Change, FilePlan, Item, Judged, PlainKind
from app.core.imports.mapping import Field
from app.core.imports.repeats import Repeats, memories_of
from app.core.imports.tables import SourceRow
from app.core.imports.verdicts import IS_CREATED, IS_UNCHANGED, IS_UPDATED, Verdict, rejected
from app.core.permissions import Actor, Permission
from app.core.texts import N_, _
from app.domain.accounts.import_lookups import company_refusal
from app.domain.accounts.queries import companies_by_number
from app.domain.catalogue import search
from app.domain.catalogue.assignments import CODE_LENGTH, REFERENCE_KINDS, clean_code
from app.domain.catalogue.import_lookups import products_by_sku, read_sku, unknown_sku
from app.domain.catalogue.models import CrossReference, CustomerPartNumber, Product

_REFERENCES: Table = CrossReference.__table__  # type: ignore[assignment]  # mapped to exactly one table
_OWNED: Table = CustomerPartNumber.__table__  # type: ignore[assignment]  # mapped to exactly one table
CUSTOMER = "customer"
_KINDS = {
    **{kind: kind for kind in REFERENCE_KINDS},
    CUSTOMER: CUSTOMER,
    "customer_part_number": CUSTOMER,
    "own": CUSTOMER,
}

FIELDS = (
    Field(
        "sku",
        N_("SKU"),
        is_required=True,
        aliases=("product", "article_number", "item_number", "stock_code"),
        example="EXAMPLE-SKU",
        help=N_("The product's SKU; the product must be there."),
    ),
    Field(
        "number",
        N_("Other number"),
        is_required=True,
        aliases=("code", "reference", "cross_reference", "part_number", "customer_part_number", "alias"),
        example="EXAMPLE-77",
        help=N_("The other number that finds the product."),
    ),
    Field(
        "kind",
        N_("Kind of number"),
        aliases=("type", "reference_kind"),
        example="customer",
        help=N_(
            "superseded, alternative, or customer for a company's own number. "
            "Empty: customer where a company is named, else alternative."
        ),
    ),
    Field(
        "company",
        N_("Company number"),
        aliases=("company_number", "customer", "customer_number", "reseller"),
        example="EXAMPLE-1",
        help=N_("Whose own number it is; empty for numbers that everybody may use."),
    ),
)


@dataclass(frozen=True, slots=True)
class NumberRow:
    """Another number of a product; `company` is empty for everybody's.

    How SKU and number are spelled is not what two rows must agree in.
    """

    sku: str = field(repr=False)
    sku_key: str
    code: str = field(repr=False)
    code_key: str
    kind: str
    company: str


@dataclass(slots=True)
class Work:
    """Rows to add, with the changes that report them, and kinds to change by row."""

    references: list[tuple[dict[str, Any], Change]] = field(default_factory=list)
    owned: list[tuple[dict[str, Any], Change]] = field(default_factory=list)
    kinds: list[dict[str, Any]] = field(default_factory=list)


def _read(cells: Cells) -> tuple[str, NumberRow]:
    sku, sku_key = read_sku(cells)
    code, key = clean_code(cells.text("number", most=CODE_LENGTH, is_required=True), field="number")
    company = cells.text("company", most=40)
    kind = cells.word("kind", _KINDS) or (CUSTOMER if company else "alternative")
    if kind == CUSTOMER and not company:
        raise cells.refused("company", _("say whose own number it is, or write alternative as the kind."))
    if kind != CUSTOMER and company:
        raise cells.refused("company", _("leave it empty, or write customer as the kind."))
    about = f"{company}\n{key}" if company else f"\n{key}\n{sku_key}"
    return about, NumberRow(sku, sku_key, code, key, kind, company)


@dataclass(slots=True)
class _Stored:
    """What the rows of a batch refer to."""

    products: Mapping[str, Any]
    companies: Mapping[str, Any]
    references: Mapping[tuple[int, str], Any]
    owned: Mapping[tuple[int, str], Any]


class NumbersKind(PlainKind):
    """A cross-reference is known by product and number, a company's own number by company and number."""

    name = "numbers"
    title = N_("Other numbers of products")
    hint = N_("Cross-references that everybody may use, and resellers' own part numbers.")
    fields: Sequence[Field] = FIELDS
    permissions = (Permission.CATALOGUE_MANAGE,)

    def open(self, plan: FilePlan) -> Callable[[SourceRow], Item]:
        """Reader of the file's rows."""
        return RowReader(plan, FIELDS, _read)

    def judge(
        self, session: Session, plan: FilePlan, items: Sequence[Item], recalled: Mapping[str, str]
    ) -> Judged:
        """A verdict for each row; a number that a company uses for another product is refused."""
        stored = _load(session, [item.value for item in items if item.fault is None])
        repeats, work = Repeats(recalled), Work()
        judged = Judged([], repeats.memories, work)
        for item in items:
            verdict = item.fault or repeats.verdict(item)
            if verdict is None:
                verdict = _judge(item.value, stored, work, judged.changes)
                if verdict.code == "":
                    repeats.keep(item)
            judged.verdicts.append(verdict)
        return judged

    def memories(self, items: Sequence[Item], recalled: Mapping[str, str]) -> dict[str, str]:
        """What the first row of each number said."""
        return memories_of(items, recalled)

    def store(
        self, session: Session, actor: Actor, plan: FilePlan, judged: Judged, *, run_id: int, now: datetime
    ) -> None:
        """Write the batch's numbers; search finds the products by them at once."""
        work: Work = judged.work
        _insert(session, CrossReference, work.references, ("product_id", "code_key"))
        _insert(session, CustomerPartNumber, work.owned, ("company_id", "code_key"))
        if work.kinds:
            changed = update(_REFERENCES).where(_REFERENCES.c.id == bindparam("row_id"))
            session.execute(changed.values(kind=bindparam("to_kind")), work.kinds)
        indexed = {values["product_id"] for values, _change in work.references}
        search.index_products(session, indexed)
        if judged.changes:
            audit.record(
                session,
                actor,
                "numbers.imported",
                subject_type="import_run",
                subject_id=run_id,
                now=now,
                after={"numbers": [[one.subject, dict(one.after or {})] for one in judged.changes]},
            )

    def undo(
        self, session: Session, actor: Actor, changes: Sequence[Change], *, run_id: int, now: datetime
    ) -> None:
        """Take numbers away again, and kinds back."""
        shared = [change for change in changes if change.table == _REFERENCES.name]
        owned = [change for change in changes if change.table == _OWNED.name]
        ids = [change.row_id for change in shared]
        products = set(
            session.scalars(select(CrossReference.product_id).where(CrossReference.id.in_(ids)).distinct())
        )
        undoing.take_back(session, _REFERENCES, shared)
        undoing.take_back(session, _OWNED, owned)
        search.index_products(session, products)


def _load(session: Session, rows: Sequence[NumberRow]) -> _Stored:
    products = products_by_sku(session, {row.sku_key for row in rows})
    companies = companies_by_number(session, {row.company for row in rows if row.company})
    references: dict[tuple[int, str], Any] = {}
    owned: dict[tuple[int, str], Any] = {}
    shared = {row.code_key for row in rows if not row.company}
    if shared:
        for row in session.execute(
            select(
                CrossReference.id, CrossReference.product_id, CrossReference.code_key, CrossReference.kind
            ).where(CrossReference.code_key.in_(shared))
        ):
            references[row.product_id, row.code_key] = row
    ids = [company.id for company in companies.values()]
    if ids:
        numbers = {row.code_key for row in rows if row.company}
        for taken in session.execute(
            select(CustomerPartNumber.company_id, CustomerPartNumber.code_key, Product.id, Product.sku)
            .join(Product, Product.id == CustomerPartNumber.product_id)
            .where(CustomerPartNumber.company_id.in_(ids), CustomerPartNumber.code_key.in_(numbers))
        ):
            owned[taken.company_id, taken.code_key] = taken
    return _Stored(products, companies, references, owned)


def _judge(row: NumberRow, stored: _Stored, work: Work, changes: list[Change]) -> Verdict:
    product = stored.products.get(row.sku_key)
    if product is None:
        return unknown_sku(row.sku)
    if row.company:
        company: Any = stored.companies.get(row.company)
        refusal = company_refusal(company, row.company)
        if refusal is not None:
            return refusal
        return _judge_owned(row, product, company.id, stored, work, changes)
    known = stored.references.get((product.id, row.code_key))
    if known is None:
        values = {"product_id": product.id, "code": row.code, "code_key": row.code_key, "kind": row.kind}
        change = Change(product.sku, _REFERENCES.name, None, {"code": row.code, "kind": row.kind})
        work.references.append((values, change))
        changes.append(change)
        return IS_CREATED
    if known.kind == row.kind:
        return IS_UNCHANGED
    work.kinds.append({"row_id": known.id, "to_kind": row.kind})
    before, after = {"kind": known.kind}, {"kind": row.kind}
    changes.append(Change(f"{product.sku}: {row.code}", _REFERENCES.name, before, after, known.id))
    return IS_UPDATED


def _judge_owned(
    row: NumberRow, product: Any, company_id: int, stored: _Stored, work: Work, changes: list[Change]
) -> Verdict:
    taken = stored.owned.get((company_id, row.code_key))
    if taken is not None and taken.id != product.id:
        return rejected(
            "number_taken",
            _(
                "%(company)s uses this number for %(sku)s already. Take it away there first.",
                company=row.company,
                sku=taken.sku,
            ),
        )
    if taken is not None:
        return IS_UNCHANGED
    values = {
        "company_id": company_id,
        "product_id": product.id,
        "code": row.code,
        "code_key": row.code_key,
    }
    change = Change(product.sku, _OWNED.name, None, {"code": row.code, "company": row.company})
    work.owned.append((values, change))
    changes.append(change)
    return IS_CREATED


def _insert(
    session: Session, model: Any, rows: Sequence[tuple[dict[str, Any], Change]], key: tuple[str, str]
) -> None:
    if not rows:
        return
    statement = insert(model).returning(model.id, *(getattr(model, name) for name in key))
    made = session.connection().execute(statement, [values for values, _change in rows])
    ids = {(first, second): row_id for row_id, first, second in made}
    for values, change in rows:
        change.row_id = ids[values[key[0]], values[key[1]]]
