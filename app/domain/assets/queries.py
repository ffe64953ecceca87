"""Reads of units: by serial, one with its covers and events, and the installed base.

The scope keeps a company to its own units; an end customer's desk is kept to its end customer's besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import product as combinations
from typing import Any

from sqlalchemy import ColumnElement, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.core.errors import NotFound
from app.core.pages import COUNT_LIMIT, Page, SortKey, paginate
from app.core.permissions import Actor, Permission, Role
from app.core.texts import _
from app.domain.accounts.models import Company, EndCustomer
from app.domain.assets import gs1
from app.domain.assets.models import Asset, AssetCover, AssetEvent
from app.domain.assets.serials import BadCharacter, Check, canonical, check_serial
from app.domain.catalogue.models import Category, Product
from app.domain.catalogue.numbers import code_key, normalise

#: Units of different brands with one serial that a chooser shows.
MOST_CHOICES = 20
#: Characters of a serial that may be mistaken for each other; more of them and nothing is suggested.
_TWINS = {"O": "O0", "0": "0O", "I": "I1", "1": "1I"}
_MOST_TWINS = 6
#: Models a filter's text may stand for.
_MOST_MODELS = 300


@dataclass(frozen=True, slots=True)
class FoundUnit:
    """A unit that a typed serial may mean."""

    id: int
    serial: str
    brand: str | None
    sku: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class CoverLine:
    """A stretch of cover, its last day included, and the rule that made it."""

    kind: str
    term_name: str
    starts_on: date
    last_day: date
    claimable_from: date
    why: str

    def covers(self, day: date) -> bool:
        return self.claimable_from <= day <= self.last_day


@dataclass(frozen=True, slots=True)
class Relative:
    """Another unit of the chain: `replaces`, `replaced_by`, `parent` or `part`."""

    relation: str
    id: int
    serial: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as its page shows it; price and invoice are None where the reader may not see them."""

    row: Any
    covers: Sequence[CoverLine]
    events: Sequence[Any]
    relatives: Sequence[Relative]
    price_paid: Decimal | None = None
    invoice_number: str | None = None
    #: Whether the reader bought it, or is the vendor: then order and shipment are shown.
    is_own_purchase: bool = False


@dataclass(frozen=True, slots=True)
class AssetFilters:
    """What an installed base is narrowed to."""

    #: A whole serial, or a model by SKU or a part of its name.
    text: str | None = None
    #: Cover that ends from `on` until so many days later.
    ends_within: int | None = None
    #: Cover that ended before `on`.
    has_ended: bool = False
    without_cover: bool = False
    on: date | None = None
    company_id: int | None = None
    end_customer_id: int | None = None
    #: No end customer is known.
    is_unassigned: bool = False
    state: str | None = None


@dataclass(frozen=True, slots=True)
class CoverCounts:
    """How many units there are, to 1,000, and how many covers end soon."""

    units: int = 0
    within: dict[int, int] = field(default_factory=dict)


def _visible(actor: Actor) -> list[ColumnElement[bool]]:
    """What the reader's place within its company allows; the scope does the rest."""
    if actor.role is Role.END_CUSTOMER_DESK:
        if actor.end_customer_id is None:
            return [false()]
        return [Asset.end_customer_id == actor.end_customer_id]
    return []


def _told_to(actor: Actor) -> list[ColumnElement[bool]]:
    """Events that are the reseller's own are not its end customer's to read."""
    return [AssetEvent.company_id.is_(None)] if actor.role is Role.END_CUSTOMER_DESK else []


def serials_meant(text: str) -> list[str]:
    """Names that a typed or scanned text can be kept by: itself, without hyphens, or a GS1 code's AI 21."""
    found: list[str] = []
    with suppress(BadCharacter):
        found.append(canonical(text))
    for check in (Check.GS1, Check.MOD10):
        verdict = check_serial(text, check=check)
        if verdict.canonical:
            found.append(verdict.canonical)
    return [one for one in dict.fromkeys(found) if one and len(one) <= 200]


def _units_of(session: Session, actor: Actor, serials: Sequence[str]) -> list[FoundUnit]:
    if not serials:
        return []
    rows = session.execute(
        select(Asset.id, Asset.serial, Product.brand, Product.sku, Product.name)
        .outerjoin(Product, Product.id == Asset.product_id)
        .where(Asset.serial.in_(serials), *_visible(actor))
        .order_by(Asset.serial, Asset.brand_key, Asset.id)
        .limit(MOST_CHOICES)
    )
    return [FoundUnit(*row) for row in rows]


