"""Categories and attributes that an import finds or makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from app.core.imports.tables import DISTINCT_LIMIT, ColumnFacts, is_number
from app.domain.catalogue.models import Attribute, Category, Product, ProductAttribute
from app.domain.catalogue.naming import code_of, humanise, slugify, summarise
from app.domain.catalogue.product_rows import CategoryRef


def ensure_categories(
    session: Session, wanted: Iterable[CategoryRef], made: list[Category] | None = None
) -> dict[str, int]:
    """Ids of the categories by slug; missing ones are made, with those on the way, and added to `made`."""
    refs = {ref.slug: ref for ref in wanted}
    rows = session.execute(select(Category.slug, Category.id).where(Category.slug.in_(refs)))
    found = {row.slug: row.id for row in rows}
    for slug, ref in refs.items():
        if slug not in found:
            found[slug] = _make_branch(session, ref, made if made is not None else [])
    return found


def _make_branch(session: Session, ref: CategoryRef, made: list[Category]) -> int:
    parent: Category | None = None
    for depth, name in enumerate(ref.names, start=1):
        is_leaf = depth == len(ref.names)
        slug = ref.slug if is_leaf else slugify(" ".join(ref.names[:depth]))
        category = session.scalars(select(Category).where(Category.slug == slug)).one_or_none()
        if category is None:
            category = Category(name=name, slug=slug, parent_id=parent.id if parent else None)
            session.add(category)
            session.flush()
            category.path = f"{parent.path if parent else '/'}{category.id}/"
            made.append(category)
        parent = category
    session.flush()
    if parent is None:
        raise ValueError("a category has at least one name")
    return parent.id


class AttributeBook:
    """Attributes by category and code for one batch; new ones are typed by the file's values."""

    def __init__(self, session: Session, columns: Sequence[ColumnFacts] = ()) -> None:
        self._session = session
        self._facts = {code_of(facts.header): facts for facts in columns}
        self.made: list[Attribute] = []
        self._known: dict[int, dict[str, Attribute]] = {}

    def load(self, codes_by_category: Mapping[int, Sequence[str]]) -> None:
        """Find the attributes of the categories, and make those that are missing."""
        rows = self._session.scalars(
            select(Attribute)
            .where(Attribute.category_id.in_(codes_by_category))
            .order_by(Attribute.position, Attribute.id)
        )
        known: dict[int, dict[str, Attribute]] = {key: {} for key in codes_by_category}
        for attribute in rows:
            known[attribute.category_id][attribute.code] = attribute
        made = [
            self._make(category_id, code)
            for category_id, codes in codes_by_category.items()
            for code in codes
            if code not in known[category_id]
        ]
        if made:
            self._session.add_all(made)
            self._session.flush()
            self.made += made
            for attribute in made:
                known[attribute.category_id][attribute.code] = attribute
        for category_id, attributes in known.items():
            self._known.setdefault(category_id, {}).update(attributes)

    def _make(self, category_id: int, code: str) -> Attribute:
        facts = self._facts.get(code)
        looks = facts.looks if facts is not None else "text"
        return Attribute(
            category_id=category_id,
            code=code,
            name=humanise(code),
            data_type=looks if looks in ("number", "boolean") else "text",
            is_facet=facts is None or _is_facet(facts),
            position=list(self._facts).index(code) if facts is not None else len(self._facts),
        )

    def values(
        self, product_id: int, category_id: int, attributes: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """Rows of a product's values."""
        known = self._known[category_id]
        return [
            {
                "product_id": product_id,
                "attribute_id": known[code].id,
                "text_value": value,
                "number_value": float(value)
                if known[code].data_type == "number" and is_number(value)
                else None,
            }
            for code, value in attributes.items()
        ]

    def summary(self, category_id: int, attributes: Mapping[str, str]) -> str:
        """The product's line for lists."""
        known = self._known[category_id]
        ordered = sorted((known[code].position, known[code].id, code) for code in attributes)
        return summarise((known[code].name, attributes[code], known[code].unit) for _p, _i, code in ordered)

    def replace(
        self, product_id: int, category_id: int | None, attributes: Mapping[str, str] | None
    ) -> str | None:
        """Store a product's values anew and return its line for lists; None where none were given."""
        if attributes is None:
            return None
        if category_id is None:
            statement = select(Product.category_id).where(Product.id == product_id)
            category_id = self._session.execute(statement).scalar_one()
        self.load({category_id: list(attributes)})
        self._session.execute(
            delete(ProductAttribute)
            .where(ProductAttribute.product_id == product_id)
            .execution_options(synchronize_session=False)
        )
        rows = self.values(product_id, category_id, attributes)
        if rows:
            self._session.connection().execute(insert(ProductAttribute), rows)
        return self.summary(category_id, attributes)


def _is_facet(facts: ColumnFacts) -> bool:
    """Columns with more values than anybody picks from are no facets."""
    return facts.distinct is not None and facts.distinct <= DISTINCT_LIMIT
