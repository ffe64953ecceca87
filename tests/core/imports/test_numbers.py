"""Numbers as files write them."""

from __future__ import annotations

import pytest

from app.core.imports.numbers import decimal_text, has_decimal_comma


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [
        ("1234.50", "1234.50", None),
        ("1234", "1234", "1234"),
        ("1234,5", None, "1234.5"),
        ("1.234,50", None, "1234.50"),
        ("1,234.50", "1234.50", None),
        ("1.234", "1.234", "1234"),
        ("1,234", None, "1.234"),
        ("1 234,50", None, "1234.50"),
        ("12'345.5", "12345.5", None),
        ("12.34", "12.34", None),
        ("-5", None, None),
        ("1e9", None, None),
        ("١٢", None, None),
        ("1,2,3", None, None),
        ("", None, None),
        ("5 USD", None, None),
    ],
)
def test_what_a_number_means_depends_on_the_files_decimal_sign(text, point, comma):
    assert decimal_text(text, comma=False) == point
    assert decimal_text(text, comma=True) == comma


@pytest.mark.parametrize(
    ("text", "surely"),
    [("1,5", True), ("1.234,50", True), ("1,23", True), ("1,234", False), ("1.5", False), ("a,5", False)],
)
def test_only_what_can_be_nothing_else_is_a_decimal_comma(text, surely):
    assert has_decimal_comma(text) is surely