def find_by_serial(session: Session, actor: Actor, text: str) -> list[FoundUnit]:
    """The reader's units of this serial: one, several where brands share it, or none."""
    return _units_of(session, actor, serials_meant(text))


def find_scanned(session: Session, actor: Actor, text: str) -> FoundUnit | None:
    """The one unit of a scanned GS1 code, whose parts are separated by a character no text may hold."""
    found = find_by_serial(session, actor, text) if gs1.FNC1 in text else []
    return found[0] if len(found) == 1 else None


def suggest_serials(session: Session, actor: Actor, text: str) -> list[FoundUnit]:
    """The reader's units whose serial looks like the text: O for 0, I for 1."""
    wanted: list[str] = []
    for serial in serials_meant(text):
        if sum(character in _TWINS for character in serial) <= _MOST_TWINS:
            spelled = combinations(*(_TWINS.get(character, character) for character in serial))
            wanted += ["".join(one) for one in spelled]
    return _units_of(session, actor, list(dict.fromkeys(wanted)))


def get_unit(session: Session, actor: Actor, asset_id: int) -> Unit:
    """A unit with covers, events and its chain; four statements.

    :raises NotFound: there is none, or it is somebody else's.
    """
    row = _row_of(session, actor, asset_id)
    covers = session.execute(
        select(AssetCover).where(AssetCover.asset_id == asset_id).order_by(AssetCover.position)
    ).scalars()
    events = session.execute(
        select(
            AssetEvent.id,
            AssetEvent.kind,
            AssetEvent.at,
            AssetEvent.reference,
            AssetEvent.actor_name,
            AssetEvent.company_id,
        )
        .where(AssetEvent.asset_id == asset_id, *_told_to(actor))
        .order_by(AssetEvent.at, AssetEvent.id)
    ).all()
    bought = actor.is_vendor or (row.sold_to_id is not None and row.sold_to_id == actor.company_id)
    sees_price = bought and actor.may(Permission.PRICE_READ)
    return Unit(
        row=row,
        covers=[_line_of(cover) for cover in covers],
        events=events,
        relatives=_relatives(session, actor, row),
        price_paid=row.price_paid if sees_price else None,
        invoice_number=(row.invoice_number or None) if sees_price else None,
        is_own_purchase=bought,
    )


def _row_of(session: Session, actor: Actor, asset_id: int) -> Any:
    buyer = aliased(Company)
    row = session.execute(
        select(
            *(Asset.id, Asset.serial, Asset.serial_raw, Asset.state, Asset.source, Asset.product_id),
            *(Asset.company_id, Asset.sold_to_id, Asset.order_line_id, Asset.shipment_line_id),
            *(Asset.price_paid, Asset.currency, Asset.invoice_number, Asset.ship_date, Asset.invoice_date),
            *(Asset.delivery_date, Asset.registration_date, Asset.activation_date, Asset.country),
            *(Asset.parent_id, Asset.replaces_id, Asset.cover_until, Asset.end_customer_id, Asset.created_at),
            *(Product.sku, Product.name, Product.mpn, Product.brand, Category.slug.label("category_slug")),
            EndCustomer.name.label("end_customer_name"),
            EndCustomer.city.label("end_customer_city"),
            Company.name.label("company_name"),
            buyer.name.label("sold_to_name"),
        )
        .outerjoin(Product, Product.id == Asset.product_id)
        .outerjoin(Category, Category.id == Product.category_id)
        .outerjoin(EndCustomer, EndCustomer.id == Asset.end_customer_id)
        .outerjoin(Company, Company.id == Asset.company_id)
        .outerjoin(buyer, buyer.id == Asset.sold_to_id)
        .where(Asset.id == asset_id, *_visible(actor))
    ).one_or_none()
    if row is None:
        raise NotFound(_("There is no unit here by that number."))
    return row


def _line_of(cover: AssetCover) -> CoverLine:
    last_day = cover.ends_on - timedelta(days=1)
    return CoverLine(cover.kind, cover.term_name, cover.starts_on, last_day, cover.claimable_from, cover.why)


