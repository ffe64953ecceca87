"""Business time: when a desk is open, measured in real seconds across holidays and daylight saving.

Edges that fall into the hour skipped in spring move forward by it; in a doubled hour the first one counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.core.errors import InvalidInput
from app.core.texts import _

DAY = timedelta(days=1)
#: Minutes from midnight, half open; 1440 is the next midnight.
Minutes = tuple[int, int]
Span = tuple[datetime, datetime]
#: A due time further away than this is refused.
HORIZON = timedelta(days=366 * 40)


def local_moment(naive: datetime, zone: ZoneInfo) -> datetime:
    """The UTC moment of a local time: a doubled one is its first, a skipped one moves forward by the gap."""
    return naive.replace(tzinfo=zone, fold=0).astimezone(UTC)


@dataclass(frozen=True)
class BusinessCalendar:
    """Opening hours by weekday (Monday first), in one zone, with holidays.

    :raises InvalidInput: it never opens, or an interval ends before it begins.
    """

    zone: ZoneInfo
    week: Sequence[Sequence[Minutes]]
    holidays: frozenset[date] = frozenset()
    _days: dict[date, list[Span]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        intervals = [interval for day in self.week for interval in day]
        if len(self.week) != 7 or not all(0 <= start < end <= 1440 for start, end in intervals):
            raise InvalidInput(_("Opening hours begin before they end, from 00:00 to 24:00."), field="week")
        if not intervals:
            raise InvalidInput(_("This calendar never opens. Enter hours for a day."), field="week")

    def _open_on(self, day: date) -> list[Span]:
        """The day's open spans in UTC, merged."""
        known = self._days.get(day)
        if known is None:
            known = self._days[day] = list(self._spans(day))
        return known

    def _spans(self, day: date) -> Iterator[Span]:
        if day in self.holidays:
            return
        midnight = datetime.combine(day, time())
        current: Span | None = None
        for start, end in sorted(self.week[day.weekday()]):
            first = local_moment(midnight + timedelta(minutes=start), self.zone)
            last = local_moment(midnight + timedelta(minutes=end), self.zone)
            if current and first <= current[1]:
                current = (current[0], max(current[1], last))
            elif last > first:
                if current:
                    yield current
                current = (first, last)
        if current:
            yield current

    def open_spans(self, start: datetime, end: datetime | None = None) -> Iterator[Span]:
        """Open spans from `start`, cut at both ends; without an `end` for forty years."""
        limit = end or _later(start, HORIZON)
        day = start.astimezone(self.zone).date() - DAY  # a span may reach over midnight in the zone
        reached = start
        while datetime.combine(day, time(), UTC) - DAY <= limit and day < date.max - DAY:
            for first, last in self._open_on(day):
                first = max(first, reached)
                last = min(last, limit)
                if first < last:
                    yield first, last
                    reached = last
            day += DAY

    def seconds_between(self, start: datetime, end: datetime) -> int:
        """Open seconds from start to end."""
        return sum(int((last - first).total_seconds()) for first, last in self.open_spans(start, end))


def _later(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def week_of(days: Mapping[int, Sequence[Minutes]]) -> list[Sequence[Minutes]]:
    """A week from the days that open, Monday 0."""
    return [days.get(day, ()) for day in range(7)]
