"""The one check of a line: every verdict, with what would do."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from app.domain.catalogue.pricing import Agreement, Ladder, Step
from app.domain.catalogue.quantities import QuantityRule
from app.domain.ordering.judging import ProductFacts, Verdict, judge

PRODUCT = ProductFacts(
    id=1,
    sku="SSD-1",
    name="Drive",
    kind="hardware",
    life_cycle="active",
    is_backorderable=True,
    rule=QuantityRule(5, 5, 100),
)
LADDER = Ladder(
    Agreement(7, "PL", "List", "list", date(2026, 1, 1)),
    (Step(10, Decimal("9.50")), Step(50, Decimal("9.00"))),
)


def verdict(quantity: int, *, available: int = 1000, priced: bool = True, **changed: object) -> Verdict:
    product = replace(PRODUCT, **changed)  # type: ignore[arg-type]  # a test names the fields
    return judge(product, [LADDER] if priced else [], quantity=quantity, available=available).verdict


def test_a_quantity_on_the_ladder_costs_its_step() -> None:
    judged = judge(PRODUCT, [LADDER], quantity=50, available=50)
    assert judged.verdict == Verdict("ok")
    assert judged.price is not None
    assert (judged.price.unit_price, judged.price.step.min_quantity) == (Decimal("9.00"), 50)
    assert judged.rule == QuantityRule(10, 5, 100)


@pytest.mark.parametrize(
    ("quantity", "code", "message", "suggestions"),
    [
        (5, "too_small", "The minimum is 10.", (10,)),
        (12, "not_multiple", "It is sold in multiples of 5: 10 or 15.", (10, 15)),
        (105, "too_large", "The maximum is 100.", (100,)),
        (0, "not_a_number", "Enter a quantity from 1 to 999999, digits only.", ()),
        (-1, "not_a_number", "Enter a quantity from 1 to 999999, digits only.", ()),
        (2**63, "not_a_number", "Enter a quantity from 1 to 999999, digits only.", ()),
    ],
)
def test_a_quantity_that_cannot_be_ordered_says_what_can(
    quantity: int, code: str, message: str, suggestions: tuple[int, ...]
) -> None:
    assert verdict(quantity) == Verdict(code, message, suggestions)


def test_below_the_first_step_there_is_no_price_but_the_minimum() -> None:
    judged = judge(replace(PRODUCT, rule=QuantityRule()), [LADDER], quantity=9, available=50)
    assert judged.price is None
    assert judged.verdict == Verdict("too_small", "The minimum is 10.", (10,))


def test_units_that_are_not_there_wait_where_the_product_may() -> None:
    assert verdict(20, available=12) == Verdict("waits", "12 now, 8 wait for stock.")
    assert verdict(20, available=-3) == Verdict("waits", "0 now, 20 wait for stock.")
    assert verdict(20, available=20) == Verdict("ok")


@pytest.mark.parametrize("changed", [{"is_backorderable": False}, {"life_cycle": "last_orders"}])
def test_what_does_not_come_again_is_sold_as_long_as_it_is_there(changed: dict[str, object]) -> None:
    assert verdict(20, available=20, **changed) == Verdict("ok")
    assert verdict(20, available=18, **changed) == Verdict(
        "not_enough", "Only 18 are left and no more will come.", (15,)
    )
    assert verdict(20, available=9, **changed) == Verdict(
        "not_enough", "It is out of stock and will not be ordered again by us."
    )


def test_an_ended_product_names_its_successor() -> None:
    assert verdict(10, life_cycle="ended", successor_sku="SSD-2") == Verdict(
        "ended", "It is not made any more; SSD-2 takes its place."
    )
    assert verdict(10, life_cycle="ended").message == "It is not made any more and has no successor."


def test_without_a_price_it_is_asked_for_first_whatever_the_quantity() -> None:
    assert verdict(3, priced=False) == Verdict(
        "price_on_request", "It has no price for you yet: ask for one, then order."
    )


def test_what_the_company_does_not_see_is_refused_before_anything_else() -> None:
    assert verdict(3, is_visible=False, life_cycle="ended", priced=False) == Verdict(
        "not_visible", "This product is not offered to you any more."
    )


@pytest.mark.parametrize("kind", ["service", "extended_warranty"])
def test_services_and_warranties_need_no_stock(kind: str) -> None:
    assert verdict(10, available=0, kind=kind, is_backorderable=False) == Verdict("ok")
