"""An order as its page draws it: heads of the track, sentences of the lines, history in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import ngettext

from app.core.states import StateChange
from app.core.texts import N_, _
from app.core.web.formats import vendor_zone
from app.domain.ordering.queries import OrderLineView, OrderView
from app.portal.amounts import Sum, sums_of
from app.portal.catalogue.cards import day_text, number

STEPS = (N_("Placed"), N_("Approved"), N_("Allocated"), N_("Shipped"), N_("Invoiced"), N_("Paid"))
#: What an event of the history is called, and its icon.
EVENTS = {
    "place": (N_("Order placed"), "send"),
    "release": (N_("Released to the warehouse"), "package"),
    "approve": (N_("Approved"), "check"),
    "reject": (N_("Not approved"), "circle-x"),
    "clear": (N_("Hold cleared"), "check"),
    "cancel": (N_("Cancelled"), "ban"),
    "cancel_rest": (N_("Rest cancelled"), "ban"),
    "ship_part": (N_("Partly shipped"), "truck-delivery"),
    "ship_rest": (N_("Rest shipped"), "truck-delivery"),
    "ship_all": (N_("Shipped"), "truck-delivery"),
    "reverse_shipment": (N_("Shipment undone"), "arrow-back-up"),
    "reverse_all": (N_("Shipment undone"), "arrow-back-up"),
}


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One move in words."""

    text: str
    icon: str
    at: datetime
    actor_name: str
    reason: str | None


def heads(view: OrderView) -> list[tuple[str, str, str | None]]:
    """Name, date or gap, and family of each step."""
    placed = day_text(view.order.placed_at.astimezone(vendor_zone()).date())
    short = len(view.short_lines)
    notes: list[tuple[str, str | None]] = [(placed, None), (placed, None), ("", None)]
    if short:
        notes[2] = (ngettext("%(num)s line short", "%(num)s lines short", short), "warn")
    notes += [("", None)] * 3
    return [(_(name), note, family) for name, (note, family) in zip(STEPS, notes, strict=True)]


def track_totals(view: OrderView) -> list[tuple[str, int, int, int]]:
    """Name, done, total and short of each step over all lines."""
    return [(_(name), *step) for name, step in zip(STEPS, view.steps, strict=True)]


def sentence(line: OrderLineView) -> str:
    """Where a line stands, in words."""
    row = line.line
    wanted = row.ordered - row.cancelled
    if not wanted:
        return _("Cancelled")
    if row.shipped:
        if row.shipped >= wanted:
            return _("Shipped")
        return _("Shipped %(n)s of %(all)s", n=number(row.shipped), all=number(wanted))
    if row.allocated >= wanted:
        return _("Allocated")
    if row.allocated:
        return _("Allocated %(n)s of %(all)s", n=number(row.allocated), all=number(wanted))
    return _("Waiting for stock")


def waits_text(view: OrderView) -> str:
    """Which units come when: "20 of COOL-1 are due Fri 27 Nov, 8 of CPU-1 have no date yet." """
    parts = []
    for line in view.short_lines[:4]:
        row = line.line
        if row.promised_on:
            parts.append(
                _(
                    "%(n)s of %(sku)s are due %(day)s",
                    n=number(row.backordered),
                    sku=row.sku,
                    day=day_text(row.promised_on),
                )
            )
        else:
            parts.append(_("%(n)s of %(sku)s have no date yet", n=number(row.backordered), sku=row.sku))
    more = len(view.short_lines) - len(parts)
    if more > 0:
        parts.append(_("and %(n)s more lines", n=more))
    return ", ".join(parts) + "."


def history(view: OrderView) -> list[HistoryEntry]:
    """What happened, the latest first."""
    return [_entry(change) for change in reversed(view.history)]


def _entry(change: StateChange) -> HistoryEntry:
    name, icon = EVENTS.get(change.event, (change.event.replace("_", " ").capitalize(), "point"))
    return HistoryEntry(_(name), icon, change.at, change.actor_name, change.reason)


def ship_to_lines(ship_to: dict[str, Any]) -> list[str]:
    """The address as it was, one text a line."""
    town = " ".join(part for part in (ship_to.get("postcode"), ship_to.get("city")) if part)
    parts = (
        ship_to.get("name"),
        ship_to.get("branch"),
        ship_to.get("street"),
        town,
        ship_to.get("region"),
        ship_to.get("country"),
    )
    return [str(part) for part in parts if part]


def sums(view: OrderView) -> list[Sum]:
    """Net, discount, tax and total as they were placed."""
    order = view.order
    return sums_of(
        net=order.net,
        discount=order.discount,
        tax=order.tax,
        currency=order.currency,
        discount_name=view.discounts[0].label if len(view.discounts) == 1 else None,
    )
