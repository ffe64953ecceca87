"""Fields of many serials."""

from __future__ import annotations

import pytest

from app.domain.assets.serial_ranges import RangeRefused, expand_serials


def code_of(text: str, **given) -> str:
    with pytest.raises(RangeRefused) as refused:
        expand_serials(text, **given)
    return refused.value.code


@pytest.mark.parametrize(
    ("text", "serials"),
    [
        ("", []),
        ("a1, b2  c3\nd4", ["A1", "B2", "C3", "D4"]),
        ("10-13", ["10", "11", "12", "13"]),
        ("5+3", ["5", "6", "7", "8"]),
        ("5+0", ["5"]),
        ("SN-001-SN-004", ["SN-001", "SN-002", "SN-003", "SN-004"]),
        ("sn-001-SN-002", ["SN-001", "SN-002"]),
        ("098-101", ["098", "099", "100", "101"]),
        ("98-101", ["98", "99", "100", "101"]),
        ("A099+2", ["A099", "A100", "A101"]),
        ("AB1-AC3", ["AB1-AC3"]),
        ("AB10-13", ["AB10-13"]),
        ("SN-001", ["SN-001"]),
        ("AB+CD", ["AB+CD"]),
        ('"10-20"', ["10-20"]),
        ('"10-20" "5+", 7', ["10-20", "5+", "7"]),
        ("5+3, 6", ["5", "7", "8", "9", "6"]),
    ],
)
def test_what_a_field_names(text, serials):
    assert expand_serials(text) == serials


def test_a_bare_plus_takes_what_is_missing_and_skips_what_is_named():
    assert expand_serials("4+, 6", count=4) == ["4", "5", "7", "6"]
    assert expand_serials("4+", count=1) == ["4"]
    assert code_of("4+, 6", count=1) == "count_mismatch"
    assert code_of("4+") == "bad_range"
    assert code_of("4+ 9+", count=5) == "bad_range"


def test_a_tilde_is_the_next_free_number():
    assert expand_serials("~", next_free="31") == ["31"]
    assert expand_serials("~, 31, ~+3", next_free="31") == ["32", "31", "33", "34", "35", "36"]
    assert expand_serials("~+", next_free="SN-009", count=2) == ["SN-009", "SN-010"]
    assert code_of("~") == "bad_range"
    assert code_of("~7", next_free="31") == "bad_range"


def test_a_field_adds_up():
    assert len(expand_serials("10-20, 25+3", count=15)) == 15
    assert code_of("10-20, 25+3", count=16) == "count_mismatch"
    assert code_of("1 2", count=1) == "count_mismatch"


@pytest.mark.parametrize("text", ["5-5", "008-12", "20-10", "8-012", "+3", "A+", "A+3", '"open', "~~", '""'])
def test_what_is_no_range(text):
    assert code_of(text, next_free="1") == "bad_range"


def test_a_range_larger_than_what_is_missing_is_not_guessed():
    with pytest.raises(RangeRefused, match=r'the one serial "10-20" or a range of 11') as refused:
        expand_serials("10-20", count=1)
    assert (refused.value.code, refused.value.token) == ("ambiguous_range", "10-20")
    assert expand_serials('"10-20"', count=1) == ["10-20"]
    assert expand_serials("10-20", count=1, mask="99-99") == ["10-20"]


def test_a_serial_stands_in_a_field_once():
    assert code_of("5 5") == "duplicate"
    assert code_of("10-12 11") == "duplicate"
    assert code_of("5+3 5") == "duplicate"


@pytest.mark.parametrize("text", ["1-99999999999999999999", "1+99999", "0+99999999999999999999", "1-10001"])
def test_sizes_are_checked_before_anything_is_expanded(text):
    assert code_of(text) == "bad_range"


def test_characters_are_checked():
    assert code_of("SN1 SN\u200b2") == "bad_character"
    assert code_of("А10-А20") == "bad_character"
