"""Import of products with their list prices: what a row means, and its verdict."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from app.core.imports.kinds import Change, FilePlan, Item, Judged, Option, PlainKind
from app.core.imports.mapping import EXTRA, Field, normalise
from app.core.imports.tables import SourceRow, UnreadableFile
from app.core.imports.verdicts import IS_CREATED, IS_UNCHANGED, IS_UPDATED, Verdict, rejected
from app.core.permissions import Actor, Permission
from app.core.texts import N_, _
from app.domain.catalogue import import_store
from app.domain.catalogue.import_changes import changes_in, complete, record, take_products_back
from app.domain.catalogue.import_product_fields import FIELDS
from app.domain.catalogue.import_store import (
    Known,
    NewPrice,
    NewProduct,
    Work,
    changes_of,
    quantity_refusal,
)
from app.domain.catalogue.product_rows import ProductReader, ProductRow

#: Derived from the price; kept as a value it would be wrong after the next change of price.
DERIVED = frozenset({"price_per_gb"})
#: Columns that tell the files of other kinds of data.
_OTHERS = {
    "invoice": N_("orders"),
    "invoice_no": N_("orders"),
    "invoiceno": N_("orders"),
    "po_number": N_("orders"),
    "order_number": N_("orders"),
    "customer": N_("orders"),
    "customer_id": N_("orders"),
    "customerid": N_("orders"),
    "quantity": N_("orders or stock"),
    "warehouse": N_("stock"),
    "on_hand": N_("stock"),
    "serial": N_("serial numbers"),
    "serial_number": N_("serial numbers"),
    "agreement": N_("price agreements"),
    "company": N_("companies"),
    "company_name": N_("companies"),
    "email": N_("people"),
}


@dataclass(slots=True)
class _State:
    """What is known of one product while a batch is judged: stored before it, or said by it."""

    known: Known | None
    #: A row of this run was accepted for it; in a dry run the only trace of a product it would create.
    is_seen: bool = False
    new: NewProduct | None = None
    price: Decimal | None = None
    #: Set once a row of this run gave a price.
    run_price: Decimal | None = None
    digest: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    has_new_price: bool = False


class ProductsKind(PlainKind):
    """Products without a SKU of their own are known by category, name and attributes; others by the SKU."""

    name = "products"
    title = N_("Products and list prices")
    hint = N_(
        "What you sell, with its list price for one piece. A file without SKUs is the category of its name."
    )
    options = (Option("currency", N_("Currency of the prices"), "currency", N_("Where the file names none")),)
    accepts_extras = True
    fields: Sequence[Field] = FIELDS
    ignored = DERIVED
    permissions = (Permission.CATALOGUE_MANAGE, Permission.PRICE_MANAGE)

    def check(self, plan: FilePlan) -> None:
        """:raises UnreadableFile: the columns are those of another kind of data."""
        strange = [
            (header, _OTHERS[normalise(header)])
            for header, target in plan.targets.items()
            if target == EXTRA
            and normalise(header) in _OTHERS
            and normalise(header) not in plan.options.get("kept", ())
        ]
        if strange:
            header, kind = strange[0]
            raise UnreadableFile(
                _(
                    "%(name)s does not look like products: the column %(header)s belongs to %(kind)s. "
                    "Leave the column out, or map it by hand.",
                    name=plan.survey.name,
                    header=header,
                    kind=_(kind),
                )
            )

    def open(self, plan: FilePlan) -> Callable[[SourceRow], Item]:
        """Reader of the file's rows."""
        return ProductReader(plan)

    def judge(
        self, session: Session, plan: FilePlan, items: Sequence[Item], recalled: Mapping[str, str]
    ) -> Judged:
        """A verdict for each row; see the class for who a product is.

        Within a run the first price of a product decides: it is compared with the stored one, and any
        further, different price of the run is a conflict. An empty price changes nothing.
        """
        rows = [item.value for item in items if item.fault is None]
        stored = import_store.load_known(session, rows, currency=str(plan.options["currency"]))
        states: dict[str, _State] = {}
        verdicts: list[Verdict] = []
        for item in items:
            if item.fault is not None:
                verdicts.append(item.fault)
                continue
            state = states.get(item.key)
            if state is None:
                state = states[item.key] = _state(stored.get(item.key), recalled.get(item.key))
            verdicts.append(_judge(item.value, item.key, state))
        memories = {
            key: _memory(state.run_price, state.digest) for key, state in states.items() if state.is_seen
        }
        work = _work(states)
        return Judged(verdicts, memories, work, changes_in(work))

    def memories(self, items: Sequence[Item], recalled: Mapping[str, str]) -> dict[str, str]:
        """The first price and the first other values that the run's rows gave for each product."""
        found: dict[str, str] = {}
        for item in items:
            if item.fault is not None:
                continue
            row: ProductRow = item.value
            price, digest = _remembered(found.get(item.key) or recalled.get(item.key))
            said = _digest(row)
            if digest is not None and said is not None and digest != said:
                continue
            found[item.key] = _memory(row.price if price is None else price, digest or said)
        return found

    def store(
        self, session: Session, actor: Actor, plan: FilePlan, judged: Judged, *, run_id: int, now: datetime
    ) -> None:
        """Write the batch's products, prices and search rows."""
        written = import_store.store(session, plan, judged.work, run_id=run_id, now=now)
        complete(judged.changes, judged.work, written)
        record(session, actor, judged.changes, run_id=run_id, now=now)

    def undo(
        self, session: Session, actor: Actor, changes: Sequence[Change], *, run_id: int, now: datetime
    ) -> None:
        """Take products, their values and prices back, and categories and attributes nobody uses."""
        take_products_back(session, changes, now=now)


