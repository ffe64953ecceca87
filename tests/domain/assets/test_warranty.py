"""Dates of cover: every worked example with its days written out."""

from __future__ import annotations

from datetime import date

import pytest

from app.domain.assets.terms import Term, Unit, last_day
from app.domain.assets.warranty import (
    Basis,
    Events,
    Extension,
    LapseRules,
    Policy,
    Replacement,
    cover_of,
)

SHIP = date(2025, 11, 10)


def months(number: int) -> Term:
    return Term(number, Unit.MONTHS)


def day(text: str) -> date:
    return date.fromisoformat(text)


def days_of(cover) -> list[tuple[str, str, str]]:
    return [(str(one.start), str(one.last_day), str(one.claimable_from)) for one in cover.segments]


@pytest.mark.parametrize(
    ("basis", "events", "start", "end", "flags"),
    [
        ("registration", {"registration": "2026-01-05"}, "2026-01-05", "2029-01-04", ()),
        ("registration", {}, "2026-02-08", "2029-02-07", ()),
        ("registration", {"registration": "2026-04-01"}, "2026-02-08", "2029-02-07", ()),
        ("invoice", {"invoice": "2025-11-01"}, "2025-11-10", "2028-11-09", ("before_ship",)),
        ("ship", {}, "2025-11-10", "2028-11-09", ()),
        (
            "earliest",
            {"invoice": "2025-12-24", "activation": "2025-12-01", "registration": "2026-01-05"},
            "2025-12-01",
            "2028-11-30",
            (),
        ),
        ("earliest", {}, "2026-02-08", "2029-02-07", ()),
    ],
)
def test_the_start(basis, events, start, end, flags):
    known = {name: day(text) for name, text in events.items()}
    cover = cover_of(Events(SHIP, **known), Policy(months(36), Basis(basis), 90))
    assert days_of(cover) == [(start, end, "2025-11-10")]
    assert cover.flags == flags


def test_without_grace_the_clock_starts_with_shipping():
    cover = cover_of(Events(SHIP, registration=day("2026-01-05")), Policy(months(12), Basis.REGISTRATION))
    assert days_of(cover) == [("2025-11-10", "2026-11-09", "2025-11-10")]


@pytest.mark.parametrize(
    ("anchor", "term", "end"),
    [
        ("2024-02-29", months(12), "2025-02-28"),
        ("2025-01-31", months(1), "2025-02-28"),
        ("2025-01-28", months(1), "2025-02-27"),
        ("2025-08-31", months(6), "2026-02-28"),
        ("2024-02-29", Term(1, Unit.YEARS), "2025-02-28"),
        ("2024-02-29", Term(4, Unit.YEARS), "2028-02-28"),
        ("2025-01-31", Term(2, Unit.WEEKS), "2025-02-13"),
        ("2025-12-31", Term(1, Unit.DAYS), "2025-12-31"),
        ("2025-01-01", Term(365, Unit.DAYS), "2025-12-31"),
    ],
)
def test_the_end_of_a_term(anchor, term, end):
    assert last_day(day(anchor), [term]) == day(end)


def test_terms_are_summed_from_the_anchor():
    assert last_day(day("2025-01-31"), [months(1), months(1)]) == day("2025-03-30")
    assert last_day(day("2025-01-31"), [Term(10, Unit.DAYS), months(1)]) == day("2025-03-10")
    assert last_day(day("2025-01-28"), [months(1), Term(1, Unit.WEEKS)]) == day("2025-03-06")


@pytest.mark.parametrize(("number", "unit"), [(0, "days"), (-1, "months"), (101, "years"), (1201, "months")])
def test_terms_have_a_size(number, unit):
    with pytest.raises(ValueError, match="term"):
        Term(number, Unit(unit))


def test_an_extension_is_counted_from_the_same_anchor():
    cover = cover_of(
        Events(SHIP, registration=day("2026-01-05")),
        Policy(months(36), Basis.REGISTRATION, 90),
        extensions=[Extension(day("2028-06-01"), months(24))],
    )
    assert days_of(cover)[1] == ("2029-01-05", "2031-01-04", "2029-01-05")
    assert cover.until == day("2031-01-04")


