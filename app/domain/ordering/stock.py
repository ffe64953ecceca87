"""Stock that comes in, is counted or corrected, and receipts to come: what is free serves who waits."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.clock import business_date
from app.core.errors import Conflict, InvalidInput, NotFound
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.domain.accounts.queries import get_vendor
from app.domain.catalogue.models import Product
from app.domain.catalogue.quantities import MAX_QUANTITY
from app.domain.inventory import ledger
from app.domain.inventory.models import ExpectedReceipt, Warehouse
from app.domain.ordering.backorders import serve_backorders
from app.domain.ordering.errors import StockTooLow
from app.domain.ordering.judging import WITHOUT_STOCK
from app.domain.ordering.promises import renew_promises

REFERENCE_LENGTH = 80


@requires(Permission.STOCK_MANAGE)
def count_stock(
    session: Session,
    actor: Actor,
    *,
    product_id: int,
    warehouse_id: int,
    counted: int,
    now: datetime,
    reference: str = "",
    entry_key: str | None = None,
) -> int:
    """Set what is on hand to what was counted; returns the difference to the book.

    An `entry_key` that was entered before changes nothing more, here as in the other entries.

    :raises StockTooLow: fewer units were counted than are set aside for orders; nothing is changed.
    """
    _check_place(session, product_id, warehouse_id, reference)
    if not 0 <= counted <= MAX_QUANTITY:
        raise InvalidInput(_("Enter what you counted, 0 to %(most)s.", most=MAX_QUANTITY), field="quantity")
    on_hand, _allocated = ledger.lock_level(session, product_id=product_id, warehouse_id=warehouse_id)
    if ledger.is_entered(session, entry_key):
        return 0
    delta = counted - on_hand
    if delta:
        _move(session, actor, product_id, warehouse_id, delta, "count", reference, now, entry_key)
    return delta


@requires(Permission.STOCK_MANAGE)
def correct_stock(
    session: Session,
    actor: Actor,
    *,
    product_id: int,
    warehouse_id: int,
    delta: int,
    now: datetime,
    reference: str = "",
    entry_key: str | None = None,
) -> int:
    """Book units in (+) or out (-), for breakage and finds; returns `delta`."""
    _check_place(session, product_id, warehouse_id, reference)
    if not delta or abs(delta) > MAX_QUANTITY:
        raise InvalidInput(_("Enter units from 1 to %(most)s.", most=MAX_QUANTITY), field="quantity")
    ledger.lock_products(session, [product_id])
    if not ledger.is_entered(session, entry_key):
        _move(session, actor, product_id, warehouse_id, delta, "correction", reference, now, entry_key)
    return delta


@requires(Permission.STOCK_MANAGE)
def receive_stock(
    session: Session,
    actor: Actor,
    *,
    product_id: int,
    warehouse_id: int,
    quantity: int,
    now: datetime,
    receipt_id: int | None = None,
    reference: str = "",
    entry_key: str | None = None,
) -> int:
    """Book units that arrived, against an expected receipt where there is one; returns `quantity`.

    :raises InvalidInput: more arrive than the receipt still expects.
    :raises Conflict: the receipt is closed, or of another product or warehouse.
    """
    _check_place(session, product_id, warehouse_id, reference)
    if not 1 <= quantity <= MAX_QUANTITY:
        raise InvalidInput(_("Enter units from 1 to %(most)s.", most=MAX_QUANTITY), field="quantity")
    ledger.lock_products(session, [product_id])
    if ledger.is_entered(session, entry_key):
        return quantity
    if receipt_id is not None:
        receipt = _open_receipt(session, receipt_id)
        if (receipt.product_id, receipt.warehouse_id) != (product_id, warehouse_id):
            raise Conflict(_("This receipt is of another product or warehouse."))
        left = receipt.quantity - receipt.received
        if quantity > left:
            raise InvalidInput(
                _(
                    "The receipt still expects %(left)s. Receive those, and the rest without a receipt.",
                    left=left,
                ),
                field="quantity",
            )
        receipt.received += quantity
        receipt.is_open = receipt.received < receipt.quantity
        reference = reference or receipt.reference
        session.flush()
    _move(session, actor, product_id, warehouse_id, quantity, "receipt", reference, now, entry_key)
    return quantity


@requires(Permission.STOCK_MANAGE)
def expect_receipt(
    session: Session,
    actor: Actor,
    *,
    product_id: int,
    warehouse_id: int,
    quantity: int,
    due_on: date,
    now: datetime,
    reference: str = "",
    entry_key: str | None = None,
) -> ExpectedReceipt:
    """Enter units that are to arrive on a day; waiting lines get their dates from it."""
    _check_place(session, product_id, warehouse_id, reference)
    if not 1 <= quantity <= MAX_QUANTITY:
        raise InvalidInput(_("Enter units from 1 to %(most)s.", most=MAX_QUANTITY), field="quantity")
    if due_on < business_date(now, get_vendor(session).timezone):
        raise InvalidInput(
            _("That day has passed: receive what is there, or enter a later day."), field="due_on"
        )
    ledger.lock_products(session, [product_id])
    if entry_key is not None:
        entered = session.scalar(select(ExpectedReceipt).where(ExpectedReceipt.entry_key == entry_key))
        if entered is not None:
            return entered
    receipt = ExpectedReceipt(
        product_id=product_id,
        warehouse_id=warehouse_id,
        quantity=quantity,
        due_on=due_on,
        reference=reference,
        created_at=now,
        entry_key=entry_key,
    )
    session.add(receipt)
    session.flush()
    _record_receipt(session, actor, "stock.receipt_expected", receipt, now)
    renew_promises(session, {product_id}, now=now)
    return receipt


@requires(Permission.STOCK_MANAGE)
def close_receipt(session: Session, actor: Actor, *, receipt_id: int, now: datetime) -> ExpectedReceipt:
    """What is left of a receipt will not come; it promises nothing any more."""
    product_id = session.scalar(select(ExpectedReceipt.product_id).where(ExpectedReceipt.id == receipt_id))
    if product_id is None:
        raise NotFound()
    ledger.lock_products(session, [product_id])
    receipt = _open_receipt(session, receipt_id)
    receipt.is_open = False
    session.flush()
    _record_receipt(session, actor, "stock.receipt_closed", receipt, now)
    renew_promises(session, {receipt.product_id}, now=now)
    return receipt


def _record_receipt(
    session: Session, actor: Actor, action: str, receipt: ExpectedReceipt, now: datetime
) -> None:
    audit.record(
        session,
        actor,
        action,
        subject_type="expected_receipt",
        subject_id=receipt.id,
        now=now,
        after={
            "product_id": receipt.product_id,
            "quantity": receipt.quantity,
            "received": receipt.received,
            "due_on": receipt.due_on.isoformat(),
        },
    )


def _open_receipt(session: Session, receipt_id: int) -> ExpectedReceipt:
    receipt = session.scalars(
        select(ExpectedReceipt).where(ExpectedReceipt.id == receipt_id).with_for_update()
    ).first()
    if receipt is None:
        raise NotFound()
    if not receipt.is_open:
        raise Conflict(_("This receipt is closed already."))
    return receipt


def _check_place(session: Session, product_id: int, warehouse_id: int, reference: str) -> None:
    if len(reference) > REFERENCE_LENGTH:
        raise InvalidInput(
            _("Keep the reference under %(count)s characters.", count=REFERENCE_LENGTH), field="reference"
        )
    row = session.execute(
        select(Product.kind, Warehouse.is_active)
        .outerjoin(Warehouse, Warehouse.id == warehouse_id)
        .where(Product.id == product_id)
    ).one_or_none()
    if row is None:
        raise NotFound()
    if row.kind in WITHOUT_STOCK:
        raise InvalidInput(_("Services and warranties are not stocked."), field="product_id")
    if not row.is_active:
        raise InvalidInput(
            _("This warehouse is closed or unknown. Choose another one."), field="warehouse_id"
        )


def _move(
    session: Session,
    actor: Actor,
    product_id: int,
    warehouse_id: int,
    delta: int,
    kind: str,
    reference: str,
    now: datetime,
    entry_key: str | None,
) -> None:
    moved = ledger.move_stock(
        session,
        product_id=product_id,
        warehouse_id=warehouse_id,
        delta=delta,
        kind=kind,
        reference=reference,
        actor=actor,
        now=now,
        entry_key=entry_key,
    )
    if not moved:
        raise StockTooLow(
            _("Orders hold more units than would be left. Cancel or move those first, then book it."),
            product_id=product_id,
        )
    audit.record(
        session,
        actor,
        f"stock.{kind}",
        subject_type="product",
        subject_id=product_id,
        now=now,
        after={"warehouse_id": warehouse_id, "delta": delta, "reference": reference},
    )
    if delta > 0:
        serve_backorders(session, actor, {product_id}, now=now)
        renew_promises(session, {product_id}, now=now)
