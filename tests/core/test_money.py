"""Money is exact, of one currency, and rounds half up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.money import Money, exponent, line_amount, round_to_currency, share_out


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("2.675", "USD", "2.68"),
        ("2.665", "USD", "2.67"),
        ("-2.675", "USD", "-2.68"),
        ("2.6749", "USD", "2.67"),
        ("10.5", "JPY", "11"),
        ("1.0005", "BHD", "1.001"),
        ("0", "EUR", "0.00"),
    ],
)
def test_posted_amounts_round_half_up_to_the_currencys_unit(amount: str, currency: str, rounded: str) -> None:
    assert str(round_to_currency(Decimal(amount), currency)) == rounded


def test_currencies_know_their_decimals() -> None:
    assert [exponent(currency) for currency in ("USD", "JPY", "BHD")] == [2, 0, 3]


@pytest.mark.parametrize(
    ("quantity", "unit_price", "amount"),
    [(3, "0.3350", "1.01"), (1, "0.0049", "0.00"), (1000, "0.0335", "33.50"), (7, "19.99", "139.93")],
)
def test_a_line_is_quantity_times_unit_price_rounded_once(
    quantity: int, unit_price: str, amount: str
) -> None:
    assert str(line_amount(quantity, Decimal(unit_price), "USD")) == amount


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        ("10.00", ["1", "1", "1"], ["3.34", "3.33", "3.33"]),
        ("0.05", ["1", "1", "1"], ["0.02", "0.02", "0.01"]),
        ("-10.00", ["1", "1", "1"], ["-3.34", "-3.33", "-3.33"]),
        ("1.00", ["0", "0"], ["0.50", "0.50"]),
        ("100.00", ["99.99", "0.01"], ["99.99", "0.01"]),
        ("7.00", ["2", "0", "5"], ["2.00", "0.00", "5.00"]),
    ],
)
def test_shares_follow_the_weights_and_the_largest_remainders(
    total: str, weights: list[str], shares: list[str]
) -> None:
    shared = share_out(Decimal(total), [Decimal(weight) for weight in weights], "USD")

    assert [f"{share:.2f}" for share in shared] == shares


@given(
    st.integers(-(10**9), 10**9),
    st.lists(st.integers(0, 10**7), min_size=1, max_size=40),
)
def test_shares_always_sum_to_the_total_and_are_off_by_less_than_a_unit(
    cents: int, weights: list[int]
) -> None:
    total = Decimal(cents) / 100
    shares = share_out(total, [Decimal(weight) for weight in weights], "USD")

    assert sum(shares) == total
    if any(weights):
        for share, weight in zip(shares, weights, strict=True):
            assert abs(share - total * weight / sum(weights)) < Decimal("0.01")


@pytest.mark.parametrize(("total", "weights"), [("1.005", ["1"]), ("1.00", []), ("1.00", ["1", "-1"])])
def test_shares_need_whole_units_and_weights_that_are_not_negative(total: str, weights: list[str]) -> None:
    with pytest.raises(ValueError):
        share_out(Decimal(total), [Decimal(weight) for weight in weights], "USD")


@pytest.mark.parametrize("amount", [1.5, float("nan")])
def test_floats_are_refused(amount: Any) -> None:
    with pytest.raises(TypeError):
        Money(amount, "USD")


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "sNaN"])
def test_only_finite_amounts_are_money(amount: str) -> None:
    with pytest.raises(ValueError):
        Money(Decimal(amount), "USD")


@pytest.mark.parametrize("currency", ["usd", "US", "EURO", "€€€", ""])
def test_a_currency_is_three_capital_letters(currency: str) -> None:
    with pytest.raises(ValueError):
        Money(Decimal(1), currency)


def test_two_currencies_do_not_mix() -> None:
    dollars, euros = Money(Decimal(1), "USD"), Money(Decimal(1), "EUR")
    for mix in (lambda: dollars + euros, lambda: dollars - euros, lambda: dollars < euros):
        with pytest.raises(ValueError):
            mix()
    with pytest.raises(TypeError):
        _ = dollars + 1  # type: ignore[operator]  # what a slip would write


def test_money_adds_multiplies_compares_and_splits() -> None:
    price = Money(Decimal("19.99"), "USD")

    assert price * 3 - Money(Decimal("0.97"), "USD") == Money(Decimal("59.00"), "USD")
    assert -price < Money(Decimal(0), "USD") <= Money(Decimal(0), "USD")
    assert not Money(Decimal("0.00"), "USD")
    assert Money(Decimal("0.335"), "USD").rounded() == Money(Decimal("0.34"), "USD")
    assert Money.total([price, price], "USD") == Money(Decimal("39.98"), "USD")
    assert [part.amount for part in Money(Decimal(1), "JPY").split([Decimal(1), Decimal(1)])] == [1, 0]
