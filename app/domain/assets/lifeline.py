"""A unit's life as a picture: its events and covers placed along a line, and what its cover says today."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.core.texts import N_, _
from app.domain.assets.queries import CoverLine, Unit
from app.domain.assets.states import AssetState

#: Per cent of the width: where the line begins, where it ends, and where it ends without a future.
LEFT, RIGHT, RIGHT_OF_PAST = 18.0, 97.0, 80.0
#: The past gets at least and at most this share of the line, however long the future is.
LEAST_PAST, MOST_PAST = 0.35, 0.7
#: Width of a label, and how many stand above each other; further events are dots alone.
LABEL, MOST_LANES = 21.0, 6
#: Least distance of two years' names.
TICK_DISTANCE = 5.0
SOON_DAYS = 90
#: Units in these states have a cover of their own.
LIVE = frozenset({AssetState.IN_FIELD, AssetState.RETURNED})

EVENTS = {
    "made": N_("Made"),
    "shipped": N_("Shipped"),
    "reversed": N_("Shipment taken back"),
    "registered": N_("Registered"),
    "transferred": N_("Handed on"),
    "extended": N_("Cover extended"),
    "ticket": N_("Ticket"),
    "claim": N_("Claim"),
    "received": N_("Came in"),
    "repaired": N_("Repaired"),
    "replaced": N_("Replaced"),
    "credited": N_("Credited"),
    "scrapped": N_("Scrapped"),
    "imported": N_("Entered from a file"),
}
COVERS = {
    "base": N_("Base warranty"),
    "extension": N_("Extension"),
    "replacement": N_("Cover of the replacement"),
}


class CoverState(StrEnum):
    """What a unit's cover says of a day."""

    COVERED = "covered"
    ENDS_SOON = "ends_soon"
    LATER = "later"
    ENDED = "ended"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a day is covered; `day` and `days` say until when, from when or since when."""

    state: CoverState
    day: date | None = None
    days: int = 0

    @property
    def is_covered(self) -> bool:
        return self.state in (CoverState.COVERED, CoverState.ENDS_SOON)


@dataclass(frozen=True, slots=True)
class Mark:
    """An event on the line; `lane` None is a dot without a label."""

    x: float
    title: str
    on: date
    sub: str = ""
    lane: int | None = 0
    is_today: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A cover: what of it has passed and what is left, in per cent of the width."""

    title: str
    sub: str
    starts_on: date
    last_day: date
    x: float
    used: float
    left_x: float
    left: float
    is_later: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A first of January."""

    x: float
    year: int


@dataclass(frozen=True, slots=True)
class Story:
    """A line of the life as phones tell it, the latest day first; `time` is future, today or past."""

    title: str
    on: date
    sub: str
    time: str


@dataclass(frozen=True, slots=True)
class Lifeline:
    """The whole picture."""

    marks: Sequence[Mark]
    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    today_x: float
    left: float
    lanes: int
    stories: Sequence[Story]


def answer_for(covers: Sequence[CoverLine], state: str, on: date) -> Answer:
    """What the covers say of a day: until when it is covered without a gap, else what is nearest."""
    if state not in LIVE or not covers:
        return Answer(CoverState.NONE)
    until: date | None = None
    for cover in sorted(covers, key=lambda cover: (cover.claimable_from, cover.last_day)):
        if until is None and cover.covers(on):
            until = cover.last_day
        elif until is not None and cover.claimable_from <= until + timedelta(days=1):
            until = max(until, cover.last_day)
    if until is not None:
        days = (until - on).days
        return Answer(CoverState.ENDS_SOON if days <= SOON_DAYS else CoverState.COVERED, until, days)
    later = [cover.claimable_from for cover in covers if cover.claimable_from > on]
    if later:
        return Answer(CoverState.LATER, min(later), (min(later) - on).days)
    last = max(cover.last_day for cover in covers)
    return Answer(CoverState.ENDED, last, (on - last).days)


def draw(unit: Unit, *, today: date, day_of: Callable[[datetime], date]) -> Lifeline:
    """Place a unit's events and covers along a line; `day_of` gives a moment's day in the vendor's zone."""
    happened = _happenings(unit, day_of)
    covers = [cover for cover in unit.covers if cover.starts_on <= cover.last_day]
    days = [on for on, _title, _sub in happened] + [today]
    first = min(days + [cover.starts_on for cover in covers])
    last = max(days + [cover.last_day for cover in covers])
    place = _scale(first, today, last)
    marks = _marks([*happened, (today, "", "")], place, today)
    return Lifeline(
        marks=marks,
        bars=[_bar(cover, place, today) for cover in covers],
        ticks=_ticks(first, last, place),
        today_x=place(today),
        left=LEFT,
        lanes=1 + max((mark.lane for mark in marks if mark.lane is not None), default=0),
        stories=_stories(happened, covers, today),
    )


