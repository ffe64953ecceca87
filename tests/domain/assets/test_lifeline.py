"""What a unit's covers say of a day, and where its life stands along the line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from app.domain.assets.lifeline import LEFT, RIGHT, Answer, CoverState, answer_for, draw
from app.domain.assets.queries import CoverLine, Unit


def cover(start: date, last: date, claims: date | None = None, kind: str = "base") -> CoverLine:
    return CoverLine(kind, "36 months", start, last, claims or start, "because")


BASE = cover(date(2026, 1, 5), date(2029, 1, 4), date(2025, 11, 10))
EXTENSION = cover(date(2029, 1, 5), date(2031, 1, 4), kind="extension")
LATE = cover(date(2029, 3, 1), date(2029, 5, 29), kind="replacement")


@pytest.mark.parametrize(
    ("covers", "on", "answer"),
    [
        ([BASE], date(2026, 11, 24), Answer(CoverState.COVERED, date(2029, 1, 4), 772)),
        ([BASE], date(2025, 11, 10), Answer(CoverState.COVERED, date(2029, 1, 4), 1151)),
        ([BASE], date(2025, 11, 9), Answer(CoverState.LATER, date(2025, 11, 10), 1)),
        ([BASE], date(2028, 10, 6), Answer(CoverState.ENDS_SOON, date(2029, 1, 4), 90)),
        ([BASE], date(2029, 1, 4), Answer(CoverState.ENDS_SOON, date(2029, 1, 4), 0)),
        ([BASE], date(2029, 1, 5), Answer(CoverState.ENDED, date(2029, 1, 4), 1)),
        ([BASE, EXTENSION], date(2029, 1, 4), Answer(CoverState.COVERED, date(2031, 1, 4), 730)),
        ([BASE, LATE], date(2029, 1, 4), Answer(CoverState.ENDS_SOON, date(2029, 1, 4), 0)),
        ([BASE, LATE], date(2029, 2, 1), Answer(CoverState.LATER, date(2029, 3, 1), 28)),
        ([], date(2026, 11, 24), Answer(CoverState.NONE)),
    ],
)
def test_the_answer_of_a_day(covers: Sequence[CoverLine], on: date, answer: Answer) -> None:
    assert answer_for(covers, "in_field", on) == answer


def test_units_that_are_no_more_have_no_cover_of_their_own() -> None:
    for state in ("replaced", "credited", "scrapped", "in_stock", "provisional"):
        assert answer_for([BASE], state, date(2026, 11, 24)).state is CoverState.NONE


def unit(events: Sequence[tuple[str, date]], covers: Sequence[CoverLine], **values: Any) -> Unit:
    row = {"ship_date": None, "registration_date": None, "end_customer_name": None, **values}
    happened = [
        SimpleNamespace(kind=kind, at=datetime(on.year, on.month, on.day, 12, tzinfo=UTC), reference="")
        for kind, on in events
    ]
    return Unit(SimpleNamespace(**row), covers, happened, [])


def drawn(one: Unit, today: date) -> Any:
    return draw(one, today=today, day_of=lambda moment: moment.date())


def test_the_past_and_the_future_share_the_line_and_stay_in_order() -> None:
    events = [("shipped", date(2025, 11, 10)), ("claim", date(2026, 11, 1)), ("repaired", date(2026, 11, 9))]
    life = drawn(unit(events, [BASE, EXTENSION]), date(2026, 11, 24))
    places = [mark.x for mark in life.marks]
    assert places == sorted(places)
    assert (places[0], life.bars[1].x + life.bars[1].left) == (LEFT, RIGHT)
    assert life.bars[0].used > 0
    assert life.bars[0].left > 0
    assert life.bars[1].is_later
    # What stands close together is written below each other, so that no label lies on another.
    assert [mark.lane for mark in life.marks[1:]] == [0, 1, 2]
    assert life.ticks[0].year == 2026


def test_the_story_runs_from_the_last_end_back_to_the_first_day() -> None:
    life = drawn(unit([("shipped", date(2025, 11, 10))], [BASE]), date(2026, 11, 24))
    assert [(story.title, story.time) for story in life.stories] == [
        ("Base warranty ends", "future"),
        ("Today", "today"),
        ("Shipped", "past"),
    ]


@pytest.mark.parametrize("shipped", [date(2026, 11, 24), date(2024, 2, 29)])
def test_a_unit_without_cover_or_without_a_past_has_a_line_too(shipped: date) -> None:
    life = drawn(unit([], [], ship_date=shipped), date(2026, 11, 24))
    assert [mark.title for mark in life.marks] == ["Shipped", "Today"]
    assert life.bars == []
    many = [("claim", date(2026, 11, 20))] * 40
    assert drawn(unit(many, []), date(2026, 11, 24)).lanes <= 8
