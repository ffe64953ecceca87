"""Money, quantities and dates in the reader's language."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from app.core.money import Money
from app.core.web.formats import (
    date_text,
    datetime_text,
    decimal_text,
    flatten_errors,
    moment_title,
    money_text,
    percent_text,
    price_text,
    quantity_text,
    share,
    words,
)

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "currency", "code", "locale", "expected"),
    [
        (Decimal("1234.5"), None, False, "en", "1,234.50"),
        (Decimal("1234.5"), "EUR", True, "de", "1.234,50\u00a0EUR"),
        (Decimal("-22.5"), "EUR", False, "en", "\u221222.50"),
        (Decimal("1234.5"), "JPY", True, "en", "1,235\u00a0JPY"),
        (Decimal("1.5"), "BHD", False, "en", "1.500"),
        (Decimal("2.675"), "USD", False, "en", "2.68"),
        (Money(Decimal("9"), "USD"), "JPY", True, "en", "9.00\u00a0USD"),
        (None, "EUR", True, "en", "–"),
    ],
)
def test_money_has_the_currencys_decimals_and_a_real_minus(value, currency, code, locale, expected):
    assert money_text(value, currency, code=code, locale=locale) == expected


def test_unit_prices_keep_up_to_four_decimals():
    assert price_text(Decimal("0.0335"), "USD", locale="en") == "0.0335"
    assert price_text(Decimal("12.5"), "USD", locale="en") == "12.50"


@pytest.mark.parametrize(
    ("value", "least", "most", "locale", "expected"),
    [
        (Decimal("1234567.125"), 2, 2, "en", "1,234,567.12"),
        (Decimal("0.135"), 2, 2, "en", "0.14"),
        (Decimal("12.5000"), 2, 4, "en", "12.50"),
        (Decimal("12.1250"), 2, 4, "de", "12,125"),
        (Decimal("-1234.5"), 0, 3, "fr", "\u22121\u202f234,5"),
        (1208, 0, 3, "de", "1.208"),
        (1000, 0, 0, "en", "1,000"),
        (Decimal("100"), 0, 2, "en", "100"),
    ],
)
def test_numbers_have_the_decimals_asked_for_halves_to_even(value, least, most, locale, expected):
    assert decimal_text(value, least=least, most=most, locale=locale) == expected


def test_quantities_and_rates_are_grouped_and_short():
    assert quantity_text(1208, locale="de") == "1.208"
    assert quantity_text(None, locale="de") == "–"
    assert percent_text(Decimal("0.19"), locale="en") == "19\u00a0%"
    assert percent_text(Decimal("0.0725"), locale="en") == "7.25\u00a0%"


@pytest.mark.parametrize(
    ("style", "locale", "expected"),
    [
        ("medium", "en", "2 Dec 2026"),
        ("day", "en", "Wed 2 Dec"),
        ("long", "en", "Wednesday, 2 December 2026"),
        ("medium", "de", "02.12.2026"),
        ("long", "de", "Mittwoch, 2. Dezember 2026"),
    ],
)
def test_dates_put_the_day_first(style, locale, expected):
    assert date_text(date(2026, 12, 2), style, locale=locale) == expected


def test_a_moment_is_shown_in_the_vendors_zone():
    moment = datetime(2026, 7, 1, 22, 5, 9, tzinfo=UTC)
    assert datetime_text(moment, BERLIN, locale="en") == "2 Jul 2026, 00:05"
    assert moment_title(moment, BERLIN, locale="en") == "2 Jul 2026, 00:05:09 Central European Summer Time"


def test_a_share_is_a_percentage_between_nothing_and_all():
    assert share(12, 20) == "60%"
    assert share(1, 3) == "33.33%"
    assert share(20, 20) == "100%"
    assert share(30, 20) == "100%"
    assert share(5, 0) == "0%"


def test_codes_and_nested_messages_become_words():
    assert words("part_shipped") == "Part shipped"
    assert flatten_errors([["Too short."], {"city": ["Missing."]}]) == "Too short. Missing."
