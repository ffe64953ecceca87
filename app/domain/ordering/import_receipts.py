"""Import of receipts to come: waiting lines get their dates from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Table, and_, bindparam, insert, or_, select, update
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.imports import undoing
from app.core.imports.cells import Cells, RowReader
from app.core.imports.kinds import Change, FilePlan, Item, Judged, PlainKind
from app.core.imports.mapping import Field
from app.core.imports.repeats import Repeats, memories_of
from app.core.imports.tables import SourceRow
from app.core.imports.verdicts import IS_CREATED, IS_UNCHANGED, IS_UPDATED, Verdict, rejected
from app.core.permissions import Actor, Permission
from app.core.texts import N_, _
from app.domain.accounts.queries import get_vendor
from app.domain.catalogue.import_lookups import read_sku
from app.domain.catalogue.quantities import MAX_QUANTITY
from app.domain.inventory import ledger
from app.domain.inventory.models import ExpectedReceipt
from app.domain.ordering.import_places import (
    SKU_FIELD,
    WAREHOUSE_FIELD,
    Places,
    load_places,
    read_warehouse,
)
from app.domain.ordering.promises import renew_promises
from app.domain.ordering.stock import REFERENCE_LENGTH

_RECEIPTS: Table = ExpectedReceipt.__table__  # type: ignore[assignment]  # mapped to exactly one table

FIELDS = (
    WAREHOUSE_FIELD,
    SKU_FIELD,
    Field(
        "quantity",
        N_("Units"),
        is_required=True,
        aliases=("qty", "units", "expected", "quantity_expected", "ordered"),
        example="50",
        help=N_("Units that are to arrive in all."),
    ),
    Field(
        "due_on",
        N_("Expected on"),
        is_required=True,
        aliases=("due", "due_date", "expected_on", "expected_date", "eta", "arrival", "date"),
        example="2099-12-31",
        help=N_("The day as 2099-12-31, today or later."),
    ),
    Field(
        "reference",
        N_("Reference"),
        aliases=("po_number", "purchase_order", "po", "order_number", "shipment"),
        example="PO-EXAMPLE",
        help=N_(
            "Your purchase order. With it a later file changes day and units; "
            "give each part of a delivery its own."
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """Units that are to arrive in a warehouse on a day."""

    warehouse: str
    sku: str = field(repr=False)
    sku_key: str
    quantity: int
    due_on: date
    reference: str


def _read(cells: Cells) -> tuple[str, ReceiptRow]:
    sku, key = read_sku(cells)
    warehouse = read_warehouse(cells)
    quantity = cells.whole("quantity", lowest=1, highest=MAX_QUANTITY)
    due_on = cells.day("due_on")
    reference = cells.text("reference", most=REFERENCE_LENGTH)
    which = f"#{reference}" if reference else due_on.isoformat()
    return f"{warehouse}\n{key}\n{which}", ReceiptRow(warehouse, sku, key, quantity, due_on, reference)


@dataclass(slots=True)
class Work:
    """Receipts to add, each with its change, and those to change."""

    new: list[tuple[dict[str, Any], Change]] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    product_ids: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What a batch's rows refer to, and the day."""

    places: Places
    receipts: Mapping[tuple[int, int, str, date | None], Sequence[Any]]
    today: date


