"""An order on paper and as rows of a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from flask import Response, stream_with_context
from flask_babel import get_locale
from sqlalchemy.orm import Session

from app.adapters import pdf
from app.adapters.spreadsheets import csv_chunks, write_xlsx
from app.core import clock
from app.core.texts import _
from app.core.web.formats import date_text, vendor_zone
from app.domain.ordering.queries import OrderFilters, OrderView, iter_orders_for_export
from app.portal.amounts import money, unit_price
from app.portal.catalogue.cards import number
from app.portal.orders import pages

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CHUNK = 64 * 1024
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
        row.placed_at.isoformat(timespec="seconds"),
        *(row.placed_by_name, row.ship_to.get("name", ""), row.currency, row.total),
        *(row.position, row.sku, row.product_name, row.ordered, row.allocated, row.backordered),
        *(row.shipped, row.cancelled, row.unit_price, row.net, row.discount_share, row.tax),
    )


def send_orders(kind: str, session: Session, filters: OrderFilters) -> Response:
    """Every line of the orders as a download, CSV in pieces while it is read, or XLSX.

    The session is read on after the request has ended, in the scope it was given, and closed then.
    """
    cells = (_row(row) for row in iter_orders_for_export(session, filters))
    if kind == "xlsx":
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the answer
        write_xlsx(file, HEADER, cells)
        file.seek(0)
        response = Response(_pieces(file), mimetype=_XLSX)
        response.call_on_close(file.close)
    else:
        response = Response(
            stream_with_context(_then_close(session, csv_chunks(HEADER, cells))), mimetype="text/csv"
        )
        response.call_on_close(session.close)
    name = f"orders-{clock.now():%Y-%m-%d}.{kind}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _then_close(session: Session, pieces: Iterator[str]) -> Iterator[str]:
    try:
        yield from pieces
    finally:
        session.close()


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(_CHUNK):
            yield piece
