"""Ordering again what was ordered before."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.domain.accounts.models import Branch
from app.domain.ordering.carts import create_cart, fill_cart
from app.domain.ordering.models import Cart, Order, OrderLine


@requires(Permission.CART_MANAGE)
def reorder(session: Session, actor: Actor, *, order_id: int, now: datetime) -> Cart:
    """A new cart with the order's lines at today's prices; lines that cannot be had say so in the cart."""
    order = session.scalars(select(Order).where(Order.id == order_id)).first()
    if order is None:
        raise NotFound()
    quantities: dict[int, int] = {}
    for product_id, ordered in session.execute(
        select(OrderLine.product_id, OrderLine.ordered)
        .where(OrderLine.order_id == order_id)
        .order_by(OrderLine.position)
    ):
        quantities[product_id] = quantities.get(product_id, 0) + ordered
    name = _("%(number)s again", number=order.number)
    cart = create_cart(session, actor, name=name, branch_id=_open_branch(session, order), now=now)
    fill_cart(session, cart, list(quantities.items()))
    return cart


def _open_branch(session: Session, order: Order) -> int | None:
    return session.scalar(select(Branch.id).where(Branch.id == order.branch_id, Branch.is_active))
