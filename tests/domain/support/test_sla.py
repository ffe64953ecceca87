"""Business time and the clocks of a ticket, with their moments written out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from app.core.errors import InvalidInput
from app.domain.support.business_time import BusinessCalendar, local_moment, week_of
from app.domain.support.sla import (
    ClockState,
    Event,
    EventKind,
    EventsOutOfOrder,
    Targets,
    clocks_of,
)

BERLIN = ZoneInfo("Europe/Berlin")
TEN_TO_SIX = [(600, 1080)]
OFFICE = BusinessCalendar(BERLIN, week_of(dict.fromkeys(range(5), TEN_TO_SIX)), frozenset({date(2026, 3, 6)}))
ALWAYS = BusinessCalendar(BERLIN, week_of({day: [(0, 1440)] for day in range(7)}))
HOUR = 3600


def at(text: str) -> datetime:
    """A moment of March 2026 in Berlin, such as `05 17:30`."""
    return local_moment(datetime.fromisoformat(f"2026-03-{text}"), BERLIN)


def clocks(history: str, *, now: str, calendar=OFFICE, **targets: int):
    events = [Event(at(line[:8]), EventKind(line[9:])) for line in map(str.strip, history.split(";"))]
    return clocks_of(events, Targets(**targets), calendar, now=at(now))


def shown(clock) -> tuple:
    met = clock.met_at and f"{clock.met_at.astimezone(BERLIN):%d %H:%M}"
    due = f"{clock.due.astimezone(BERLIN):%d %H:%M}"
    return due, met, clock.business_seconds, clock.hold_business_seconds, clock.state.value


class TestBusinessTime:
    def test_nights_weekends_and_holidays_do_not_count(self):
        assert OFFICE.seconds_between(at("05 17:30"), at("09 12:30")) == 3 * HOUR

    def test_the_day_of_the_change_has_an_hour_less_or_more(self):
        assert ALWAYS.seconds_between(at("29 00:00"), at("30 00:00")) == 23 * HOUR
        october = [datetime(2026, 10, day, tzinfo=BERLIN) for day in (25, 26)]
        assert ALWAYS.seconds_between(*october) == 25 * HOUR

    def test_an_edge_in_the_skipped_hour_moves_forward(self):
        calendar = BusinessCalendar(BERLIN, week_of({6: [(120, 150), (150, 240)]}))
        spans = [(first, last) for first, last in calendar.open_spans(at("29 00:00"), at("30 00:00"))]
        assert spans == [
            (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), datetime(2026, 3, 29, 2, 0, tzinfo=UTC)),
        ]

    def test_a_doubled_hour_counts_its_first(self):
        calendar = BusinessCalendar(BERLIN, week_of({6: [(120, 180)]}))
        night = [datetime(2026, 10, day, tzinfo=BERLIN) for day in (25, 26)]
        assert list(calendar.open_spans(*night)) == [
            (datetime(2026, 10, 25, 0, 0, tzinfo=UTC), datetime(2026, 10, 25, 2, 0, tzinfo=UTC))
        ]

    def test_intervals_of_a_day_are_several(self):
        calendar = BusinessCalendar(BERLIN, week_of({0: [(780, 1020), (540, 720)]}))
        assert calendar.seconds_between(at("02 00:00"), at("03 00:00")) == 7 * HOUR

    @pytest.mark.parametrize("week", [{}, {0: [(600, 600)]}, {0: [(700, 600)]}, {0: [(0, 1441)]}])
    def test_a_calendar_that_never_opens_is_refused(self, week):
        with pytest.raises(InvalidInput):
            BusinessCalendar(BERLIN, week_of(week))


class TestHolds:
    def test_a_hold_is_measured_in_business_time(self):
        clock = clocks(
            "04 04:00 created; 04 04:15 hold; 04 05:00 resume", now="04 12:00", resolution=6 * HOUR
        ).resolution
        assert shown(clock) == ("04 16:00", None, 2 * HOUR, 0, "running")

    def test_a_hold_over_a_holiday_and_a_weekend(self):
        history = "05 17:30 created; 05 17:50 hold; 09 12:30 resume; 09 13:00 resolved"
        found = clocks(history, now="09 13:00", resolution=4 * HOUR).resolution
        assert shown(found) == ("09 16:10", "09 13:00", 50 * 60, 2 * HOUR + 40 * 60, "met")

    def test_without_the_hold_it_is_due_earlier(self):
        found = clocks("05 17:30 created", now="05 17:30", resolution=4 * HOUR).resolution
        assert shown(found)[0] == "09 13:30"

    def test_straight_from_held_to_resolved(self):
        history = "04 10:00 created; 04 11:00 hold; 04 15:00 resolved"
        found = clocks(history, now="05 15:00", resolution=2 * HOUR).resolution
        assert shown(found) == ("04 16:00", "04 15:00", HOUR, 4 * HOUR, "met")

    def test_while_held_it_is_due_as_if_resumed_now(self):
        found = clocks("04 10:00 created; 04 11:00 hold", now="04 14:00", resolution=2 * HOUR).resolution
        assert shown(found) == ("04 15:00", None, HOUR, 3 * HOUR, "held")

    def test_a_hold_after_the_due_time_moves_nothing(self):
        found = clocks("04 10:00 created; 04 13:00 hold", now="04 16:00", resolution=2 * HOUR).resolution
        assert shown(found) == ("04 12:00", None, 3 * HOUR, 3 * HOUR, "breached")

    def test_an_answer_given_while_held_meets_the_target(self):
        history = "04 10:00 created; 04 11:00 hold; 04 14:00 agent_reply"
        found = clocks(history, now="04 17:00", first_response=2 * HOUR).first_response
        assert shown(found) == ("04 15:00", "04 14:00", HOUR, 3 * HOUR, "met")

    def test_a_customer_does_not_end_a_hold(self):
        history = "04 10:00 created; 04 11:00 hold; 04 12:00 customer_reply"
        assert clocks(history, now="04 13:00", resolution=HOUR * 2).resolution.state is ClockState.HELD


class TestClocks:
    def test_an_event_at_the_due_time_is_in_time(self):
        found = clocks("04 10:00 created; 04 12:00 agent_reply", now="04 17:00", first_response=2 * HOUR)
        assert shown(found.first_response) == ("04 12:00", "04 12:00", 2 * HOUR, 0, "met")
        late = clocks("04 10:00 created; 04 12:01 agent_reply", now="04 17:00", first_response=2 * HOUR)
        assert shown(late.first_response) == ("04 12:00", "04 12:01", 2 * HOUR + 60, 0, "breached")
        open_ones = [
            clocks("04 10:00 created", now=now, resolution=2 * HOUR).resolution
            for now in ("04 12:00", "04 12:01")
        ]
        assert [one.state for one in open_ones] == [ClockState.RUNNING, ClockState.BREACHED]

    def test_the_next_response_runs_from_the_first_unanswered_reply(self):
        history = (
            "04 10:00 created; 04 10:30 customer_reply; 04 11:00 agent_reply;"
            "04 12:00 customer_reply; 04 13:00 customer_reply"
        )
        found = clocks(history, now="04 14:00", next_response=4 * HOUR)
        assert shown(found.next_response) == ("04 16:00", None, 2 * HOUR, 0, "running")
        answered = clocks(f"{history}; 04 15:00 agent_reply", now="04 17:00", next_response=4 * HOUR)
        assert shown(answered.next_response) == ("04 16:00", "04 15:00", 3 * HOUR, 0, "met")

    def test_before_an_answer_and_while_resolved_no_cycle_starts(self):
        assert (
            clocks(
                "04 10:00 created; 04 11:00 customer_reply", now="04 12:00", next_response=60
            ).next_response
            is None
        )
        history = "04 10:00 created; 04 11:00 agent_reply; 04 12:00 resolved; 04 13:00 customer_reply"
        assert clocks(history, now="04 14:00", next_response=60).next_response is None

    def test_resolving_meets_every_open_target(self):
        history = "04 10:00 created; 04 11:00 resolved"
        found = clocks(history, now="04 12:00", first_response=HOUR * 2, resolution=HOUR * 4)
        assert (found.first_response.state, found.resolution.state) == (ClockState.MET, ClockState.MET)

    def test_time_spent_resolved_does_not_count(self):
        history = "04 10:00 created; 04 11:00 resolved; 05 11:00 reopened"
        found = clocks(history, now="05 12:00", resolution=4 * HOUR).resolution
        assert shown(found) == ("05 14:00", None, 2 * HOUR, 0, "running")

    def test_what_was_not_promised_has_no_clock(self):
        found = clocks("04 10:00 created", now="04 11:00")
        assert (found.first_response, found.next_response, found.resolution) == (None, None, None)


@pytest.mark.parametrize(
    "history",
    ["04 11:00 created; 04 10:00 agent_reply", "04 11:00 agent_reply", "04 10:00 created; 04 11:00 created"],
)
def test_events_out_of_order_are_an_error(history):
    with pytest.raises(EventsOutOfOrder):
        clocks(history, now="05 10:00")


def test_events_of_the_future_are_an_error():
    with pytest.raises(EventsOutOfOrder):
        clocks("04 10:00 created", now="03 10:00")


def test_a_target_that_is_never_reached_is_refused():
    mondays = BusinessCalendar(BERLIN, week_of({0: [(600, 601)]}))
    with pytest.raises(InvalidInput, match="forty years"):
        clocks("04 10:00 created", now="04 10:00", calendar=mondays, resolution=300_000)
