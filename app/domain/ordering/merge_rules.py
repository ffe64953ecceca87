"""What becomes of each thing of a doubled company when it is merged into the one that stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.core.permissions import Role


class Fate(StrEnum):
    """What a merge does with a company-owned table."""

    #: Rows get the company that stays.
    MOVES = "moves"
    #: As moved, but rows that the company that stays has as well are made one first.
    JOINS = "joins"
    #: History, or the company itself: rows keep the company they were written for.
    STAYS = "stays"


#: Every company-owned table by name. One that is not named is moved; a test wants each to be decided on.
FATES: Mapping[str, Fate] = {
    "company": Fate.STAYS,
    "company_export": Fate.STAYS,
    "audit_entry": Fate.STAYS,
    "end_customer": Fate.JOINS,
    "membership": Fate.JOINS,
    "customer_part_number": Fate.JOINS,
    "visibility_listing": Fate.JOINS,
    "tax_rate": Fate.JOINS,
    "asset": Fate.MOVES,
    "asset_event": Fate.MOVES,
    "branch": Fate.MOVES,
    "cart": Fate.MOVES,
    "cart_line": Fate.MOVES,
    "cover_purchase": Fate.MOVES,
    "exported_order": Fate.MOVES,
    "mail_message": Fate.MOVES,
    "order_discount": Fate.MOVES,
    "order_hold": Fate.MOVES,
    "order_line": Fate.MOVES,
    "price_agreement": Fate.MOVES,
    "price_request": Fate.MOVES,
    "sales_order": Fate.MOVES,
    "shipment": Fate.MOVES,
    "shipment_line": Fate.MOVES,
    "shipment_unit": Fate.MOVES,
    "state_change": Fate.MOVES,
}
#: Columns beside the owner's that name a company: whether they follow to the one that stays, or are emptied.
REFERENCES: Mapping[str, Fate | None] = {
    "asset.sold_to_id": Fate.MOVES,
    "company.merged_into_id": Fate.MOVES,
    "reseller_request.made_company_id": Fate.MOVES,
    "sign_in_session.view_as_company_id": None,
}

#: From the least to the most; of two roles of one person the higher one stays.
_RANKS = (
    Role.END_CUSTOMER_DESK,
    Role.RESELLER_SUPPORT,
    Role.RESELLER_FINANCE,
    Role.BUYER,
    Role.APPROVER,
    Role.RESELLER_ADMIN,
)


def fate_of(table: str) -> Fate:
    """What a merge does with the table's rows."""
    return FATES.get(table, Fate.MOVES)


@dataclass(frozen=True, slots=True)
class Part:
    """A person's role in one of the two companies."""

    role: str
    is_active: bool


def joined_part(stays: Part, doubled: Part) -> Part:
    """The role of somebody who belongs to both: the higher of those in force, let in where either is."""
    in_force = [part for part in (stays, doubled) if part.is_active] or [stays]
    best = max(in_force, key=lambda part: _RANKS.index(Role(part.role)))
    return Part(best.role, stays.is_active or doubled.is_active)


class Obstacle(StrEnum):
    """Why two companies cannot be merged."""

    SAME = "same"
    CURRENCY = "currency"
    MERGED = "merged"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Side:
    """What decides whether two companies may become one."""

    id: int
    currency: str
    is_active: bool
    is_merged: bool


def obstacle_to(stays: Side, doubled: Side) -> Obstacle | None:
    """Why `doubled` cannot be merged into `stays`, or None. A closed double can: that is what doubles are."""
    if stays.id == doubled.id:
        return Obstacle.SAME
    if stays.is_merged or doubled.is_merged:
        return Obstacle.MERGED
    if stays.currency != doubled.currency:
        return Obstacle.CURRENCY
    return None if stays.is_active else Obstacle.CLOSED


def own_name(name: str, number: str, taken: frozenset[str], *, maximum: int = 200) -> str:
    """A branch's name that the company that stays does not have: "Main branch (17850)"."""
    if name.casefold() not in taken:
        return name
    return f"{name[: maximum - len(number) - 3]} ({number})"
