"""An order on paper and as rows of a file."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_babel import get_locale
from sqlalchemy.orm import Session

from app.adapters import pdf
from app.adapters.spreadsheets import csv_chunks, write_xlsx
from app.core.texts import _
from app.core.web.downloads import Writers, send_table
from app.core.web.formats import date_text, vendor_zone
from app.domain.ordering.queries import OrderFilters, OrderView, iter_orders_for_export
from app.portal.amounts import money, unit_price
from app.portal.catalogue.cards import number
from app.portal.orders import pages

HEADER = (
    *("order", "state", "po_number", "reference", "placed_at", "placed_by", "ship_to", "currency"),
    *("order_total", "line", "sku", "name", "ordered", "allocated", "backordered", "shipped", "cancelled"),
    *("unit_price", "net", "discount", "tax"),
)


def confirmation(view: OrderView, *, vendor_name: str) -> bytes:
    """The order confirmation as PDF."""
    order = view.order
    locale = str(get_locale() or "en")
    placed = date_text(order.placed_at.astimezone(vendor_zone()).date(), "medium", locale=locale)
    title = _("Order confirmation %(number)s", number=order.number)
    facts = [
        (_("PO number"), order.po_number or ""),
        (_("Your reference"), order.reference or ""),
        (_("Placed"), _("%(day)s by %(name)s", day=placed, name=order.placed_by_name)),
        (_("Branch"), view.branch_name),
        (_("End customer"), view.end_customer_name or ""),
        (
            _("Wanted on"),
            date_text(order.requested_on, "medium", locale=locale) if order.requested_on else "",
        ),
        (_("Payment"), _("%(days)s days net of the invoice", days=order.terms_days)),
    ]
    return pdf.render(
        pdf.Document(
            sender=vendor_name,
            title=title,
            recipient=pages.ship_to_lines(order.ship_to),
            facts=facts,
            heads=(_("No."), _("Article"), _("Quantity"), _("Each"), _("Amount")),
            lines=[_line(line.line, order.currency) for line in view.lines],
            sums=[(row[0], row[1]) for row in pages.sums(view)],
            notes=[order.notes],
            footer=f"{order.number} · " + _("page %(page)s", page="{page}"),
            language=locale,
        )
    )


def _line(line: Any, currency: str) -> pdf.DocumentLine:
    note = _("%(n)s cancelled", n=number(line.cancelled)) if line.cancelled else ""
    return pdf.DocumentLine(
        position=str(line.position),
        name=line.name,
        number=line.sku,
        note=note,
        quantity=number(line.ordered),
        unit_price=unit_price(line.unit_price, currency),
        amount=money(line.net, currency),
    )


def _row(row: Any) -> tuple[Any, ...]:
    return (
        *(row.number, row.state, row.po_number, row.reference),
        *(row.placed_at, row.placed_by_name, row.ship_to.get("name", ""), row.currency, row.total),
        *(row.position, row.sku, row.product_name, row.ordered, row.allocated, row.backordered),
        *(row.shipped, row.cancelled, row.unit_price, row.net, row.discount_share, row.tax),
    )


def send_orders(kind: str, session: Session, filters: OrderFilters) -> Response:
    """Every line of the orders as a download, CSV in pieces while it is read, or XLSX."""
    cells = (_row(row) for row in iter_orders_for_export(session, filters))
    return send_table(kind, "orders", HEADER, cells, Writers(csv_chunks, write_xlsx))
