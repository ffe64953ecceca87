"""From what happened to a unit, the days it is covered, and the rule behind each of them.

Days are civil dates in the vendor's zone; the last day is covered. `start` sets where a term is counted
from; claims are taken from `claimable_from`, so a unit that fails before it is registered is covered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from app.core.texts import _
from app.domain.assets.terms import Term, last_day

DAY = timedelta(days=1)


class Basis(StrEnum):
    """The event a term starts with."""

    SHIP = "ship"
    INVOICE = "invoice"
    DELIVERY = "delivery"
    REGISTRATION = "registration"
    ACTIVATION = "activation"
    EARLIEST = "earliest"


@dataclass(frozen=True, slots=True)
class Events:
    """What is known of a unit's first days."""

    ship: date
    invoice: date | None = None
    delivery: date | None = None
    registration: date | None = None
    activation: date | None = None

    def of(self, basis: Basis) -> date | None:
        """The day a term of this basis would start, None where it is not known."""
        if basis is Basis.EARLIEST:
            known = (self.invoice, self.delivery, self.registration, self.activation)
            return min((day for day in known if day is not None), default=None)
        day: date | None = getattr(self, basis.value)
        return day


@dataclass(frozen=True, slots=True)
class Extension:
    """Cover bought beyond the base term."""

    bought: date
    term: Term


@dataclass(frozen=True, slots=True)
class LapseRules:
    """How cover bought after the end is dated back: not within `grace_days`, at most `max_backdate_days`."""

    grace_days: int = 0
    #: None = back to the day after the end, however long ago.
    max_backdate_days: int | None = None


@dataclass(frozen=True, slots=True)
class Replacement:
    """A unit sent in place of the covered one, with the least days of cover it comes with."""

    ship: date
    floor_days: int

    @property
    def floor_end(self) -> date:
        """Last day of the floor; the day of shipping is its first."""
        return self.ship + timedelta(days=self.floor_days) - DAY


@dataclass(frozen=True, slots=True)
class Policy:
    """The term and what goes with it."""

    term: Term
    basis: Basis
    #: Days after shipping within which the clock starts at the latest.
    grace_days: int = 0
    lapse: LapseRules | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """An unbroken stretch of cover."""

    start: date
    last_day: date
    claimable_from: date

    def covers(self, day: date) -> bool:
        return self.claimable_from <= day <= self.last_day


@dataclass(frozen=True, slots=True)
class Cover:
    """All of a unit's cover; the base is the first segment."""

    segments: tuple[Segment, ...]
    flags: tuple[str, ...]
    why: tuple[str, ...]

    @property
    def base(self) -> Segment:
        return self.segments[0]

    @property
    def until(self) -> date:
        """The last day of all."""
        return max(segment.last_day for segment in self.segments)

    def covers(self, day: date) -> bool:
        """Whether a claim of this day is covered, by whichever segment."""
        return any(segment.covers(day) for segment in self.segments)


def cover_of(
    events: Events,
    policy: Policy,
    *,
    extensions: Sequence[Extension] = (),
    replacements: Sequence[Replacement] = (),
) -> Cover:
    """The cover of a unit: base term, extensions and replacements in the order they came.

    Shipped 2025-11-10, grace 90 days, 36 months from registration on 2026-01-05: 2026-01-05 to 2029-01-04,
    claims from 2025-11-10.

    :raises OverflowError: a day beyond the year 9999.
    """
    course = _Course(events, policy)
    for happening in _in_order(extensions, replacements):
        if isinstance(happening, Extension):
            course.extend(happening)
        else:
            course.replace(happening)
    return Cover((course.base, *course.others), tuple(course.flags), tuple(course.why))


def _in_order(
    extensions: Sequence[Extension], replacements: Sequence[Replacement]
) -> Iterator[Extension | Replacement]:
    """By day; cover bought on the day a replacement is shipped was bought before it."""
    happenings: list[tuple[date, int, Extension | Replacement]] = []
    happenings += [(one.bought, 0, one) for one in extensions]
    happenings += [(one.ship, 1, one) for one in replacements]
    happenings.sort(key=lambda happening: happening[:2])
    return (happening for _day, _rank, happening in happenings)


