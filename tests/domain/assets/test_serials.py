"""Canonical serials, masks, check digits, GS1."""

from __future__ import annotations

import pytest

from app.domain.assets.masks import fits
from app.domain.assets.serials import BadCharacter, Check, Result, SerialVerdict, canonical, check_serial

FNC1 = "\x1d"


@pytest.mark.parametrize(
    ("raw", "name"),
    [("sn-001", "SN-001"), (" sn1\r\n", "SN1"), ("ＳＮ１", "SN1"), ("sn1\u00a0", "SN1"), ("\tA~!\t", "A~!")],
)
def test_a_serial_has_one_name(raw, name):
    assert canonical(raw) == name


@pytest.mark.parametrize(
    "raw",
    ["A B", "A\u200bB", "\u200bA", "А1", "A\u2010B", "\u202eAB", "ß1", "ı1", "A\x00", "A\x1dB", "é", "A\nB"],
)
def test_characters_that_no_serial_has_are_refused(raw):
    with pytest.raises(BadCharacter):
        canonical(raw)
    assert check_serial(raw) == SerialVerdict(None, Result.REJECT, "bad_character")


@pytest.mark.parametrize(
    ("serial", "mask", "is_fitting"),
    [
        ("AB012345", "AA999999", True),
        ("AB01234", "AA999999", False),
        ("A1012345", "AA999999", False),
        ("SN-1X", "SN-9X", True),
        ("SN-19", "SN-9X", True),
        ("SN-1-", "SN-9X", False),
        ("A", "a", True),
        ("B", "a", False),
    ],
)
def test_masks(serial, mask, is_fitting):
    assert fits(serial, mask) is is_fitting


def test_a_long_mask_of_many_choices_is_compared_once():
    assert not fits("A" * 63 + "-", "X" * 64)


def test_a_serial_without_a_mask_has_at_most_64_characters():
    assert check_serial("A" * 64).result is Result.OK
    assert check_serial("A" * 65).code == "too_long"
    assert check_serial(" ").code == "bad_length"


@pytest.mark.parametrize("mask", ["", "A 9", "9" * 65, "é"])
def test_a_mask_that_is_none_is_refused(mask):
    with pytest.raises(ValueError, match="mask"):
        check_serial("A1", mask=mask)


def test_a_look_alike_is_suggested_and_never_rewritten():
    assert check_serial("ABO12345", mask="AA999999") == SerialVerdict(
        "ABO12345", Result.REJECT, "bad_mask", ("AB012345",)
    )
    assert check_serial("0B012345", mask="AA999999").suggestions == ("OB012345",)
    assert check_serial("SN-O12") == SerialVerdict("SN-O12", Result.WARN, "look_alike", ("SN-012",))
    assert check_serial("TIGER") == SerialVerdict("TIGER", Result.OK)
    assert check_serial("O1", mask="A9") == SerialVerdict("O1", Result.OK)
    assert check_serial("O1", mask="X9") == SerialVerdict("O1", Result.WARN, "look_alike", ("01",))


@pytest.mark.parametrize(
    ("raw", "name", "code"),
    [
        ("490154203237518", "490154203237518", None),
        ("49-015420-323751 8", "490154203237518", None),
        ("490154203237519", "490154203237519", "bad_check_digit"),
        ("49015420323751", "49015420323751", None),
        ("4901542032375190", "4901542032375190", None),
        ("4901542032375", "4901542032375", "bad_length"),
        ("49A154203237518", "49A154203237518", "bad_character"),
    ],
)
def test_imei(raw, name, code):
    verdict = check_serial(raw, check=Check.LUHN)
    assert (verdict.canonical, verdict.code) == (name, code)
    assert verdict.result is (Result.REJECT if code else Result.OK)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("4006381333931", None),
        ("4006381333932", "bad_check_digit"),
        ("73513537", None),
        ("036000291452", None),
        ("10614141000415", None),
        ("123456789", "bad_length"),
    ],
)
def test_modulo_10(raw, code):
    assert check_serial(raw, check=Check.MOD10).code == code


def test_a_mask_with_separators_fits_a_serial_without_them():
    assert check_serial("49-015420-323751-8", mask="99-999999-999999-9", check=Check.LUHN).result is Result.OK


@pytest.mark.parametrize(
    ("raw", "name", "result", "code"),
    [
        ("]d2010400638133393121AB-7" + FNC1 + "10LOT", "AB-7", Result.OK, None),
        ("]C1" + FNC1 + "010400638133393121ab", "AB", Result.OK, None),
        ("(01)04006381333931(21)12345", "12345", Result.OK, None),
        ("(8006)040063813339310102(21)12345", "12345", Result.OK, None),
        ("(21)12345", "12345", Result.WARN, "bad_gs1"),
        ("21" + "1" * 21, None, Result.REJECT, "bad_gs1"),
        ("(01)0400638133393(21)1", None, Result.REJECT, "bad_gs1"),
        ("(01)04006381333931", None, Result.REJECT, "bad_gs1"),
        ("(01)04006381333930(21)1", "1", Result.REJECT, "bad_check_digit"),
        ("(05)1(21)1", None, Result.REJECT, "bad_gs1"),
        ("ABC", None, Result.REJECT, "bad_gs1"),
        ("", None, Result.REJECT, "bad_gs1"),
        ("(21)1(21)2", None, Result.REJECT, "bad_gs1"),
        ("(21)a^b", None, Result.REJECT, "bad_gs1"),
        ("(21)1\u200b", None, Result.REJECT, "bad_character"),
    ],
)
def test_gs1(raw, name, result, code):
    assert check_serial(raw, check=Check.GS1) == SerialVerdict(name, result, code)
