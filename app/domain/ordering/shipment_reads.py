"""Reading shipments: what is to ship by warehouse, an order's shipments, one shipment with its serials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.core.errors import NotFound
from app.core.pages import COUNT_LIMIT, Page, SortKey, paginate
from app.core.texts import _
from app.domain.accounts.models import Company
from app.domain.catalogue.models import Category, Product
from app.domain.catalogue.numbers import is_storable
from app.domain.inventory.models import Allocation, Warehouse
from app.domain.ordering.judging import WITHOUT_STOCK
from app.domain.ordering.models import Order, OrderHold, OrderLine, Shipment, ShipmentLine, ShipmentUnit
from app.domain.ordering.states import SHIPPABLE

_STATES = tuple(state.value for state in SHIPPABLE)


@dataclass(frozen=True, slots=True)
class Place:
    """A warehouse with the units it holds for an order, or the orders it has to ship."""

    id: int
    code: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class ToShip:
    """An order that can go, with the warehouses that hold its units."""

    id: int
    number: str
    state: str
    placed_at: datetime
    requested_on: date | None
    ship_to: dict[str, Any]
    company_name: str
    places: tuple[Place, ...] = ()

    @property
    def units(self) -> int:
        return sum(place.count for place in self.places)


def _open(warehouse_id: int | None) -> Any:
    """Released orders without a hold that have something to go, from this warehouse where one is given."""
    held = [OrderHold.order_id == Order.id, OrderHold.cleared_at.is_(None)]
    line = [OrderLine.company_id == Order.company_id, OrderLine.order_id == Order.id]
    lies_here = [Allocation.order_line_id == OrderLine.id]
    if warehouse_id is not None:
        lies_here.append(Allocation.warehouse_id == warehouse_id)
    from_stock = exists().where(*line, *lies_here).correlate(Order)
    service = exists().where(*line, OrderLine.allocated > 0, _is_service()).correlate(Order)
    goes = from_stock if warehouse_id is not None else or_(from_stock, service)
    return and_(Order.state.in_(_STATES), ~exists().where(*held).correlate(Order), goes)


def _is_service() -> Any:
    return OrderLine.product_id.in_(select(Product.id).where(Product.kind.in_(WITHOUT_STOCK)))


def list_to_ship(
    session: Session,
    *,
    warehouse_id: int | None = None,
    cursor: str | None = None,
    size: int = 24,
    counts: bool = True,
) -> Page[ToShip]:
    """Orders to ship, the oldest first, in three statements; two where they are not counted."""
    statement: Any = (
        select(
            Order.id,
            Order.number,
            Order.state,
            Order.placed_at,
            Order.requested_on,
            Order.ship_to,
            Company.name.label("company_name"),
        )
        .join(Company, Company.id == Order.company_id)
        .where(_open(warehouse_id))
    )
    page = paginate(
        session,
        statement,
        sort=[SortKey(Order.placed_at), SortKey(Order.id)],
        read_keys=lambda row: (row.placed_at, row.id),
        cursor=cursor,
        size=size,
        total=count_to_ship(session, warehouse_id=warehouse_id) if counts else None,
    )
    places = _places(session, [row.id for row in page.items])
    return replace(
        page, items=[ToShip(**row._mapping, places=tuple(places.get(row.id, ()))) for row in page.items]
    )


def count_to_ship(session: Session, *, warehouse_id: int | None = None) -> int:
    """Orders to ship; 1,001 stands for more than a thousand."""
    some = select(Order.id).where(_open(warehouse_id)).limit(COUNT_LIMIT + 1).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def _places(session: Session, order_ids: Sequence[int]) -> dict[int, list[Place]]:
    if not order_ids:
        return {}
    rows = session.execute(
        select(
            OrderLine.order_id,
            Warehouse.id,
            Warehouse.code,
            Warehouse.name,
            func.sum(Allocation.quantity).label("units"),
        )
        .join(Allocation, Allocation.order_line_id == OrderLine.id)
        .join(Warehouse, Warehouse.id == Allocation.warehouse_id)
        .where(OrderLine.order_id.in_(order_ids))
        .group_by(OrderLine.order_id, Warehouse.id, Warehouse.code, Warehouse.name, Warehouse.position)
        .order_by(Warehouse.position, Warehouse.id)
    )
    found: dict[int, list[Place]] = {}
    for order_id, warehouse_id, code, name, units in rows:
        found.setdefault(order_id, []).append(Place(warehouse_id, code, name, int(units)))
    return found


@dataclass(frozen=True, slots=True)
class LineToShip:
    """A line on the page where it is shipped; `here` counts units set aside in the warehouse chosen."""

    id: int
    sku: str
    name: str
    category_slug: str
    kind: str
    here: int
    allocated: int
    backordered: int
    shipped: int

    @property
    def has_serials(self) -> bool:
        return self.kind == "hardware_serial"


@dataclass(frozen=True, slots=True)
class OrderToShip:
    """An order on the page where it is shipped from one warehouse."""

    id: int
    number: str
    state: str
    source: str
    ship_to: dict[str, Any]
    notes: str
    company_name: str
    #: Warehouses that hold units of it.
    places: tuple[Place, ...]
    warehouse: Place | None
    lines: tuple[LineToShip, ...]

    @property
    def can_ship(self) -> bool:
        return self.state in _STATES and any(line.here for line in self.lines)


def order_to_ship(session: Session, number: str, *, warehouse_id: int | None = None) -> OrderToShip:
    """The order for the page that ships it; without a warehouse the first that holds units of it.

    :raises NotFound: there is no such order.
    """
    row = None
    if is_storable(number):
        row = session.execute(
            select(Order, Company.name)
            .join(Company, Company.id == Order.company_id)
            .where(Order.number == number)
        ).one_or_none()
    if row is None:
        raise NotFound(_("There is no order by that number."))
    order: Order = row[0]
    places = tuple(_places(session, [order.id]).get(order.id, ()))
    known = {place.id: place for place in places}
    warehouse = known.get(warehouse_id) if warehouse_id is not None else next(iter(places), None)
    warehouse = warehouse or _warehouse(session, warehouse_id)
    return OrderToShip(
        id=order.id,
        number=order.number,
        state=order.state,
        source=order.source,
        ship_to=order.ship_to,
        notes=order.notes,
        company_name=row[1],
        places=places,
        warehouse=warehouse,
        lines=tuple(_lines_to_ship(session, order.id, warehouse.id if warehouse else 0)),
    )


def _warehouse(session: Session, warehouse_id: int | None) -> Place | None:
    """A warehouse that holds nothing of the order: services go from any."""
    statement = select(Warehouse.id, Warehouse.code, Warehouse.name).order_by(
        Warehouse.position, Warehouse.id
    )
    if warehouse_id is not None:
        statement = statement.where(Warehouse.id == warehouse_id)
    row = session.execute(statement.limit(1)).first()
    return Place(row.id, row.code, row.name, 0) if row else None


def _lines_to_ship(session: Session, order_id: int, warehouse_id: int) -> list[LineToShip]:
    rows = session.execute(
        select(OrderLine, Category.slug, Product.kind, func.coalesce(Allocation.quantity, 0))
        .join(Product, Product.id == OrderLine.product_id)
        .join(Category, Category.id == Product.category_id)
        .outerjoin(
            Allocation,
            and_(Allocation.order_line_id == OrderLine.id, Allocation.warehouse_id == warehouse_id),
        )
        .where(OrderLine.order_id == order_id)
        .order_by(OrderLine.position)
    )
    return [
        LineToShip(
            id=line.id,
            sku=line.sku,
            name=line.name,
            category_slug=slug,
            kind=kind,
            here=line.allocated if kind in WITHOUT_STOCK else held,
            allocated=line.allocated,
            backordered=line.backordered,
            shipped=line.shipped,
        )
        for line, slug, kind, held in rows
    ]


@dataclass(frozen=True, slots=True)
class ShippedLineView:
    """Units of a line that went, with their serials."""

    sku: str
    name: str
    quantity: int
    serials: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShipmentView:
    """A shipment as its readers see it; a reversal has no lines of its own."""

    id: int
    number: str
    order_id: int
    warehouse_code: str
    warehouse_name: str
    carrier: str
    tracking: str
    note: str
    shipped_on: date
    shipped_at: datetime
    shipped_by: str
    #: Number of the shipment it undoes, of the reversal it was undone by, and why.
    reverses: str | None
    reversed_by: str | None
    reversed_why: str | None
    lines: tuple[ShippedLineView, ...] = ()

    @property
    def stands(self) -> bool:
        return self.reverses is None and self.reversed_by is None

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines)


def shipments_of(session: Session, order_id: int) -> list[ShipmentView]:
    """The shipments of an order, reversed ones as well, the latest first; three statements."""
    return _read(session, Shipment.order_id == order_id)


def get_shipment(session: Session, number: str) -> ShipmentView:
    """:raises NotFound: there is no such shipment."""
    found = _read(session, Shipment.number == number) if is_storable(number) else []
    if not found:
        raise NotFound(_("There is no shipment by that number."))
    return found[0]


def latest_shipments(session: Session, *, limit: int) -> Sequence[Any]:
    """The shipments made last, without reversals: number, order, company, day, warehouse, carrier."""
    statement = (
        select(
            Shipment.number,
            Shipment.shipped_at,
            Shipment.carrier,
            Order.number.label("order_number"),
            Company.name.label("company_name"),
            Warehouse.name.label("warehouse_name"),
        )
        .join(Order, Order.id == Shipment.order_id)
        .join(Company, Company.id == Shipment.company_id)
        .join(Warehouse, Warehouse.id == Shipment.warehouse_id)
        .where(Shipment.reverses_id.is_(None))
        .order_by(Shipment.id.desc())
        .limit(limit)
    )
    return session.execute(statement).all()


def find_entered(session: Session, order_id: int, entry_key: str) -> str | None:
    """Number of the shipment a form was sent for before, None where it was not."""
    statement = select(Shipment.number).where(Shipment.entry_key == entry_key, Shipment.order_id == order_id)
    return session.scalar(statement)


def order_of(session: Session, shipment: ShipmentView) -> Order:
    """The order it is of. :raises NotFound: another company's."""
    order = session.get(Order, shipment.order_id)
    if order is None:
        raise NotFound()
    return order


