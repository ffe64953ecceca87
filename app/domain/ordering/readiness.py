"""What a vendor has still to do until its resellers can order: settings, products, prices, stock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, exists, func, select
from sqlalchemy.orm import Session

from app.core.findings import Finding, note, ok, problem
from app.core.permissions import Role
from app.core.tenancy import all_companies
from app.core.texts import _
from app.domain.accounts.models import Branch, Company, Membership, User, Vendor
from app.domain.catalogue.models import PriceAgreement, PriceRow, Product
from app.domain.inventory.models import StockLevel


@dataclass(frozen=True, slots=True)
class Facts:
    """Which of the things a vendor begins with are there."""

    legal_address: bool
    tax_id: bool
    alert_email: bool
    logo: bool
    admins: int
    products: bool
    prices: bool
    companies: bool
    company_people: bool
    stock: bool


def read_facts(session: Session) -> Facts | None:
    """The facts, by one statement; None before set-up and of a demo, whose vendor is made up."""
    admins = (
        select(func.count(Membership.id))
        .join(User, User.id == Membership.user_id)
        .where(Membership.company_id.is_(None), Membership.role == Role.VENDOR_ADMIN.value)
        .where(Membership.is_active, User.is_disabled.is_(False), User.password_hash.is_not(None))
    )
    real = and_(Company.is_active, Company.is_historical.is_(False))
    statement = select(
        and_(Vendor.street != "", Vendor.city != "", Vendor.country != "").label("legal_address"),
        and_(Vendor.tax_id.is_not(None), Vendor.tax_id != "").label("tax_id"),
        Vendor.alert_email.is_not(None).label("alert_email"),
        Vendor.logo_key.is_not(None).label("logo"),
        admins.scalar_subquery().label("admins"),
        _any(Product.id).label("products"),
        _any(PriceRow.id, PriceRow.agreement_id == PriceAgreement.id, PriceAgreement.is_active).label(
            "prices"
        ),
        _any(Company.id, real, Branch.company_id == Company.id, Branch.is_active).label("companies"),
        _any(Membership.id, Membership.company_id == Company.id, real).label("company_people"),
        _any(StockLevel.product_id, StockLevel.on_hand > 0).label("stock"),
    ).where(Vendor.is_demo.is_(False))
    with all_companies(session, reason="what a vendor has still to do"):
        row = session.execute(statement).one_or_none()
    return Facts(**row._mapping) if row else None


def _any(column: Any, *conditions: Any) -> Any:
    return exists(select(column).where(*conditions).correlate(None))


def list_steps(facts: Facts) -> list[Finding]:
    """Every step in the order a vendor takes them, done or still to do."""
    return [
        _step(
            facts.legal_address,
            problem,
            "legal_address",
            _("Your legal address is on documents."),
            _("Documents carry no legal address."),
            _("Enter it under Settings, Company."),
        ),
        _step(
            facts.tax_id,
            note,
            "tax_id",
            _("Your tax number is on documents."),
            _("Documents carry no tax number."),
            _("Enter it under Settings, Company."),
        ),
        _step(
            facts.logo,
            note,
            "logo",
            _("Your logo is there."),
            _("There is no logo; your name stands alone."),
            _("Upload it under Settings, Logo and colour."),
        ),
        _step(
            facts.alert_email,
            note,
            "alert_email",
            _("A mailbox hears of new orders."),
            _("Nobody is mailed when an order comes in."),
            _("Enter a mailbox for alerts under Settings, Company."),
        ),
        _admins(facts.admins),
        *_trade(facts),
    ]


def _admins(count: int) -> Finding:
    if count > 1:
        return ok("admins", _("%(count)s administrators can sign in.", count=count))
    if count == 1:
        text = _("Only one administrator can sign in.")
        return note("admins", text, _("Invite a second one under People, for the day the first is away."))
    text = _("No administrator has accepted the invitation yet.")
    return problem("admins", text, _("Open the link of the set-up, or run: flask users recover-admin"))


def _trade(facts: Facts) -> list[Finding]:
    return [
        _step(
            facts.products,
            note,
            "products",
            _("There are products."),
            _("There is no product yet."),
            _("Import them, or enter the first one."),
        ),
        _step(
            facts.prices,
            note,
            "prices",
            _("There are prices."),
            _("No product has a price yet: everything is on request."),
            _("Import prices, or make a list agreement under Price agreements."),
        ),
        _step(
            facts.companies,
            note,
            "companies",
            _("There are resellers."),
            _("There is no reseller yet."),
            _("Create the first one under Companies, or import them."),
        ),
        _step(
            facts.company_people,
            note,
            "company_people",
            _("People of a reseller are invited."),
            _("Nobody of a reseller is invited yet."),
            _("Invite its administrator on the company's page."),
        ),
        _step(
            facts.stock,
            note,
            "stock",
            _("There is stock."),
            _("Nothing is in stock yet: orders wait."),
            _("Import the counts, or count the first product in under Stock."),
        ),
    ]


def _step(is_done: bool, level: Any, key: str, done: str, missing: str, remedy: str) -> Finding:
    found: Finding = ok(key, done) if is_done else level(key, missing, remedy)
    return found
