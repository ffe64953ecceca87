"""How numbers and names are compared, and check digits."""

from __future__ import annotations

import pytest

from app.core.errors import InvalidInput
from app.domain.catalogue.numbers import code_key, gtin_forms, is_storable, name_key, normalise, parse_gtin


@pytest.mark.parametrize(
    "text,key",
    [
        (" ab-12 ", "AB-12"),
        ("ＡＢ－１２", "AB-12"),
        ("ab\u200b12\ufeff", "AB12"),
        ("a\x00b", "AB"),
        ("\ud800x", "X"),
        ("straße", "STRASSE"),
        ("  ", ""),
    ],
)
def test_numbers_are_compared_trimmed_upper_case_and_without_what_nobody_sees(text: str, key: str) -> None:
    assert code_key(text) == key


def test_text_is_folded_and_its_blanks_collapsed_but_punctuation_stays() -> None:
    assert normalise("  Größe\tXL —  AB-12 \x00%_ ") == "grösse xl — ab-12 %_"
    assert name_key("A" * 200) == "a" * 120
    assert not is_storable("a\x00")
    assert not is_storable("\ud83d")
    assert is_storable("😀 ü")


@pytest.mark.parametrize(
    "text", ["4006381333931", "400-6381 333931", "96385074", "012345678905", "00012345678905"]
)
def test_a_gtin_with_a_right_check_digit_is_kept_as_digits(text: str) -> None:
    assert parse_gtin(text) == text.replace("-", "").replace(" ", "")


@pytest.mark.parametrize("text", ["4006381333932", "123", "", "40063813339３x", "abcdefgh"])
def test_another_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_gtin(text)


def test_one_gtin_may_be_written_in_several_lengths() -> None:
    assert gtin_forms("0012345678905") == ["012345678905", "0012345678905", "00012345678905"]
    assert gtin_forms("96385074") == ["96385074", "000096385074", "0000096385074", "00000096385074"]
    assert gtin_forms("4006381333932") == []
    assert gtin_forms("AB-12") == []
