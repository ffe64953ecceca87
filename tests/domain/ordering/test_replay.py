"""What lines of an order history are, on plain texts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.domain.ordering.replay import (
    HistoryLine,
    Invoice,
    Kind,
    OpenLine,
    RawLine,
    Tally,
    invoice_number,
    kind_of,
    match_cancellations,
    read_line,
    summary,
)

RAW = RawLine(
    "536365", " 85123a ", " WHITE HEART ", "6", "2010-12-01 08:26:00", "2.55", "17850.0", "United Kingdom"
)


def line(quantity: int = 6, price: str = "2.55", code: str = "85123A", customer: str | None = "17850"):
    return HistoryLine(
        code,
        "WHITE HEART",
        quantity,
        datetime(2010, 12, 1, 8, 26),
        Decimal(price),
        customer,
        "United Kingdom",
    )


def test_a_line_is_read_trimmed_with_the_code_in_capitals():
    assert read_line(RAW) == line()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("536365", "536365"),
        (" c536379 ", "C536379"),
        ("A563185", None),
        ("CC1", None),
        ("C", None),
        ("", None),
        (None, None),
        ("536 365", None),
        ("٥٣٦", None),
        ("-536365", None),
        ("1" * 41, None),
    ],
)
def test_an_invoice_number_is_digits_with_or_without_a_c(text, number):
    assert invoice_number(text) == number


@pytest.mark.parametrize("customer", ["17850", "17850.0", " 17850.00 "])
def test_a_customer_written_as_a_decimal_is_the_same_customer(customer):
    assert read_line(replace(RAW, customer=customer)).customer == "17850"


def test_a_customer_that_is_not_said_is_none():
    assert read_line(replace(RAW, customer="  ")).customer is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", ""),
        ("quantity", "6.0"),
        ("quantity", "1e3"),
        ("quantity", "٦"),
        ("quantity", "six"),
        ("quantity", "9223372036854775808"),
        ("unit_price", ""),
        ("unit_price", "2,55"),
        ("unit_price", "2.55555"),
        ("unit_price", "NaN"),
        ("unit_price", "1e2"),
        ("at", ""),
        ("at", "2010-02-30 08:26"),
        ("at", "yesterday"),
        ("code", " "),
        ("code", "x" * 61),
        ("customer", "x" * 41),
        ("customer", "17\x00"),
        ("code", None),
        ("quantity", None),
        ("country", None),
        ("description", None),
    ],
)
def test_a_value_that_is_missing_or_cannot_be_read_makes_a_bad_row(field, value):
    assert read_line(replace(RAW, **{field: value})) is None


def test_zeros_behind_the_fourth_decimal_do_no_harm():
    assert read_line(replace(RAW, unit_price="2.550000")).unit_price == Decimal("2.55")


@pytest.mark.parametrize(
    ("given", "is_cancellation", "kind"),
    [
        (line(), False, None),
        (line(-6), True, None),
        (line(0), False, Kind.STOCK_ADJUSTMENT),
        (line(-6), False, Kind.STOCK_ADJUSTMENT),
        (line(6), True, Kind.STOCK_ADJUSTMENT),
        (line(0), True, Kind.STOCK_ADJUSTMENT),
        (line(-6, price="0", customer=None), False, Kind.STOCK_ADJUSTMENT),
        (line(price="0", code="POST"), False, Kind.ZERO_PRICE),
        (line(price="-1", code="B"), False, Kind.NEGATIVE_PRICE),
        (line(code="POST", customer=None), False, Kind.NOT_MERCHANDISE),
        (line(-1, code="BANK CHARGES"), True, Kind.NOT_MERCHANDISE),
        (line(customer=None), False, Kind.NO_CUSTOMER),
        (line(code="POSTER"), False, None),
    ],
)
def test_the_first_kind_that_fits_decides(given, is_cancellation, kind):
    assert kind_of(given, is_cancellation=is_cancellation) is kind


@pytest.mark.parametrize(
    ("quantity", "price", "amount"),
    [(6, "2.55", "15.30"), (3, "0.335", "1.01"), (-3, "0.335", "-1.01"), (1, "0.004", "0.00")],
)
def test_a_lines_amount_is_rounded_half_up(quantity, price, amount):
    assert line(quantity, price).amount == Decimal(amount)


def test_an_invoice_is_of_its_earliest_time_in_london():
    invoice = Invoice("1", [replace(line(), at=datetime(2011, 6, 1, 9, 5)), line()])
    assert invoice.at == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    summer = Invoice("2", [replace(line(), at=datetime(2011, 6, 1, 9, 5))])
    assert summer.at == datetime(2011, 6, 1, 8, 5, tzinfo=UTC)


def open_line(line_id: int, units: int, *, code: str = "85123A", price: str = "2.55") -> OpenLine:
    return OpenLine(line_id, code, Decimal(price), units)


def test_a_cancellation_takes_the_oldest_lines_first_and_several_of_them():
    kinds, taken = match_cancellations([line(-8)], [open_line(1, 5), open_line(2, 4), open_line(3, 9)])
    assert kinds == [Kind.CANCELLED]
    assert taken == {1: 5, 2: 3}


def test_a_cancellation_that_does_not_fit_whole_takes_nothing():
    kinds, taken = match_cancellations([line(-10), line(-9)], [open_line(1, 5), open_line(2, 4)])
    assert kinds == [Kind.CANCEL_WITHOUT_ORDER, Kind.CANCELLED]
    assert taken == {1: 5, 2: 4}


def test_another_price_or_code_is_another_line():
    kinds, taken = match_cancellations(
        [line(-1)], [open_line(1, 5, price="2.10"), open_line(2, 5, code="85123B")]
    )
    assert kinds == [Kind.CANCEL_WITHOUT_ORDER]
    assert taken == {}


def test_what_one_line_took_is_gone_for_the_next():
    kinds, taken = match_cancellations([line(-3), line(-3)], [open_line(1, 5)])
    assert kinds == [Kind.CANCELLED, Kind.CANCEL_WITHOUT_ORDER]
    assert taken == {1: 3}


def test_the_summary_leaves_out_kinds_without_a_line():
    tally = Tally(orders=1)
    tally.add(Kind.ORDERED, Decimal("15.30"))
    tally.add(Kind.ORDERED, Decimal("1.01"))
    tally.add(Kind.ZERO_PRICE, Decimal("0.00"))
    assert summary(tally, 1.234) == {
        "lines": 3,
        "orders": 1,
        "count": {"zero_price": 1, "ordered": 2},
        "amount": {"zero_price": "0.00", "ordered": "16.31"},
        "seconds": 1.23,
    }
