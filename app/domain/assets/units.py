"""Units by serial number that leave the vendor, with the cover they come with, and that are taken back.

No permissions here: the actions of shipping, which call these inside their own transaction, ask for them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core.errors import Conflict
from app.core.permissions import Actor
from app.core.tenancy import all_companies
from app.core.texts import _
from app.domain.assets.models import Asset, AssetCover, AssetEvent
from app.domain.assets.states import SHIPPABLE, AssetState
from app.domain.assets.terms import Term, Unit
from app.domain.assets.warranty import DAY, Basis, Cover, Events, Policy, cover_of
from app.domain.catalogue.models import Product

#: Rows a statement writes.
_BATCH = 500
_T = TypeVar("_T")
_ANYBODY = "a unit is known by its brand and serial, whoever it stands with"


class UnitsRefused(Conflict):
    """Serials that cannot be shipped or taken back as they are; `serials` names them."""

    code = "units_refused"

    def __init__(self, message: str, *, key: int, serials: Sequence[str]) -> None:
        super().__init__(message, serials=list(serials))
        #: The order line they were entered for.
        self.key = key
        self.serials = tuple(serials)


@dataclass(frozen=True, slots=True)
class ShippedUnit:
    """A unit that leaves: its canonical serial, as it was typed, and the net price paid for it."""

    serial: str
    raw: str
    price_paid: Decimal


@dataclass(frozen=True, slots=True)
class ShippedLine:
    """The units of one shipment line."""

    order_line_id: int
    shipment_line_id: int
    product_id: int
    units: Sequence[ShippedUnit]


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whom units are shipped to, with which shipment, on which day of the vendor's calendar."""

    company_id: int
    end_customer_id: int | None
    currency: str
    #: ISO 3166-1 alpha-2, None where the address has none.
    country: str | None
    shipped_on: date
    shipment_number: str


@dataclass(frozen=True, slots=True)
class KnownUnit:
    """A unit of the brand that has the serial already."""

    id: int
    serial: str
    product_id: int | None
    state: str
    sold_to_id: int | None

    @property
    def is_shippable(self) -> bool:
        return self.state in SHIPPABLE


def brand_key(brand: str | None) -> str:
    """What a serial is unique within: `Acme ` is `acme`, no brand is empty."""
    return (brand or "").strip().lower()


def known_units(session: Session, brand: str, serials: Collection[str]) -> dict[str, KnownUnit]:
    """Units of a brand's key by serial, whoever they stand with."""
    found: dict[str, KnownUnit] = {}
    with all_companies(session, reason=_ANYBODY):
        for some in _batches(sorted(serials)):
            rows = session.execute(
                select(Asset.id, Asset.serial, Asset.product_id, Asset.state, Asset.sold_to_id).where(
                    Asset.brand_key == brand, Asset.serial.in_(some)
                )
            )
            found |= {row.serial: KnownUnit(*row) for row in rows}
    return found


def base_cover(product_months: int | None, shipped_on: date) -> Cover | None:
    """The cover a unit comes with: the product's months from the day it is shipped; None where it has none.

    Shipped 2026-03-02 with 24 months: 2026-03-02 to 2028-03-01.
    """
    if not product_months or product_months < 1:
        return None
    policy = Policy(Term(product_months, Unit.MONTHS), Basis.SHIP)
    return cover_of(Events(ship=shipped_on), policy)


def record_shipped_units(
    session: Session, actor: Actor, *, lines: Sequence[ShippedLine], to: Receiver, now: datetime
) -> dict[int, list[tuple[int, str]]]:
    """Write the units of a shipment's lines with cover and event; ids and serials by shipment line.

    A unit that came back into stock is the same unit again. The products are locked by the caller.

    :raises UnitsRefused: a serial of the brand is with somebody, also where it was shipped a moment ago.
    """
    products = {
        row.id: row
        for row in session.execute(
            select(Product.id, Product.brand, Product.warranty_months).where(
                Product.id.in_({line.product_id for line in lines})
            )
        )
    }
    recorded: dict[int, list[tuple[int, str]]] = {}
    with all_companies(session, reason=_ANYBODY):
        # In one order of brands and serials, so that two stations never wait for each other.
        for line in sorted(lines, key=lambda line: (line.product_id, line.order_line_id)):
            product = products[line.product_id]
            ids = _write_units(session, brand_key(product.brand), line, to, now)
            cover = base_cover(product.warranty_months, to.shipped_on)
            if cover is not None:
                _write_cover(session, list(ids.values()), cover, f"{product.warranty_months} months")
            _write_events(session, actor, "shipped", list(ids.values()), to.shipment_number, now)
            recorded[line.shipment_line_id] = [(ids[unit.serial], unit.serial) for unit in line.units]
    return recorded


