"""The present cart as the frame and the lists mark it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.core.web.visitor import current_visitor
from app.domain.ordering.queries import list_carts


@dataclass(frozen=True, slots=True)
class CartMark:
    """The cart that was changed last; no id where none is open."""

    cart_id: int | None = None
    name: str = ""
    lines: int = 0
    units: int = 0


def cart_mark_read() -> CartMark:
    """The company's present cart as it was when the request began; no statement."""
    read = current_visitor().extras
    if read.get("cart_id") is None:
        return CartMark()
    return CartMark(
        read["cart_id"], read["cart_name"], int(read["cart_lines"] or 0), int(read["cart_units"] or 0)
    )


def cart_mark(session: Session) -> CartMark:
    """The company's present cart as it is now, in one statement."""
    carts = list_carts(session, limit=1)
    if not carts:
        return CartMark()
    cart = carts[0]
    return CartMark(cart.id, cart.name, int(cart.lines), int(cart.units))
