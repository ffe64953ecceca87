"""What vendor staff do with a product: make it, change it, its attribute values, successor and life cycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import InvalidInput, NotFound, StaleEdit
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.domain.catalogue import search
from app.domain.catalogue.agreements import required_text
from app.domain.catalogue.errors import NumberTaken, QuantityRuleRefused
from app.domain.catalogue.models import Attribute, Category, Product, ProductAttribute
from app.domain.catalogue.naming import summarise
from app.domain.catalogue.numbers import code_key, is_storable, name_key, parse_gtin
from app.domain.catalogue.product_rows import KINDS, LENGTHS, LIFE_CYCLES, VALUE_LENGTH
from app.domain.catalogue.quantities import MAX_QUANTITY

LONGEST_WARRANTY = 600
#: A chain of successors longer than this is a mistake.
LONGEST_CHAIN = 50


@dataclass(frozen=True, slots=True)
class ProductData:
    """A product's own values as a form gives them; empty texts stand for nothing."""

    sku: str
    name: str
    category_id: int
    mpn: str = ""
    gtin: str = ""
    brand: str = ""
    kind: str = "hardware"
    life_cycle: str = "active"
    #: SKU of the product that follows this one.
    successor_sku: str = ""
    description: str = ""
    unit: str = "piece"
    min_quantity: int = 1
    multiple: int = 1
    max_quantity: int | None = None
    warranty_months: int | None = None
    is_backorderable: bool = True
    tax_class: str = "standard"


@requires(Permission.CATALOGUE_MANAGE)
def save_product(
    session: Session,
    actor: Actor,
    *,
    product_id: int | None,
    version: int | None,
    data: ProductData,
    attributes: Mapping[int, str],
    now: datetime,
) -> Product:
    """Make a product (`product_id` None) or change one; `attributes` holds its values by attribute id.

    Values of attributes that are not named stay; an empty one is taken away.
    :raises StaleEdit: it was changed since `version` was shown.
    :raises NumberTaken: the SKU is another product's.
    :raises InvalidInput: naming the field.
    """
    product = _locked(session, product_id, version) if product_id is not None else None
    values = _checked_values(session, product, data)
    if product is None:
        before: dict[str, Any] = {}
        product = Product(**values, created_at=now, updated_at=now)
        session.add(product)
        session.flush()
    else:
        before = {
            name: getattr(product, name) for name, value in values.items() if getattr(product, name) != value
        }
        for name in before:
            setattr(product, name, values[name])
        product.updated_at, product.version = now, product.version + 1
        session.flush()
    old_values, new_values = _save_attributes(session, product, attributes)
    product.summary = summary_of(session, product.id)
    search.index_products(session, [product.id])
    changed = {name: values[name] for name in (before if product_id is not None else values)}
    _record(
        session, actor, product, product_id is None, {**before, **old_values}, {**changed, **new_values}, now
    )
    return product


def _locked(session: Session, product_id: int, version: int | None) -> Product:
    product = session.execute(
        select(Product).where(Product.id == product_id).with_for_update()
    ).scalar_one_or_none()
    if product is None:
        raise NotFound(_("There is no product by that number."))
    if product.version != version:
        raise StaleEdit()
    return product


def _record(
    session: Session,
    actor: Actor,
    product: Product,
    is_new: bool,
    before: dict[str, Any],
    after: dict[str, Any],
    now: datetime,
) -> None:
    if not is_new and not before and not after:
        return
    audit.record(
        session,
        actor,
        "product.created" if is_new else "product.changed",
        subject_type="product",
        subject_id=product.id,
        before=None if is_new else before,
        after={"sku": product.sku, **after},
        now=now,
    )


# --- values -----------------------------------------------------------------------------------------


