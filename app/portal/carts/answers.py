"""What quick add says where it cannot add, with the ways out as buttons, best first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import url_for

from app.core.errors import InvalidInput
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import current_actor
from app.core.web.extensions import db
from app.domain.catalogue.lookup import look_up_codes
from app.domain.ordering.errors import AmbiguousCode, LineRefused, UnknownCode
from app.domain.ordering.queries import CartLineView, CartView
from app.portal import buying
from app.portal.catalogue.cards import number


@dataclass(frozen=True, slots=True)
class WayOut:
    """A button: where it posts to and what it sends."""

    label: str
    action: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class QuickAnswer:
    """A refusal with its ways out; `href` is one more, elsewhere."""

    text: str
    ways: tuple[WayOut, ...] = ()
    href: str | None = None
    href_label: str = ""


def answer_to(error: InvalidInput, view: CartView, *, code: str, quantity: str) -> QuickAnswer:
    """The refusal of adding `quantity` of `code` to the cart, and what would do."""
    add = url_for("portal.carts.add_line", cart_id=view.id)
    if isinstance(error, AmbiguousCode):
        ways = [
            WayOut(_("Take %(sku)s", sku=sku), add, {"code": sku, "quantity": quantity})
            for sku in error.details["skus"][:5]
        ]
        return QuickAnswer(error.message, tuple(ways))
    if isinstance(error, UnknownCode):
        return QuickAnswer(
            error.message, href=url_for("portal.search.index", q=code), href_label=_("Search for it")
        )
    if isinstance(error, LineRefused):
        return _refused(error, view, add, code, quantity)
    return QuickAnswer(error.message)


def _refused(error: LineRefused, view: CartView, add: str, code: str, quantity: str) -> QuickAnswer:
    if error.details["verdict"] == "price_on_request" and current_actor().may(
        Permission.PRICE_REQUEST_CREATE
    ):
        href = url_for("portal.requests.new", sku=code, quantity=quantity)
        return QuickAnswer(error.message, href=href, href_label=_("Ask for a price"))
    line = _line_of(view, code)
    ways = []
    for units in error.details["suggestions"]:
        if line is None:
            ways.append(WayOut(_("Add %(n)s", n=number(units)), add, {"code": code, "quantity": units}))
        elif units != line.quantity:
            # The sum with what the cart holds was judged, so the way out sets the sum.
            to = url_for("portal.carts.set_quantity", cart_id=view.id, line_id=line.id)
            ways.append(WayOut(_("Make it %(n)s in all", n=number(units)), to, {"quantity": units}))
    return QuickAnswer(error.message, tuple(ways))


def _line_of(view: CartView, code: str) -> CartLineView | None:
    found = look_up_codes(db.session(), buying.current_buyer(), [code], on=buying.today())[code]
    ids = {match.product_id for match in found[:1]}
    return next((line for line in view.lines if line.product_id in ids), None)
