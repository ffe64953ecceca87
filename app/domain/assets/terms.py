"""Lengths of cover, and the day they end: months by the calendar, always counted from the anchor."""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

#: No term is longer.
MAX_YEARS = 100


class Unit(StrEnum):
    """Units of a term."""

    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


@dataclass(frozen=True, slots=True)
class Term:
    """A length such as 36 months.

    :raises ValueError: it is shorter than one unit or longer than a hundred years.
    """

    number: int
    unit: Unit

    def __post_init__(self) -> None:
        per_year = {Unit.DAYS: 366, Unit.WEEKS: 53, Unit.MONTHS: 12, Unit.YEARS: 1}[self.unit]
        if not 1 <= self.number <= MAX_YEARS * per_year:
            raise ValueError("a term has 1 unit to 100 years")

    @property
    def months(self) -> int:
        """Calendar months of it; none where it counts days or weeks."""
        return {Unit.MONTHS: self.number, Unit.YEARS: 12 * self.number}.get(self.unit, 0)

    @property
    def days(self) -> int:
        """Days of it; none where it counts months or years."""
        return {Unit.DAYS: self.number, Unit.WEEKS: 7 * self.number}.get(self.unit, 0)

    def __str__(self) -> str:
        return f"{self.number} {self.unit.value if self.number != 1 else self.unit.value[:-1]}"


def last_day(anchor: date, terms: Iterable[Term]) -> date:
    """The last day of terms that follow each other from the anchor: 2024-02-29 and 12 months, 2025-02-28.

    Months and years are summed from the anchor first, then weeks and days are added. Where the month has no
    such day, its last one is covered: 2025-01-31 and 1 month end on 2025-02-28, 2025-01-28 and 1 month on
    2025-02-27.

    :raises OverflowError: beyond the year 9999.
    """
    kept = list(terms)
    month = anchor.year * 12 + anchor.month - 1 + sum(term.months for term in kept)
    if month >= 12 * 10_000:
        raise OverflowError("beyond the year 9999")
    year, month = divmod(month, 12)
    days_in_month = calendar.monthrange(year, month + 1)[1]
    is_clipped = anchor.day > days_in_month
    end = date(year, month + 1, min(anchor.day, days_in_month))
    return end + timedelta(days=sum(term.days for term in kept) - (0 if is_clipped else 1))
