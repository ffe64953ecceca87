"""What an import of products reads and writes: a few statements a batch, whatever its number of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from app.core.imports.kinds import FilePlan
from app.core.imports.verdicts import Verdict, rejected
from app.core.texts import _
from app.domain.catalogue import search
from app.domain.catalogue.import_tree import AttributeBook, ensure_categories
from app.domain.catalogue.list_prices import ensure_list_agreement, find_list_agreement_id
from app.domain.catalogue.models import Attribute, Category, PriceRow, Product, ProductAttribute
from app.domain.catalogue.naming import LONGEST_HASH, SHORTEST_HASH, sku_from
from app.domain.catalogue.numbers import code_key, name_key
from app.domain.catalogue.product_rows import ProductRow

#: Columns of a product that a file may carry.
_COLUMNS = (
    *("name", "mpn", "gtin", "brand", "description", "kind", "life_cycle", "unit"),
    *("min_quantity", "multiple", "max_quantity", "warranty_months", "is_backorderable"),
)
_SEARCHED = frozenset({"name", "brand", "mpn", "gtin"})


@dataclass(frozen=True, slots=True)
class Known:
    """A stored product; `values` and `attributes` are read only where the file may change them."""

    product_id: int
    sku: str
    price: Decimal | None
    price_row_id: int | None
    category_slug: str
    values: Mapping[str, Any]
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NewProduct:
    """A product to be made; `price` is the first one its rows of the batch gave."""

    key: str
    row: ProductRow
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class NewPrice:
    """A list price that differs from the stored one."""

    known: Known
    price: Decimal


@dataclass(slots=True)
class Work:
    """What a batch writes."""

    new: list[NewProduct] = field(default_factory=list)
    changed: list[tuple[Known, dict[str, Any]]] = field(default_factory=list)
    prices: list[NewPrice] = field(default_factory=list)


# --- reading ----------------------------------------------------------------------------------------


def load_known(session: Session, rows: Sequence[ProductRow], *, currency: str) -> dict[str, Known]:
    """The stored products of the rows by key, each with its list price for one piece."""
    identities = {row.identity for row in rows if row.identity is not None}
    sku_keys = {code_key(row.sku) for row in rows if row.sku is not None}
    known: dict[str, Known] = {}
    if identities:
        has_fields = any(row.fields for row in rows)
        found = _read(session, Product.identity.in_(identities), has_fields)
        prices = _read_prices(session, [row.id for row in found], currency)
        for row in found:
            known[row.identity] = _known(row, has_fields, prices, {})
    if sku_keys:
        found = _read(session, Product.sku_key.in_(sku_keys), True)
        ids = [row.id for row in found]
        prices, attributes = _read_prices(session, ids, currency), _read_attributes(session, ids)
        for row in found:
            known[f"sku:{row.sku_key}"] = _known(row, True, prices, attributes.get(row.id, {}))
    return known


def read_by_id(session: Session, product_ids: Sequence[int]) -> dict[int, Known]:
    """Stored products with everything a file may change but the price."""
    attributes = _read_attributes(session, product_ids)
    found = _read(session, Product.id.in_(product_ids), True)
    return {row.id: _known(row, True, {}, attributes.get(row.id, {})) for row in found}


def _read(session: Session, which: Any, has_fields: bool) -> Sequence[Any]:
    columns: list[Any] = [Product.id, Product.identity, Product.sku, Product.sku_key]
    if not has_fields:
        return session.execute(select(*columns).where(which)).all()
    columns += [Category.slug, *(getattr(Product, name) for name in _COLUMNS)]
    statement = select(*columns).join(Category, Category.id == Product.category_id).where(which)
    return session.execute(statement).all()


def _read_prices(session: Session, product_ids: Sequence[int], currency: str) -> dict[int, Any]:
    # Not joined to the products: without fresh statistics PostgreSQL walks the whole agreement for each.
    agreement_id = find_list_agreement_id(session, currency) if product_ids else None
    if agreement_id is None:
        return {}
    rows = session.execute(
        select(PriceRow.product_id, PriceRow.id, PriceRow.unit_price).where(
            PriceRow.product_id.in_(product_ids),
            PriceRow.agreement_id == agreement_id,
            PriceRow.min_quantity == 1,
        )
    )
    return {row.product_id: row for row in rows}


def _known(row: Any, has_fields: bool, prices: Mapping[int, Any], attributes: Mapping[str, str]) -> Known:
    price = prices.get(row.id)
    return Known(
        product_id=row.id,
        sku=row.sku,
        price=price.unit_price if price is not None else None,
        price_row_id=price.id if price is not None else None,
        category_slug=row.slug if has_fields else "",
        values={name: getattr(row, name) for name in _COLUMNS} if has_fields else {},
        attributes=attributes,
    )


def _read_attributes(session: Session, product_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    rows = session.execute(
        select(ProductAttribute.product_id, Attribute.code, ProductAttribute.text_value)
        .join(Attribute, Attribute.id == ProductAttribute.attribute_id)
        .where(ProductAttribute.product_id.in_(product_ids))
    )
    for product_id, code, value in rows:
        found.setdefault(product_id, {})[code] = value
    return found


def changes_of(row: ProductRow, known: Known) -> dict[str, Any]:
    """What the row would change, by column or attribute (`=color`); what it leaves empty stays."""
    changes = {name: value for name, value in row.fields.items() if known.values.get(name) != value}
    if row.sku is None:
        return changes
    if row.name != known.values["name"]:
        changes["name"] = row.name
    if row.names_category and row.category.slug != known.category_slug:
        changes["category"] = row.category
    for code, value in row.attributes.items():
        if known.attributes.get(code) != value:
            changes[f"={code}"] = value
    return changes


def quantity_refusal(row: ProductRow, known: Known | None) -> Verdict | None:
    """Whether minimum, multiple and maximum, as they would be stored, contradict each other."""
    values = {**(known.values if known else {}), **row.fields}
    minimum, multiple = values.get("min_quantity") or 1, values.get("multiple") or 1
    maximum = values.get("max_quantity")
    fits = minimum % multiple == 0 and (maximum is None or (maximum >= minimum and maximum % multiple == 0))
    if fits:
        return None
    return rejected(
        "bad_quantity_rule",
        _(
            "Minimum %(minimum)s and maximum %(maximum)s must be multiples of %(multiple)s, and the maximum "
            "at least the minimum.",
            minimum=minimum,
            maximum="–" if maximum is None else maximum,
            multiple=multiple,
        ),
    )


# --- writing ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Written:
    """What a batch made: ids of new products in their order with their SKUs, and of new prices by product."""

    products: list[tuple[int, str]] = field(default_factory=list)
    price_rows: dict[int, int] = field(default_factory=dict)
    categories: list[Category] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)


def store(session: Session, plan: FilePlan, work: Work, *, run_id: int, now: datetime) -> Written:
    """Write a batch: categories and attributes as needed, products, prices, search rows."""
    book = AttributeBook(session, plan.survey.columns)
    written = Written()
    price_rows: list[dict[str, Any]] = []
    if work.new:
        written.products = _insert_products(session, book, work.new, price_rows, written.categories, now)
    if work.changed:
        update_products(session, book, work.changed, now, written.categories)
    added = [change for change in work.prices if change.known.price_row_id is None]
    price_rows += [{"product_id": one.known.product_id, "unit_price": one.price} for one in added]
    if price_rows:
        agreement_id = ensure_list_agreement(session, str(plan.options["currency"]), now=now)
        for row in price_rows:
            row |= {"agreement_id": agreement_id, "min_quantity": 1, "import_run_id": run_id}
        statement = insert(PriceRow).returning(PriceRow.product_id, PriceRow.id)
        written.price_rows = {row[0]: row[1] for row in session.connection().execute(statement, price_rows)}
    _update_prices(session, [one for one in work.prices if one.known.price_row_id is not None], run_id)
    written.attributes = book.made
    return written


def _insert_products(
    session: Session,
    book: AttributeBook,
    new: Sequence[NewProduct],
    price_rows: list[dict[str, Any]],
    made: list[Category],
    now: datetime,
) -> list[tuple[int, str]]:
    categories = ensure_categories(session, [one.row.category for one in new], made)
    book.load(_codes_by(new, categories))
    skus = _skus_for(session, new)
    values = []
    for one, sku in zip(new, skus, strict=True):
        row = one.row
        category_id = categories[row.category.slug]
        values.append(
            {
                **_DEFAULTS,
                **row.fields,
                "sku": sku,
                "sku_key": code_key(sku),
                "mpn_key": code_key(row.fields["mpn"]) if "mpn" in row.fields else None,
                "name": row.name,
                "name_key": name_key(row.name),
                "category_id": category_id,
                "summary": book.summary(category_id, row.attributes),
                "identity": row.identity,
                "created_at": now,
                "updated_at": now,
            }
        )
    ids = _insert_returning(session, values)
    attributes = []
    texts = []
    for one, value in zip(new, values, strict=True):
        product_id = ids[value["sku_key"]]
        attributes += book.values(product_id, value["category_id"], one.row.attributes)
        codes = [value["sku"], value["mpn"], value["gtin"]]
        texts.append((product_id, search.search_text(name=value["name"], brand=value["brand"], codes=codes)))
        if one.price is not None:
            price_rows.append({"product_id": product_id, "unit_price": one.price})
    if attributes:
        session.connection().execute(insert(ProductAttribute), attributes)
    search.store_texts(session, texts)
    return [(ids[value["sku_key"]], value["sku"]) for value in values]


_DEFAULTS: dict[str, Any] = {
    "mpn": None,
    "gtin": None,
    "brand": None,
    "kind": "hardware",
    "life_cycle": "active",
    "description": "",
    "unit": "piece",
    "min_quantity": 1,
    "multiple": 1,
    "max_quantity": None,
    "warranty_months": None,
    "is_backorderable": True,
    "tax_class": "standard",
    "version": 1,
}


def _codes_by(new: Sequence[NewProduct], categories: Mapping[str, int]) -> dict[int, list[str]]:
    found: dict[int, dict[str, None]] = {}
    for one in new:
        found.setdefault(categories[one.row.category.slug], {}).update(dict.fromkeys(one.row.attributes))
    return {category_id: list(codes) for category_id, codes in found.items()}


def _insert_returning(session: Session, values: Sequence[dict[str, Any]]) -> dict[str, int]:
    statement = insert(Product).returning(Product.sku_key, Product.id)
    return {row[0]: row[1] for row in session.connection().execute(statement, list(values))}


def _skus_for(session: Session, new: Sequence[NewProduct]) -> list[str]:
    """The file's SKU, or the one made from the identity: longer where the short one is taken already."""
    skus = [one.row.sku or sku_from(one.row.category.slug, one.row.identity or "0") for one in new]
    for length in range(SHORTEST_HASH + 2, LONGEST_HASH + 1, 2):
        made = [sku for one, sku in zip(new, skus, strict=True) if one.row.sku is None]
        if not made:
            break
        taken = set(session.scalars(select(Product.sku_key).where(Product.sku_key.in_(made))))
        seen: set[str] = {code_key(one.row.sku) for one in new if one.row.sku is not None}
        clashes = []
        for place, one in enumerate(new):
            key = code_key(skus[place])
            if one.row.sku is None and (key in taken or key in seen):
                clashes.append(place)
            seen.add(key)
        if not clashes:
            break
        for place in clashes:
            row = new[place].row
            skus[place] = sku_from(row.category.slug, row.identity or "0", length=length)
    return skus


