"""Import of stock counts: the difference is moved, and what comes in serves who waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.imports import undoing
from app.core.imports.cells import Cells, RowReader, refuse_columns
from app.core.imports.kinds import Change, FilePlan, Item, Judged, PlainKind
from app.core.imports.mapping import Field
from app.core.imports.repeats import Repeats, memories_of
from app.core.imports.tables import SourceRow
from app.core.imports.verdicts import IS_CREATED, IS_UNCHANGED, IS_UPDATED, Verdict, rejected
from app.core.permissions import Actor, Permission
from app.core.texts import N_, _
from app.domain.catalogue.import_lookups import read_sku
from app.domain.catalogue.quantities import MAX_QUANTITY
from app.domain.inventory import ledger
from app.domain.inventory.ledger import Move
from app.domain.inventory.models import StockMovement
from app.domain.ordering.backorders import serve_backorders
from app.domain.ordering.import_places import (
    SKU_FIELD,
    WAREHOUSE_FIELD,
    Places,
    load_places,
    read_warehouse,
)
from app.domain.ordering.promises import renew_promises
from app.domain.ordering.stock import REFERENCE_LENGTH

FIELDS = (
    WAREHOUSE_FIELD,
    SKU_FIELD,
    Field(
        "quantity",
        N_("Counted"),
        is_required=True,
        aliases=("counted", "count", "qty", "on_hand", "stock", "units", "quantity_on_hand"),
        example="12",
        help=N_("All units that lie there, also those that orders hold; 0 for none."),
    ),
    Field(
        "reference",
        N_("Reason"),
        aliases=("reason", "note", "comment"),
        example="Year-end count",
        help=N_("Stands in the ledger beside the movement."),
    ),
)
#: Columns that tell other files about products and quantities.
_STRANGE = {
    **dict.fromkeys(
        ("due_on", "due", "due_date", "expected_on", "expected_date", "eta", "arrival"),
        N_("Expected receipts"),
    ),
    **dict.fromkeys(("po_number", "order_number", "invoice", "invoice_no", "customer"), N_("orders")),
    **dict.fromkeys(("price", "unit_price", "min_quantity", "from_quantity"), N_("prices")),
}


@dataclass(frozen=True, slots=True)
class CountRow:
    """What was counted of a product in a warehouse. Two rows of one place must agree in the units."""

    warehouse: str
    sku: str = field(repr=False)
    sku_key: str
    counted: int
    reference: str = field(repr=False)


def _read(cells: Cells) -> tuple[str, CountRow]:
    sku, key = read_sku(cells)
    warehouse = read_warehouse(cells)
    counted = cells.whole("quantity", lowest=0, highest=MAX_QUANTITY)
    reference = cells.text("reference", most=REFERENCE_LENGTH)
    return f"{warehouse}\n{key}", CountRow(warehouse, sku, key, counted, reference)


class StockKind(PlainKind):
    """A count is known by warehouse and SKU; the ledger gets the difference to the book."""

    name = "stock"
    title = N_("Stock counts")
    hint = N_("What was counted in each warehouse; the difference is booked, and waiting orders are served.")
    fields: Sequence[Field] = FIELDS
    permissions = (Permission.STOCK_MANAGE,)

    def check(self, plan: FilePlan) -> None:
        """:raises UnreadableFile: the columns are those of another kind of data."""
        refuse_columns(plan, self.title, _STRANGE)

    def open(self, plan: FilePlan) -> Callable[[SourceRow], Item]:
        """Reader of the file's rows."""
        return RowReader(plan, FIELDS, _read)

    def judge(
        self, session: Session, plan: FilePlan, items: Sequence[Item], recalled: Mapping[str, str]
    ) -> Judged:
        """A verdict for each row; fewer units than orders hold are refused."""
        rows: list[CountRow] = [item.value for item in items if item.fault is None]
        places = load_places(session, {row.sku_key for row in rows}, {row.warehouse for row in rows})
        levels = ledger.levels_of(session, places.product_ids, places.warehouse_ids)
        repeats = Repeats(recalled)
        moves: list[Move] = []
        judged = Judged([], repeats.memories, moves)
        for item in items:
            verdict = item.fault or repeats.verdict(item)
            if verdict is None:
                verdict = _judge(item.value, places, levels, moves, judged.changes)
                if not verdict.code:
                    repeats.keep(item)
            judged.verdicts.append(verdict)
        return judged

    def memories(self, items: Sequence[Item], recalled: Mapping[str, str]) -> dict[str, str]:
        """What the first row of each place said."""
        return memories_of(items, recalled)

    def store(
        self, session: Session, actor: Actor, plan: FilePlan, judged: Judged, *, run_id: int, now: datetime
    ) -> None:
        """Book the differences; what comes in is allocated to waiting lines in the same transaction."""
        moves: list[Move] = judged.work
        ids = ledger.move_all(session, moves, actor=actor, now=now)
        for change, movement_id in zip(judged.changes, ids, strict=True):
            change.row_id = movement_id
        _record(session, actor, "stock.imported", judged.changes, run_id, now)
        _serve(session, actor, moves, now)

    def undo(
        self, session: Session, actor: Actor, changes: Sequence[Change], *, run_id: int, now: datetime
    ) -> None:
        """Book the differences the other way round; the ledger keeps both.

        :raises CannotUndo: the stock moved since, or orders hold the units.
        """
        moves = _counter_moves(session, changes, _("Import %(number)s taken back", number=run_id))
        ledger.move_all(session, moves, actor=actor, now=now)
        _record(session, actor, "stock.import_undone", changes, run_id, now)
        _serve(session, actor, moves, now)


