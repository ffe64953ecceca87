"""What an import of products changes, row by row: for the preview, the audit trail and for undoing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.core import audit
from app.core.imports.kinds import Change
from app.core.imports.undoing import changed_since, plain, take_back, used_ids
from app.core.permissions import Actor
from app.domain.catalogue import search
from app.domain.catalogue.import_store import (
    Known,
    NewProduct,
    Work,
    Written,
    read_by_id,
    update_products,
)
from app.domain.catalogue.import_tree import AttributeBook
from app.domain.catalogue.models import Attribute, Category, PriceRow, Product, ProductAttribute
from app.domain.catalogue.naming import humanise
from app.domain.catalogue.product_rows import CategoryRef

PRODUCT, PRICE = Product.__tablename__, PriceRow.__tablename__
CATEGORY, ATTRIBUTE = Category.__tablename__, Attribute.__tablename__


def changes_in(work: Work) -> list[Change]:
    """A batch's changes in the order in which they are written: products, then prices."""
    changes = [Change(one.row.sku or one.row.name, PRODUCT, None, _said(one)) for one in work.new]
    for known, changed in work.changed:
        before = {name: _plain(_old(known, name)) for name in changed}
        after = {name: _plain(value) for name, value in changed.items()}
        changes.append(Change(known.sku, PRODUCT, before, after, known.product_id))
    for price in work.prices:
        old = None if price.known.price is None else {"unit_price": plain(price.known.price)}
        new = {"unit_price": plain(price.price)}
        changes.append(Change(price.known.sku, PRICE, old, new, price.known.price_row_id))
    changes += [
        Change(one.row.sku or one.row.name, PRICE, None, {"unit_price": plain(one.price)})
        for one in work.new
        if one.price is not None
    ]
    return changes


def _said(new: NewProduct) -> dict[str, Any]:
    row = new.row
    said = {"name": row.name, "category": row.category.slug, "version": 1}
    said |= {name: plain(value) for name, value in row.fields.items()}
    return said | {f"={code}": value for code, value in row.attributes.items()}


def _old(known: Known, name: str) -> Any:
    if name.startswith("="):
        return known.attributes.get(name[1:])
    return known.category_slug if name == "category" else known.values.get(name)


def _plain(value: Any) -> Any:
    return value.slug if isinstance(value, CategoryRef) else plain(value)


def complete(changes: list[Change], work: Work, written: Written) -> None:
    """Fill the ids that storing brought to light, and put what was made on the way in front."""
    for change, (product_id, sku) in zip(changes, written.products, strict=False):
        change.row_id, change.subject = product_id, sku
    rest = changes[len(work.new) + len(work.changed) :]
    for change, price in zip(rest, work.prices, strict=False):
        if change.row_id is None:
            change.row_id = written.price_rows[price.known.product_id]
    priced = [made for one, made in zip(work.new, written.products, strict=True) if one.price is not None]
    for change, (product_id, sku) in zip(rest[len(work.prices) :], priced, strict=True):
        change.row_id, change.subject = written.price_rows[product_id], sku
    changes[:0] = [
        *(Change(one.name, CATEGORY, None, {"slug": one.slug}, one.id) for one in written.categories),
        *(Change(one.name, ATTRIBUTE, None, {"code": one.code}, one.id) for one in written.attributes),
    ]


def record(session: Session, actor: Actor, changes: Sequence[Change], *, run_id: int, now: datetime) -> None:
    """One audit row per batch names every product whose values changed; new ones are counted."""
    made = sum(change.table == PRODUCT and change.before is None for change in changes)
    new = {change.subject for change in changes if change.table == PRODUCT and change.before is None}
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for change in changes:
        if change.subject in new or change.table not in (PRODUCT, PRICE):
            continue
        before.setdefault(change.subject, {}).update(_named(change, change.before or {"unit_price": None}))
        after.setdefault(change.subject, {}).update(_named(change, change.after or {}))
    if after or made:
        audit.record(
            session,
            actor,
            "products.imported",
            subject_type="import_run",
            subject_id=run_id,
            now=now,
            before=before or None,
            after={**after, "created": made},
        )


def _named(change: Change, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"price": values["unit_price"]} if change.table == PRICE else dict(values)


# --- taking it back ---------------------------------------------------------------------------------


def take_products_back(session: Session, changes: Sequence[Change], *, now: datetime) -> None:
    """Undo a part of a run; categories and attributes that others use by now stay.

    :raises CannotUndo: a product or price was changed since, or is in use.
    """
    take_back(session, _table(PriceRow), [change for change in changes if change.table == PRICE])
    products = [change for change in changes if change.table == PRODUCT]
    _change_back(session, [change for change in products if change.before is not None], now)
    made = [change for change in products if change.before is None]
    ids = [change.row_id for change in made if change.row_id is not None]
    session.execute(delete(ProductAttribute).where(ProductAttribute.product_id.in_(ids)))
    search.remove(session, ids)
    take_back(session, _table(Product), made)
    for model in (Attribute, Category):
        for change in changes:
            if change.table == model.__tablename__ and change.row_id is not None:
                _remove_unused(session, model, change.row_id)


def _table(model: Any) -> Any:
    return model.__table__


def _change_back(session: Session, changes: Sequence[Change], now: datetime) -> None:
    known = read_by_id(session, [change.row_id for change in changes if change.row_id is not None])
    back: list[tuple[Known, dict[str, Any]]] = []
    for change in changes:
        present = known.get(change.row_id or 0)
        if present is None or any(
            _plain(_old(present, name)) != value for name, value in (change.after or {}).items()
        ):
            raise changed_since(change.subject)
        values = dict(change.before or {})
        if "category" in values:
            slug = str(values["category"])
            values["category"] = CategoryRef(slug, (humanise(slug),))
        back.append((present, values))
    update_products(session, AttributeBook(session), back, now)


def _remove_unused(session: Session, model: type[Attribute] | type[Category], row_id: int) -> None:
    if not used_ids(session, _table(model), [row_id]):
        session.execute(delete(model).where(model.id == row_id).execution_options(synchronize_session=False))
