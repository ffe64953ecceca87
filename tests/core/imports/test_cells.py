"""Cells are read as they were meant, or refused with what to change."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.core.imports.cells import CellRefused, Cells


def cells(text: str) -> Cells:
    return Cells({"field": 0}, {"field": "Field"}, [text])


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("", None),
        ("0", 0),
        ("25", 2500),
        ("8.25", 825),
        ("8,25", 825),
        ("8.250", 825),
        ("19 %", 1900),
        ("100%", 10_000),
    ],
)
def test_per_cent_with_point_or_comma(text: str, points: int | None) -> None:
    assert cells(text).basis_points("field") == points


@pytest.mark.parametrize("text", ["8.125", "100.01", "-1", "1e1", "1.000,5", "٣", "8.", "abc", "9" * 300])
def test_other_per_cent_is_refused(text: str) -> None:
    with pytest.raises(CellRefused):
        cells(text).basis_points("field")


@pytest.mark.parametrize(
    "text", ["2026-12-01", "2026-12-1", "01.12.2026", "1.12.2026", "2026-12-01 00:00:00"]
)
def test_days_that_can_mean_one_thing_only(text: str) -> None:
    assert cells(text).find_day("field") == date(2026, 12, 1)


@pytest.mark.parametrize(
    "text", ["12/01/2026", "2026-13-01", "31.11.2026", "46357", "2026-12-01 08:30", "0000-01-01"]
)
def test_other_days_are_refused(text: str) -> None:
    with pytest.raises(CellRefused) as refused:
        cells(text).day("field")
    assert refused.value.verdict.code == "bad_date"


@pytest.mark.parametrize("text", ["-1", "1.0", "1,000", "1e3", "²", "1000", str(2**63), "0x10", "=1"])
def test_numbers_that_are_not_whole_or_too_large_are_refused(text: str) -> None:
    with pytest.raises(CellRefused) as refused:
        cells(text).whole("field", lowest=0, highest=999)
    assert refused.value.verdict.message == "Field must be a whole number from 0 to 999, digits only."
    assert cells("0007").whole("field", lowest=0, highest=999) == 7
    assert cells("").find_whole("field", lowest=0, highest=999) is None


@pytest.mark.parametrize("text", ["a\tb", "a\nb", "a\u202eb", "a\x85b", "a\ufffdb"])
def test_what_cannot_be_seen_or_stored_is_refused(text: str) -> None:
    with pytest.raises(CellRefused) as refused:
        cells(text).text("field", most=9)
    assert refused.value.verdict.code == "bad_character"


def test_words_are_found_whatever_their_case_spaces_and_hyphens() -> None:
    words = {"only_listed": "only_listed", "all": "all"}
    found: list[Any] = [
        cells(text).word("field", words) for text in ("Only-Listed", " only  listed ", "ALL", "")
    ]
    assert found == ["only_listed", "only_listed", "all", ""]
    with pytest.raises(CellRefused, match="one of: only_listed, all"):
        cells("some").word("field", words)
