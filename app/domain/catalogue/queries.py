"""Reads of one product's page, the category tree, agreements, and a company's listings and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import String, bindparam, case, literal, null, select, true, union_all
from sqlalchemy.orm import Session

from app.core.database import BigInt
from app.core.errors import NotFound
from app.core.tenancy import read_rows
from app.core.texts import _
from app.domain.catalogue.agreement_reads import get_agreement as get_agreement
from app.domain.catalogue.agreement_reads import list_agreement_rows as list_agreement_rows
from app.domain.catalogue.agreement_reads import list_agreements as list_agreements
from app.domain.catalogue.buyers import Buyer
from app.domain.catalogue.filters import CategoryScope, scope_of_category
from app.domain.catalogue.listing import find_successors
from app.domain.catalogue.models import (
    Attribute,
    BundlePart,
    Category,
    CrossReference,
    CustomerPartNumber,
    Product,
    ProductAttribute,
    ProductMedia,
    TaxRate,
    VisibilityListing,
)
from app.domain.catalogue.numbers import code_key
from app.domain.catalogue.prices import prices_for_buyer
from app.domain.catalogue.pricing import Ladder, effective_rule
from app.domain.catalogue.quantities import QuantityRule
from app.domain.catalogue.search import owner_of_numbers
from app.domain.catalogue.visibility import visible


@dataclass(frozen=True, slots=True)
class CategoryNode:
    """A category of the tree as a buyer sees it; `depth` is 0 at the top."""

    id: int
    parent_id: int | None
    name: str
    slug: str
    path: str
    depth: int


def _tree(sees: Any) -> Any:
    # One product each: a limit keeps PostgreSQL from reading them all for an EXISTS.
    holds = (
        select(Product.id)
        .where(Product.category_id == Category.id, Product.life_cycle != "ended", sees)
        .limit(1)
        .scalar_subquery()
    )
    return select(
        Category.id, Category.parent_id, Category.name, Category.slug, Category.path, holds.label("holds")
    ).order_by(Category.position, Category.name, Category.id)


#: For those who see everything; built once.
_WHOLE_TREE = _tree(true())


def category_tree(session: Session, buyer: Buyer | None, *, on: date) -> list[CategoryNode]:
    """Categories that hold a visible product, not ended, somewhere below; parents before children.

    Vendor staff (None) see the empty ones as well.
    """
    return tree_and_scope(session, buyer, None, on=on)[0]


def tree_and_scope(
    session: Session, buyer: Buyer | None, slug: str | None, *, on: date
) -> tuple[list[CategoryNode], CategoryScope | None]:
    """As category_tree, and the category of that slug with its subtree, from the same read.

    :raises NotFound: no category has that slug.
    """
    sees_all = buyer is None or buyer.company_id is None or buyer.visibility_mode == "all"
    statement = _WHOLE_TREE if sees_all else _tree(visible(buyer, on))
    rows = read_rows(session, statement)
    kept = {int(part) for row in rows if row.holds or buyer is None for part in row.path.split("/") if part}
    children: dict[int | None, list[Any]] = {}
    for row in rows:
        if row.id in kept:
            children.setdefault(row.parent_id, []).append(row)
    nodes = _nodes_below(children, None, 0)
    if slug is None:
        return nodes, None
    top = next((row for row in rows if row.slug == slug), None)
    if top is None:
        raise NotFound(_("There is no such category."))
    return nodes, scope_of_category(top, [row for row in rows if row.path.startswith(top.path)])


def _nodes_below(
    children: dict[int | None, list[Any]], parent_id: int | None, depth: int
) -> list[CategoryNode]:
    nodes = []
    for row in children.get(parent_id, []):
        nodes.append(CategoryNode(row.id, row.parent_id, row.name, row.slug, row.path, depth))
        nodes += _nodes_below(children, row.id, depth + 1)
    return nodes


@dataclass(frozen=True, slots=True)
class Medium:
    """A picture or datasheet in the upload store."""

    storage_key: str
    filename: str
    alt_text: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bundle."""

    sku: str
    name: str
    quantity: int
    is_required: bool


