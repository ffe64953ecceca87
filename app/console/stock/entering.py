"""What the stock forms have in common: the ledger's words, and one entry into the ledger."""

from __future__ import annotations

from app.console.stock.forms import CORRECT, COUNT
from app.core import clock
from app.core.errors import InvalidInput
from app.core.texts import N_, _
from app.core.web.door import do
from app.core.web.extensions import db
from app.domain.inventory.desk import StockRow, get_stock
from app.domain.ordering import stock as actions

#: The ledger's kinds in words.
KINDS = {
    "count": N_("Counted"),
    "receipt": N_("Received"),
    "shipment": N_("Shipped"),
    "return": N_("Came back"),
    "correction": N_("Corrected"),
}


def enter(
    what: str, *, product: StockRow, warehouse_id: int, quantity: int, reference: str, entry_key: str
) -> str:
    """Write one count, receipt or correction; returns what is true now.

    :raises InvalidInput: nothing to receive or to take away.
    """
    before = _on_hand(product, warehouse_id)
    if what != COUNT and quantity == 0:
        raise InvalidInput(_("Enter at least one unit."), field="quantity")
    values = {
        "product_id": product.id,
        "warehouse_id": warehouse_id,
        "reference": reference,
        "entry_key": entry_key,
    }
    if what == COUNT:
        do(actions.count_stock, counted=quantity, now=clock.now(), **values)
        return _("%(n)s on hand, %(before)s before.", n=quantity, before=before)
    if what == CORRECT:
        do(actions.correct_stock, delta=-quantity, now=clock.now(), **values)
        after = _on_hand(get_stock(db.session(), product.id), warehouse_id)
        return _("%(n)s taken away, %(after)s on hand.", n=quantity, after=after)
    do(actions.receive_stock, quantity=quantity, now=clock.now(), **values)
    after = _on_hand(get_stock(db.session(), product.id), warehouse_id)
    return _("%(n)s received, %(after)s on hand.", n=quantity, after=after)


def _on_hand(product: StockRow, warehouse_id: int) -> int:
    return next((level.on_hand for level in product.levels if level.warehouse_id == warehouse_id), 0)
