"""The only place that reads the clock; doors call it and hand `now` to the actions."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def business_date(moment: datetime, zone: str) -> date:
    """The calendar day of `moment` in the vendor's zone (an IANA name)."""
    return moment.astimezone(ZoneInfo(zone)).date()
