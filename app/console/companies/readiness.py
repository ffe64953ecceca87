"""What a company lacks until its first order, in words, with the page where each is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for

from app.core.permissions import Permission
from app.core.texts import N_, _
from app.core.web.door import current_actor, door_of
from app.domain.catalogue.readiness import Gap


@dataclass(frozen=True, slots=True)
class GapRow:
    """One thing to do; `href` where the reader may do it."""

    icon: str
    title: str
    sub: str
    act: str
    href: str | None


_WORDS: Mapping[Gap, tuple[str, str, str, str]] = {
    Gap.BRANCH: (
        "building-store",
        N_("No open branch"),
        N_("Orders are placed for a branch; it carries the address and the terms of payment."),
        N_("Add a branch"),
    ),
    Gap.ADDRESS: (
        "map-pin",
        N_("The address is incomplete"),
        N_("An open branch needs street and city, so that orders can be shipped."),
        N_("Complete it"),
    ),
    Gap.PRICES: (
        "tag",
        N_("No price applies"),
        N_("Neither a price list in its currency nor an agreement of its own has a price today."),
        N_("Add an agreement"),
    ),
    Gap.VISIBILITY: (
        "eye",
        N_("It sees no product"),
        N_("It sees only what is listed for it, and nothing is listed today."),
        N_("List products"),
    ),
    Gap.TAX: (
        "receipt",
        N_("No tax rate"),
        N_("Without a rate its orders would carry no tax."),
        N_("Set the rate"),
    ),
    Gap.ADMINISTRATOR: (
        "user-plus",
        N_("No administrator"),
        N_("Nobody can order or invite colleagues yet."),
        N_("Invite one"),
    ),
    Gap.ACCEPTANCE: (
        "mail",
        N_("No administrator has accepted"),
        N_("The invitation waits; it can be sent again beside the person."),
        N_("See the person"),
    ),
}


def rows_of(gaps: Sequence[Gap], *, company_id: int, branches: Sequence[Any]) -> list[GapRow]:
    """A row for each gap."""
    rows = []
    for gap in gaps:
        icon, title, sub, act = _WORDS[gap]
        rows.append(GapRow(icon, _(title), _(sub), _(act), _address(gap, company_id, branches)))
    return rows


def _address(gap: Gap, company_id: int, branches: Sequence[Any]) -> str | None:
    place: dict[Gap, tuple[str, dict[str, Any]]] = {
        Gap.BRANCH: ("console.companies.new_branch", {}),
        Gap.PRICES: ("console.agreements.new", {}),
        Gap.VISIBILITY: ("console.catalogue.visibility", {}),
        Gap.TAX: ("console.companies.tax", {}),
        Gap.ADMINISTRATOR: ("console.companies.show", {"_anchor": "invite"}),
        Gap.ACCEPTANCE: ("console.companies.show", {"_anchor": "people"}),
    }
    if gap is Gap.ADDRESS:
        first = next(branch.id for branch in branches if branch.is_active)
        endpoint, values = "console.companies.branch", {"branch_id": first}
    else:
        endpoint, values = place[gap]
    door = door_of(endpoint)
    may = current_actor().may(Permission.COMPANY_MANAGE)
    if door is None or not may or not current_actor().may(door[1]):
        return None
    if endpoint == "console.agreements.new":
        return url_for(endpoint, company=company_id, **values)
    return url_for(endpoint, company_id=company_id, **values)
