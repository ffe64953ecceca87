"""Facets: how many products each brand and attribute value would leave, read after the rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.core.pages import COUNT_LIMIT
from app.core.texts import _
from app.domain.catalogue.buyers import Buyer
from app.domain.catalogue.filters import CategoryScope, Conditions, ProductQuery
from app.domain.catalogue.models import Attribute, Product, ProductAttribute

BRAND = "brand"
TOP_VALUES = 12
_NUMBER = re.compile(r"\s*([+-]?[0-9]+(?:\.[0-9]+)?)")


@dataclass(frozen=True, slots=True)
class Counted:
    """Products with a value, and the measure stored with it."""

    count: int
    number: float | None = None


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value; `count` goes up to 1,001, which stands for "1,000+"."""

    value: str
    count: int
    is_chosen: bool

    @property
    def is_exact(self) -> bool:
        return self.count <= COUNT_LIMIT


@dataclass(frozen=True, slots=True)
class FacetGroup:
    """A brand or attribute with its most frequent values and every chosen one."""

    code: str
    name: str
    unit: str | None
    values: tuple[FacetValue, ...]
    #: Further values that are not shown.
    hidden: int


def facet_counts(
    session: Session,
    buyer: Buyer | None,
    query: ProductQuery,
    *,
    on: date,
    extra: ColumnElement[bool] | None = None,
    top: int = TOP_VALUES,
) -> list[FacetGroup]:
    """Brand first, then the category's attributes by their position; groups without a value are left out.

    A group counts what the other groups, the words and the visibility leave; its own choice does not
    narrow it. Without a category there are no attributes.
    """
    conditions = Conditions(session, buyer, query, on=on, extra=extra)
    groups = [_group(BRAND, _("Brand"), None, _brand_counts(session, conditions), query.brands, top)]
    if conditions.category:
        attributes = _attributes(session, conditions.category)
        counts = _attribute_counts(session, conditions, attributes, query)
        groups += [
            _group(code, found[0].name, found[0].unit, counts.get(code, {}), query.facets.get(code, ()), top)
            for code, found in attributes.items()
        ]
    return [group for group in groups if group.values]


def _attributes(session: Session, category: CategoryScope) -> dict[str, list[Any]]:
    """Facet attributes of the subtree and its ancestors, by code; a code may stand in several categories."""
    rows = session.execute(
        select(Attribute.id, Attribute.code, Attribute.name, Attribute.unit)
        .where(
            Attribute.category_id.in_((*category.ancestor_ids, *category.subtree_ids)),
            Attribute.is_facet,
        )
        .order_by(Attribute.position, Attribute.name, Attribute.id)
    )
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row.code, []).append(row)
    return found


def _brand_counts(session: Session, conditions: Conditions) -> dict[str, Counted]:
    rows = session.execute(
        select(Product.brand, func.count())
        .where(Product.brand.is_not(None), *conditions.all(but=["brand"]))
        .group_by(Product.brand)
    )
    return {brand: Counted(count) for brand, count in rows if brand}


def _attribute_counts(
    session: Session, conditions: Conditions, attributes: dict[str, list[Any]], query: ProductQuery
) -> dict[str, dict[str, Counted]]:
    """One statement for all groups without a choice, one for each with."""
    chosen = [code for code in attributes if query.facets.get(code)]
    free = [code for code in attributes if code not in chosen]
    counts: dict[str, dict[str, Counted]] = {}
    for codes in ([free] if free else []) + [[code] for code in chosen]:
        code_of = {row.id: code for code in codes for row in attributes[code]}
        left_out = [f"facet:{code}" for code in codes]
        rows = session.execute(
            select(
                ProductAttribute.attribute_id,
                ProductAttribute.text_value,
                func.count(),
                func.min(ProductAttribute.number_value),
            )
            .join(Product, Product.id == ProductAttribute.product_id)
            .where(ProductAttribute.attribute_id.in_(list(code_of)), *conditions.all(but=left_out))
            .group_by(ProductAttribute.attribute_id, ProductAttribute.text_value)
        )
        for attribute_id, value, count, number in rows:
            of_code = counts.setdefault(code_of[attribute_id], {})
            before = of_code[value].count if value in of_code else 0
            of_code[value] = Counted(before + count, number)
    return counts


def _group(
    code: str, name: str, unit: str | None, counts: dict[str, Counted], chosen: Iterable[str], top: int
) -> FacetGroup:
    picked = set(chosen)
    frequent = sorted(counts, key=lambda value: (-counts[value].count, value))[:top]
    none = Counted(0)
    shown = sort_values({value: counts.get(value, none).number for value in {*frequent, *picked}})
    return FacetGroup(
        code,
        name,
        unit,
        tuple(
            FacetValue(value, min(counts.get(value, none).count, COUNT_LIMIT + 1), value in picked)
            for value in shown
        ),
        hidden=len(set(counts) - set(shown)),
    )


def sort_values(numbers: Mapping[str, float | None]) -> list[str]:
    """Values by the number stored with them or the one they begin with (`512 GB`); else by their text.

    Numbers only count where every value has one.
    """
    known = {value: _number_of(value) if stored is None else stored for value, stored in numbers.items()}
    if None in known.values():
        return sorted(known, key=lambda value: (value.casefold(), value))
    return sorted(known, key=lambda value: (known[value] or 0.0, value))


def _number_of(value: str) -> float | None:
    match = _NUMBER.match(value)
    return float(match.group(1)) if match else None
