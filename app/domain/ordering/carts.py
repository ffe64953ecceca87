"""Carts: a company's named carts, what is put into them, and how they are put away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.core.clock import business_date
from app.core.errors import InvalidInput, NotFound
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.domain.accounts.models import Branch
from app.domain.accounts.queries import get_vendor
from app.domain.catalogue.buyers import Buyer, get_buyer
from app.domain.catalogue.lookup import look_up_codes
from app.domain.catalogue.prices import terms_for
from app.domain.catalogue.quantities import parse_quantity
from app.domain.inventory.queries import stock_for
from app.domain.ordering.errors import AmbiguousCode, CartClosed, LineRefused, UnknownCode
from app.domain.ordering.judging import Verdict
from app.domain.ordering.models import Cart, CartLine
from app.domain.ordering.reading import JudgedLine, judge_lines, products_wanted

MAX_LINES = 2000
NAME_LENGTH = 120


@requires(Permission.CART_MANAGE)
def create_cart(
    session: Session, actor: Actor, *, name: str, now: datetime, branch_id: int | None = None
) -> Cart:
    """Open a cart for a branch (the company's first where none is named)."""
    return _new_cart(session, actor, name=_clean_name(name), branch_id=branch_id, now=now)


def _new_cart(session: Session, actor: Actor, *, name: str, branch_id: int | None, now: datetime) -> Cart:
    company_id = _company_of(actor)
    statement = select(Branch.id).where(Branch.company_id == company_id, Branch.is_active).order_by(Branch.id)
    if branch_id is not None:
        statement = statement.where(Branch.id == branch_id)
    found = session.scalars(statement.limit(1)).first()
    if found is None:
        raise InvalidInput(_("This branch is closed or not yours. Choose another one."), field="branch_id")
    cart = Cart(
        company_id=company_id,
        name=name,
        branch_id=found,
        created_by_id=actor.user_id,
        draft={},
        created_at=now,
        updated_at=now,
    )
    session.add(cart)
    session.flush()
    return cart


@requires(Permission.CART_MANAGE)
def rename_cart(session: Session, actor: Actor, *, cart_id: int, name: str, now: datetime) -> Cart:
    """Give an open cart another name."""
    cart = open_cart(session, cart_id)
    cart.name, cart.updated_at = _clean_name(name), now
    return cart


@requires(Permission.CART_MANAGE)
def use_cart(session: Session, actor: Actor, *, cart_id: int, now: datetime) -> Cart:
    """Make an open cart the present one, which is the one changed last."""
    cart = open_cart(session, cart_id)
    cart.updated_at = now
    return cart


@requires(Permission.CART_MANAGE)
def discard_cart(session: Session, actor: Actor, *, cart_id: int, now: datetime) -> Cart:
    """Put an open cart away; `restore_cart` brings it back as it was."""
    cart = open_cart(session, cart_id)
    cart.discarded_at = now
    return cart


@requires(Permission.CART_MANAGE)
def restore_cart(session: Session, actor: Actor, *, cart_id: int, now: datetime) -> Cart:
    """Bring a cart back that was put away."""
    cart = _locked(session, cart_id)
    if cart.placed_at is not None:
        raise CartClosed(_("This cart was placed; reorder it instead."))
    cart.discarded_at, cart.updated_at = None, now
    return cart


@requires(Permission.CART_MANAGE)
def add_to_cart(
    session: Session,
    actor: Actor,
    *,
    code: str,
    quantity: int | str,
    now: datetime,
    cart_id: int | None = None,
) -> Cart:
    """Add a quantity of the product that goes by `code` (SKU or any other number) to a cart.

    Without a cart a new one is opened. What the cart holds already counts: the sum is judged.

    :raises UnknownCode, AmbiguousCode: no product, or several, go by the number.
    :raises LineRefused: the product cannot be ordered in that quantity; nothing was added.
    """
    count = parse_quantity(quantity) if isinstance(quantity, str) else quantity
    cart = (
        open_cart(session, cart_id)
        if cart_id is not None
        else _new_cart(session, actor, name=_fresh_name(session, actor, now), branch_id=None, now=now)
    )
    on = _day(session, now)
    buyer = get_buyer(session, company_id=cart.company_id, branch_id=cart.branch_id)
    product_id = _one_product(session, buyer, code, on)
    line = session.scalars(
        select(CartLine).where(CartLine.cart_id == cart.id, CartLine.product_id == product_id)
    ).first()
    total = count + (line.quantity if line else 0)
    _require_orderable(judge_products(session, buyer, {product_id: total}, on=on)[product_id])
    if line is None:
        session.add(_new_line(session, cart, product_id, total))
    else:
        line.quantity = total
    cart.updated_at = now
    return cart


def _new_line(session: Session, cart: Cart, product_id: int, quantity: int) -> CartLine:
    lines, last = session.execute(
        select(func.count(CartLine.id), func.max(CartLine.position)).where(CartLine.cart_id == cart.id)
    ).one()
    if lines >= MAX_LINES:
        raise InvalidInput(_("A cart holds up to %(count)s lines. Open another one.", count=MAX_LINES))
    return CartLine(
        company_id=cart.company_id,
        cart_id=cart.id,
        product_id=product_id,
        quantity=quantity,
        position=(last or 0) + 1,
    )


@requires(Permission.CART_MANAGE)
def set_line_quantity(
    session: Session, actor: Actor, *, cart_id: int, line_id: int, quantity: int | str, now: datetime
) -> CartLine:
    """Set a line's quantity. :raises LineRefused: not orderable so; the line stays as it was."""
    count = parse_quantity(quantity) if isinstance(quantity, str) else quantity
    cart = open_cart(session, cart_id)
    line = _line(session, cart_id, line_id)
    buyer = get_buyer(session, company_id=cart.company_id, branch_id=cart.branch_id)
    judged = judge_products(session, buyer, {line.product_id: count}, on=_day(session, now))
    _require_orderable(judged[line.product_id])
    line.quantity, cart.updated_at = count, now
    return line


@requires(Permission.CART_MANAGE)
def remove_line(session: Session, actor: Actor, *, cart_id: int, line_id: int, now: datetime) -> Cart:
    """Take a line out of an open cart; taking it out twice is the same."""
    cart = open_cart(session, cart_id)
    session.execute(delete(CartLine).where(CartLine.cart_id == cart_id, CartLine.id == line_id))
    cart.updated_at = now
    return cart


@requires(Permission.CART_MANAGE)
def save_checkout_draft(
    session: Session, actor: Actor, *, cart_id: int, branch_id: int, draft: dict[str, Any], now: datetime
) -> Cart:
    """Keep the checkout's entries with the cart, and price it for the chosen branch."""
    cart = open_cart(session, cart_id)
    branch = session.scalars(select(Branch).where(Branch.id == branch_id, Branch.is_active)).first()
    if branch is None:
        raise InvalidInput(_("This branch is closed or not yours. Choose another one."), field="branch_id")
    cart.branch_id, cart.draft, cart.updated_at = branch.id, draft, now
    return cart


def open_cart(session: Session, cart_id: int) -> Cart:
    """The cart, locked. :raises NotFound: none, or another company's. :raises CartClosed: not open."""
    cart = _locked(session, cart_id)
    if cart.placed_at is not None:
        raise CartClosed(_("This cart was placed already. Your change was not made."))
    if cart.discarded_at is not None:
        raise CartClosed(_("This cart was put away. Bring it back first."))
    return cart


def _locked(session: Session, cart_id: int) -> Cart:
    cart = session.scalars(select(Cart).where(Cart.id == cart_id).with_for_update()).first()
    if cart is None:
        raise NotFound()
    return cart


def _line(session: Session, cart_id: int, line_id: int) -> CartLine:
    line = session.scalars(
        select(CartLine).where(CartLine.cart_id == cart_id, CartLine.id == line_id)
    ).first()
    if line is None:
        raise NotFound(_("This line is not in the cart any more."))
    return line


def _company_of(actor: Actor) -> int:
    if actor.company_id is None:
        raise InvalidInput(_("Only a reseller's people have carts."))
    return actor.company_id


def _clean_name(name: str) -> str:
    clean = " ".join(name.split())
    if not 1 <= len(clean) <= NAME_LENGTH:
        raise InvalidInput(
            _("Give the cart a name of up to %(count)s characters.", count=NAME_LENGTH), field="name"
        )
    return clean


def _day(session: Session, now: datetime) -> Any:
    return business_date(now, get_vendor(session).timezone)


def _fresh_name(session: Session, actor: Actor, now: datetime) -> str:
    return _("Cart of %(day)s", day=_day(session, now).strftime("%d %b").lstrip("0"))


def _one_product(session: Session, buyer: Buyer, code: str, on: Any) -> int:
    matches = look_up_codes(session, buyer, [code], on=on)[code]
    if not matches:
        raise UnknownCode(
            _("No product of yours goes by %(code)s. Check the number, or search by name.", code=code[:60]),
            field="code",
        )
    best = [match for match in matches if match.source == matches[0].source]
    if len(best) > 1:
        skus = ", ".join(match.sku for match in best[:5])
        raise AmbiguousCode(
            _("Several products go by %(code)s: enter one of %(skus)s.", code=code[:60], skus=skus),
            field="code",
            skus=[match.sku for match in best],
        )
    return best[0].product_id


def judge_products(
    session: Session, buyer: Buyer, quantities: dict[int, int], *, on: Any
) -> dict[int, JudgedLine]:
    """Judge quantities of products for a buyer: the check every entry uses. Four or five statements."""
    wanted = products_wanted(session, buyer, quantities, on=on)
    terms = terms_for(session, buyer, list(quantities), on=on)
    stock = stock_for(session, list(quantities), on=on)
    available = {product_id: view.available for product_id, view in stock.items()}
    return {line.product.id: line for line in judge_lines(list(wanted.values()), terms, available)}


def _require_orderable(line: JudgedLine) -> None:
    verdict: Verdict = line.verdict
    if not verdict.may_order:
        raise LineRefused(verdict.message, verdict=verdict.code, suggestions=verdict.suggestions)


def fill_cart(session: Session, cart: Cart, lines: Sequence[tuple[int, int]]) -> None:
    """Put (product, quantity) lines into a new cart without judging; its page shows the verdicts."""
    session.add_all(
        CartLine(
            company_id=cart.company_id,
            cart_id=cart.id,
            product_id=product_id,
            quantity=quantity,
            position=position + 1,
        )
        for position, (product_id, quantity) in enumerate(lines)
    )
