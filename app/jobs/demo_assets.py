"""The demo's installed base: units sold in earlier years, entered as from a file."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.clock import business_date
from app.core.database import run
from app.core.permissions import Actor, Permission, requires
from app.core.tenancy import all_companies
from app.domain.accounts.queries import get_vendor
from app.domain.assets import import_asset_store as store
from app.domain.assets.import_asset_rules import Batch, judge_row
from app.domain.assets.import_assets import AssetRow
from app.domain.catalogue.models import Product
from app.jobs.demo_people import KETTLE, MARROW, QUILL

HALL, SCHOOL, CLINIC = "Upper Thimble Town Hall", "Saltmarsh Primary School", "Juniper Street Clinic"
#: SKU, first letters of the serials, units, company, end customer, days until the cover ends.
UNITS = (
    ("MON-VL-27", "VL27K", 3, KETTLE, HALL, 21),
    ("MON-VL-27", "VL27L", 2, KETTLE, SCHOOL, 64),
    ("SW-LN-24P", "LN24K", 2, KETTLE, HALL, 12),
    ("SSD-N2-2T", "TN2TK", 4, KETTLE, "", 700),
    ("SSD-N2-2T", "TN2TO", 2, KETTLE, HALL, -40),
    ("SSD-S1-1T9", "NVS1Q", 3, QUILL, CLINIC, 80),
    ("SW-LN-24P", "LN24M", 1, MARROW, "", 400),
)


@requires(Permission.ASSET_MANAGE)
def enter_units(session: Session, actor: Actor, *, now: datetime) -> None:
    """Enter what is not there yet."""
    with all_companies(session, reason="demo installed base"):
        today = business_date(now, get_vendor(session).timezone)
        months = {
            row.sku: row.warranty_months
            for row in session.execute(
                select(Product.sku, Product.warranty_months).where(
                    Product.sku.in_([unit[0] for unit in UNITS]), Product.warranty_months.is_not(None)
                )
            )
        }
        rows = [row for row in _rows(today, months) if row.ship_date <= today]
        batch = Batch(store.load(session, rows), today)
        for row in rows:
            judge_row(row, batch, [])
        store.write(session, batch, reference="", now=now)


def _rows(today: date, months: dict[str, int]) -> list[AssetRow]:
    found = []
    for sku, letters, count, company, holder, days in UNITS:
        if sku not in months:
            continue
        for n in range(1, count + 1):
            shipped = _years_before(today + timedelta(days=days + n), months[sku] // 12)
            raw = f"{letters}{n:06d}"
            found.append(AssetRow(raw, sku, sku, shipped, company, holder, "", None, ""))
    return found


def _years_before(day: date, years: int) -> date:
    return date(day.year - years, day.month, min(day.day, 28))


def load(session: Session, now: datetime) -> None:
    """Make what is not there yet."""
    run(session, enter_units, Actor.system("demo"), now=now)
