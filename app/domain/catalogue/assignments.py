"""What vendor staff decide for one company or product: visibility, own part numbers, cross-references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import InvalidInput, NotFound, StaleEdit
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.domain.accounts.models import Company
from app.domain.catalogue import search
from app.domain.catalogue.agreements import check_dates, required_text
from app.domain.catalogue.errors import NumberTaken
from app.domain.catalogue.models import (
    Category,
    CrossReference,
    CustomerPartNumber,
    Product,
    VisibilityListing,
)
from app.domain.catalogue.numbers import code_key
from app.domain.catalogue.visibility import MODES

MAX_LISTINGS = 2000
CODE_LENGTH = 80
REFERENCE_KINDS = ("superseded", "alternative")


@dataclass(frozen=True, slots=True)
class Listing:
    """A product or a category (one of them), listed from `starts_on` until before `ends_on`."""

    product_id: int | None = None
    category_id: int | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    reason: str = ""

    def values(self) -> dict[str, Any]:
        """As the audit trail keeps it."""
        return {
            "product_id": self.product_id,
            "category_id": self.category_id,
            "starts_on": self.starts_on.isoformat() if self.starts_on else None,
            "ends_on": self.ends_on.isoformat() if self.ends_on else None,
            "reason": self.reason,
        }


def _locked_company(session: Session, company_id: int) -> Company:
    found = session.execute(
        select(Company).where(Company.id == company_id).with_for_update()
    ).scalar_one_or_none()
    if found is None:
        raise NotFound()
    return found


def _check_listings(session: Session, listings: Sequence[Listing]) -> None:
    if len(listings) > MAX_LISTINGS:
        raise InvalidInput(
            _("List at most %(limit)s products and categories; list whole categories.", limit=MAX_LISTINGS),
            field="listings",
        )
    for listing in listings:
        if (listing.product_id is None) == (listing.category_id is None):
            raise InvalidInput(_("Every entry lists either a product or a category."), field="listings")
        check_dates(listing.starts_on, listing.ends_on)
        if listing.reason:
            required_text(listing.reason, field="reason", limit=200)
    for model, ids in (
        (Product, {listing.product_id for listing in listings} - {None}),
        (Category, {listing.category_id for listing in listings} - {None}),
    ):
        known: Any = select(model.id).where(model.id.in_(ids))
        if ids and len(session.scalars(known).all()) < len(ids):
            raise NotFound(_("A listed product or category does not exist (any more)."))


@requires(Permission.CATALOGUE_MANAGE)
def set_visibility(
    session: Session,
    actor: Actor,
    *,
    company_id: int,
    version: int,
    mode: str,
    listings: Sequence[Listing],
    now: datetime,
) -> None:
    """Set how a company sees the catalogue (all, only_listed, all_except) and replace what is listed.

    Listings may be kept under `all`, where they have no effect. `version` is the company's.
    :raises StaleEdit: the company was changed since `version` was shown.
    """
    company = _locked_company(session, company_id)
    if company.version != version:
        raise StaleEdit()
    if mode not in MODES:
        raise InvalidInput(_("Choose all, only listed, or all except."), field="mode")
    _check_listings(session, listings)
    stored = session.scalars(
        select(VisibilityListing)
        .where(VisibilityListing.company_id == company_id)
        .order_by(VisibilityListing.id)
    ).all()
    before = [
        Listing(row.product_id, row.category_id, row.starts_on, row.ends_on, row.reason).values()
        for row in stored
    ]
    old_mode, company.visibility_mode = company.visibility_mode, mode
    company.version += 1
    session.execute(delete(VisibilityListing).where(VisibilityListing.company_id == company_id))
    session.add_all(
        VisibilityListing(
            company_id=company_id,
            product_id=listing.product_id,
            category_id=listing.category_id,
            starts_on=listing.starts_on,
            ends_on=listing.ends_on,
            reason=listing.reason.strip(),
        )
        for listing in listings
    )
    audit.record(
        session,
        actor,
        "visibility.set",
        subject_type="company",
        subject_id=company_id,
        company_id=company_id,
        before={"mode": old_mode, "listings": before},
        after={"mode": mode, "listings": [listing.values() for listing in listings]},
        now=now,
    )


def clean_code(code: str, *, field: str = "code") -> tuple[str, str]:
    """A number and the key it is compared by. :raises InvalidInput: nothing of it can be compared."""
    code = required_text(code, field=field, limit=CODE_LENGTH)
    key = code_key(code)
    if not key or len(key) > CODE_LENGTH:
        raise InvalidInput(
            _("Enter a number of at most %(limit)s characters.", limit=CODE_LENGTH), field=field
        )
    return code, key


def _require_product(session: Session, product_id: int) -> None:
    if session.scalar(select(Product.id).where(Product.id == product_id)) is None:
        raise NotFound(_("There is no product by that number."))


@requires(Permission.CATALOGUE_MANAGE)
def add_customer_part_number(
    session: Session, actor: Actor, *, company_id: int, product_id: int, code: str, now: datetime
) -> CustomerPartNumber:
    """Let a company find a product by the company's own number.

    :raises NumberTaken: the company uses the number for a product already.
    """
    code, key = clean_code(code)
    if session.get(Company, company_id) is None:
        raise NotFound()
    _require_product(session, product_id)
    taken = session.execute(
        select(Product.sku)
        .join(CustomerPartNumber, CustomerPartNumber.product_id == Product.id)
        .where(CustomerPartNumber.company_id == company_id, CustomerPartNumber.code_key == key)
    ).scalar_one_or_none()
    if taken is not None:
        raise NumberTaken(_("The company uses this number for %(sku)s already.", sku=taken), field="code")
    number = CustomerPartNumber(company_id=company_id, product_id=product_id, code=code, code_key=key)
    session.add(number)
    session.flush()
    _record_number(session, actor, "customer_part_number.added", number, now)
    return number


def _record_number(
    session: Session, actor: Actor, action: str, number: CustomerPartNumber, now: datetime
) -> None:
    values = {"code": number.code, "product_id": number.product_id}
    is_gone = action.endswith(".removed")
    audit.record(
        session,
        actor,
        action,
        subject_type="customer_part_number",
        subject_id=number.id,
        company_id=number.company_id,
        before=values if is_gone else None,
        after=None if is_gone else values,
        now=now,
    )


@requires(Permission.CATALOGUE_MANAGE)
def remove_customer_part_number(session: Session, actor: Actor, *, number_id: int, now: datetime) -> None:
    """Take a company's own number away from its product."""
    number = session.get(CustomerPartNumber, number_id)
    if number is None:
        raise NotFound()
    _record_number(session, actor, "customer_part_number.removed", number, now)
    session.delete(number)


