"""The demo's catalogue in the database: categories, products, agreements, numbers, visibility."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.database import run
from app.core.permissions import Actor, Permission, requires
from app.domain.accounts.models import Branch, Company
from app.domain.accounts.queries import get_vendor
from app.domain.catalogue import actions, search
from app.domain.catalogue.models import (
    Attribute,
    BundlePart,
    Category,
    CrossReference,
    CustomerPartNumber,
    PriceAgreement,
    Product,
    ProductAttribute,
)
from app.domain.catalogue.naming import slugify, summarise
from app.domain.catalogue.numbers import code_key, name_key
from app.domain.catalogue.quantities import QuantityRule
from app.jobs import demo_products as demo
from app.jobs.demo_people import KETTLE, MARROW, QUILL

#: Start of in-house article numbers; nobody's product has one.
_GTIN_PREFIX = 200_000_000_000
_UNITS_OF_CAPACITY = {"GB": 1, "TB": 1000}


def load(session: Session, now: datetime) -> None:
    """Make what is not there yet; companies the demo does not know get nothing."""
    run(session, make_catalogue, Actor.system("demo"), now=now)


@requires(Permission.CATALOGUE_MANAGE)
def make_catalogue(session: Session, actor: Actor, *, now: datetime) -> None:
    """The whole demo catalogue, in one transaction."""
    known = set(session.scalars(select(Product.sku)))
    for position, category in enumerate(demo.CATEGORIES):
        leaf, attributes = _category(session, category, position)
        for row in category.products:
            if row.sku not in known:
                _product(session, leaf, category, attributes, row, now=now)
    ids = dict(session.execute(select(Product.sku, Product.id)).all())
    if demo.BUNDLE.sku not in known:
        ids[demo.BUNDLE.sku] = _bundle(session, ids, now=now)
    for sku, successor in demo.SUCCESSORS.items():
        session.get_one(Product, ids[sku]).successor_id = ids[successor]
    _cross_references(session, actor, ids, now=now)
    search.index_products(session, [ids[sku] for sku in ids.keys() - known])
    _prices(session, actor, ids, now=now)
    _companies(session, actor, ids, now=now)


def _category(
    session: Session, category: demo.DemoCategory, position: int
) -> tuple[Category, list[Attribute]]:
    parent = _node(session, category.parent, None, position)
    leaf = _node(session, category.name, parent, position)
    found = {
        attribute.code: attribute
        for attribute in session.scalars(select(Attribute).where(Attribute.category_id == leaf.id))
    }
    attributes = []
    for place, (code, name, unit) in enumerate(category.attributes):
        attribute = found.get(code)
        if attribute is None:
            is_number = unit is not None
            attribute = Attribute(category_id=leaf.id, code=code, name=name, unit=unit, position=place)
            attribute.data_type = "number" if is_number else "text"
            session.add(attribute)
        attributes.append(attribute)
    session.flush()
    return leaf, attributes


def _node(session: Session, name: str, parent: Category | None, position: int) -> Category:
    node = session.scalar(select(Category).where(Category.slug == slugify(name)))
    if node is None:
        node = Category(
            name=name, slug=slugify(name), parent_id=parent.id if parent else None, position=position
        )
        session.add(node)
        session.flush()
        node.path = f"{parent.path if parent else '/'}{node.id}/"
    return node


def make_gtin(number: int) -> str:
    """An in-house GTIN-13 with its check digit: 1 is 2000000000015."""
    digits = str(_GTIN_PREFIX + number)
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return digits + str(-weighted % 10)


def _product(
    session: Session,
    leaf: Category,
    category: demo.DemoCategory,
    attributes: Sequence[Attribute],
    row: demo.DemoProduct,
    *,
    now: datetime,
) -> None:
    pairs = list(zip(attributes, row.values, strict=True))
    product = _new_product(row, leaf, kind=category.kind, now=now)
    product.summary = summarise((attribute.name, value, attribute.unit) for attribute, value in pairs)
    product.warranty_months = category.warranty_months
    product.min_quantity = product.multiple = category.multiple
    for column, value in demo.DIFFERENT.get(row.sku, {}).items():
        setattr(product, column, value)
    session.add(product)
    session.flush()
    if category.kind in ("hardware", "hardware_serial"):
        product.gtin = make_gtin(product.id)
    session.add_all(
        ProductAttribute(
            product_id=product.id,
            attribute_id=attribute.id,
            text_value=value,
            number_value=_measure(value),
        )
        for attribute, value in pairs
    )


def _new_product(row: demo.DemoProduct, leaf: Category, *, kind: str, now: datetime) -> Product:
    return Product(
        sku=row.sku,
        sku_key=code_key(row.sku),
        name=row.name,
        name_key=name_key(row.name),
        brand=row.brand,
        mpn=row.mpn,
        mpn_key=code_key(row.mpn),
        category_id=leaf.id,
        kind=kind,
        description=f"{row.name}, made for daily use and covered by {row.brand}'s warranty.",
        created_at=now,
        updated_at=now,
    )


def _measure(value: str) -> float | None:
    """A value's number, capacities in GB: `2 TB` is 2000."""
    number, _blank, unit = value.partition(" ")
    try:
        return float(number) * _UNITS_OF_CAPACITY.get(unit, 1)
    except ValueError:
        return None


