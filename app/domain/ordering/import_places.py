"""What rows about stock have in common: a product, a warehouse, and the lock that keeps others from both."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database import is_writing
from app.core.imports.cells import Cells
from app.core.imports.mapping import Field
from app.core.imports.verdicts import Verdict, rejected
from app.core.texts import N_, _
from app.domain.catalogue.import_lookups import products_by_sku, unknown_sku
from app.domain.inventory import ledger
from app.domain.inventory.models import Warehouse
from app.domain.ordering.judging import WITHOUT_STOCK

WAREHOUSE_FIELD = Field(
    "warehouse",
    N_("Warehouse"),
    is_required=True,
    aliases=("warehouse_code", "location", "site", "stock_location"),
    example="EXAMPLE-MAIN",
    help=N_("The warehouse's code, such as MAIN; the warehouse must be open."),
)
SKU_FIELD = Field(
    "sku",
    N_("SKU"),
    is_required=True,
    aliases=("product", "article_number", "item_number", "stock_code", "item"),
    example="EXAMPLE-SKU",
    help=N_("The product's SKU; the product must be there."),
)


def read_warehouse(cells: Cells) -> str:
    """A row's warehouse code in capitals."""
    return cells.text("warehouse", most=20, is_required=True).upper()


@dataclass(frozen=True, slots=True)
class Places:
    """The products and warehouses of a batch's rows."""

    products: Mapping[str, Any]
    warehouses: Mapping[str, Any]

    @property
    def product_ids(self) -> list[int]:
        return [product.id for product in self.products.values()]

    @property
    def warehouse_ids(self) -> list[int]:
        return [warehouse.id for warehouse in self.warehouses.values()]

    def refusal(self, sku: str, sku_key: str, code: str) -> Verdict | None:
        """Why nothing can lie there: no such product or warehouse, a service, a closed warehouse."""
        product, warehouse = self.products.get(sku_key), self.warehouses.get(code)
        if product is None:
            return unknown_sku(sku)
        if product.kind in WITHOUT_STOCK:
            return rejected("not_stocked", _("%(sku)s is a service or warranty and not stocked.", sku=sku))
        if warehouse is None or not warehouse.is_active:
            return rejected(
                "unknown_warehouse",
                _(
                    "There is no open warehouse with the code %(code)s. Open it first, or correct the code.",
                    code=code,
                ),
            )
        return None


def load_places(session: Session, sku_keys: Collection[str], codes: Collection[str]) -> Places:
    """The products and warehouses; where the run stores, nobody else moves the products until it has."""
    products = products_by_sku(session, sku_keys)
    if is_writing(session):
        ledger.lock_products(session, [product.id for product in products.values()])
    rows = session.execute(
        select(Warehouse.id, Warehouse.code, Warehouse.is_active).where(Warehouse.code.in_(codes))
    )
    return Places(products, {row.code: row for row in rows})
