"""A list's question to the catalogue, and the conditions it puts on products."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, bindparam, false, select
from sqlalchemy.orm import Session, aliased

from app.core.errors import NotFound
from app.core.tenancy import read_rows
from app.core.texts import _
from app.domain.catalogue import search
from app.domain.catalogue.buyers import Buyer
from app.domain.catalogue.models import Attribute, Category, Product, ProductAttribute
from app.domain.catalogue.numbers import is_storable
from app.domain.catalogue.visibility import visible

SORTS = ("relevance", "name", "sku", "newest", "price")


@dataclass(frozen=True, slots=True)
class ProductQuery:
    """What is looked for: words, a category with its subtree, values of facets, brands, and the order.

    An unknown or empty sort is relevance for words and name otherwise. Ended products are shown to those
    who search by words, or ask for them.
    """

    text: str = ""
    category_slug: str | None = None
    #: Attribute code -> values as written, any of them.
    facets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    brands: tuple[str, ...] = ()
    sort: str = ""
    cursor: str | None = None
    show_ended: bool = False


@dataclass(frozen=True, slots=True)
class CategoryScope:
    """A category with its subtree and its ancestors."""

    id: int
    name: str
    slug: str
    subtree_ids: tuple[int, ...]
    ancestor_ids: tuple[int, ...]


_Root = aliased(Category)
_SCOPE = (
    select(Category.id, Category.name, Category.slug, Category.path)
    .join(_Root, Category.path.like(_Root.path.concat("%")))
    .where(_Root.slug == bindparam("slug"))
    .order_by(Category.path, Category.id)
)


def get_category_scope(session: Session, slug: str) -> CategoryScope:
    """:raises NotFound: no category has that slug."""
    rows = read_rows(session, _SCOPE, {"slug": slug}) if is_storable(slug) else []
    top = next((row for row in rows if row.slug == slug), None)
    if top is None:
        raise NotFound(_("There is no such category."))
    return scope_of_category(top, rows)


def scope_of_category(top: Any, below: Iterable[Any]) -> CategoryScope:
    """The scope of a category, with itself and those below it as they were read."""
    ancestors = tuple(int(part) for part in top.path.split("/") if part and int(part) != top.id)
    return CategoryScope(top.id, top.name, top.slug, tuple(row.id for row in below), ancestors)


class Conditions:
    """The conditions of a query by their subject, so that a facet can count without its own choice."""

    def __init__(
        self,
        session: Session,
        buyer: Buyer | None,
        query: ProductQuery,
        *,
        on: date,
        extra: ColumnElement[bool] | None = None,
        category: CategoryScope | None = None,
    ) -> None:
        self.session = session
        self.buyer = buyer
        self.words = search.parse_query(query.text)
        if category is None and query.category_slug:
            category = get_category_scope(session, query.category_slug)
        self.category = category
        self.parts: dict[str, ColumnElement[bool]] = {}
        if self.words:
            self.parts["text"] = search.matches(session, self.words, buyer)
        if self.category:
            self.parts["category"] = _in_category(self.category)
        if query.brands:
            self.parts["brand"] = Product.brand.in_(_storable(query.brands))
        for code, values in query.facets.items():
            if values:
                self.parts[f"facet:{code}"] = _has_value(code, values)
        if not self.words and not query.show_ended:
            self.parts["life_cycle"] = Product.life_cycle != "ended"
        if buyer is not None and buyer.visibility_mode != "all":
            self.parts["visible"] = visible(buyer, on)
        if extra is not None:
            self.parts["extra"] = extra

    def all(self, *, but: Iterable[str] = ()) -> list[ColumnElement[bool]]:
        """Every condition except those of the subjects in `but`."""
        left_out = set(but)
        return [condition for subject, condition in self.parts.items() if subject not in left_out]

    def walking(self) -> list[ColumnElement[bool]]:
        """The conditions for a long list in the order of a column.

        Offered a way to all rows of a category, SQLite, which knows no statistics here, takes it and
        sorts them: the sum leaves it the index that has the order. Words are the other way round.
        """
        parts = dict(self.parts)
        if self.words:
            parts["text"] = search.matches(self.session, self.words, self.buyer, all_at_once=True)
        elif self._is_wide():
            assert self.category is not None  # noqa: S101 - for the type checker
            parts["category"] = (Product.category_id + 0).in_(self.category.subtree_ids)
        return list(parts.values())

    def plain(self) -> tuple[bool, int | None] | None:
        """Whether ended products are shown, and the one category, of a list that asks for nothing else."""
        is_plain = not self.parts.keys() - {"category", "life_cycle"}
        if not is_plain or (self.category and len(self.category.subtree_ids) > 1):
            return None
        return "life_cycle" not in self.parts, self.category.id if self.category else None

    def walks_as_is(self) -> bool:
        """Whether a long list is read by the same conditions as a short one."""
        return not self.words and not self._is_wide()

    def _is_wide(self) -> bool:
        category = self.category
        return category is not None and len(category.subtree_ids) > 1 and search.is_sqlite(self.session)


def _in_category(category: CategoryScope) -> ColumnElement[bool]:
    if len(category.subtree_ids) == 1:
        return Product.category_id == category.id
    return Product.category_id.in_(category.subtree_ids)


def _storable(values: Iterable[str]) -> list[str]:
    return [value for value in values if is_storable(value)]


def _has_value(code: str, values: Iterable[str]) -> ColumnElement[bool]:
    wanted = _storable(values)
    if not wanted or not is_storable(code):
        return false()
    holders: Any = (
        select(ProductAttribute.product_id)
        .join(Attribute, Attribute.id == ProductAttribute.attribute_id)
        .where(Attribute.code == code, ProductAttribute.text_value.in_(wanted))
    )
    return Product.id.in_(holders)