@dataclass(frozen=True, slots=True)
class ProductPage:
    """A product with everything its page shows; `product` has the columns of the model by name."""

    product: Any
    category_name: str
    category_slug: str
    category_path: str
    rule: QuantityRule
    ladders: tuple[Ladder, ...]
    successor: tuple[str, str] | None
    #: (name, value, unit), in the category's order.
    attributes: tuple[tuple[str, str, str | None], ...]
    images: tuple[Medium, ...]
    datasheets: tuple[Medium, ...]
    parts: tuple[Part, ...]
    #: Numbers everybody may use: (code, superseded | alternative).
    references: tuple[tuple[str, str], ...]
    #: The buyer's own numbers.
    own_numbers: tuple[str, ...]


_PAGE_COLUMNS = (
    Product.id,
    Product.sku,
    Product.mpn,
    Product.gtin,
    Product.name,
    Product.brand,
    Product.category_id,
    Product.kind,
    Product.life_cycle,
    Product.successor_id,
    Product.description,
    Product.summary,
    Product.unit,
    Product.min_quantity,
    Product.multiple,
    Product.max_quantity,
    Product.warranty_months,
    Product.is_backorderable,
    Product.tax_class,
    Product.version,
    Product.updated_at,
)


#: A product by the key of its SKU. Built once.
_PAGE: Any = (
    select(
        *_PAGE_COLUMNS,
        Category.name.label("category_name"),
        Category.slug.label("category_slug"),
        Category.path.label("category_path"),
    )
    .join(Category, Category.id == Product.category_id)
    .where(Product.sku_key == bindparam("sku_key", type_=String()))
)


def get_product_page(session: Session, buyer: Buyer | None, sku: str, *, on: date) -> ProductPage:
    """A product by its SKU (case and blanks around it do not matter), in three or four statements.

    :raises NotFound: no such product, or the buyer may not see it.
    """
    sees_all = buyer is None or buyer.company_id is None or buyer.visibility_mode == "all"
    statement = _PAGE if sees_all else _PAGE.where(visible(buyer, on))
    found = read_rows(session, statement, {"sku_key": code_key(sku)})
    if not found:
        raise NotFound(_("There is no product by that number."))
    row = found[0]
    facts = _facts(session, row.id, owner_of_numbers(buyer))
    ladders = tuple(prices_for_buyer(session, buyer, [row.id], on=on).get(row.id, ()))
    own_rule = QuantityRule(row.min_quantity, row.multiple, row.max_quantity)
    return ProductPage(
        product=row,
        category_name=row.category_name,
        category_slug=row.category_slug,
        category_path=row.category_path,
        rule=effective_rule(own_rule, ladders),
        ladders=ladders,
        successor=find_successors(session, {row.successor_id} - {None}).get(row.successor_id),
        attributes=tuple((fact.a, fact.b, fact.c) for fact in facts.get("attribute", [])),
        images=tuple(Medium(fact.a, fact.b, fact.c) for fact in facts.get("image", [])),
        datasheets=tuple(Medium(fact.a, fact.b, fact.c) for fact in facts.get("datasheet", [])),
        parts=tuple(
            Part(fact.a, fact.b, fact.n, kind == "required")
            for kind in ("required", "optional")
            for fact in facts.get(kind, [])
        ),
        references=tuple((fact.a, fact.b) for fact in facts.get("reference", [])),
        own_numbers=tuple(fact.a for fact in facts.get("own", [])),
    )


_NO_TEXT, _NO_NUMBER = null(), literal(0)


def _fact(
    kind: Any, position: Any, a: Any, *, b: Any = _NO_TEXT, c: Any = _NO_TEXT, n: Any = _NO_NUMBER
) -> Any:
    return select(
        kind.label("kind"), position.label("position"), a.label("a"), b.label("b"), c.label("c"), n.label("n")
    )