def _judge(
    row: CountRow,
    places: Places,
    levels: Mapping[tuple[int, int], tuple[int, int]],
    moves: list[Move],
    changes: list[Change],
) -> Verdict:
    refusal = places.refusal(row.sku, row.sku_key, row.warehouse)
    if refusal is not None:
        return refusal
    product, warehouse = places.products[row.sku_key], places.warehouses[row.warehouse]
    level = levels.get((product.id, warehouse.id))
    on_hand, allocated = level or (0, 0)
    if row.counted < allocated:
        return rejected(
            "below_allocated",
            _(
                "Orders hold %(allocated)s units there and %(counted)s were counted. "
                "Cancel or move orders first, or count again.",
                allocated=allocated,
                counted=row.counted,
            ),
        )
    delta = row.counted - on_hand
    if not delta:
        return IS_UNCHANGED
    moves.append(Move(product.id, warehouse.id, delta, "count", row.reference))
    before, after = {"on_hand": on_hand}, {"on_hand": row.counted}
    changes.append(Change(f"{product.sku} · {warehouse.code}", StockMovement.__tablename__, before, after))
    return IS_UPDATED if level else IS_CREATED


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
        before={one.subject: (one.before or {})["on_hand"] for one in changes},
        after={one.subject: (one.after or {})["on_hand"] for one in changes},
    )


def _serve(session: Session, actor: Actor, moves: Sequence[Move], now: datetime) -> None:
    grown = {move.product_id for move in moves if move.delta > 0}
    if grown:
        serve_backorders(session, actor, grown, now=now)
        renew_promises(session, grown, now=now)


def _counter_moves(session: Session, changes: Sequence[Change], reference: str) -> list[Move]:
    made = {
        row.id: row
        for row in session.execute(
            select(
                StockMovement.id, StockMovement.product_id, StockMovement.warehouse_id, StockMovement.delta
            ).where(StockMovement.id.in_([change.row_id for change in changes]))
        )
    }
    products = {row.product_id for row in made.values()}
    ledger.lock_products(session, products)
    levels = ledger.levels_of(session, products, {row.warehouse_id for row in made.values()})
    moves = []
    for change in changes:
        movement = made[change.row_id or 0]
        on_hand, allocated = levels[movement.product_id, movement.warehouse_id]
        if on_hand != (change.after or {})["on_hand"]:
            raise undoing.changed_since(change.subject)
        if on_hand - movement.delta < allocated:
            raise undoing.CannotUndo(
                _("%(subject)s: orders hold the units. Nothing was taken back.", subject=change.subject)
            )
        moves.append(
            Move(movement.product_id, movement.warehouse_id, -movement.delta, "correction", reference)
        )
    return moves