def _relatives(session: Session, actor: Actor, row: Any) -> list[Relative]:
    ids = [one for one in (row.replaces_id, row.parent_id) if one is not None]
    rows = session.execute(
        select(Asset.id, Asset.serial, Asset.replaces_id, Asset.parent_id, Product.name)
        .outerjoin(Product, Product.id == Asset.product_id)
        .where(
            or_(Asset.id.in_(ids), Asset.replaces_id == row.id, Asset.parent_id == row.id),
            *_visible(actor),
        )
        .order_by(Asset.id)
        .limit(COUNT_LIMIT)
    )
    found = []
    for one in rows:
        if one.id == row.replaces_id:
            relation = "replaces"
        elif one.id == row.parent_id:
            relation = "parent"
        else:
            relation = "replaced_by" if one.replaces_id == row.id else "part"
        found.append(Relative(relation, one.id, one.serial, one.name))
    return found


def _models(session: Session, text: str) -> Sequence[int]:
    """Products that a filter's text may stand for: the SKU's beginning, or a part of the name."""
    code, words = code_key(text), _like(normalise(text))
    if not code:
        return []
    return session.scalars(
        select(Product.id)
        .where(
            or_(
                (Product.sku_key >= code) & (Product.sku_key < code + "\U0010ffff"),
                Product.name_key.like(words, escape="\\"),
            )
        )
        .limit(_MOST_MODELS)
    ).all()


def _like(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _conditions(session: Session, actor: Actor, filters: AssetFilters) -> list[ColumnElement[bool]]:
    found = _visible(actor)
    if filters.text:
        models = _models(session, filters.text)
        found.append(or_(Asset.serial.in_(serials_meant(filters.text)), Asset.product_id.in_(models)))
    if filters.ends_within is not None and filters.on is not None:
        until = filters.on + timedelta(days=filters.ends_within)
        found.append(Asset.cover_until.between(filters.on, until))
    if filters.has_ended and filters.on is not None:
        found.append(Asset.cover_until < filters.on)
    if filters.without_cover:
        found.append(Asset.cover_until.is_(None))
    if filters.company_id is not None:
        found.append(Asset.company_id == filters.company_id)
    if filters.end_customer_id is not None:
        found.append(Asset.end_customer_id == filters.end_customer_id)
    if filters.is_unassigned:
        found.append(Asset.end_customer_id.is_(None))
    if filters.state is not None:
        found.append(Asset.state == filters.state)
    return found


def list_units(
    session: Session, actor: Actor, filters: AssetFilters, *, cursor: str | None = None, size: int = 24
) -> Page[Any]:
    """A page of the installed base: the newest first, or by the end of cover where that is asked for."""
    conditions = _conditions(session, actor, filters)
    some = select(Asset.id).where(*conditions).limit(COUNT_LIMIT + 1).subquery()
    total = session.scalar(select(func.count()).select_from(some))
    statement: Any = (
        select(
            *(Asset.id, Asset.serial, Asset.state, Asset.ship_date, Asset.cover_until, Asset.company_id),
            *(Asset.source, Asset.end_customer_id, Product.sku, Product.name, Product.brand),
            Category.slug.label("category_slug"),
            EndCustomer.name.label("end_customer_name"),
            Company.name.label("company_name"),
            Company.number.label("company_number"),
        )
        .outerjoin(Product, Product.id == Asset.product_id)
        .outerjoin(Category, Category.id == Product.category_id)
        .outerjoin(EndCustomer, EndCustomer.id == Asset.end_customer_id)
        .outerjoin(Company, Company.id == Asset.company_id)
        .where(*conditions)
    )
    is_by_end = filters.ends_within is not None or filters.has_ended
    if is_by_end:
        sort = [SortKey(Asset.cover_until, descending=filters.has_ended), SortKey(Asset.id)]
    else:
        sort = [SortKey(Asset.id, descending=True)]
    return paginate(
        session,
        statement,
        sort=sort,
        read_keys=lambda row: (row.cover_until, row.id) if is_by_end else (row.id,),
        cursor=cursor,
        size=size,
        total=total,
    )


def count_covers(session: Session, actor: Actor, *, on: date, days: Sequence[int] = (30, 90)) -> CoverCounts:
    """How many units the reader has, and how many covers end within each number of days; to 1,000 each."""

    def limited(*conditions: ColumnElement[bool]) -> Any:
        some = select(Asset.id).where(*_visible(actor), *conditions).limit(COUNT_LIMIT + 1).subquery()
        return select(func.count()).select_from(some).scalar_subquery()

    row = session.execute(
        select(limited(), *(limited(Asset.cover_until.between(on, on + timedelta(days=one))) for one in days))
    ).one()
    return CoverCounts(row[0], dict(zip(days, row[1:], strict=True)))
