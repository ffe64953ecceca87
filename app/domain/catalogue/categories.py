"""The category tree and the attributes of its categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import Conflict, InvalidInput, NotFound
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.domain.catalogue.agreements import required_text
from app.domain.catalogue.models import Attribute, Category, Product, ProductAttribute
from app.domain.catalogue.naming import code_of, slugify

DATA_TYPES = ("text", "number", "boolean")
MAX_DEPTH = 8
MAX_ATTRIBUTES = 100


@dataclass(frozen=True, slots=True)
class AttributeData:
    """An attribute as a form gives it; `id` None is a new one."""

    id: int | None
    name: str
    data_type: str = "text"
    unit: str = ""
    is_facet: bool = True
    position: int = 0


def get_category(session: Session, category_id: int) -> Category:
    """:raises NotFound: no such category."""
    category = session.get(Category, category_id)
    if category is None:
        raise NotFound(_("There is no such category."))
    return category


def list_attributes(session: Session, category_id: int) -> Sequence[Attribute]:
    """The category's attributes in their order."""
    return session.scalars(
        select(Attribute)
        .where(Attribute.category_id == category_id)
        .order_by(Attribute.position, Attribute.id)
    ).all()


def count_products(session: Session) -> dict[int, int]:
    """How many products each category holds itself."""
    rows = session.execute(select(Product.category_id, func.count()).group_by(Product.category_id))
    return {row[0]: row[1] for row in rows}


@requires(Permission.CATALOGUE_MANAGE)
def save_category(
    session: Session,
    actor: Actor,
    *,
    category_id: int | None,
    name: str,
    parent_id: int | None,
    position: int = 0,
    now: datetime,
) -> Category:
    """Make a category or rename and move one; its address (slug) stays, and the subtree moves along.

    :raises InvalidInput: no name, or a parent that lies below it.
    """
    name = required_text(name, field="name", limit=120)
    parent = get_category(session, parent_id) if parent_id is not None else None
    category = get_category(session, category_id) if category_id is not None else None
    before = _values(category) if category is not None else None
    if category is None:
        category = Category(slug=_free_slug(session, name), name=name)
        session.add(category)
        session.flush()
        category.path = f"/{category.id}/"
    _check_place(session, category, parent)
    category.name, category.position = name, position
    category.parent_id = parent.id if parent is not None else None
    _move(session, category, f"{parent.path if parent is not None else '/'}{category.id}/")
    session.flush()
    after = _values(category)
    if before != after:
        audit.record(
            session,
            actor,
            "category.created" if before is None else "category.changed",
            subject_type="category",
            subject_id=category.id,
            before=before,
            after=after,
            now=now,
        )
    return category


def _values(category: Category) -> dict[str, Any]:
    return {"name": category.name, "parent_id": category.parent_id, "position": category.position}


def _free_slug(session: Session, name: str) -> str:
    slug = slugify(name)[:100]
    if not slug:
        raise InvalidInput(_("The name needs letters or digits of the Latin alphabet."), field="name")
    taken = set(session.scalars(select(Category.slug).where(Category.slug.startswith(slug, autoescape=True))))
    candidate, suffix = slug, 2
    while candidate in taken:
        candidate, suffix = f"{slug}-{suffix}", suffix + 1
    return candidate


def _check_place(session: Session, category: Category, parent: Category | None) -> None:
    if parent is None:
        return
    if parent.path.startswith(category.path):
        raise InvalidInput(_("A category cannot lie within itself. Choose another one."), field="parent_id")
    below = session.scalars(
        select(Category.path).where(Category.path.startswith(category.path, autoescape=True))
    ).all()
    deepest = max((path.count("/") - category.path.count("/") for path in below), default=0)
    if parent.path.count("/") + deepest > MAX_DEPTH:
        raise InvalidInput(_("Categories lie at most %(most)s deep.", most=MAX_DEPTH), field="parent_id")


def _move(session: Session, category: Category, path: str) -> None:
    old = category.path
    if old == path:
        return
    for one in session.scalars(select(Category).where(Category.path.startswith(old, autoescape=True))):
        one.path = path + one.path[len(old) :]
    category.path = path


@requires(Permission.CATALOGUE_MANAGE)
def save_attribute(
    session: Session, actor: Actor, *, category_id: int, data: AttributeData, now: datetime
) -> Attribute:
    """Make an attribute of a category or change one; its code stays, and so does the type once it is used.

    :raises Conflict: values of another type are stored, or the category has such an attribute.
    """
    get_category(session, category_id)
    name = required_text(data.name, field="name", limit=120)
    if data.data_type not in DATA_TYPES:
        raise InvalidInput(_("Choose text, number or yes/no."), field="data_type")
    unit = required_text(data.unit, field="unit", limit=20) if data.unit.strip() else None
    attribute = get_attribute(session, category_id, data.id) if data.id is not None else None
    before = _attribute_values(attribute) if attribute is not None else None
    if attribute is None:
        attribute = _new_attribute(session, category_id, name)
    elif attribute.data_type != data.data_type and _is_used(session, attribute.id):
        raise Conflict(
            _("Products have values of this attribute, so its type stays. Make a new attribute."),
            field="data_type",
        )
    attribute.name, attribute.data_type, attribute.unit = name, data.data_type, unit
    attribute.is_facet, attribute.position = data.is_facet, data.position
    session.flush()
    audit.record(
        session,
        actor,
        "attribute.created" if before is None else "attribute.changed",
        subject_type="category",
        subject_id=category_id,
        before=before,
        after=_attribute_values(attribute),
        now=now,
    )
    return attribute


def get_attribute(session: Session, category_id: int, attribute_id: int) -> Attribute:
    """:raises NotFound: the category has no such attribute."""
    attribute = session.get(Attribute, attribute_id)
    if attribute is None or attribute.category_id != category_id:
        raise NotFound(_("The category has no such attribute."))
    return attribute


def _new_attribute(session: Session, category_id: int, name: str) -> Attribute:
    known = {attribute.code for attribute in list_attributes(session, category_id)}
    code = code_of(name)
    if code in known:
        raise Conflict(_("The category has an attribute of that name."), field="name")
    if len(known) >= MAX_ATTRIBUTES:
        raise InvalidInput(
            _("A category has at most %(most)s attributes.", most=MAX_ATTRIBUTES), field="name"
        )
    attribute = Attribute(category_id=category_id, code=code)
    session.add(attribute)
    return attribute


def _is_used(session: Session, attribute_id: int) -> bool:
    statement = select(ProductAttribute.product_id).where(ProductAttribute.attribute_id == attribute_id)
    return session.execute(statement.limit(1)).first() is not None


def _attribute_values(attribute: Attribute) -> dict[str, Any]:
    return {
        "code": attribute.code,
        "name": attribute.name,
        "data_type": attribute.data_type,
        "unit": attribute.unit,
        "is_facet": attribute.is_facet,
        "position": attribute.position,
    }