def _bundle(session: Session, ids: Mapping[str, int], *, now: datetime) -> int:
    leaf = session.scalars(select(Category).where(Category.slug == slugify(demo.BUNDLE_CATEGORY))).one()
    product = _new_product(demo.BUNDLE, leaf, kind="bundle", now=now)
    product.summary = "Dock, 23.8 in monitor, keyboard; mouse on request"
    session.add(product)
    session.flush()
    session.add_all(
        BundlePart(
            bundle_id=product.id,
            part_id=ids[sku],
            quantity=quantity,
            is_required=is_required,
            position=position,
        )
        for position, (sku, quantity, is_required) in enumerate(demo.BUNDLE_PARTS)
    )
    return product.id


def _cross_references(session: Session, actor: Actor, ids: Mapping[str, int], *, now: datetime) -> None:
    known = {
        (product_id, code)
        for product_id, code in session.execute(select(CrossReference.product_id, CrossReference.code))
    }
    for sku, code, kind in demo.CROSS_REFERENCES:
        if (ids[sku], code) not in known:
            actions.add_cross_reference(session, actor, product_id=ids[sku], code=code, kind=kind, now=now)


def _prices(session: Session, actor: Actor, ids: Mapping[str, int], *, now: datetime) -> None:
    """The list with its ladders, and 15 per cent off it for the gold tier."""
    today = clock.business_date(now, get_vendor(session).timezone)
    quarter = f"{today.year}-Q{(today.month + 2) // 3}"
    rows = [(row, category.multiple) for category in demo.CATEGORIES for row in category.products]
    rows.append((demo.BUNDLE, 1))
    priced = [(row.sku, Decimal(row.price), multiple) for row, multiple in rows if row.price is not None]
    listed = {
        sku: _steps(price, ((multiple, "1"), (5 * multiple, "0.97"), (25 * multiple, "0.94")))
        for sku, price, multiple in priced
    }
    gold = {
        sku: _steps(price, ((multiple, "0.88"), (10 * multiple, "0.84"))) for sku, price, multiple in priced
    }
    start = today - timedelta(days=60)
    _agreement(
        session, actor, ids, listed, now=now, number=f"PL-{quarter}", name="List price", level="list",
        starts_on=start,
    )  # fmt: skip
    _agreement(
        session, actor, ids, gold, now=now, number=f"GOLD-{today.year}", name="Gold tier", level="tier",
        tier="gold", starts_on=start,
    )  # fmt: skip


def _steps(price: Decimal, shares: Sequence[tuple[int, str]]) -> list[tuple[int, Decimal]]:
    return [(quantity, (price * Decimal(share)).quantize(Decimal("0.01"))) for quantity, share in shares]