@requires(Permission.CATALOGUE_MANAGE)
def add_cross_reference(
    session: Session,
    actor: Actor,
    *,
    product_id: int,
    code: str,
    kind: str = "alternative",
    now: datetime,
) -> CrossReference:
    """Let everybody find a product by another number: one it supersedes, or an alternative one.

    The same number may stand for several products; a look-up then returns them all.
    :raises NumberTaken: the product has the number already.
    """
    code, key = clean_code(code)
    if kind not in REFERENCE_KINDS:
        raise InvalidInput(_("Choose superseded or alternative."), field="kind")
    _require_product(session, product_id)
    same = select(CrossReference.id).where(
        CrossReference.product_id == product_id, CrossReference.code_key == key
    )
    if session.scalar(same) is not None:
        raise NumberTaken(_("The product has this number already."), field="code")
    reference = CrossReference(product_id=product_id, code=code, code_key=key, kind=kind)
    session.add(reference)
    search.index_products(session, [product_id])
    audit.record(
        session,
        actor,
        "cross_reference.added",
        subject_type="product",
        subject_id=product_id,
        after={"code": code, "kind": kind},
        now=now,
    )
    return reference


@requires(Permission.CATALOGUE_MANAGE)
def remove_cross_reference(session: Session, actor: Actor, *, reference_id: int, now: datetime) -> None:
    """Take a cross-reference away; search forgets it at once."""
    reference = session.get(CrossReference, reference_id)
    if reference is None:
        raise NotFound()
    product_id = reference.product_id
    audit.record(
        session,
        actor,
        "cross_reference.removed",
        subject_type="product",
        subject_id=product_id,
        before={"code": reference.code, "kind": reference.kind},
        now=now,
    )
    session.delete(reference)
    search.index_products(session, [product_id])
