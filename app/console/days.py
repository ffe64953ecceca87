"""The business day of the console's pages."""

from __future__ import annotations

from datetime import date

from app.core import clock
from app.core.web.formats import vendor_zone


def today() -> date:
    """The calendar day in the vendor's zone."""
    return clock.now().astimezone(vendor_zone()).date()