def _checked_values(session: Session, product: Product | None, data: ProductData) -> dict[str, Any]:
    own_id = product.id if product is not None else None
    sku = required_text(data.sku, field="sku", limit=LENGTHS["sku"])
    key = code_key(sku)
    if not key or len(key) > LENGTHS["sku"]:
        raise InvalidInput(_("The SKU needs letters or digits that can be read."), field="sku")
    _require_free_sku(session, key, own_id)
    mpn = _optional(data.mpn, "mpn")
    name = required_text(data.name, field="name", limit=LENGTHS["name"])
    if session.get(Category, data.category_id) is None:
        raise InvalidInput(_("Choose a category."), field="category_id")
    _check_words(data)
    check_quantities(data.min_quantity, data.multiple, data.max_quantity)
    return {
        "sku": sku,
        "sku_key": key,
        "name": name,
        "name_key": name_key(name),
        "category_id": data.category_id,
        "mpn": mpn,
        "mpn_key": code_key(mpn) if mpn else None,
        "gtin": parse_gtin(data.gtin) if data.gtin.strip() else None,
        "brand": _optional(data.brand, "brand"),
        "kind": data.kind,
        "life_cycle": data.life_cycle,
        "successor_id": _successor_id(session, data.successor_sku, own_id, key),
        "description": _description(data.description),
        "unit": required_text(data.unit, field="unit", limit=LENGTHS["unit"]),
        "min_quantity": data.min_quantity,
        "multiple": data.multiple,
        "max_quantity": data.max_quantity,
        "warranty_months": _warranty(data.warranty_months),
        "is_backorderable": data.is_backorderable,
        "tax_class": required_text(data.tax_class, field="tax_class", limit=20),
    }


def _require_free_sku(session: Session, key: str, own_id: int | None) -> None:
    taken = session.execute(select(Product.id, Product.name).where(Product.sku_key == key)).one_or_none()
    if taken is not None and taken.id != own_id:
        raise NumberTaken(_("This SKU belongs to %(name)s already.", name=taken.name), field="sku")


def _optional(text: str, field: str) -> str | None:
    return required_text(text, field=field, limit=LENGTHS[field]) if text.strip() else None


def _description(text: str) -> str:
    plain = text.strip().replace("\r\n", "\n")
    if len(plain) > LENGTHS["description"] or not is_storable(plain.replace("\n", " ").replace("\t", " ")):
        raise InvalidInput(
            _("Use at most %(limit)s characters, without control characters.", limit=LENGTHS["description"]),
            field="description",
        )
    return plain


def _warranty(months: int | None) -> int | None:
    if months is not None and not 0 <= months <= LONGEST_WARRANTY:
        raise InvalidInput(
            _("A warranty has 0 to %(most)s months.", most=LONGEST_WARRANTY), field="warranty_months"
        )
    return months


def _check_words(data: ProductData) -> None:
    if data.kind not in KINDS:
        raise InvalidInput(_("Choose a kind from the list."), field="kind")
    if data.life_cycle not in LIFE_CYCLES:
        raise InvalidInput(_("Choose a state of the life cycle from the list."), field="life_cycle")


def check_quantities(minimum: int, multiple: int, maximum: int | None) -> None:
    """Minimum and maximum are multiples of `multiple`; 12 in sixes up to 60 is right, 10 in sixes is not.

    :raises QuantityRuleRefused: naming the field.
    """
    if not 1 <= minimum <= MAX_QUANTITY:
        raise QuantityRuleRefused(_quantity_range(), field="min_quantity")
    if not 1 <= multiple <= MAX_QUANTITY:
        raise QuantityRuleRefused(_quantity_range(), field="multiple")
    if minimum % multiple:
        raise QuantityRuleRefused(
            _("The minimum must be a multiple of %(multiple)s.", multiple=multiple), field="min_quantity"
        )
    if maximum is None:
        return
    if not minimum <= maximum <= MAX_QUANTITY:
        raise QuantityRuleRefused(_("The maximum must be at least the minimum."), field="max_quantity")
    if maximum % multiple:
        raise QuantityRuleRefused(
            _("The maximum must be a multiple of %(multiple)s.", multiple=multiple), field="max_quantity"
        )


def _quantity_range() -> str:
    return _("Enter a whole number from 1 to %(most)s.", most=MAX_QUANTITY)


