"""Companies and products that an order history names: those that are there, or new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from babel import Locale
from sqlalchemy import ScalarSelect, func, insert, select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import Conflict
from app.core.permissions import Actor
from app.core.texts import _
from app.domain.accounts.models import Branch, Company, Vendor
from app.domain.accounts.queries import find_vendor
from app.domain.catalogue import search
from app.domain.catalogue.models import Category, Product
from app.domain.catalogue.numbers import is_storable, name_key
from app.domain.ordering.judging import WITHOUT_STOCK
from app.domain.ordering.replay import CURRENCY, HistoryLine

CATEGORY_SLUG = "imported-history"
CATEGORY_NAME = "Imported history"
NAME_LENGTH = 300
#: Names of countries that the territories of the CLDR do not have.
_COUNTRIES = {
    "eire": "IE",
    "rsa": "ZA",
    "usa": "US",
    "uk": "GB",
    "czech republic": "CZ",
    "channel islands": "JE",
    "korea": "KR",
    "hong kong": "HK",
}
#: An unknown or several countries. Source: CLDR.
_UNKNOWN_COUNTRY = "ZZ"


@dataclass(frozen=True, slots=True)
class VendorFacts:
    """What order numbers and releases need of the vendor; these values where none is set up yet."""

    order_prefix: str = "SO"
    timezone: str = "Europe/London"
    releases_automatically: bool = True


@dataclass(frozen=True, slots=True)
class Party:
    """A company of the history with the branch that its orders are booked on."""

    company_id: int
    branch_id: int
    terms_days: int
    ship_to: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Goods:
    """A product as an order line keeps it."""

    id: int
    sku: str
    name: str
    is_stocked: bool


@dataclass(slots=True)
class Book:
    """Companies by number and products by code that are known to be stored."""

    vendor: VendorFacts = VendorFacts()
    parties: dict[str, Party] = field(default_factory=dict)
    products: dict[str, Goods] = field(default_factory=dict)

    def take_over(self, found: Book) -> None:
        """Remember what a committed invoice has used."""
        self.parties.update(found.parties)
        self.products.update(found.products)


def vendor_facts(session: Session) -> VendorFacts:
    """The vendor's prefix, zone and way of releasing."""
    vendor: Vendor | None = find_vendor(session)
    if vendor is None:
        return VendorFacts()
    return VendorFacts(vendor.order_prefix, vendor.timezone, vendor.releases_automatically)


def company_id_of(number: str) -> ScalarSelect[int]:
    """The company of a number, of a merged one the company that stayed, as a part of statements."""
    return (
        select(func.coalesce(Company.merged_into_id, Company.id))
        .where(Company.number == number)
        .scalar_subquery()
    )


def country_code(name: str) -> str:
    """`United Kingdom` is GB, `EIRE` is IE; ZZ where the name is no country."""
    plain = " ".join(name.split()).casefold()
    return _COUNTRIES.get(plain) or _territories().get(plain, _UNKNOWN_COUNTRY)


_known_territories: dict[str, str] = {}


def _territories() -> Mapping[str, str]:
    if not _known_territories:
        for code, name in Locale("en").territories.items():
            if len(code) == 2 and code.isalpha():
                _known_territories.setdefault(name.casefold(), code)
    return _known_territories


def find_or_make_party(session: Session, actor: Actor, *, number: str, country: str, now: datetime) -> Party:
    """The company of a number with its first branch; a new one trades in pounds.

    :raises Conflict: the company is there and trades in another currency, or has no branch.
    """
    company = session.scalars(select(Company).where(Company.number == number)).one_or_none()
    if company is not None and company.merged_into_id is not None:
        company = session.get_one(Company, company.merged_into_id)
    if company is None:
        company = _make_company(session, actor, number=number, country=country, now=now)
    if company.currency != CURRENCY:
        raise Conflict(
            _(
                "Company %(number)s trades in %(theirs)s, the history is in %(ours)s. Rename the company.",
                number=number,
                theirs=company.currency,
                ours=CURRENCY,
            )
        )
    branch = session.scalars(
        select(Branch).where(Branch.company_id == company.id).order_by(Branch.id).limit(1)
    ).one_or_none()
    if branch is None:
        raise Conflict(_("Company %(number)s has no branch. Give it one first.", number=number))
    parts = ("street", "postcode", "city", "region", "country")
    address = {part: getattr(branch, part) for part in parts}
    return Party(company.id, branch.id, branch.terms_days, {"name": company.name, **address})


def _make_company(session: Session, actor: Actor, *, number: str, country: str, now: datetime) -> Company:
    name = _("Customer %(number)s", number=number)
    company = Company(
        name=name,
        name_key=name.lower(),
        number=number,
        currency=CURRENCY,
        is_historical=True,
        created_at=now,
        branches=[Branch(name=_("Main branch"), country=country_code(country))],
    )
    session.add(company)
    session.flush()
    audit.record(
        session,
        actor,
        "company.created",
        subject_type="company",
        subject_id=company.id,
        company_id=company.id,
        now=now,
        after={"number": number, "name": name, "currency": CURRENCY, "is_historical": True},
    )
    return company


def find_or_make_products(
    session: Session, lines: Sequence[HistoryLine], book: Book, *, now: datetime
) -> dict[str, Goods]:
    """The lines' products by code, new ones as hardware without serials that search finds."""
    codes = {line.code for line in lines}
    known = {code: book.products[code] for code in codes if code in book.products}
    missing = codes - set(known)
    if missing:
        known |= _read(session, missing)
        new = [code for code in dict.fromkeys(line.code for line in lines) if code not in known]
        if new:
            _insert(session, new, _names(lines), now)
            known |= _read(session, set(new))
    return known


def _read(session: Session, codes: set[str]) -> dict[str, Goods]:
    rows = session.execute(
        select(Product.sku_key, Product.id, Product.sku, Product.name, Product.kind).where(
            Product.sku_key.in_(codes)
        )
    )
    return {code: Goods(key, sku, name, kind not in WITHOUT_STOCK) for code, key, sku, name, kind in rows}


def _names(lines: Sequence[HistoryLine]) -> dict[str, str]:
    """The first description of each code that can be stored."""
    names: dict[str, str] = {}
    for line in lines:
        name = " ".join(line.description.split())[:NAME_LENGTH]
        if name and is_storable(name):
            names.setdefault(line.code, name)
    return names


def _insert(session: Session, codes: Sequence[str], names: Mapping[str, str], now: datetime) -> None:
    category_id = _category_id(session)
    rows = session.execute(
        insert(Product).returning(Product.id, Product.sku),
        [
            {
                "sku": code,
                "sku_key": code,
                "name": names.get(code, code),
                "name_key": name_key(names.get(code, code)),
                "category_id": category_id,
                "kind": "hardware",
                "created_at": now,
                "updated_at": now,
            }
            for code in codes
        ],
    )
    texts = [
        (key, search.search_text(name=names.get(sku, sku), brand=None, codes=[sku])) for key, sku in rows
    ]
    search.store_texts(session, texts)


def _category_id(session: Session) -> int:
    found = session.scalar(select(Category.id).where(Category.slug == CATEGORY_SLUG))
    if found is not None:
        return found
    category = Category(name=CATEGORY_NAME, slug=CATEGORY_SLUG)
    session.add(category)
    session.flush()
    category.path = f"/{category.id}/"
    session.flush()
    return category.id
