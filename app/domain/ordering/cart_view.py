"""A cart as its page shows it: every line with price, verdict and stock, and the sums."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Date, bindparam, func, literal, null, select, union_all
from sqlalchemy.orm import Session

from app.core.database import BigInt
from app.core.errors import NotFound
from app.core.keys import among
from app.core.money import line_amount
from app.core.tenancy import read_rows
from app.domain.accounts.models import Branch
from app.domain.catalogue.buyers import get_buyer
from app.domain.catalogue.prices import OrderDiscount, terms_for
from app.domain.catalogue.pricing import Step
from app.domain.catalogue.quantities import QuantityRule
from app.domain.inventory.queries import STOCK_PARTS, StockView, stock_for, stock_of
from app.domain.ordering.judging import Verdict
from app.domain.ordering.models import Cart, CartLine
from app.domain.ordering.reading import JudgedLine, cart_lines, judge_lines, promise_dates, totals_of
from app.domain.ordering.rules import ShownLine, Totals, encode_shown


@dataclass(frozen=True, slots=True)
class CartLineView:
    """One line; `unit_price` and `amount` are None where there is no price."""

    id: int
    product_id: int
    sku: str
    name: str
    summary: str
    category_slug: str
    kind: str
    unit: str
    quantity: int
    unit_price: Decimal | None
    amount: Decimal | None
    next_break: Step | None
    rule: QuantityRule
    verdict: Verdict
    stock: StockView
    #: Units that wait for stock, and the day they are promised for.
    backordered: int
    promised_on: date | None


@dataclass(frozen=True, slots=True)
class CartView:
    """A cart with its sums; `total` is what placing compares with."""

    id: int
    name: str
    branch_id: int
    branch_name: str
    currency: str
    draft: dict[str, Any]
    lines: tuple[CartLineView, ...]
    totals: Totals
    discount: OrderDiscount | None

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def problems(self) -> int:
        """Lines that cannot be ordered as they are."""
        return sum(1 for line in self.lines if not line.verdict.may_order)

    @property
    def shown_total(self) -> str:
        return str(self.totals.total)

    @property
    def shown_lines(self) -> str:
        """The lines for the checkout's hidden field."""
        return encode_shown(
            {
                line.sku: ShownLine(line.quantity, line.unit_price)
                for line in self.lines
                if line.unit_price is not None
            }
        )


def get_cart_view(
    session: Session, *, company_id: int, cart_id: int, on: date, branch_id: int | None = None
) -> CartView:
    """An open cart, priced for its branch or for `branch_id`; eight statements, whatever its length.

    :raises NotFound: no such cart, another company's, placed or put away.
    """
    cart = session.execute(
        select(Cart.id, Cart.name, Cart.branch_id, Cart.draft, Branch.name.label("branch_name"))
        .join(Branch, Branch.id == Cart.branch_id)
        .where(Cart.id == cart_id, Cart.placed_at.is_(None), Cart.discarded_at.is_(None))
    ).one_or_none()
    if cart is None:
        raise NotFound()
    buyer = get_buyer(
        session, company_id=company_id, branch_id=branch_id or _open_branch(session, cart.branch_id)
    )
    wanted = cart_lines(session, buyer, cart_id, on=on)
    ids = [line.product.id for line in wanted]
    terms = terms_for(session, buyer, ids, on=on)
    stock = stock_for(session, ids, on=on)
    judged = judge_lines(wanted, terms, {product_id: view.available for product_id, view in stock.items()})
    missing = {line.product.id: _missing(line) for line in judged if _missing(line)}
    promised = promise_dates(session, missing, on=on)
    return CartView(
        id=cart.id,
        name=cart.name,
        branch_id=cart.branch_id,
        branch_name=cart.branch_name,
        currency=buyer.currency,
        draft=cart.draft,
        lines=tuple(_line(line, stock, promised, buyer.currency) for line in judged),
        totals=totals_of(judged, terms.discount, buyer.currency),
        discount=terms.discount,
    )


