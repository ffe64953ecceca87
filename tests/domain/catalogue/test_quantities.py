"""Minimum, multiple, maximum, and how a quantity may be typed."""

from __future__ import annotations

import pytest

from app.core.errors import InvalidInput
from app.domain.catalogue.quantities import QuantityRule, check_quantity, parse_quantity

PACKS = QuantityRule(minimum=5, multiple=4, maximum=30)


@pytest.mark.parametrize("text,number", [("1", 1), (" 12 ", 12), ("007", 7), ("999999", 999_999)])
def test_digits_are_a_quantity(text: str, number: int) -> None:
    assert parse_quantity(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "+1",
        "1.0",
        "1,0",
        "1e9",
        "١٢",
        "２",
        "0x10",
        "1_0",
        "1000000",
        str(2**63),
        "ten",
        "1 0",
        "½",
    ],
)
def test_anything_else_is_refused_with_what_would_do(text: str) -> None:
    with pytest.raises(InvalidInput, match="from 1 to 999999, digits only") as refused:
        parse_quantity(text)
    assert refused.value.field == "quantity"


@pytest.mark.parametrize(
    "quantity,code,lower,higher",
    [
        (7, "too_small", None, 8),
        (8, "ok", None, None),
        (9, "not_multiple", 8, 12),
        (28, "ok", None, None),
        (29, "too_large", 28, None),
        (0, "not_a_number", None, None),
        (-4, "not_a_number", None, None),
        (2**63, "not_a_number", None, None),
        ("12", "ok", None, None),
        ("1e1", "not_a_number", None, None),
    ],
)
def test_the_verdict_offers_the_nearest_quantities_that_would_do(
    quantity: int | str, code: str, lower: int | None, higher: int | None
) -> None:
    # From 5 in fours up to 30: 8, 12, 16, 20, 24, 28.
    verdict = check_quantity(PACKS, quantity)
    assert (verdict.code, verdict.lower, verdict.higher) == (code, lower, higher)
    assert verdict.is_ok is (code == "ok")
    assert bool(verdict.message) is (code != "ok")


def test_the_message_says_what_to_change() -> None:
    assert check_quantity(PACKS, 7).message == "The minimum is 8."
    assert check_quantity(PACKS, 29).message == "The maximum is 28."
    assert check_quantity(PACKS, 9).message == "It is sold in multiples of 4: 8 or 12."


def test_a_rule_nothing_can_meet_refuses_every_quantity() -> None:
    impossible = QuantityRule(minimum=5, multiple=4, maximum=6)
    assert not impossible.is_possible
    assert {check_quantity(impossible, quantity).is_ok for quantity in range(1, 12)} == {False}


def test_without_a_rule_every_quantity_up_to_999999_will_do() -> None:
    assert check_quantity(QuantityRule(), 999_999).is_ok
    assert (QuantityRule(multiple=10).highest, QuantityRule(minimum=3, multiple=2).lowest) == (999_990, 4)
