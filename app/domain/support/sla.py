"""The clocks of a ticket: first response, next response, resolution.

Everything is recomputed from the ticket's events; nothing else is stored. A hold stops every clock and is
measured in business time, as everything here is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.core.errors import DomainError, InvalidInput
from app.core.texts import _
from app.domain.support.business_time import BusinessCalendar, Span


class EventKind(StrEnum):
    """What happens to a ticket, as far as its clocks care."""

    CREATED = "created"
    HOLD = "hold"
    RESUME = "resume"
    AGENT_REPLY = "agent_reply"
    CUSTOMER_REPLY = "customer_reply"
    RESOLVED = "resolved"
    REOPENED = "reopened"


class ClockState(StrEnum):
    """Where a clock stands. Met too late is breached."""

    RUNNING = "running"
    HELD = "held"
    MET = "met"
    BREACHED = "breached"


class EventsOutOfOrder(DomainError):
    """A ticket's events are not in the order of their times, or do not begin with its creation."""

    code = "events_out_of_order"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a ticket."""

    at: datetime
    kind: EventKind


@dataclass(frozen=True, slots=True)
class Targets:
    """Business seconds by clock; None where it was not promised."""

    first_response: int | None = None
    next_response: int | None = None
    resolution: int | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """A promise: due when, met when, and the business seconds that counted and that were held."""

    due: datetime
    met_at: datetime | None
    business_seconds: int
    hold_business_seconds: int
    state: ClockState


@dataclass(frozen=True, slots=True)
class Clocks:
    """A ticket's clocks; None where it was not promised or has not started."""

    first_response: Clock | None
    next_response: Clock | None
    resolution: Clock | None


def clocks_of(
    events: Sequence[Event], targets: Targets, calendar: BusinessCalendar, *, now: datetime
) -> Clocks:
    """The clocks of a ticket at `now`.

    Open 10 to 18, 6 hours to resolve, created at 04:00 and held from 04:15 to 05:00: due at 16:00.

    :raises EventsOutOfOrder: the events are no history of a ticket that lies before `now`.
    :raises InvalidInput: a target that no calendar reaches within forty years.
    """
    history = _History(events, now)

    def clock(target: int | None, start: datetime | None, met_at: datetime | None) -> Clock | None:
        if target is None or start is None:
            return None
        return _clock(history, calendar, target, start, met_at)

    return Clocks(
        clock(targets.first_response, history.created_at, history.answered_at),
        clock(targets.next_response, history.cycle_start, history.cycle_met_at),
        clock(targets.resolution, history.created_at, history.resolved_at),
    )


class _History:
    """A ticket's events read once: when each clock starts and is met, the holds and the times resolved."""

    def __init__(self, events: Sequence[Event], now: datetime) -> None:
        moments = [event.at for event in events] + [now]
        if not events or events[0].kind is not EventKind.CREATED or moments != sorted(moments):
            raise EventsOutOfOrder(
                _("A ticket's events begin with its creation, follow each other and lie before now.")
            )
        self.now = now
        self.created_at = events[0].at
        self.answered_at: datetime | None = None
        self.cycle_start: datetime | None = None
        self.cycle_met_at: datetime | None = None
        self.resolved_at: datetime | None = None
        self.held_since: datetime | None = None
        self.holds: list[Span] = []
        self.times_resolved: list[Span] = []
        for event in events[1:]:
            self._take(event)

    def _take(self, event: Event) -> None:
        is_resolved = self.resolved_at is not None
        match event.kind:
            case EventKind.CREATED:
                raise EventsOutOfOrder(_("A ticket is created once."))
            case EventKind.REOPENED if self.resolved_at is not None:
                self.times_resolved.append((self.resolved_at, event.at))
                self.resolved_at = None
            case EventKind.RESOLVED if not is_resolved:
                self._answer(event.at)
                self._end_hold(event.at)
                self.resolved_at = event.at
            case EventKind.AGENT_REPLY if not is_resolved:
                self._answer(event.at)
            case EventKind.CUSTOMER_REPLY if not is_resolved:
                self._ask(event.at)
            case EventKind.HOLD if not is_resolved and self.held_since is None:
                self.held_since = event.at
            case EventKind.RESUME:
                self._end_hold(event.at)

    def _answer(self, at: datetime) -> None:
        if self.answered_at is None:
            self.answered_at = at
        if self.cycle_start is not None and self.cycle_met_at is None:
            self.cycle_met_at = at

    def _ask(self, at: datetime) -> None:
        """The first customer's reply after an answer opens a cycle; more of them change nothing."""
        if self.answered_at is not None and (self.cycle_start is None or self.cycle_met_at is not None):
            self.cycle_start, self.cycle_met_at = at, None

    def _end_hold(self, at: datetime) -> None:
        if self.held_since is not None:
            self.holds.append((self.held_since, at))
            self.held_since = None

    def pauses_within(self, start: datetime, end: datetime) -> tuple[list[Span], list[Span]]:
        """Holds and times resolved, cut to the window; an open hold lasts to its end."""
        holds = [*self.holds, *([(self.held_since, end)] if self.held_since else [])]
        return _cut(holds, start, end), _cut(self.times_resolved, start, end)


def _cut(spans: Sequence[Span], start: datetime, end: datetime) -> list[Span]:
    cut = [(max(first, start), min(last, end)) for first, last in spans]
    return [(first, last) for first, last in cut if first < last]


def _clock(
    history: _History, calendar: BusinessCalendar, target: int, start: datetime, met_at: datetime | None
) -> Clock:
    end = met_at or history.now
    holds, resolved = history.pauses_within(start, end)
    held = sum(calendar.seconds_between(*span) for span in holds)
    paused = held + sum(calendar.seconds_between(*span) for span in resolved)
    due = _due(calendar, start, target, sorted(holds + resolved))
    if met_at is not None:
        state = ClockState.MET if met_at <= due else ClockState.BREACHED
    elif history.now > due:
        state = ClockState.BREACHED
    else:
        state = ClockState.HELD if history.held_since is not None else ClockState.RUNNING
    return Clock(due, met_at, calendar.seconds_between(start, end) - paused, held, state)


def _due(calendar: BusinessCalendar, start: datetime, target: int, pauses: Sequence[Span]) -> datetime:
    """When the target's business seconds are used up, pauses left out."""
    left = target
    at = start
    for first, last in pauses:
        used = calendar.seconds_between(at, first)
        if used > left or (used == left and _reached(calendar, at, left) < first):
            break
        left -= used
        at = last
    return _reached(calendar, at, left)


def _reached(calendar: BusinessCalendar, start: datetime, seconds: int) -> datetime:
    """The first moment by which so many open seconds have passed.

    :raises InvalidInput: not within forty years.
    """
    if not seconds:
        return start
    for first, last in calendar.open_spans(start):
        span = int((last - first).total_seconds())
        if seconds <= span:
            return first + timedelta(seconds=seconds)
        seconds -= span
    raise InvalidInput(
        _("This target lies more than forty years ahead. Enter a shorter one."), field="targets"
    )
