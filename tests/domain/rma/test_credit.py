"""Credits: units, tax by difference, never more than is left."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidInput
from app.domain.rma.credit import MoreThanLeft, PaidLine, credit_of

LINE = PaidLine("EUR", 3, Decimal("100.00"), Decimal("0.19"), order_discounts=[Decimal("10.00")])


def amounts(credit) -> list[str]:
    return [str(one) for one in (credit.net, credit.tax, credit.gross, credit.left_net, credit.left_tax)]


def test_units_add_up_and_the_last_one_ends_on_the_lines_tax():
    first, second, third = (credit_of(LINE, credited_units=done, credit_units=1) for done in range(3))
    assert [str(unit) for unit in first.units] == ["96.67", "96.67", "96.66"]
    assert amounts(first) == ["96.67", "18.37", "115.04", "193.33", "36.73"]
    assert amounts(second) == ["96.67", "18.36", "115.03", "96.66", "18.37"]
    assert amounts(third) == ["96.66", "18.37", "115.03", "0.00", "0.00"]


def test_all_at_once_is_the_line():
    whole = credit_of(LINE, credited_units=0, credit_units=3)
    assert amounts(whole) == ["290.00", "55.10", "345.10", "0.00", "0.00"]


def test_a_currency_without_cents():
    line = PaidLine("JPY", 3, Decimal(100), Decimal("0.1"), line_discount=Decimal(1))
    credit = credit_of(line, credited_units=0, credit_units=1)
    assert [str(unit) for unit in credit.units] == ["100", "100", "99"]
    assert amounts(credit) == ["100", "10", "110", "199", "20"]


@pytest.mark.parametrize(("done", "units"), [(0, 4), (3, 1), (2, 2), (5, 1)])
def test_no_more_than_is_left(done, units):
    with pytest.raises(MoreThanLeft):
        credit_of(LINE, credited_units=done, credit_units=units)


def test_discounts_beyond_the_line_are_refused():
    line = PaidLine("EUR", 1, Decimal("5.00"), Decimal(0), line_discount=Decimal("5.01"))
    with pytest.raises(InvalidInput):
        credit_of(line, credited_units=0, credit_units=1)


@given(
    quantity=st.integers(1, 60),
    price=st.decimals("0", "9999", places=4),
    discount=st.decimals("0", "1", places=2),
    rate=st.decimals("0", "0.3", places=3),
    steps=st.lists(st.integers(1, 9), min_size=1, max_size=60),
)
def test_credits_of_any_steps_sum_to_the_line(quantity, price, discount, rate, steps):
    line = PaidLine("EUR", quantity, price, rate, line_discount=discount if price >= 1 else Decimal(0))
    done, net, tax = 0, Decimal(0), Decimal(0)
    for step in steps:
        step = min(step, quantity - done)
        if not step:
            break
        credit = credit_of(line, credited_units=done, credit_units=step)
        done, net, tax = done + step, net + credit.net, tax + credit.tax
        assert (net + credit.left_net, tax + credit.left_tax) == (line.net, line.tax_of(line.net))
    if done == quantity:
        assert (net, tax) == (line.net, line.tax_of(line.net))