def update_products(
    session: Session,
    book: AttributeBook,
    changed: Sequence[tuple[Known, Mapping[str, Any]]],
    now: datetime,
    made: list[Category] | None = None,
) -> None:
    """Write products' changed columns and attributes; a value None takes an attribute away."""
    refs = [changes["category"] for _known, changes in changed if "category" in changes]
    moved = ensure_categories(session, refs, made) if refs else {}
    searched = []
    for known, changes in changed:
        columns = {name: value for name, value in changes.items() if name in _COLUMNS}
        if "name" in columns:
            columns["name_key"] = name_key(columns["name"])
        if "mpn" in columns:
            columns["mpn_key"] = code_key(columns["mpn"]) if columns["mpn"] else None
        if "category" in changes:
            columns["category_id"] = moved[changes["category"].slug]
        summary = book.replace(known.product_id, columns.get("category_id"), _attributes_of(known, changes))
        if summary is not None:
            columns["summary"] = summary
        session.execute(
            update(Product)
            .where(Product.id == known.product_id)
            .values(**columns, updated_at=now, version=Product.version + 1)
            .execution_options(synchronize_session=False)
        )
        if _SEARCHED & columns.keys():
            searched.append(known.product_id)
    if searched:
        search.index_products(session, searched)


def _attributes_of(known: Known, changes: Mapping[str, Any]) -> dict[str, str] | None:
    """All attributes as they will be, or None where none changes."""
    given = {name[1:]: value for name, value in changes.items() if name.startswith("=")}
    if not given and "category" not in changes:
        return None
    return {code: value for code, value in {**known.attributes, **given}.items() if value is not None}


def _update_prices(session: Session, prices: Sequence[NewPrice], run_id: int) -> None:
    if not prices:
        return
    statement = update(PriceRow).where(PriceRow.id == bindparam("row_id"))
    session.connection().execute(
        statement.values(unit_price=bindparam("price"), import_run_id=run_id),
        [{"row_id": one.known.price_row_id, "price": one.price} for one in prices],
    )