def _read(session: Session, condition: Any) -> list[ShipmentView]:
    undone, undoing = aliased(Shipment), aliased(Shipment)
    rows = session.execute(
        select(
            Shipment.id,
            Shipment.number,
            Shipment.order_id,
            Warehouse.code.label("warehouse_code"),
            Warehouse.name.label("warehouse_name"),
            Shipment.carrier,
            Shipment.tracking,
            Shipment.note,
            Shipment.shipped_on,
            Shipment.shipped_at,
            Shipment.shipped_by,
            undone.number.label("reverses"),
            undoing.number.label("reversed_by"),
            undoing.note.label("reversed_why"),
        )
        .join(Warehouse, Warehouse.id == Shipment.warehouse_id)
        .outerjoin(undone, undone.id == Shipment.reverses_id)
        .outerjoin(undoing, undoing.reverses_id == Shipment.id)
        .where(condition)
        .order_by(Shipment.id.desc())
    ).all()
    lines = _lines_of(session, [row.id for row in rows])
    return [ShipmentView(**row._mapping, lines=tuple(lines.get(row.id, ()))) for row in rows]


def _lines_of(session: Session, shipment_ids: Sequence[int]) -> dict[int, list[ShippedLineView]]:
    if not shipment_ids:
        return {}
    serials: dict[int, list[str]] = {}
    units = session.execute(
        select(ShipmentUnit.shipment_line_id, ShipmentUnit.serial)
        .join(ShipmentLine, ShipmentLine.id == ShipmentUnit.shipment_line_id)
        .where(ShipmentLine.shipment_id.in_(shipment_ids))
        .order_by(ShipmentUnit.shipment_line_id, ShipmentUnit.serial)
    )
    for line_id, serial in units:
        serials.setdefault(line_id, []).append(serial)
    rows = session.execute(
        select(
            ShipmentLine.id, ShipmentLine.shipment_id, ShipmentLine.quantity, OrderLine.sku, OrderLine.name
        )
        .join(OrderLine, OrderLine.id == ShipmentLine.order_line_id)
        .where(ShipmentLine.shipment_id.in_(shipment_ids))
        .order_by(OrderLine.position)
    )
    found: dict[int, list[ShippedLineView]] = {}
    for row in rows:
        view = ShippedLineView(row.sku, row.name, row.quantity, tuple(serials.get(row.id, ())))
        found.setdefault(row.shipment_id, []).append(view)
    return found
