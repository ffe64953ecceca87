"""What the stock forms have in common: the ledger's words, and one entry into the ledger."""

from __future__ import annotations

from app.console.stock.forms import CORRECT, COUNT
from app.core import clock
from app.core.errors import InvalidInput
from app.core.texts import N_, _
from app.core.web.door import do
from app.domain.inventory.desk import StockRow
from app.domain.ordering import stock as actions

#: The ledger's kinds in words.
KINDS = {
    "count": N_("Counted"),
    "receipt": N_("Received"),
    "shipment": N_("Shipped"),
    "return": N_("Came back"),
    "correction": N_("Corrected"),
}


def enter(what: str, *, product: StockRow, warehouse_id: int, quantity: int, reference: str) -> str:
    """Write one count, receipt or correction; returns what is true now.

    :raises InvalidInput: nothing to receive or to take away.
    """
    place = next((level for level in product.levels if level.warehouse_id == warehouse_id), None)
    before = place.on_hand if place else 0
    if what != COUNT and quantity == 0:
        raise InvalidInput(_("Enter at least one unit."), field="quantity")
    values = {"product_id": product.id, "warehouse_id": warehouse_id, "reference": reference}
    if what == COUNT:
        do(actions.count_stock, counted=quantity, now=clock.now(), **values)
        return _("%(n)s on hand, %(before)s before.", n=quantity, before=before)
    if what == CORRECT:
        do(actions.correct_stock, delta=-quantity, now=clock.now(), **values)
        return _("%(n)s taken away, %(after)s on hand.", n=quantity, after=before - quantity)
    do(actions.receive_stock, quantity=quantity, now=clock.now(), **values)
    return _("%(n)s received, %(after)s on hand.", n=quantity, after=before + quantity)
