"""What hangs on a product: parts of a bundle, pictures and datasheets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import InvalidInput, NotFound
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.core.uploads import safe_filename
from app.domain.catalogue.buyers import Buyer
from app.domain.catalogue.models import BundlePart, Product, ProductMedia
from app.domain.catalogue.numbers import code_key
from app.domain.catalogue.quantities import MAX_QUANTITY
from app.domain.catalogue.visibility import visible

MAX_PARTS = 100
MAX_MEDIA = 30
MEDIA_KINDS = ("image", "datasheet")


@dataclass(frozen=True, slots=True)
class PartData:
    """A part by its SKU, how many of it, and whether the bundle is nothing without it."""

    sku: str
    quantity: int
    is_required: bool = True


@requires(Permission.CATALOGUE_MANAGE)
def set_bundle_parts(
    session: Session, actor: Actor, *, bundle_id: int, parts: Sequence[PartData], now: datetime
) -> None:
    """Replace the parts of a bundle.

    :raises InvalidInput: the product is no bundle, a part is unknown, repeated, or a bundle itself.
    """
    bundle = session.execute(
        select(Product).where(Product.id == bundle_id).with_for_update()
    ).scalar_one_or_none()
    if bundle is None:
        raise NotFound(_("There is no product by that number."))
    if bundle.kind != "bundle" and parts:
        raise InvalidInput(_("Only a product of the kind bundle has parts."), field="parts")
    rows = _checked_parts(session, bundle, parts)
    before = _parts_of(session, bundle_id)
    session.execute(
        delete(BundlePart)
        .where(BundlePart.bundle_id == bundle_id)
        .execution_options(synchronize_session=False)
    )
    session.add_all(BundlePart(**row) for row in rows)
    session.flush()
    after = _parts_of(session, bundle_id)
    if before != after:
        _record(session, actor, "bundle.set", bundle_id, {"parts": before}, {"parts": after}, now)


def _checked_parts(session: Session, bundle: Product, parts: Sequence[PartData]) -> list[dict[str, Any]]:
    if len(parts) > MAX_PARTS:
        raise InvalidInput(_("A bundle has at most %(most)s parts.", most=MAX_PARTS), field="parts")
    keys = [code_key(part.sku) for part in parts]
    known = {
        row.sku_key: row
        for row in session.execute(
            select(Product.id, Product.sku_key, Product.kind).where(Product.sku_key.in_(keys))
        )
    }
    rows: list[dict[str, Any]] = []
    for position, (part, key) in enumerate(zip(parts, keys, strict=True)):
        found = known.get(key)
        if found is None:
            raise InvalidInput(_("There is no product with the SKU %(sku)s.", sku=part.sku), field="parts")
        if found.id == bundle.id or found.kind == "bundle":
            raise InvalidInput(_("%(sku)s is a bundle; a part must not be one.", sku=part.sku), field="parts")
        if keys.index(key) != position:
            raise InvalidInput(_("%(sku)s stands in the list twice.", sku=part.sku), field="parts")
        if not 1 <= part.quantity <= MAX_QUANTITY:
            raise InvalidInput(
                _("Enter a quantity from 1 to %(most)s for %(sku)s.", most=MAX_QUANTITY, sku=part.sku),
                field="parts",
            )
        rows.append(
            {
                "bundle_id": bundle.id,
                "part_id": found.id,
                "quantity": part.quantity,
                "is_required": part.is_required,
                "position": position,
            }
        )
    return rows


def _parts_of(session: Session, bundle_id: int) -> list[dict[str, Any]]:
    return [
        {"sku": row.sku, "quantity": row.quantity, "is_required": row.is_required}
        for row in list_bundle_parts(session, bundle_id)
    ]


def list_bundle_parts(session: Session, bundle_id: int) -> Sequence[Any]:
    """Parts in their order: sku, name, quantity, is_required."""
    return session.execute(
        select(Product.sku, Product.name, BundlePart.quantity, BundlePart.is_required)
        .join(BundlePart, BundlePart.part_id == Product.id)
        .where(BundlePart.bundle_id == bundle_id)
        .order_by(BundlePart.position, Product.sku_key)
    ).all()


def list_media(session: Session, product_id: int) -> Sequence[ProductMedia]:
    """Pictures and datasheets in their order."""
    return session.scalars(
        select(ProductMedia)
        .where(ProductMedia.product_id == product_id)
        .order_by(ProductMedia.kind.desc(), ProductMedia.position, ProductMedia.id)
    ).all()


def get_medium(session: Session, buyer: Buyer | None, key: str, *, on: date) -> ProductMedia:
    """The picture or datasheet kept under a key. :raises NotFound: none, or of a product not to be seen."""
    found = session.execute(
        select(ProductMedia)
        .join(Product, Product.id == ProductMedia.product_id)
        .where(ProductMedia.storage_key == key, visible(buyer, on))
    ).scalar_one_or_none()
    if found is None:
        raise NotFound()
    return found


@requires(Permission.CATALOGUE_MANAGE)
def add_medium(
    session: Session,
    actor: Actor,
    *,
    product_id: int,
    kind: str,
    storage_key: str,
    filename: str,
    content_type: str,
    size_bytes: int,
    alt_text: str,
    now: datetime,
) -> ProductMedia:
    """Hang a kept picture or datasheet on a product, behind those it has."""
    if session.execute(select(Product.id).where(Product.id == product_id)).first() is None:
        raise NotFound(_("There is no product by that number."))
    if kind not in MEDIA_KINDS:
        raise InvalidInput(_("Choose a picture or a datasheet."), field="file")
    if len(alt_text) > 300:
        raise InvalidInput(_("Describe the picture in at most 300 characters."), field="alt_text")
    have: Any = select(func.count(), func.max(ProductMedia.position)).where(
        ProductMedia.product_id == product_id
    )
    count, last = session.execute(have).one()
    if count >= MAX_MEDIA:
        raise InvalidInput(
            _("A product has at most %(most)s files. Take one away first.", most=MAX_MEDIA), field="file"
        )
    medium = ProductMedia(
        product_id=product_id,
        kind=kind,
        storage_key=storage_key,
        filename=safe_filename(filename),
        content_type=content_type,
        size_bytes=size_bytes,
        alt_text=alt_text.strip(),
        position=(last or 0) + 1,
    )
    session.add(medium)
    session.flush()
    after = {"kind": kind, "filename": medium.filename, "size_bytes": size_bytes}
    _record(session, actor, "product_medium.added", product_id, None, after, now)
    return medium


@requires(Permission.CATALOGUE_MANAGE)
def remove_medium(session: Session, actor: Actor, *, medium_id: int, now: datetime) -> str:
    """Take a picture or datasheet away; returns the key of what may be deleted from the store."""
    medium = session.get(ProductMedia, medium_id)
    if medium is None:
        raise NotFound()
    before = {"kind": medium.kind, "filename": medium.filename}
    _record(session, actor, "product_medium.removed", medium.product_id, before, None, now)
    key = medium.storage_key
    session.delete(medium)
    return key


def _record(
    session: Session,
    actor: Actor,
    action: str,
    product_id: int,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    now: datetime,
) -> None:
    audit.record(
        session,
        actor,
        action,
        subject_type="product",
        subject_id=product_id,
        before=before,
        after=after,
        now=now,
    )