def _write_units(
    session: Session, brand: str, line: ShippedLine, to: Receiver, now: datetime
) -> dict[str, int]:
    """Ids by serial; new serials are inserted, those in stock are taken again."""
    upsert: Any = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    rows = [
        _values(unit, line, to)
        | {"brand_key": brand, "serial": unit.serial, "source": "shipment", "created_at": now}
        for unit in sorted(line.units, key=lambda unit: unit.serial)
    ]
    ids: dict[str, int] = {}
    for some in _batches(rows):
        written = session.execute(
            upsert(Asset).values(some).on_conflict_do_nothing().returning(Asset.id, Asset.serial)
        )
        ids |= {row.serial: row.id for row in written}
    again = [unit for unit in line.units if unit.serial not in ids]
    for unit in sorted(again, key=lambda unit: unit.serial):
        taken = session.execute(
            update(Asset)
            .where(
                Asset.brand_key == brand,
                Asset.serial == unit.serial,
                Asset.product_id == line.product_id,
                Asset.state.in_(SHIPPABLE),
            )
            .values(version=Asset.version + 1, **_values(unit, line, to))
            .returning(Asset.id)
            .execution_options(synchronize_session=False)
        ).scalar_one_or_none()
        if taken is None:
            raise UnitsRefused(
                _(
                    "%(serial)s was shipped already and has not come back. Scan another unit.",
                    serial=unit.serial,
                ),
                key=line.order_line_id,
                serials=[unit.serial],
            )
        ids[unit.serial] = taken
    _forget(session, ids.values())
    return ids


def _values(unit: ShippedUnit, line: ShippedLine, to: Receiver) -> dict[str, Any]:
    return {
        "company_id": to.company_id,
        "sold_to_id": to.company_id,
        "product_id": line.product_id,
        "serial_raw": unit.raw[:200],
        "state": AssetState.IN_FIELD.value,
        "end_customer_id": to.end_customer_id,
        "order_line_id": line.order_line_id,
        "shipment_line_id": line.shipment_line_id,
        "price_paid": unit.price_paid,
        "currency": to.currency,
        "ship_date": to.shipped_on,
        "country": to.country,
    }


def _write_cover(session: Session, asset_ids: Sequence[int], cover: Cover, name: str) -> None:
    segment = cover.base
    for some in _batches(asset_ids):
        session.execute(
            insert(AssetCover),
            [
                {
                    "asset_id": asset_id,
                    "position": 0,
                    "kind": "base",
                    "term_name": name,
                    "starts_on": segment.start,
                    "ends_on": segment.last_day + DAY,
                    "claimable_from": segment.claimable_from,
                    "why": " ".join(cover.why),
                }
                for asset_id in some
            ],
        )
        session.execute(
            update(Asset)
            .where(Asset.id.in_(some))
            .values(cover_until=cover.until)
            .execution_options(synchronize_session=False)
        )


def _write_events(
    session: Session, actor: Actor, kind: str, asset_ids: Sequence[int], reference: str, now: datetime
) -> None:
    """Shared events: every holder of the unit reads them, so they name no company and no person."""
    for some in _batches(asset_ids):
        session.execute(
            insert(AssetEvent),
            [
                {"asset_id": asset_id, "kind": kind, "at": now, "reference": reference, "company_id": None}
                | {"data": {}, "actor_name": ""}
                for asset_id in some
            ],
        )


def take_back_units(
    session: Session,
    actor: Actor,
    *,
    shipment_line_id: int,
    order_line_id: int,
    shipment_number: str,
    now: datetime,
) -> list[tuple[int, str]]:
    """Put the units of a shipment line that is undone into stock again, without cover and holder.

    :raises UnitsRefused: a unit was registered, handed on or sent in since.
    """
    with all_companies(session, reason=_ANYBODY):
        units = session.scalars(
            select(Asset)
            .where(Asset.shipment_line_id == shipment_line_id)
            .order_by(Asset.serial)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all()
        moved = [unit.serial for unit in units if not _is_untouched(unit)]
        if moved:
            raise UnitsRefused(
                _(
                    "%(serial)s was registered, handed on or sent in since. Take it back as a return.",
                    serial=moved[0],
                ),
                key=order_line_id,
                serials=moved,
            )
        taken = [(unit.id, unit.serial) for unit in units]
        ids = [asset_id for asset_id, _serial in taken]
        for some in _batches(ids):
            session.execute(delete(AssetCover).where(AssetCover.asset_id.in_(some)))
            session.execute(
                update(Asset)
                .where(Asset.id.in_(some))
                .values(version=Asset.version + 1, **_IN_STOCK)
                .execution_options(synchronize_session=False)
            )
        _forget(session, ids)
        _write_events(session, actor, "reversed", ids, shipment_number, now)
    return taken


#: What is known of a unit that is the vendor's own again.
_IN_STOCK: dict[str, Any] = {
    "state": AssetState.IN_STOCK.value,
    "company_id": None,
    "sold_to_id": None,
    "end_customer_id": None,
    "order_line_id": None,
    "shipment_line_id": None,
    "price_paid": None,
    "currency": None,
    "ship_date": None,
    "country": None,
    "cover_until": None,
}


def _is_untouched(unit: Asset) -> bool:
    return (
        unit.state == AssetState.IN_FIELD
        and unit.registration_date is None
        and unit.company_id == unit.sold_to_id
    )


def _forget(session: Session, asset_ids: Collection[int]) -> None:
    """Rows of these units in memory are stale now."""
    ids = set(asset_ids)
    for row in list(session.identity_map.values()):
        if isinstance(row, Asset) and row.id in ids:
            session.expire(row)


def _batches(rows: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
