"""The lines of a cart as its page draws them: price, stock by day, verdict and the ways out."""

from __future__ import annotations

from dataclasses import dataclass

from flask import url_for

from app.core.errors import DomainError
from app.core.texts import _
from app.domain.ordering.queries import CartLineView, CartView
from app.portal.amounts import Sum, sums_of
from app.portal.catalogue.cards import StockMark, day_text, number, pack_text, stock_mark


@dataclass(frozen=True, slots=True)
class Trouble:
    """What was typed for a line and why it was refused."""

    line_id: int
    typed: str
    error: DomainError


@dataclass(frozen=True, slots=True)
class LineCard:
    """A line; `problem` says why it cannot be ordered, `promise` when the rest comes."""

    view: CartLineView
    stock: StockMark | None
    pack: str
    problem: str
    promise: str
    suggestions: tuple[int, ...]
    ask_href: str | None
    typed: str | None = None
    error: str | None = None


def promise_text(line: CartLineView) -> str:
    """When the missing units come: "6 leave today, 6 on Wed 2 Dec"."""
    if not line.backordered:
        return ""
    now, later = line.quantity - line.backordered, number(line.backordered)
    day = day_text(line.promised_on) if line.promised_on else None
    if now:
        if day:
            return _("%(now)s leave today, %(later)s on %(day)s", now=number(now), later=later, day=day)
        return _("%(now)s leave today, %(later)s have no date yet", now=number(now), later=later)
    return _("comes on %(day)s", day=day) if day else _("waits for stock, no date yet")


def line_cards(view: CartView, trouble: Trouble | None = None) -> list[LineCard]:
    """The cart's lines; a refused change is shown beside its own line."""
    return [_card(line, trouble if trouble and trouble.line_id == line.id else None) for line in view.lines]


def _card(line: CartLineView, trouble: Trouble | None) -> LineCard:
    refused = not line.verdict.may_order
    suggestions = trouble.error.details.get("suggestions", ()) if trouble else ()
    if not trouble and refused:
        suggestions = line.verdict.suggestions
    asks = line.verdict.code == "price_on_request"
    return LineCard(
        view=line,
        stock=stock_mark(line.kind, line.stock, wanted=line.quantity),
        pack=pack_text(line.rule),
        problem=line.verdict.message if refused else "",
        promise=promise_text(line),
        suggestions=tuple(suggestions),
        ask_href=url_for("portal.requests.new", sku=line.sku, quantity=line.quantity) if asks else None,
        typed=trouble.typed if trouble else None,
        error=trouble.error.message if trouble else None,
    )


def cart_sums(view: CartView) -> list[Sum]:
    """Net, discount, tax and total of the lines that have a price."""
    totals = view.totals
    return sums_of(
        net=totals.net,
        discount=totals.discount,
        tax=totals.tax,
        currency=view.currency,
        discount_name=view.discount.name if view.discount else None,
    )


def delivery_note(view: CartView) -> str:
    """When what is in the cart can leave, in one sentence."""
    waiting = sum(line.backordered for line in view.lines)
    if not waiting:
        return _("Everything is in stock.") if view.lines and not view.problems else ""
    days = [line.promised_on for line in view.lines if line.promised_on]
    if days:
        return _(
            "%(later)s of %(all)s units come later, the last on %(day)s.",
            later=number(waiting),
            all=number(view.units),
            day=day_text(max(days)),
        )
    return _("%(later)s of %(all)s units wait for stock.", later=number(waiting), all=number(view.units))