_PRODUCT_ID = bindparam("product_id", type_=BigInt)
#: Everything that hangs on one product. Built once: a page is shown often.
_FACTS = (
    _fact(
        literal("attribute"),
        Attribute.position,
        Attribute.name,
        b=ProductAttribute.text_value,
        c=Attribute.unit,
    )
    .join_from(ProductAttribute, Attribute, Attribute.id == ProductAttribute.attribute_id)
    .where(ProductAttribute.product_id == _PRODUCT_ID),
    _fact(
        ProductMedia.kind,
        ProductMedia.position,
        ProductMedia.storage_key,
        b=ProductMedia.filename,
        c=ProductMedia.alt_text,
    ).where(ProductMedia.product_id == _PRODUCT_ID),
    _fact(literal("reference"), CrossReference.id, CrossReference.code, b=CrossReference.kind).where(
        CrossReference.product_id == _PRODUCT_ID
    ),
    _fact(
        case((BundlePart.is_required, "required"), else_="optional"),
        BundlePart.position,
        Product.sku,
        b=Product.name,
        n=BundlePart.quantity,
    )
    .join_from(BundlePart, Product, Product.id == BundlePart.part_id)
    .where(BundlePart.bundle_id == _PRODUCT_ID),
)
_OWN_NUMBERS = _fact(literal("own"), CustomerPartNumber.id, CustomerPartNumber.code).where(
    CustomerPartNumber.product_id == _PRODUCT_ID,
    CustomerPartNumber.company_id == bindparam("company_id", type_=BigInt),
)
_SHARED_FACTS = union_all(*_FACTS)
_ALL_FACTS = union_all(*_FACTS, _OWN_NUMBERS)


def _facts(session: Session, product_id: int, company_id: int | None) -> dict[str, list[Any]]:
    """Everything that hangs on one product, by kind and in order; own numbers where a company is given."""
    statement = _SHARED_FACTS if company_id is None else _ALL_FACTS
    values = {"product_id": product_id} | ({} if company_id is None else {"company_id": company_id})
    found: dict[str, list[Any]] = {}
    for row in read_rows(session, statement, values):
        found.setdefault(row.kind, []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: (row.position, row.a))
    return found


def get_product(session: Session, product_id: int) -> Product:
    """:raises NotFound: no such product."""
    product = session.get(Product, product_id)
    if product is None:
        raise NotFound(_("There is no product by that number."))
    return product


def list_visibility(session: Session, company_id: int) -> Sequence[Any]:
    """The company's listings with SKU and product name or category name, oldest first."""
    return session.execute(
        select(
            VisibilityListing.id,
            VisibilityListing.product_id,
            VisibilityListing.category_id,
            VisibilityListing.starts_on,
            VisibilityListing.ends_on,
            VisibilityListing.reason,
            Product.sku,
            Product.name.label("product_name"),
            Category.name.label("category_name"),
        )
        .outerjoin(Product, Product.id == VisibilityListing.product_id)
        .outerjoin(Category, Category.id == VisibilityListing.category_id)
        .where(VisibilityListing.company_id == company_id)
        .order_by(VisibilityListing.id)
    ).all()


def list_customer_numbers(session: Session, company_id: int) -> Sequence[Any]:
    """The company's own part numbers with the product's SKU and name, by number."""
    return session.execute(
        select(
            CustomerPartNumber.id,
            CustomerPartNumber.code,
            CustomerPartNumber.product_id,
            Product.sku,
            Product.name,
        )
        .join(Product, Product.id == CustomerPartNumber.product_id)
        .where(CustomerPartNumber.company_id == company_id)
        .order_by(CustomerPartNumber.code_key)
    ).all()


def list_tax_rates(session: Session, company_id: int) -> Sequence[TaxRate]:
    """The company's rates by tax class."""
    return session.scalars(
        select(TaxRate).where(TaxRate.company_id == company_id).order_by(TaxRate.tax_class)
    ).all()
