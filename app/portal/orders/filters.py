"""The order list's filters, as the address has them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from app.core.errors import InvalidInput
from app.core.texts import N_, _
from app.core.web.fields import find_control_character
from app.core.web.formats import vendor_zone
from app.domain.ordering.queries import OrderFilters
from app.domain.ordering.states import OrderState

NAMES = ("q", "state", "branch", "from", "to", "sort")
OPEN = "open"
#: States an order can be found by, in the order of its life.
STATES = {
    OPEN: N_("Open"),
    OrderState.ON_HOLD.value: N_("On hold"),
    OrderState.CONFIRMED.value: N_("Confirmed"),
    OrderState.RELEASED.value: N_("Released"),
    OrderState.CANCELLED.value: N_("Cancelled"),
}
SORTS = {"newest": N_("Newest"), "oldest": N_("Oldest"), "largest": N_("Largest total")}


def given(values: Mapping[str, str]) -> dict[str, str]:
    """What is set of the filters, trimmed and cut."""
    found = {name: values.get(name, "").strip()[:100] for name in NAMES}
    return {name: value for name, value in found.items() if value}


def filters_of(found: Mapping[str, str]) -> OrderFilters:
    """The filters. :raises InvalidInput: one of them cannot be used; its field is named."""
    text, state = found.get("q"), found.get("state")
    if text and find_control_character(text):
        raise InvalidInput(
            _("This text has a character in it that cannot be seen. Type it again."), field="q"
        )
    if state and state not in STATES and state not in set(OrderState):
        raise InvalidInput(_("There is no such state. Choose one of the list."), field="state")
    return OrderFilters(
        text=text,
        state=state if state != OPEN else None,
        is_open=state == OPEN,
        branch_id=_branch(found.get("branch")),
        placed_from=_day(found.get("from"), "from"),
        placed_before=_day(found.get("to"), "to", after=True),
        sort=found.get("sort", "newest"),
    )


def _branch(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidInput(_("There is no such branch. Choose one of the list."), field="branch")
    return int(text)


def _day(text: str | None, field: str, *, after: bool = False) -> datetime | None:
    """Midnight of the day in the vendor's zone; with `after` of the next, so that the day is included."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
        if len(text) != 10 or not 1900 <= day.year <= 2200:
            raise ValueError("no day of a trade")
    except ValueError as error:
        raise InvalidInput(_("Write the day as 2026-11-24."), field=field) from error
    return datetime.combine(day + timedelta(days=int(after)), time(), tzinfo=vendor_zone())


def changed(found: Mapping[str, str], **values: Any) -> dict[str, Any]:
    """The filters for an address with some of them changed; None leaves one out."""
    return {name: value for name, value in {**found, **values}.items() if value}
