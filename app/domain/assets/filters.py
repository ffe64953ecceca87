"""The installed base's filters, as the address has them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date

from app.core.errors import InvalidInput
from app.core.texts import N_, _
from app.domain.assets.queries import AssetFilters
from app.domain.assets.states import AssetState

NAMES = ("q", "ends", "customer", "state", "company")
ENDED, WITHOUT = "ended", "none"
ENDS = {
    "30": N_("Cover ends within 30 days"),
    "90": N_("Cover ends within 90 days"),
    "180": N_("Cover ends within 180 days"),
    "365": N_("Cover ends within a year"),
    ENDED: N_("Cover has ended"),
    WITHOUT: N_("Without cover"),
}
STATES = {
    AssetState.IN_FIELD.value: N_("In use"),
    AssetState.RETURNED.value: N_("Came back"),
    AssetState.REPLACED.value: N_("Replaced"),
    AssetState.CREDITED.value: N_("Credited"),
    AssetState.SCRAPPED.value: N_("Scrapped"),
    AssetState.PROVISIONAL.value: N_("Not proven yet"),
    AssetState.IN_STOCK.value: N_("In stock again"),
}
#: Units that nobody's end customer has.
UNASSIGNED = "none"


def given(values: Mapping[str, str]) -> dict[str, str]:
    """What is set of the filters, trimmed and cut."""
    found = {name: values.get(name, "").strip()[:200] for name in NAMES}
    return {name: value for name, value in found.items() if value}


def filters_of(found: Mapping[str, str], *, on: date) -> AssetFilters:
    """The filters. :raises InvalidInput: one of them cannot be used; its field is named."""
    text, ends, state, customer = (found.get(name) for name in ("q", "ends", "state", "customer"))
    if text and any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise InvalidInput(
            _("This text has a character in it that cannot be seen. Type it again."), field="q"
        )
    if ends and ends not in ENDS:
        raise InvalidInput(_("There is no such choice. Take one from the list."), field="ends")
    if state and state not in STATES:
        raise InvalidInput(_("There is no such state. Choose one of the list."), field="state")
    return AssetFilters(
        text=text,
        ends_within=int(ends) if ends and ends not in (ENDED, WITHOUT) else None,
        has_ended=ends == ENDED,
        without_cover=ends == WITHOUT,
        on=on,
        company_id=_number(found.get("company"), "company"),
        end_customer_id=_number(customer if customer != UNASSIGNED else None, "customer"),
        is_unassigned=customer == UNASSIGNED,
        state=state,
    )


def _number(text: str | None, field: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidInput(_("There is no such choice. Take one from the list."), field=field)
    return int(text)