class ReceiptsKind(PlainKind):
    """A receipt is known by warehouse, SKU and reference; without a reference by its day."""

    name = "receipts"
    title = N_("Expected receipts")
    hint = N_("Units that are to arrive; waiting orders are promised by them.")
    fields: Sequence[Field] = FIELDS
    permissions = (Permission.STOCK_MANAGE,)

    def __init__(self, read_clock: Callable[[], datetime] = clock.now) -> None:
        self._clock = read_clock

    def open(self, plan: FilePlan) -> Callable[[SourceRow], Item]:
        """Reader of the file's rows."""
        return RowReader(plan, FIELDS, _read)

    def judge(
        self, session: Session, plan: FilePlan, items: Sequence[Item], recalled: Mapping[str, str]
    ) -> Judged:
        """A verdict for each row; a new receipt's day is today or later."""
        rows: list[ReceiptRow] = [item.value for item in items if item.fault is None]
        places = load_places(session, {row.sku_key for row in rows}, {row.warehouse for row in rows})
        today = clock.business_date(self._clock(), get_vendor(session).timezone)
        batch = _Batch(places, _load(session, places, rows), today)
        repeats, work = Repeats(recalled), Work()
        judged = Judged([], repeats.memories, work)
        for item in items:
            verdict = item.fault or repeats.verdict(item)
            if verdict is None:
                verdict = _judge(item.value, batch, work)
                if not verdict.code:
                    repeats.keep(item)
            judged.verdicts.append(verdict)
        judged.changes = [*(change for _values, change in work.new), *work.changed]
        return judged

    def memories(self, items: Sequence[Item], recalled: Mapping[str, str]) -> dict[str, str]:
        """What the first row of each receipt said."""
        return memories_of(items, recalled)

    def store(
        self, session: Session, actor: Actor, plan: FilePlan, judged: Judged, *, run_id: int, now: datetime
    ) -> None:
        """Write the batch's receipts and renew the dates of lines that wait."""
        work: Work = judged.work
        if work.new:
            made = session.connection().execute(
                insert(_RECEIPTS).returning(_RECEIPTS.c.id, sort_by_parameter_order=True),
                [{**values, "created_at": now} for values, _change in work.new],
            )
            for row, (_values, change) in zip(made, work.new, strict=True):
                change.row_id = row.id
        _update(session, work.changed)
        _record(session, actor, "receipts.imported", judged.changes, run_id, now)
        if work.product_ids:
            renew_promises(session, work.product_ids, now=now)

    def undo(
        self, session: Session, actor: Actor, changes: Sequence[Change], *, run_id: int, now: datetime
    ) -> None:
        """Take receipts away again, and bring days and units back.

        :raises CannotUndo: units of one have arrived, or it was changed since.
        """
        ids = [change.row_id for change in changes]
        products = set(
            session.scalars(select(ExpectedReceipt.product_id).where(ExpectedReceipt.id.in_(ids)).distinct())
        )
        ledger.lock_products(session, products)
        _require_untouched(session, changes)
        undoing.take_back(session, _RECEIPTS, changes)
        if products:
            renew_promises(session, products, now=now)


def _load(
    session: Session, places: Places, rows: Sequence[ReceiptRow]
) -> dict[tuple[int, int, str, date | None], list[Any]]:
    references = {row.reference for row in rows if row.reference}
    days = {row.due_on for row in rows if not row.reference}
    if not places.products or not places.warehouses:
        return {}
    found = session.execute(
        select(
            ExpectedReceipt.id,
            ExpectedReceipt.product_id,
            ExpectedReceipt.warehouse_id,
            ExpectedReceipt.quantity,
            ExpectedReceipt.received,
            ExpectedReceipt.due_on,
            ExpectedReceipt.reference,
            ExpectedReceipt.is_open,
        )
        .where(
            ExpectedReceipt.product_id.in_(places.product_ids),
            ExpectedReceipt.warehouse_id.in_(places.warehouse_ids),
            or_(
                ExpectedReceipt.reference.in_(references),
                and_(ExpectedReceipt.reference == "", ExpectedReceipt.due_on.in_(days)),
            ),
        )
        .order_by(ExpectedReceipt.id)
    )
    receipts: dict[tuple[int, int, str, date | None], list[Any]] = {}
    for row in found:
        key = (row.product_id, row.warehouse_id, row.reference, None if row.reference else row.due_on)
        receipts.setdefault(key, []).append(row)
    return receipts


