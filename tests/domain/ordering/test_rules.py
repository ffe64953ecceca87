"""Sums of an order, and what changed since it was shown."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.core.errors import InvalidInput
from app.domain.ordering.errors import LineChange
from app.domain.ordering.rules import (
    LineSums,
    ShownLine,
    changes_since,
    encode_shown,
    order_totals,
    parse_shown,
)

D = Decimal


def test_a_discount_is_shared_over_the_lines_and_tax_is_taken_from_what_is_left() -> None:
    totals = order_totals([(1, D("10.00"), 1000), (1, D("5.05"), 1000)], currency="USD", discount_bps=200)
    assert totals.lines == (
        LineSums(D("10.00"), D("0.20"), D("0.98")),
        LineSums(D("5.05"), D("0.10"), D("0.50")),
    )
    assert (totals.net, totals.discount, totals.tax) == (D("15.05"), D("0.30"), D("1.48"))
    assert totals.total == D("16.23")


def test_the_odd_cent_of_a_discount_goes_to_the_largest_remainder_first_line_first() -> None:
    totals = order_totals([(1, D("33.33"), 0)] * 3, currency="USD", discount_bps=100)
    assert [line.discount for line in totals.lines] == [D("0.34"), D("0.33"), D("0.33")]
    assert totals.total == D("98.99")


def test_a_line_is_rounded_half_up_once_from_a_price_of_four_places() -> None:
    totals = order_totals([(3, D("0.335"), 825), (7, D("0.0015"), 0)], currency="USD")
    assert [line.net for line in totals.lines] == [D("1.01"), D("0.01")]
    assert totals.lines[0].tax == D("0.08")
    assert totals.total == D("1.10")


def test_a_currency_without_cents_has_none() -> None:
    totals = order_totals([(3, D("33.5"), 1000)], currency="JPY", discount_bps=150)
    assert (totals.net, totals.discount, totals.tax, totals.total) == (D(101), D(2), D(10), D(109))


def test_a_discount_is_granted_from_its_amount_on() -> None:
    lines = [(10, D("10.00"), 0)]
    just = order_totals(lines, currency="USD", discount_bps=500, discount_from=D("100.00"))
    short = order_totals(lines, currency="USD", discount_bps=500, discount_from=D("100.01"))
    assert (just.discount, just.total) == (D("5.00"), D("95.00"))
    assert (short.discount, short.total) == (D(0), D("100.00"))


def test_no_lines_cost_nothing() -> None:
    totals = order_totals([], currency="USD", discount_bps=500)
    assert (totals.net, totals.total, totals.lines) == (D(0), D(0), ())


def test_what_was_shown_survives_the_hidden_field() -> None:
    shown = {"SSD-1": ShownLine(2, D("9.99")), "A=B;C": ShownLine(1, D("200"))}
    assert encode_shown({"SSD-1": shown["SSD-1"]}) == "SSD-1=2x9.99"
    assert parse_shown(encode_shown({"SSD-1": shown["SSD-1"], "CPU": ShownLine(1, D("0.0001"))})) == {
        "SSD-1": ShownLine(2, D("9.99")),
        "CPU": ShownLine(1, D("0.0001")),
    }
    assert parse_shown("") == {}


def test_every_sku_survives_the_hidden_field() -> None:
    shown = {"A=B;C": ShownLine(1, D("200")), "Ünit%3D x": ShownLine(2, D("1"))}
    assert parse_shown(encode_shown(shown)) == shown


@pytest.mark.parametrize(
    "text", ["SSD-1", "SSD-1=2", "SSD-1=2xnan", "SSD-1=2xsNaN", "SSD-1=ax1", "=x", "S=1xInf"]
)
def test_an_altered_hidden_field_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_shown(text)
    assert refused.value.message == "The page is out of date. Reload it and place the order again."


def test_changes_name_lines_that_came_went_or_cost_something_else() -> None:
    shown = {
        "SAME": ShownLine(1, D("5.00")),
        "DEARER": ShownLine(1, D("5.00")),
        "MORE": ShownLine(1, D("5.00")),
        "GONE": ShownLine(3, D("7.00")),
    }
    now = {
        "SAME": ("Same", ShownLine(1, D("5.0"))),
        "DEARER": ("Dearer", ShownLine(1, D("6.00"))),
        "MORE": ("More", ShownLine(2, D("5.00"))),
        "NEW": ("New", ShownLine(4, D("1.00"))),
    }
    assert changes_since(shown, now) == [
        LineChange("DEARER", "Dearer", 1, 1, D("5.00"), D("6.00")),
        LineChange("MORE", "More", 1, 2, D("5.00"), D("5.00")),
        LineChange("NEW", "New", None, 4, None, D("1.00")),
        LineChange("GONE", "GONE", 3, None, D("7.00"), None),
    ]
