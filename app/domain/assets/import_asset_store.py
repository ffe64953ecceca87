"""Looking up and writing the units of an installed base, a few statements per batch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, delete, insert, select
from sqlalchemy.orm import Session

from app.core.imports import undoing
from app.core.imports.kinds import Change
from app.domain.accounts.models import Branch, Company, EndCustomer
from app.domain.accounts.queries import companies_by_number
from app.domain.assets.import_asset_rules import Batch, NewUnit, Stored
from app.domain.assets.models import Asset, AssetCover, AssetEvent
from app.domain.assets.serial_rules import NO_RULE, rule_for
from app.domain.assets.units import brand_key
from app.domain.assets.warranty import DAY
from app.domain.catalogue.models import Product

if TYPE_CHECKING:
    from app.domain.assets.import_assets import AssetRow

_ASSETS: Table = Asset.__table__  # type: ignore[assignment]  # mapped to exactly one table
_COVERS: Table = AssetCover.__table__  # type: ignore[assignment]  # mapped to exactly one table
_EVENTS: Table = AssetEvent.__table__  # type: ignore[assignment]  # mapped to exactly one table
_HOLDERS: Table = EndCustomer.__table__  # type: ignore[assignment]  # mapped to exactly one table
EVENT = "imported"


def load(session: Session, rows: Sequence[AssetRow]) -> Stored:
    """What a batch's rows refer to; the same number of statements whatever their number."""
    products = _products(session, {row.sku_key for row in rows})
    companies = companies_by_number(session, {row.company for row in rows})
    rules = rule_for(session, [product.id for product in products.values()])
    ids = [company.id for company in companies.values()]
    stored = Stored(products, companies, {}, {}, rules, {}, {})
    if not ids or not products:
        return stored
    for company_id, currency in session.execute(
        select(Company.id, Company.currency).where(Company.id.in_(ids))
    ):
        stored.currencies[company_id] = currency
    names = {row.end_customer for row in rows if row.end_customer}
    if names:
        _load_holders(session, stored, ids, names)
    _load_units(session, stored, rows)
    return stored


def _products(session: Session, sku_keys: set[str]) -> dict[str, Any]:
    if not sku_keys:
        return {}
    found = session.execute(
        select(
            Product.id, Product.sku, Product.sku_key, Product.kind, Product.brand, Product.warranty_months
        ).where(Product.sku_key.in_(sku_keys))
    )
    return {row.sku_key: row for row in found}


def _load_holders(session: Session, stored: Stored, ids: Sequence[int], names: set[str]) -> None:
    for one in session.execute(
        select(EndCustomer.id, EndCustomer.company_id, EndCustomer.name).where(
            EndCustomer.company_id.in_(ids), EndCustomer.name.in_(names)
        )
    ):
        stored.end_customers[one.company_id, one.name] = one.id
    branches = select(Branch.company_id, Branch.country).where(Branch.company_id.in_(ids))
    for company_id, country in session.execute(branches.order_by(Branch.id.desc())):
        stored.countries[company_id] = country


def _load_units(session: Session, stored: Stored, rows: Sequence[AssetRow]) -> None:
    serials = set()
    for row in rows:
        product = stored.products.get(row.sku_key)
        if product is not None:
            said = stored.rules.get(product.id, NO_RULE).judge(row.raw)
            if said.canonical:
                serials.add(said.canonical)
    brands = {brand_key(product.brand) for product in stored.products.values()}
    for known in session.execute(
        select(
            *(Asset.brand_key, Asset.serial, Asset.company_id, Asset.product_id, Asset.state),
            *(Asset.ship_date, Asset.invoice_number, Asset.price_paid),
            EndCustomer.name.label("holder"),
        )
        .outerjoin(EndCustomer, EndCustomer.id == Asset.end_customer_id)
        .where(Asset.brand_key.in_(brands), Asset.serial.in_(serials))
    ):
        stored.units[known.brand_key, known.serial] = known


def write(session: Session, batch: Batch, *, reference: str, now: datetime) -> None:
    """Write new end customers and units with cover and event; the changes learn their rows."""
    holders = {**batch.stored.end_customers, **_write_holders(session, batch)}
    if not batch.units:
        return
    units = sorted(batch.units, key=lambda unit: (unit.values["brand_key"], unit.values["serial"]))
    values = [
        {
            **unit.values,
            "end_customer_id": holders[unit.holder] if unit.holder else None,
            "created_at": now,
            "version": 1,
        }
        for unit in units
    ]
    connection = session.connection()
    made = connection.execute(insert(_ASSETS).returning(_ASSETS.c.id, sort_by_parameter_order=True), values)
    ids = [row.id for row in made]
    for unit, asset_id in zip(units, ids, strict=True):
        unit.change.row_id = asset_id
    covers = [_cover_values(unit, asset_id) for unit, asset_id in zip(units, ids, strict=True) if unit.cover]
    if covers:
        connection.execute(insert(_COVERS), covers)
    event = {"kind": EVENT, "at": now, "company_id": None, "data": {}, "actor_name": ""}
    connection.execute(
        insert(_EVENTS), [{**event, "asset_id": asset_id, "reference": reference} for asset_id in ids]
    )


def _write_holders(session: Session, batch: Batch) -> dict[tuple[int, str], int]:
    if not batch.holders:
        return {}
    wanted = list(batch.holders)
    made = session.connection().execute(
        insert(_HOLDERS).returning(_HOLDERS.c.id, sort_by_parameter_order=True),
        [
            {"company_id": company_id, "name": name}
            | {"country": batch.stored.countries.get(company_id, "US"), "is_active": True}
            | dict.fromkeys(("street", "postcode", "city", "region"), "")
            for company_id, name in wanted
        ],
    )
    ids = {key: row.id for key, row in zip(wanted, made, strict=True)}
    for key, change in batch.holders.items():
        change.row_id = ids[key]
    return ids


def _cover_values(unit: NewUnit, asset_id: int) -> dict[str, Any]:
    assert unit.cover is not None  # noqa: S101 - the caller leaves the others out
    base = unit.cover.base
    return {
        "asset_id": asset_id,
        "position": 0,
        "kind": "base",
        "term_name": unit.cover_name,
        "starts_on": base.start,
        "ends_on": base.last_day + DAY,
        "claimable_from": base.claimable_from,
        "why": " ".join(unit.cover.why),
    }


def take_back(session: Session, changes: Sequence[Change]) -> None:
    """Delete the units of these changes, and the end customers that came with them.

    :raises CannotUndo: something happened to a unit since, or somebody else uses the end customer.
    """
    units = [change for change in changes if change.table == _ASSETS.name]
    ids = [change.row_id for change in units if change.row_id is not None]
    subjects = {change.row_id: change.subject for change in units}
    since = session.execute(
        select(AssetEvent.asset_id).where(AssetEvent.asset_id.in_(ids), AssetEvent.kind != EVENT).limit(1)
    ).scalar()
    if since is not None:
        raise undoing.changed_since(subjects[since])
    connection = session.connection()
    for table in (_COVERS, _EVENTS):
        connection.execute(delete(table).where(table.c.asset_id.in_(ids)))
    undoing.take_back(session, _ASSETS, units)
    undoing.take_back(session, _HOLDERS, [change for change in changes if change.table == _HOLDERS.name])
