"""Whether serials may leave: as many as units, of the product, in this warehouse, not shipped already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.errors import DomainError
from app.core.tenancy import all_companies
from app.core.texts import _
from app.domain.assets.models import Asset
from app.domain.assets.serial_rules import NO_RULE, rule_for
from app.domain.assets.states import AssetState
from app.domain.assets.units import KnownUnit, brand_key, known_units
from app.domain.catalogue.models import Product
from app.domain.inventory.models import Warehouse
from app.domain.ordering.models import Shipment, ShipmentLine, ShipmentUnit
from app.domain.ordering.serial_fields import FieldRefused, needs_next, next_after, read_serials


@dataclass(frozen=True, slots=True)
class Goods:
    """What the check needs to know of a line's product."""

    line_id: int
    product_id: int
    sku: str
    kind: str
    brand: str | None

    @property
    def has_serials(self) -> bool:
        return self.kind == "hardware_serial"


@dataclass(frozen=True, slots=True)
class LineProblem:
    """Why a line cannot go; `quoted` is its serial field with the part in doubt as one serial."""

    code: str
    message: str
    quoted: str | None = None


class ShipmentRefused(DomainError):
    """Lines that cannot go as they are; nothing was shipped."""

    code = "shipment_refused"
    status = 422

    def __init__(self, problems: Mapping[int, LineProblem]) -> None:
        first = next(iter(problems.values()))
        super().__init__(
            _(
                "Nothing was shipped: %(count)s lines need a look. %(first)s",
                count=len(problems),
                first=first.message,
            )
            if len(problems) > 1
            else _("Nothing was shipped. %(first)s", first=first.message),
            lines={str(line_id): problem.code for line_id, problem in problems.items()},
        )
        self.problems = dict(problems)


def check_serials(
    session: Session,
    fields: Sequence[tuple[Goods, int, str]],
    *,
    warehouse_id: int,
    problems: dict[int, LineProblem],
) -> dict[int, list[tuple[str, str]]]:
    """Serials as (canonical, as typed) by line, of fields as (goods, units, text).

    What cannot go is put into `problems` by line.
    """
    rules = rule_for(session, {goods.product_id for goods, _units, _text in fields})
    found: dict[int, list[tuple[str, str]]] = {}
    seen: dict[tuple[str, str], Goods] = {}
    for goods, units, text in fields:
        brand = brand_key(goods.brand)
        try:
            following = _next_free(session, brand, goods.product_id) if needs_next(text) else None
            rule = rules.get(goods.product_id, NO_RULE)
            serials = read_serials(text, quantity=units, rule=rule, next_free=following)
            names = [serial for serial, _raw in serials]
            _require_once(names, brand, goods, seen)
            _require_free(session, names, brand, goods, warehouse_id)
        except FieldRefused as error:
            problems[goods.line_id] = LineProblem(error.code, error.message, error.quoted)
            continue
        found[goods.line_id] = serials
    return found


def _next_free(session: Session, brand: str, product_id: int) -> str | None:
    """What `~` stands for: the number after the product's latest unit."""
    with all_companies(session, reason="serials go on whoever the latest unit went to"):
        latest = session.scalar(
            select(Asset.serial).where(Asset.product_id == product_id).order_by(Asset.id.desc()).limit(1)
        )
    following = next_after(latest)
    while following is not None and known_units(session, brand, [following]):
        following = next_after(following)
    return following


def _require_once(
    serials: Sequence[str], brand: str, goods: Goods, seen: dict[tuple[str, str], Goods]
) -> None:
    for serial in serials:
        other = seen.setdefault((brand, serial), goods)
        if other is not goods:
            raise FieldRefused(
                "duplicate",
                _(
                    "%(serial)s stands at %(sku)s as well. Take it out of one of them.",
                    serial=serial,
                    sku=other.sku,
                ),
            )


def _require_free(
    session: Session, serials: Sequence[str], brand: str, goods: Goods, warehouse_id: int
) -> None:
    known = known_units(session, brand, serials)
    for serial in serials:
        unit = known.get(serial)
        if unit is None:
            continue
        if unit.product_id is not None and unit.product_id != goods.product_id:
            sku = session.scalar(select(Product.sku).where(Product.id == unit.product_id))
            raise FieldRefused(
                "other_product",
                _(
                    "%(serial)s is a unit of %(sku)s, not of this line. Scan another unit.",
                    serial=serial,
                    sku=sku,
                ),
            )
        if not unit.is_shippable:
            raise FieldRefused("not_in_stock", _state_text(unit))
    _require_here(session, list(known.values()), warehouse_id)


def _state_text(unit: KnownUnit) -> str:
    if unit.state == AssetState.IN_FIELD:
        return _(
            "%(serial)s was shipped already and has not come back. Scan another unit.", serial=unit.serial
        )
    if unit.state == AssetState.PROVISIONAL:
        return _(
            "%(serial)s was typed by somebody before it was ever shipped. Ask support to settle it first.",
            serial=unit.serial,
        )
    return _(
        "%(serial)s is not in stock: it is %(state)s. Scan another unit.",
        serial=unit.serial,
        state=unit.state.replace("_", " "),
    )


def _require_here(session: Session, units: Sequence[KnownUnit], warehouse_id: int) -> None:
    """:raises FieldRefused: a unit came back into another warehouse."""
    if not units:
        return
    serials = {unit.id: unit.serial for unit in units}
    with all_companies(session, reason="a unit in stock lies where its last shipment was undone"):
        latest = (
            select(ShipmentUnit.asset_id, func.max(ShipmentLine.shipment_id).label("shipment_id"))
            .join(ShipmentLine, ShipmentLine.id == ShipmentUnit.shipment_line_id)
            .where(ShipmentUnit.asset_id.in_(serials))
            .group_by(ShipmentUnit.asset_id)
            .subquery()
        )
        elsewhere = session.execute(
            select(latest.c.asset_id, Warehouse.name)
            .join(Shipment, Shipment.id == latest.c.shipment_id)
            .join(Warehouse, Warehouse.id == Shipment.warehouse_id)
            .where(Shipment.warehouse_id != warehouse_id)
            .limit(1)
        ).first()
    if elsewhere is not None:
        raise FieldRefused(
            "other_warehouse",
            _(
                "%(serial)s lies in %(warehouse)s, not here. Ship it from there, or scan another unit.",
                serial=serials[elsewhere.asset_id],
                warehouse=elsewhere.name,
            ),
        )