def _open_branch(session: Session, branch_id: int) -> int | None:
    """The branch while it is open; a closed one gives no agreements, and checkout asks for another."""
    return session.scalar(select(Branch.id).where(Branch.id == branch_id, Branch.is_active))


def _missing(line: JudgedLine) -> int:
    return line.quantity - max(line.available, 0) if line.verdict.code == "waits" else 0


def _line(
    line: JudgedLine, stock: dict[int, StockView], promised: dict[int, date | None], currency: str
) -> CartLineView:
    price = line.judged.price
    missing = _missing(line)
    later = [step for step in price.ladder.steps if step.min_quantity > line.quantity] if price else []
    return CartLineView(
        id=line.line_id,
        product_id=line.product.id,
        sku=line.sku,
        name=line.product.name,
        summary=line.product.summary,
        category_slug=line.product.category_slug,
        kind=line.product.kind,
        unit=line.product.unit,
        quantity=line.quantity,
        unit_price=line.unit_price,
        amount=line_amount(line.quantity, line.unit_price, currency) if line.unit_price is not None else None,
        next_break=later[0] if later else None,
        rule=line.judged.rule,
        verdict=line.verdict,
        stock=stock.get(line.product.id, StockView()),
        backordered=missing,
        promised_on=promised.get(line.product.id) if missing else None,
    )


def list_carts(session: Session, *, limit: int = 100) -> Sequence[Any]:
    """The company's open carts, the latest changed first: id, name, branch_name, updated_at, lines, units."""
    counts = (
        select(
            CartLine.cart_id,
            func.count().label("lines"),
            func.sum(CartLine.quantity).label("units"),
        )
        .group_by(CartLine.cart_id)
        .subquery()
    )
    return session.execute(
        select(
            Cart.id,
            Cart.name,
            Cart.updated_at,
            Branch.name.label("branch_name"),
            func.coalesce(counts.c.lines, 0).label("lines"),
            func.coalesce(counts.c.units, 0).label("units"),
        )
        .join(Branch, Branch.id == Cart.branch_id)
        .outerjoin(counts, counts.c.cart_id == Cart.id)
        .where(Cart.placed_at.is_(None), Cart.discarded_at.is_(None))
        .order_by(Cart.updated_at.desc(), Cart.id.desc())
        .limit(limit)
    ).all()


def find_current_cart(session: Session) -> int | None:
    """The open cart of the company that was changed last."""
    return session.scalar(
        select(Cart.id)
        .where(Cart.placed_at.is_(None), Cart.discarded_at.is_(None))
        .order_by(Cart.updated_at.desc(), Cart.id.desc())
        .limit(1)
    )


#: Stock of products, and what a cart holds of them, told apart by their last column. Built once.
_IN_CART = -1
_SHELF: Any = union_all(
    *STOCK_PARTS,
    select(CartLine.product_id, null().cast(Date), CartLine.quantity, literal(0), literal(_IN_CART)).where(
        CartLine.cart_id == bindparam("cart_id", type_=BigInt),
        among(CartLine.product_id, "product_ids"),
    ),
)


def stock_and_cart(
    session: Session, product_ids: Collection[int], cart_id: int | None, *, on: date
) -> tuple[dict[int, StockView], dict[int, int]]:
    """Stock of products, as stock_for, and the quantities of them in a cart; one statement."""
    if not product_ids or cart_id is None:
        return stock_for(session, product_ids, on=on), {}
    rows = read_rows(session, _SHELF, {"product_ids": product_ids, "cart_id": cart_id})
    stock = [row for row in rows if row[4] != _IN_CART]
    return stock_of(stock, on=on), {row[0]: int(row[2]) for row in rows if row[4] == _IN_CART}


_QUANTITIES = select(CartLine.product_id, CartLine.quantity).where(
    CartLine.cart_id == bindparam("cart_id", type_=BigInt)
)


def quantities_in_cart(session: Session, cart_id: int | None) -> dict[int, int]:
    """Quantities by product of a cart; none without one."""
    if cart_id is None:
        return {}
    rows = read_rows(session, _QUANTITIES, {"cart_id": cart_id})
    return {row.product_id: row.quantity for row in rows}
