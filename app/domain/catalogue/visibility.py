"""What a company may see of the catalogue: one condition for lists, search, suggestions and look-ups."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ColumnElement, and_, or_, select, true
from sqlalchemy.orm import aliased

from app.domain.catalogue.buyers import Buyer
from app.domain.catalogue.models import Category, Product, VisibilityListing

ALL, ONLY_LISTED, ALL_EXCEPT = "all", "only_listed", "all_except"
MODES = (ALL, ONLY_LISTED, ALL_EXCEPT)


def visible(buyer: Buyer | None, on: date) -> ColumnElement[bool]:
    """Condition on Product: the buyer may see it on the day. Vendor staff see everything.

    A listed category lists its whole subtree. `only_listed` without a listing shows nothing.
    """
    if buyer is None or buyer.company_id is None or buyer.visibility_mode == ALL:
        return true()
    listed = _listed(buyer.company_id, on)
    return listed if buyer.visibility_mode == ONLY_LISTED else ~listed


def _listed(company_id: int, on: date) -> ColumnElement[bool]:
    in_force = and_(
        VisibilityListing.company_id == company_id,
        or_(VisibilityListing.starts_on.is_(None), VisibilityListing.starts_on <= on),
        or_(VisibilityListing.ends_on.is_(None), VisibilityListing.ends_on > on),
    )
    root = aliased(Category)
    products = select(VisibilityListing.product_id).where(in_force, VisibilityListing.product_id.is_not(None))
    categories = (
        select(Category.id)
        # A path ends in a slash, so `/3/` is no beginning of `/31/`.
        .join(root, Category.path.like(root.path.concat("%")))
        .join(VisibilityListing, VisibilityListing.category_id == root.id)
        .where(in_force)
    )
    return or_(Product.id.in_(products), Product.category_id.in_(categories))
