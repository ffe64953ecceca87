"""A card as a row of a list: what decides its look, and the texts that are written into it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from flask_wtf.csrf import generate_csrf

from app.core.web.formats import price_text, quantity_text
from app.core.web.fragments import hole
from app.core.web.language import current_locale
from app.portal.catalogue.addresses import Links
from app.portal.catalogue.cards import Card


class Texts(NamedTuple):
    """What is written into a row; amounts and days of stock follow behind."""

    id: Any
    href: str
    name: str
    sku: str
    mpn: str | None
    image_href: str
    successor_href: str
    successor_name: str
    summary: str
    warranty_months: Any
    price: str
    break_from: str
    break_price: str
    why_href: str
    add_href: str
    ask_href: str
    multiple: Any
    lowest: Any
    maximum: Any
    quantity: Any
    in_cart: str
    pack: str
    csrf_token: str
    next_href: str
    error: str


_HOLES = Texts(*(hole(place) for place in range(len(Texts._fields))))


class Look(NamedTuple):
    """What decides how a row looks."""

    has_image: bool
    #: For the silhouette, where there is no picture.
    category_slug: str | None
    life_cycle: str
    has_mpn: bool
    has_successor: bool
    has_summary: bool
    has_warranty: bool
    #: enough | less | none; None where no stock is kept.
    dot: str | None
    #: For each amount of stock whether a day is written beside it.
    days: tuple[bool, ...]
    #: shown | on_request | hidden
    price: str
    has_break: bool
    #: add | ask | None
    act: str | None
    has_maximum: bool
    is_in_cart: bool
    is_packed: bool
    has_error: bool = False
    is_changed: bool = False

    @property
    def texts(self) -> Texts:
        """Where the texts go."""
        return _HOLES

    @property
    def stock(self) -> list[tuple[str, str | None]]:
        """Where amounts and days go."""
        first = len(_HOLES)
        return [
            (hole(first + 2 * place), hole(first + 2 * place + 1) if has_day else None)
            for place, has_day in enumerate(self.days)
        ]


#: A row to be drawn.
Row = tuple[Look, Sequence[object]]


class _Rows:
    """What a list's rows have in common."""

    def __init__(
        self, currency: str, *, may_buy: bool, sees_prices: bool, next_href: str | None, is_changed: bool
    ) -> None:
        self.currency, self.may_buy, self.sees_prices = currency, may_buy, sees_prices
        self.next_href, self.is_changed = next_href or "", is_changed
        self.links, self.token, self.locale = Links(), generate_csrf(), str(current_locale())

    def price(self, value: Decimal) -> str:
        return price_text(value, self.currency, locale=self.locale)

    def number(self, value: int) -> str:
        return quantity_text(value, locale=self.locale)

    def look_of(self, card: Card, error: str | None) -> Look:
        row, rule, stock = card.row, card.row.rule, card.stock
        act = "add" if card.can_order else "ask" if card.is_on_request else None
        price = "on_request" if card.is_on_request else "shown"
        return Look(
            row.image_key is not None,
            None if row.image_key else row.category_slug,
            row.life_cycle,
            bool(row.mpn) and row.mpn != row.sku,
            row.successor is not None,
            bool(row.summary),
            bool(row.warranty_months),
            stock.dot if stock else None,
            tuple([bool(day) for _amount, day in stock.lines]) if stock else (),
            price if self.sees_prices else "hidden",
            card.next_break is not None,
            act if self.may_buy else None,
            rule.maximum is not None,
            card.in_cart > 0,
            rule.multiple > 1,
            error is not None,
            self.is_changed,
        )

    def texts_of(self, card: Card, typed: object, error: str | None) -> Sequence[object]:
        row, rule, links, following = card.row, card.row.rule, self.links, card.next_break
        code, in_cart = links.quoted(row.sku), card.in_cart
        replaced_by, replaced_by_name = row.successor or ("", "")
        prices = ("", "", "")
        if self.sees_prices and card.price is not None:
            later = (
                (self.number(following.min_quantity), self.price(following.unit_price))
                if following
                else ("", "")
            )
            prices = (self.price(card.price), *later)
        lines = card.stock.lines if card.stock else ()
        return (
            row.id,
            links.product + code,
            row.name,
            row.sku,
            row.mpn,
            links.picture(row.image_key) if row.image_key else "",
            links.product + links.quoted(replaced_by) if replaced_by else "",
            replaced_by_name,
            row.summary,
            row.warranty_months,
            *prices,
            f"{links.why}{code}?quantity={in_cart}" if in_cart else links.why + code,
            links.add + code,
            links.ask(row.sku) if card.is_on_request else "",
            rule.multiple,
            rule.lowest,
            rule.maximum,
            card.quantity if typed is None else typed,
            self.number(in_cart) if in_cart else "",
            card.pack,
            self.token,
            self.next_href,
            error or "",
            *[text for line in lines for text in line],
        )


def rows_of(
    cards: Sequence[Card],
    currency: str,
    *,
    may_buy: bool,
    sees_prices: bool,
    next_href: str | None,
    typed: object = None,
    error: str | None = None,
    is_changed: bool = False,
) -> list[Row]:
    """The cards as rows; `typed` and `error` are of a quantity that was refused."""
    rows = _Rows(
        currency, may_buy=may_buy, sees_prices=sees_prices, next_href=next_href, is_changed=is_changed
    )
    return [(rows.look_of(card, error), rows.texts_of(card, typed, error)) for card in cards]
