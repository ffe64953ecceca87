"""States of orders and price requests as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.core.states import Machine


class OrderState(StrEnum):
    AWAITING_APPROVAL = "awaiting_approval"
    ON_HOLD = "on_hold"
    CONFIRMED = "confirmed"
    RELEASED = "released"
    PART_SHIPPED = "part_shipped"
    SHIPPED = "shipped"
    CLOSED = "closed"
    CANCELLED = "cancelled"


_S = OrderState
ORDER_MACHINE = Machine(
    "order",
    {
        (_S.AWAITING_APPROVAL, "approve"): _S.CONFIRMED,
        (_S.AWAITING_APPROVAL, "approve_on_hold"): _S.ON_HOLD,
        (_S.AWAITING_APPROVAL, "reject"): _S.CANCELLED,
        (_S.AWAITING_APPROVAL, "expire"): _S.CANCELLED,
        (_S.AWAITING_APPROVAL, "cancel"): _S.CANCELLED,
        (_S.ON_HOLD, "clear"): _S.CONFIRMED,
        (_S.ON_HOLD, "give_up"): _S.CANCELLED,
        (_S.ON_HOLD, "expire"): _S.CANCELLED,
        (_S.ON_HOLD, "cancel"): _S.CANCELLED,
        (_S.CONFIRMED, "release"): _S.RELEASED,
        (_S.CONFIRMED, "cancel"): _S.CANCELLED,
        (_S.RELEASED, "ship_part"): _S.PART_SHIPPED,
        (_S.RELEASED, "ship_all"): _S.SHIPPED,
        (_S.RELEASED, "cancel"): _S.CANCELLED,
        (_S.PART_SHIPPED, "ship_rest"): _S.SHIPPED,
        (_S.PART_SHIPPED, "cancel_rest"): _S.SHIPPED,
        (_S.PART_SHIPPED, "reverse_shipment"): _S.RELEASED,
        (_S.SHIPPED, "reverse_shipment"): _S.PART_SHIPPED,
        (_S.SHIPPED, "reverse_all"): _S.RELEASED,
        (_S.SHIPPED, "close"): _S.CLOSED,
    },
)

#: States in which open units may still be cancelled.
CANCELLABLE = frozenset({_S.AWAITING_APPROVAL, _S.ON_HOLD, _S.CONFIRMED, _S.RELEASED, _S.PART_SHIPPED})


class RequestState(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


REQUEST_MACHINE = Machine(
    "price_request",
    {
        (RequestState.OPEN, "answer"): RequestState.ANSWERED,
        (RequestState.OPEN, "decline"): RequestState.DECLINED,
        (RequestState.OPEN, "withdraw"): RequestState.WITHDRAWN,
    },
)


@dataclass(frozen=True, slots=True)
class LineUnits:
    """Units of a line: ordered = allocated + backordered + cancelled + shipped."""

    ordered: int
    allocated: int
    backordered: int
    cancelled: int
    shipped: int


def cancel_event(lines: Sequence[LineUnits], state: str) -> str | None:
    """The header's event once units were cancelled: none while something is open."""
    if any(line.allocated or line.backordered for line in lines):
        return None
    return "cancel_rest" if state == OrderState.PART_SHIPPED else "cancel"


#: States in which units may be shipped.
SHIPPABLE = frozenset({_S.RELEASED, _S.PART_SHIPPED})
#: States in which a shipment may be undone.
REVERSIBLE = frozenset({_S.PART_SHIPPED, _S.SHIPPED})


def ship_event(lines: Sequence[LineUnits], state: str) -> str | None:
    """The header's event once units were shipped; none where some were before and some are still open."""
    is_open = any(line.allocated or line.backordered for line in lines)
    if state == OrderState.RELEASED:
        return "ship_part" if is_open else "ship_all"
    return None if is_open else "ship_rest"


def reverse_event(lines: Sequence[LineUnits], state: str) -> str | None:
    """The header's event once a shipment was undone; none where it was and stays partly shipped."""
    has_shipped = any(line.shipped for line in lines)
    if state == OrderState.PART_SHIPPED:
        return None if has_shipped else "reverse_shipment"
    return "reverse_shipment" if has_shipped else "reverse_all"