def _digest(row: ProductRow) -> str | None:
    # Rows of one identity say the same by definition, unless they carry more than the identity holds.
    return row.digest() if row.sku is not None or row.fields else None


def _memory(price: Decimal | None, digest: str | None) -> str:
    return json.dumps([None if price is None else str(price), digest])


def _remembered(text: str | None) -> tuple[Decimal | None, str | None]:
    if text is None:
        return None, None
    price, digest = json.loads(text)
    return (None if price is None else Decimal(price)), digest


def _state(known: Known | None, remembered: str | None) -> _State:
    run_price, digest = _remembered(remembered)
    price = run_price if run_price is not None else (known.price if known else None)
    return _State(
        known=known, is_seen=remembered is not None, price=price, run_price=run_price, digest=digest
    )


def _judge(row: ProductRow, key: str, state: _State) -> Verdict:
    said = _digest(row)
    refusal = _refusal(row, said, state)
    if refusal is not None:
        return refusal
    is_new = state.known is None and not state.is_seen
    is_first_price = row.price is not None and state.run_price is None
    has_other_price = is_first_price and row.price != state.price
    state.is_seen, state.digest = True, state.digest or said
    if is_first_price:
        state.run_price = row.price
    if has_other_price:
        state.price, state.has_new_price = row.price, True
    if is_new:
        state.new = NewProduct(key, row)
        return IS_CREATED
    changes = changes_of(row, state.known) if state.known is not None and said is not None else {}
    state.changes.update(changes)
    return IS_UPDATED if has_other_price or changes else IS_UNCHANGED


def _refusal(row: ProductRow, said: str | None, state: _State) -> Verdict | None:
    if state.digest is not None and said is not None and said != state.digest:
        return rejected(
            "conflicting_row",
            _("An earlier row of this import gave this product other values. Keep one of the rows."),
        )
    if row.price is not None and state.run_price is not None and row.price != state.run_price:
        return rejected(
            "conflicting_price",
            _(
                "An earlier row of this import gave this product the price %(price)s. Keep one of the two.",
                price=f"{state.run_price:f}",
            ),
        )
    return quantity_refusal(row, state.known) if row.fields else None


def _work(states: Mapping[str, _State]) -> Work:
    work = Work()
    for state in states.values():
        if state.new is not None:
            work.new.append(NewProduct(state.new.key, state.new.row, state.price))
        elif state.known is not None:
            if state.changes:
                work.changed.append((state.known, state.changes))
            if state.has_new_price and state.price is not None:
                work.prices.append(NewPrice(state.known, state.price))
    return work