def _happenings(unit: Unit, day_of: Callable[[datetime], date]) -> list[tuple[date, str, str]]:
    """Day, title and sub of all that happened, the first first; files entered later are no part of a life."""
    row, found = unit.row, []
    shipped = [event for event in unit.events if event.kind == "shipped"]
    for event in unit.events:
        if event.kind == "imported":
            continue
        is_last_shipping = bool(shipped) and event is shipped[-1] and row.ship_date is not None
        on = row.ship_date if is_last_shipping else day_of(event.at)
        found.append((on, _(EVENTS.get(event.kind, event.kind)), event.reference))
    known = {event.kind for event in unit.events}
    if row.ship_date is not None and "shipped" not in known:
        found.append((row.ship_date, _(EVENTS["shipped"]), ""))
    if row.registration_date is not None and "registered" not in known:
        found.append((row.registration_date, _(EVENTS["registered"]), row.end_customer_name or ""))
    return sorted(found, key=lambda one: one[0])


def _scale(first: date, today: date, last: date) -> Callable[[date], float]:
    """Per cent of the width for a day: the past and the future have a scale of their own."""
    past, future = (today - first).days, (last - today).days
    if not future:
        middle = RIGHT_OF_PAST if past else LEFT
    elif not past:
        middle = LEFT
    else:
        share = min(MOST_PAST, max(LEAST_PAST, past / (past + future)))
        middle = LEFT + share * (RIGHT - LEFT)

    def place(day: date) -> float:
        if day <= today:
            return round(LEFT + (middle - LEFT) * ((day - first).days / past if past else 0), 2)
        return round(middle + (RIGHT - middle) * ((day - today).days / future if future else 0), 2)

    return place


def _marks(
    happened: Sequence[tuple[date, str, str]], place: Callable[[date], float], today: date
) -> list[Mark]:
    """Labels that would touch stand below each other, the later one lower, so that no stem crosses one."""
    marks: list[Mark] = []
    ends: list[tuple[float, int]] = []
    ordered = sorted(enumerate(happened), key=lambda one: (one[1][0], one[0]))
    for _n, (on, title, sub) in ordered:
        x = place(on)
        taken = [lane for end, lane in ends if end > x]
        lane: int | None = max(taken) + 1 if taken else 0
        is_today = not title
        if lane is not None and lane >= MOST_LANES and not is_today:
            lane = None
        if lane is not None:
            ends.append((x + LABEL, lane))
        marks.append(Mark(x, title or _("Today"), on, sub, lane, is_today))
    return marks


def _bar(cover: CoverLine, place: Callable[[date], float], today: date) -> Bar:
    start, end = place(cover.starts_on), place(cover.last_day)
    middle = min(max(place(today), start), end)
    return Bar(
        title=_(COVERS.get(cover.kind, cover.kind)),
        sub=cover.term_name,
        starts_on=cover.starts_on,
        last_day=cover.last_day,
        x=start,
        used=round(middle - start, 2),
        left_x=middle,
        left=round(max(end - middle, 0.0), 2),
        is_later=cover.starts_on > today,
    )


def _ticks(first: date, last: date, place: Callable[[date], float]) -> list[Tick]:
    found: list[Tick] = []
    for year in range(first.year + 1, last.year + 1):
        x = place(date(year, 1, 1))
        if not found or x - found[-1].x >= TICK_DISTANCE:
            found.append(Tick(x, year))
    return found


def _stories(
    happened: Sequence[tuple[date, str, str]], covers: Sequence[CoverLine], today: date
) -> list[Story]:
    told = [(on, title, sub) for on, title, sub in happened]
    for cover in covers:
        name = _(COVERS.get(cover.kind, cover.kind))
        told.append((cover.last_day, _("%(cover)s ends", cover=name), cover.term_name))
        if cover.starts_on > today:
            told.append((cover.starts_on, _("%(cover)s starts", cover=name), cover.term_name))
    told.append((today, _("Today"), ""))
    told.reverse()
    ordered = sorted(told, key=lambda one: one[0], reverse=True)
    return [
        Story(title, on, sub, "today" if title == _("Today") and on == today else _time(on, today))
        for on, title, sub in ordered
    ]


def _time(on: date, today: date) -> str:
    return "future" if on > today else "past"
