"""Where a unit stands."""

from __future__ import annotations

from enum import StrEnum


class AssetState(StrEnum):
    """A unit's place in its life."""

    #: With a reseller or its customer.
    IN_FIELD = "in_field"
    #: Came back whole, by a reversed shipment or a restocked return; may be shipped again.
    IN_STOCK = "in_stock"
    #: Came back and is looked at or kept apart.
    RETURNED = "returned"
    #: Another unit was sent in its place.
    REPLACED = "replaced"
    #: Its price was given back.
    CREDITED = "credited"
    SCRAPPED = "scrapped"
    #: Typed by somebody, never shipped by us; without cover until it is proven.
    PROVISIONAL = "provisional"


#: States in which the serial may be shipped.
SHIPPABLE = frozenset({AssetState.IN_STOCK})
