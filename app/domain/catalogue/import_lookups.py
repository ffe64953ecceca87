"""What rows of imports refer to, found for a whole batch at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.imports.cells import CellRefused, Cells
from app.core.imports.verdicts import Verdict, rejected
from app.core.texts import _
from app.domain.catalogue.models import Category, Product
from app.domain.catalogue.numbers import code_key

SKU_LENGTH = 60


def read_sku(cells: Cells, *, is_required: bool = True) -> tuple[str, str]:
    """A row's SKU as written, and the key it is compared by."""
    sku = cells.text("sku", most=SKU_LENGTH, is_required=is_required)
    key = code_key(sku)
    if sku and not key:
        raise CellRefused("bad_sku", _("The SKU has no letters or digits that can be read."))
    return sku, key


def products_by_sku(session: Session, sku_keys: Collection[str]) -> dict[str, Any]:
    """Products by the key of their SKU: id, sku, sku_key, kind."""
    if not sku_keys:
        return {}
    rows = session.execute(
        select(Product.id, Product.sku, Product.sku_key, Product.kind).where(Product.sku_key.in_(sku_keys))
    )
    return {row.sku_key: row for row in rows}


def categories_by_slug(session: Session, slugs: Collection[str]) -> dict[str, int]:
    """Ids of categories by their slug."""
    if not slugs:
        return {}
    rows = session.execute(select(Category.slug, Category.id).where(Category.slug.in_(slugs)))
    return {row.slug: row.id for row in rows}


def unknown_sku(sku: str) -> Verdict:
    """The refusal of a row whose product does not exist."""
    return rejected(
        "unknown_sku",
        _("There is no product with the SKU %(sku)s. Import the products first, or correct it.", sku=sku),
    )
