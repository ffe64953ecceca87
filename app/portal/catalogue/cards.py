"""A product as the portal draws it: price and next break at a quantity, stock by day, what can be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.core.texts import _
from app.core.web.formats import date_text, quantity_text
from app.core.web.language import current_locale
from app.domain.catalogue.listing import ProductRow
from app.domain.catalogue.pricing import Ladder, Step
from app.domain.catalogue.quantities import QuantityRule
from app.domain.inventory.queries import StockView

#: Kinds that no warehouse holds.
WITHOUT_STOCK = frozenset({"service", "extended_warranty"})
#: A list shows this many receipts to come.
RECEIPTS_SHOWN = 2


@dataclass(frozen=True, slots=True)
class StockMark:
    """Dot and lines of amount and day, for `ui.stock`."""

    dot: str
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A row of a product list."""

    row: ProductRow
    #: Quantity offered in the stepper.
    quantity: int
    price: Decimal | None
    next_break: Step | None
    pack: str
    stock: StockMark | None
    in_cart: int = 0

    @property
    def is_on_request(self) -> bool:
        return self.price is None

    @property
    def can_order(self) -> bool:
        return self.price is not None and self.row.life_cycle != "ended"


def pack_text(rule: QuantityRule) -> str:
    """The quantity rule in a few words: "packs of 10, from 20"."""
    parts = [_("packs of %(n)s", n=rule.multiple) if rule.multiple > 1 else ""]
    if rule.lowest > rule.multiple:
        parts.append(_("from %(n)s", n=rule.lowest))
    if rule.maximum is not None:
        parts.append(_("at most %(n)s", n=rule.highest))
    return ", ".join(part for part in parts if part) or _("single units")


def price_at(ladders: Sequence[Ladder], quantity: int) -> Decimal | None:
    """Unit price at the quantity, of the first step where it is below it; None is on request.

    The winning ladder comes first.
    """
    if not ladders:
        return None
    return (ladders[0].step_at(quantity) or ladders[0].steps[0]).unit_price


def next_break_of(ladders: Sequence[Ladder], quantity: int) -> Step | None:
    """The next step of the winning ladder above the quantity."""
    if not ladders:
        return None
    return next((step for step in ladders[0].steps if step.min_quantity > quantity), None)


class Speech:
    """How numbers, days and packs are said in the reader's language; rows of a list say the same often."""

    def __init__(self) -> None:
        # As text, which is quicker to look separators up by.
        self.locale = str(current_locale())
        self.today = _("today")
        self._packs: dict[QuantityRule, str] = {}

    def number(self, value: int) -> str:
        """A count with grouped thousands."""
        return quantity_text(value, locale=self.locale)

    def day(self, day: date) -> str:
        """`Wed 2 Dec`."""
        return date_text(day, "day", locale=self.locale)

    def pack(self, rule: QuantityRule) -> str:
        """As pack_text."""
        said = self._packs.get(rule)
        if said is None:
            said = self._packs[rule] = pack_text(rule)
        return said


def stock_mark(
    kind: str, stock: StockView | None, *, wanted: int = 1, speech: Speech | None = None
) -> StockMark | None:
    """Units today and to come; None where no stock is kept."""
    if kind in WITHOUT_STOCK:
        return None
    speech = speech or Speech()
    available = stock.available if stock else 0
    receipts = stock.receipts if stock else ()
    dot = "enough" if available >= max(1, wanted) else ("less" if available > 0 else "none")
    lines = [(speech.number(available), speech.today if available else "")]
    for due_on, units in receipts[:RECEIPTS_SHOWN]:
        lines.append((f"+{speech.number(units)}", speech.day(due_on)))
    return StockMark(dot, tuple(lines))


def number(value: int) -> str:
    """A count with grouped thousands, in the reader's language."""
    return quantity_text(value, locale=current_locale())


def day_text(day: date) -> str:
    """`Wed 2 Dec`, in the reader's language."""
    return date_text(day, "day", locale=current_locale())


def card_of(
    row: ProductRow,
    stock: StockView | None,
    *,
    in_cart: int = 0,
    quantity: int | None = None,
    speech: Speech | None = None,
) -> Card:
    """A row with what is drawn from it. The stepper offers the lowest quantity that may be ordered."""
    speech = speech or Speech()
    offered = row.rule.lowest if quantity is None else quantity
    wanted = max(offered, in_cart)
    return Card(
        row=row,
        quantity=offered,
        price=price_at(row.ladders, wanted),
        next_break=next_break_of(row.ladders, wanted),
        pack=speech.pack(row.rule),
        stock=stock_mark(row.kind, stock, wanted=wanted, speech=speech),
        in_cart=in_cart,
    )


def cards_of(
    rows: Sequence[ProductRow], stock: Mapping[int, StockView], in_cart: Mapping[int, int]
) -> list[Card]:
    """Rows of a list with their stock and what the present cart holds of them."""
    speech = Speech()
    return [card_of(row, stock.get(row.id), in_cart=in_cart.get(row.id, 0), speech=speech) for row in rows]