def _judge(row: ReceiptRow, batch: _Batch, work: Work) -> Verdict:
    refusal = batch.places.refusal(row.sku, row.sku_key, row.warehouse)
    if refusal is not None:
        return refusal
    product = batch.places.products[row.sku_key]
    warehouse = batch.places.warehouses[row.warehouse]
    day = None if row.reference else row.due_on
    stored = batch.receipts.get((product.id, warehouse.id, row.reference, day), [])
    subject = f"{product.sku} · {warehouse.code} · {row.reference or row.due_on.isoformat()}"
    if any(one.quantity == row.quantity and one.due_on == row.due_on for one in stored):
        return IS_UNCHANGED
    if row.due_on < batch.today:
        return rejected(
            "day_passed", _("That day has passed: book what arrived as a receipt, or write a later day.")
        )
    if not stored:
        shown = {"quantity": row.quantity, "due_on": row.due_on, "reference": row.reference}
        change = Change(subject, _RECEIPTS.name, None, undoing.plain_values(shown))
        work.new.append(({"product_id": product.id, "warehouse_id": warehouse.id, **shown}, change))
        work.product_ids.add(product.id)
        return IS_CREATED
    return _judge_known(row, stored, subject, product.id, work)


def _judge_known(
    row: ReceiptRow, stored: Sequence[Any], subject: str, product_id: int, work: Work
) -> Verdict:
    still_open = [one for one in stored if one.is_open]
    if not still_open:
        return rejected(
            "receipt_closed",
            _("This receipt has arrived or was called off. Give further units a reference of their own."),
        )
    if len(still_open) > 1:
        return rejected(
            "several_receipts",
            _(
                "%(count)s open receipts fit this row. Give each a reference of its own.",
                count=len(still_open),
            ),
        )
    known = still_open[0]
    if row.quantity <= known.received:
        return rejected(
            "below_received",
            _(
                "%(count)s units of it have arrived already. Write how many are to come in all.",
                count=known.received,
            ),
        )
    values = {"quantity": row.quantity, "due_on": row.due_on}
    after = {name: value for name, value in values.items() if getattr(known, name) != value}
    before = {name: getattr(known, name) for name in after}
    work.changed.append(
        Change(subject, _RECEIPTS.name, undoing.plain_values(before), undoing.plain_values(after), known.id)
    )
    work.product_ids.add(product_id)
    return IS_UPDATED


def _update(session: Session, changes: Sequence[Change]) -> None:
    for name in ("quantity", "due_on"):
        rows = [
            {"row_id": change.row_id, "value": _typed(name, (change.after or {})[name])}
            for change in changes
            if name in (change.after or {})
        ]
        if rows:
            statement = update(_RECEIPTS).where(_RECEIPTS.c.id == bindparam("row_id"))
            session.connection().execute(statement.values({name: bindparam("value")}), rows)


def _typed(name: str, value: Any) -> Any:
    return date.fromisoformat(value) if name == "due_on" else value


def _record(
    session: Session, actor: Actor, action: str, changes: Sequence[Change], run_id: int, now: datetime
) -> None:
    if not changes:
        return
    audit.record(
        session,
        actor,
        action,
        subject_type="import_run",
        subject_id=run_id,
        now=now,
        before={one.subject: dict(one.before) for one in changes if one.before is not None} or None,
        after={one.subject: dict(one.after or {}) for one in changes},
    )


def _require_untouched(session: Session, changes: Sequence[Change]) -> None:
    rows = session.execute(
        select(ExpectedReceipt.id, ExpectedReceipt.received, ExpectedReceipt.is_open).where(
            ExpectedReceipt.id.in_([change.row_id for change in changes])
        )
    )
    present = {row.id: row for row in rows}
    for change in changes:
        row = present.get(change.row_id)
        if row is None or not row.is_open:
            raise undoing.changed_since(change.subject)
        if row.received and (change.before is None or row.received >= change.before.get("quantity", 1 << 40)):
            raise undoing.CannotUndo(
                _("%(subject)s: units of it have arrived. Nothing was taken back.", subject=change.subject)
            )