@pytest.mark.parametrize(
    ("bought", "lapse", "segment"),
    [
        ("2026-01-31", LapseRules(10, 180), ("2026-02-01", "2027-01-31", "2026-02-01")),
        ("2026-02-10", LapseRules(10, 180), ("2026-02-10", "2027-02-09", "2026-02-10")),
        ("2026-02-11", LapseRules(10, 180), ("2026-02-01", "2027-01-31", "2026-02-11")),
        ("2026-04-15", LapseRules(10, 180), ("2026-02-01", "2027-01-31", "2026-04-15")),
        ("2026-10-15", LapseRules(10, 180), ("2026-04-18", "2027-04-17", "2026-10-15")),
        ("2026-10-15", LapseRules(10), ("2026-02-01", "2027-01-31", "2026-10-15")),
        ("2026-10-15", None, ("2026-10-15", "2027-10-14", "2026-10-15")),
    ],
)
def test_cover_bought_after_the_end(bought, lapse, segment):
    cover = cover_of(
        Events(day("2025-02-01")),
        Policy(months(12), Basis.SHIP, lapse=lapse),
        extensions=[Extension(day(bought), months(12))],
    )
    assert days_of(cover) == [("2025-02-01", "2026-01-31", "2025-02-01"), segment]


def test_after_a_lapse_its_start_is_the_anchor_of_what_follows():
    cover = cover_of(
        Events(day("2025-01-31")),
        Policy(months(1), Basis.SHIP),
        extensions=[Extension(day("2025-05-31"), months(1)), Extension(day("2025-06-10"), months(1))],
    )
    assert days_of(cover)[1:] == [
        ("2025-05-31", "2025-06-30", "2025-05-31"),
        ("2025-07-01", "2025-07-30", "2025-07-01"),
    ]


@pytest.mark.parametrize(
    ("ship", "segments"),
    [
        ("2026-01-10", [("2025-12-16", "2026-12-15", "2025-12-16")]),
        ("2026-11-20", [("2025-12-16", "2027-02-17", "2025-12-16")]),
        ("2026-12-15", [("2025-12-16", "2027-03-14", "2025-12-16")]),
        (
            "2026-12-16",
            [("2025-12-16", "2026-12-15", "2025-12-16"), ("2026-12-16", "2027-03-15", "2026-12-16")],
        ),
    ],
)
def test_a_replacement_has_its_floor(ship, segments):
    cover = cover_of(
        Events(day("2025-12-16")),
        Policy(months(12), Basis.SHIP),
        replacements=[Replacement(day(ship), 90)],
    )
    assert days_of(cover) == segments


def test_floors_do_not_add_up_and_extensions_are_not_moved():
    cover = cover_of(
        Events(day("2025-12-16")),
        Policy(months(12), Basis.SHIP),
        extensions=[Extension(day("2026-03-01"), months(12))],
        replacements=[Replacement(day("2026-12-01"), 90), Replacement(day("2026-11-20"), 90)],
    )
    assert days_of(cover) == [
        ("2025-12-16", "2027-02-28", "2025-12-16"),
        ("2026-12-16", "2027-12-15", "2026-12-16"),
    ]


def test_what_is_bought_later_follows_the_lengthened_end():
    cover = cover_of(
        Events(day("2025-12-16")),
        Policy(months(12), Basis.SHIP),
        extensions=[Extension(day("2027-01-10"), months(12))],
        replacements=[Replacement(day("2026-11-20"), 90)],
    )
    assert days_of(cover)[1] == ("2027-02-18", "2028-02-17", "2027-02-18")


def test_a_day_is_covered_from_when_claims_are_taken():
    cover = cover_of(
        Events(day("2025-02-01")),
        Policy(months(12), Basis.SHIP, lapse=LapseRules(10, 180)),
        extensions=[Extension(day("2026-04-15"), months(12))],
    )
    covered = ["2025-02-01", "2026-01-31", "2026-04-15", "2027-01-31"]
    assert [text for text in covered if cover.covers(day(text))] == covered
    assert not any(cover.covers(day(text)) for text in ("2025-01-31", "2026-02-01", "2027-02-01"))


def test_a_term_beyond_the_calendar_is_an_error():
    with pytest.raises(OverflowError):
        cover_of(Events(day("9950-01-01")), Policy(Term(100, Unit.YEARS), Basis.SHIP))