def _successor_id(session: Session, sku: str, own_id: int | None, own_key: str) -> int | None:
    key = code_key(sku)
    if not key:
        return None
    if key == own_key:
        raise InvalidInput(_("A product cannot be its own successor."), field="successor_sku")
    found = session.execute(
        select(Product.id, Product.successor_id).where(Product.sku_key == key)
    ).one_or_none()
    if found is None:
        raise InvalidInput(
            _("There is no product with the SKU %(sku)s.", sku=sku.strip()), field="successor_sku"
        )
    _check_chain(session, found.id, found.successor_id, own_id)
    return int(found.id)


def _check_chain(session: Session, first_id: int, next_id: int | None, own_id: int | None) -> None:
    seen = {own_id, first_id}
    while next_id is not None:
        if next_id in seen or len(seen) > LONGEST_CHAIN:
            raise InvalidInput(
                _("These successors go round in a circle. Choose another one."), field="successor_sku"
            )
        seen.add(next_id)
        next_id = session.scalar(select(Product.successor_id).where(Product.id == next_id))


# --- attribute values -------------------------------------------------------------------------------


def _save_attributes(
    session: Session, product: Product, given: Mapping[int, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Store the values; gives what changed, before and after, by the attributes' codes."""
    known = {
        attribute.id: attribute
        for attribute in session.scalars(
            select(Attribute).where(Attribute.category_id == product.category_id)
        )
    }
    stored = {
        row.attribute_id: row
        for row in session.scalars(select(ProductAttribute).where(ProductAttribute.product_id == product.id))
    }
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for attribute_id in list(stored):
        if attribute_id not in known:
            # Of the category it was in before.
            session.delete(stored.pop(attribute_id))
    for attribute_id, text in given.items():
        attribute = known.get(attribute_id)
        if attribute is None:
            continue
        value, number = attribute_value(attribute, text)
        present = stored.get(attribute_id)
        if value == (present.text_value if present is not None else ""):
            continue
        name = f"={attribute.code}"
        before[name], after[name] = (present.text_value if present is not None else None), value or None
        _put_value(session, product.id, attribute_id, present, value, number)
    session.flush()
    return before, after


def _put_value(
    session: Session,
    product_id: int,
    attribute_id: int,
    present: ProductAttribute | None,
    value: str,
    number: float | None,
) -> None:
    if not value:
        if present is not None:
            session.delete(present)
    elif present is None:
        session.add(
            ProductAttribute(
                product_id=product_id, attribute_id=attribute_id, text_value=value, number_value=number
            )
        )
    else:
        present.text_value, present.number_value = value, number


def attribute_value(attribute: Attribute, text: str) -> tuple[str, float | None]:
    """A value as it is kept, with its number where the attribute has numbers.

    :raises InvalidInput: not of the attribute's type; the field is named `attribute_<id>`.
    """
    field = f"attribute_{attribute.id}"
    value = text.strip()
    if not value:
        return "", None
    value = required_text(value, field=field, limit=VALUE_LENGTH)
    if attribute.data_type == "boolean":
        if value not in ("true", "false"):
            raise InvalidInput(_("Choose yes or no."), field=field)
        return value, None
    if attribute.data_type != "number":
        return value, None
    try:
        number = float(value) if value.isascii() and "_" not in value else float("nan")
    except ValueError:
        number = float("nan")
    if not abs(number) < 1e15 or "e" in value.lower():
        raise InvalidInput(_("Enter a number such as 2.5, with a point and digits only."), field=field)
    return value, number


def summary_of(session: Session, product_id: int) -> str:
    """The product's line for lists, from its stored values."""
    rows = session.execute(
        select(Attribute.name, ProductAttribute.text_value, Attribute.unit)
        .join(ProductAttribute, ProductAttribute.attribute_id == Attribute.id)
        .where(ProductAttribute.product_id == product_id)
        .order_by(Attribute.position, Attribute.id)
    )
    return summarise((row[0], row[1], row[2]) for row in rows)