def _agreement(
    session: Session,
    actor: Actor,
    ids: Mapping[str, int],
    ladders: Mapping[str, Sequence[tuple[int, Decimal]]],
    *,
    name: str,
    now: datetime,
    **values: Any,
) -> int | None:
    """The agreement with its ladders, where none of that name is there yet."""
    if session.scalar(select(PriceAgreement.id).where(PriceAgreement.name == name)):
        return None
    currency = get_vendor(session).currency
    agreement = actions.create_agreement(session, actor, name=name, currency=currency, now=now, **values)
    for sku, steps in ladders.items():
        actions.set_price_ladder(
            session, actor, agreement_id=agreement.id, product_id=ids[sku], steps=steps, now=now
        )
    return agreement.id


def _companies(session: Session, actor: Actor, ids: Mapping[str, int], *, now: datetime) -> None:
    """What single companies have of their own, where the companies are there."""
    companies = {company.number: company for company in session.scalars(select(Company))}
    today = clock.business_date(now, get_vendor(session).timezone)
    if KETTLE in companies:
        _kettle(session, actor, companies[KETTLE], ids, today=today, now=now)
    if QUILL in companies:
        _visibility(session, actor, companies[QUILL], "only_listed", _quill_listings(session, today), now)
    if MARROW in companies:
        displays = _category_id(session, "Monitors")
        listing = actions.Listing(category_id=displays, reason="Displays are sold by another partner")
        _visibility(session, actor, companies[MARROW], "all_except", [listing], now)


def _kettle(
    session: Session, actor: Actor, company: Company, ids: Mapping[str, int], *, today: date, now: datetime
) -> None:
    own = {
        sku: [(quantity, Decimal(price)) for quantity, price in steps]
        for sku, steps in demo.COMPANY_PRICES.items()
    }
    agreement_id = _agreement(
        session, actor, ids, own, now=now, number=f"KB-{today.year}", name="Kettle & Byte", level="company",
        company_id=company.id, starts_on=today - timedelta(days=30), ends_on=today + timedelta(days=180),
        order_discount_bps=200, order_discount_from=Decimal(5000),
    )  # fmt: skip
    if agreement_id is not None:
        actions.set_agreement_quantity_rule(
            session,
            actor,
            agreement_id=agreement_id,
            product_id=ids["MON-VL-27"],
            rule=QuantityRule(minimum=2, multiple=2),
            now=now,
        )
    lidham = session.scalar(select(Branch.id).where(Branch.company_id == company.id, Branch.name == "Lidham"))
    if lidham is not None:
        branch = {
            sku: [(quantity, Decimal(price)) for quantity, price in steps]
            for sku, steps in demo.BRANCH_PRICES.items()
        }
        _agreement(
            session, actor, ids, branch, now=now, number=f"KB-{today.year}-LIDHAM",
            name="Kettle & Byte, Lidham", level="branch", branch_id=lidham,
            starts_on=today - timedelta(days=14), ends_on=today + timedelta(days=90),
        )  # fmt: skip
    known = set(
        session.scalars(select(CustomerPartNumber.code).where(CustomerPartNumber.company_id == company.id))
    )
    for sku, code in demo.OWN_NUMBERS:
        if code not in known:
            actions.add_customer_part_number(
                session, actor, company_id=company.id, product_id=ids[sku], code=code, now=now
            )


def _category_id(session: Session, name: str) -> int:
    return session.scalars(select(Category.id).where(Category.slug == slugify(name))).one()


def _quill_listings(session: Session, today: date) -> list[actions.Listing]:
    reason = "Partner agreement: storage and networking"
    campaign = actions.Listing(
        category_id=_category_id(session, "Docks"),
        starts_on=today - timedelta(days=7),
        ends_on=today + timedelta(days=60),
        reason="Dock campaign",
    )
    names = ("Storage", "Networking", "Services")
    return [
        *(actions.Listing(category_id=_category_id(session, name), reason=reason) for name in names),
        campaign,
    ]


def _visibility(
    session: Session,
    actor: Actor,
    company: Company,
    mode: str,
    listings: Sequence[actions.Listing],
    now: datetime,
) -> None:
    if company.visibility_mode == "all":
        actions.set_visibility(
            session,
            actor,
            company_id=company.id,
            version=company.version,
            mode=mode,
            listings=listings,
            now=now,
        )
