"""Everything that can be done with prices, visibility and numbers, under one name."""

from __future__ import annotations

from app.domain.catalogue.agreements import (
    create_agreement,
    set_agreement_quantity_rule,
    set_price_ladder,
    set_tax_rate,
    update_agreement,
)
from app.domain.catalogue.assignments import (
    Listing,
    add_cross_reference,
    add_customer_part_number,
    remove_cross_reference,
    remove_customer_part_number,
    set_visibility,
)

__all__ = [
    "Listing",
    "add_cross_reference",
    "add_customer_part_number",
    "create_agreement",
    "remove_cross_reference",
    "remove_customer_part_number",
    "set_agreement_quantity_rule",
    "set_price_ladder",
    "set_tax_rate",
    "set_visibility",
    "update_agreement",
]
