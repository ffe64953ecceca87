"""Where the console's things live, by what the reader may do there."""

from __future__ import annotations

from flask import current_app, url_for

from app.core.permissions import Permission
from app.core.web.door import current_actor


def has_product_pages() -> bool:
    """Whether the reader keeps the catalogue, so that products have a page besides their stock."""
    may_keep = current_actor().may(Permission.CATALOGUE_MANAGE)
    return may_keep and "console.catalogue.show" in current_app.view_functions


def product_address(product_id: int, sku: str) -> str:
    """The product's page for whoever keeps the catalogue, its stock for everybody else."""
    if has_product_pages():
        return url_for("console.catalogue.show", sku=sku)
    return url_for("console.stock.show", product_id=product_id)


def company_address(company_id: int) -> str | None:
    """The company's page, where the reader may open it."""
    may_read = current_actor().may(Permission.COMPANY_READ)
    if may_read and "console.companies.show" in current_app.view_functions:
        return url_for("console.companies.show", company_id=company_id)
    return None
