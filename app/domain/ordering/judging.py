"""The one check of a line for every entry: adding, setting, checkout, reorder and quick entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.core.texts import _
from app.domain.catalogue.pricing import Ladder, Price, effective_rule, resolve_price
from app.domain.catalogue.quantities import QuantityRule, check_quantity

#: Kinds that are not taken from stock.
WITHOUT_STOCK = frozenset({"service", "extended_warranty"})


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """What the check needs to know of a product."""

    id: int
    sku: str
    name: str
    kind: str
    life_cycle: str
    is_backorderable: bool
    rule: QuantityRule
    tax_class: str = "standard"
    unit: str = "piece"
    summary: str = ""
    category_slug: str = ""
    successor_sku: str | None = None
    is_visible: bool = True

    @property
    def is_stocked(self) -> bool:
        return self.kind not in WITHOUT_STOCK

    @property
    def may_wait(self) -> bool:
        """Whether units that are not there may be backordered; what is running out is not made again."""
        return self.is_backorderable and self.life_cycle not in ("last_orders", "ended")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one line. `suggestions` are quantities that would do, best first."""

    #: ok | waits | not_visible | ended | price_on_request | not_a_number | too_small | not_multiple |
    #: too_large | not_enough
    code: str
    message: str = ""
    suggestions: tuple[int, ...] = ()

    @property
    def may_order(self) -> bool:
        return self.code in ("ok", "waits")


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict with the price it was found at; no price where there is none."""

    verdict: Verdict
    price: Price | None
    rule: QuantityRule


def judge(
    product: ProductFacts,
    ladders: Sequence[Ladder],
    *,
    quantity: int,
    available: int,
    wanted: int | None = None,
) -> Judged:
    """Judge `quantity` of a product for a buyer with these ladders.

    `available` counts free units over all warehouses; `wanted` is the quantity over all lines of the
    product where an order has several.
    """
    rule = effective_rule(product.rule, ladders)
    found = resolve_price(ladders, quantity=quantity)
    price = found if isinstance(found, Price) else None
    refusal = _refuse_product(product, ladders)
    if refusal is None:
        checked = check_quantity(rule, quantity)
        if not checked.is_ok:
            near = tuple(number for number in (checked.lower, checked.higher) if number)
            refusal = Verdict(checked.code, checked.message, near)
    if refusal is not None:
        return Judged(refusal, price, rule)
    return Judged(_against_stock(product, rule, wanted or quantity, available), price, rule)


def _refuse_product(product: ProductFacts, ladders: Sequence[Ladder]) -> Verdict | None:
    if not product.is_visible:
        return Verdict("not_visible", _("This product is not offered to you any more."))
    if product.life_cycle == "ended":
        if product.successor_sku:
            return Verdict(
                "ended",
                _("It is not made any more; %(sku)s takes its place.", sku=product.successor_sku),
            )
        return Verdict("ended", _("It is not made any more and has no successor."))
    if not ladders:
        return Verdict("price_on_request", _("It has no price for you yet: ask for one, then order."))
    return None


def _against_stock(product: ProductFacts, rule: QuantityRule, quantity: int, available: int) -> Verdict:
    if not product.is_stocked or quantity <= available:
        return Verdict("ok")
    if product.may_wait:
        return Verdict(
            "waits",
            _(
                "%(now)s now, %(later)s wait for stock.",
                now=max(available, 0),
                later=quantity - max(available, 0),
            ),
        )
    possible = max(available, 0) // rule.multiple * rule.multiple
    if possible < rule.lowest:
        return Verdict("not_enough", _("It is out of stock and will not be ordered again by us."))
    return Verdict(
        "not_enough",
        _("Only %(available)s are left and no more will come.", available=available),
        (possible,),
    )


@dataclass(frozen=True, slots=True)
class LinePrice:
    """What a line costs, where the price comes from, and its tax."""

    unit_price: Decimal
    agreement_id: int | None
    step: int | None
    source: str = "agreement"
    reason: str = ""
    tax_code: str = ""
    tax_rate_bps: int = 0
