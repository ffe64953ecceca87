"""For whom the portal's pages are read: company, branch, day."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import g

from app.core import clock
from app.core.errors import NotFound
from app.core.web.door import current_actor
from app.core.web.formats import vendor_zone
from app.core.web.visitor import current_visitor
from app.domain.catalogue.buyers import Buyer


def today() -> date:
    """The business day in the vendor's zone."""
    return clock.now().astimezone(vendor_zone()).date()


def cart_id() -> int | None:
    """The cart that things are put into: the company's open one that was changed last."""
    found: int | None = current_visitor().extras.get("cart_id")
    return found


def current_buyer() -> Buyer:
    """The signed-in company as a buyer, for the branch of its present cart, else its first branch."""
    known: Buyer | None = g.get("buyer")
    if known is None:
        read = current_visitor().extras  # with the sign-in, which also found the company open
        known = g.buyer = Buyer(
            company_id=company_id(),
            branch_id=read["branch_id"],
            tier=read["tier"],
            currency=read["currency"],
            visibility_mode=read["visibility_mode"],
            has_own_numbers=bool(read["has_own_numbers"]),
        )
    return known


def company_id() -> int:
    """The signed-in company. :raises NotFound: vendor staff in their own role."""
    found = current_actor().company_id
    if found is None:
        raise NotFound()
    return found


def addressed(**values: Any) -> dict[str, Any]:
    """Values for an address, without the empty ones."""
    return {name: value for name, value in values.items() if value not in (None, "", (), [])}
