"""Which warehouse gives which units, and for which day the rest can be promised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Demand:
    """Units of a product wanted for a line, identified by the caller's `key`."""

    key: int
    product_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Take:
    """Units of a warehouse set aside for a demand."""

    key: int
    product_id: int
    warehouse_id: int
    quantity: int


def allocate(
    demands: Iterable[Demand], available: Mapping[tuple[int, int], int], warehouse_order: Sequence[int]
) -> list[Take]:
    """Serve the demands in their order from the warehouses in theirs; what is missing is left out.

    `available` holds free units by (product, warehouse). Demands of 4 and 3 on 5 units in the first and
    1 in the second warehouse take 4, then 1 and 1.
    """
    left = dict(available)
    takes = []
    for demand in demands:
        missing = demand.quantity
        for warehouse_id in warehouse_order:
            place = (demand.product_id, warehouse_id)
            units = min(missing, left.get(place, 0))
            if units > 0:
                takes.append(Take(demand.key, demand.product_id, warehouse_id, units))
                left[place] -= units
                missing -= units
            if not missing:
                break
    return takes


def promise_date(quantity: int, *, waiting: int, receipts: Sequence[tuple[date, int]]) -> date | None:
    """The day `quantity` backordered units can be promised for; None where no receipt covers them.

    `waiting` units of earlier orders are served first; `receipts` are (day, units still to come) in order
    of days. 8 units behind 12 waiting, with 15 due on the 2nd and 10 on the 9th: the 9th.
    """
    needed = waiting + quantity
    for due_on, units in receipts:
        needed -= units
        if needed <= 0:
            return due_on
    return None