class _Course:
    """A unit's cover while its happenings are taken in."""

    def __init__(self, events: Events, policy: Policy) -> None:
        self.flags: list[str] = []
        self.why: list[str] = []
        self._policy = policy
        start = self._start(events)
        #: Where the terms of the chain are counted from, and the terms so far.
        self._anchor, self._terms = start, [policy.term]
        self.base = Segment(start, last_day(start, self._terms), events.ship)
        self.others: list[Segment] = []
        #: Last day of base or extension: what is bought until then follows it.
        self._chain_end = self.base.last_day
        self.why.append(
            _(
                "%(term)s from %(start)s end on %(end)s; claims are taken from shipping on, %(ship)s.",
                term=policy.term,
                start=start,
                end=self.base.last_day,
                ship=events.ship,
            )
        )

    def _start(self, events: Events) -> date:
        basis, grace = self._policy.basis, self._policy.grace_days
        cap = events.ship + timedelta(days=grace)
        event = events.of(basis)
        if event is None:
            self.why.append(
                _(
                    "No %(basis)s date is known: the term starts on %(cap)s, %(grace)s days after shipping.",
                    basis=basis.value,
                    cap=cap,
                    grace=grace,
                )
            )
            return cap
        if event < events.ship:
            self.flags.append("before_ship")
            self.why.append(
                _(
                    "The %(basis)s date %(event)s lies before shipping: the term starts on %(ship)s.",
                    basis=basis.value,
                    event=event,
                    ship=events.ship,
                )
            )
            return events.ship
        if event > cap:
            self.why.append(
                _(
                    "The %(basis)s date %(event)s lies more than %(grace)s days after shipping,"
                    " so the term starts on %(cap)s.",
                    basis=basis.value,
                    event=event,
                    grace=grace,
                    cap=cap,
                )
            )
            return cap
        self.why.append(
            _("The term starts with the %(basis)s date, %(event)s.", basis=basis.value, event=event)
        )
        return event

    def extend(self, extension: Extension) -> None:
        """Add a segment: after the end where there is cover, else by the rules of a lapse."""
        end = self._chain_end
        if extension.bought <= end:
            start = claimable_from = end + DAY
            if end != last_day(self._anchor, self._terms):
                self._anchor, self._terms = start, []  # a replacement has lengthened what it follows
        else:
            start, claimable_from = self._after_lapse(extension.bought), extension.bought
            self._anchor, self._terms = start, []
        self._terms.append(extension.term)
        self._chain_end = last_day(self._anchor, self._terms)
        self.others.append(Segment(start, self._chain_end, claimable_from))
        self.why.append(
            _(
                "%(term)s bought on %(bought)s run from %(start)s to %(end)s; claims from %(claims)s on.",
                term=extension.term,
                bought=extension.bought,
                start=start,
                end=self._chain_end,
                claims=claimable_from,
            )
        )

    def _after_lapse(self, bought: date) -> date:
        rules, end = self._policy.lapse, self._chain_end
        if rules is None or (bought - end).days <= rules.grace_days:
            return bought
        if rules.max_backdate_days is None:
            return end + DAY
        return max(end + DAY, bought - timedelta(days=rules.max_backdate_days))

    def replace(self, replacement: Replacement) -> None:
        """Lengthen the base to the replacement's floor, or add the floor where the base has ended."""
        floor = replacement.floor_end
        if replacement.ship > self.base.last_day:
            self.others.append(Segment(replacement.ship, floor, replacement.ship))
            self.why.append(
                _(
                    "The replacement of %(ship)s was shipped after the end and is covered until %(floor)s.",
                    ship=replacement.ship,
                    floor=floor,
                )
            )
            return
        if floor <= self.base.last_day:
            self.why.append(
                _(
                    "The replacement of %(ship)s keeps the cover until %(end)s.",
                    ship=replacement.ship,
                    end=self.base.last_day,
                )
            )
            return
        if self._chain_end == self.base.last_day:
            self._chain_end = floor
        self.base = replace(self.base, last_day=floor)
        self.why.append(
            _(
                "The replacement of %(ship)s lengthens the cover to %(floor)s, its day %(days)s.",
                ship=replacement.ship,
                floor=floor,
                days=replacement.floor_days,
            )
        )
