"""Which addresses, names, currencies and countries are accepted."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from babel import Locale
from babel.numbers import list_currencies

from app.core.errors import InvalidInput
from app.core.permissions import RESELLER_ROLES, VENDOR_ROLES, Role
from app.core.texts import N_, _

_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
_ENGLISH = Locale("en")


@dataclass(frozen=True, slots=True)
class PersonData:
    """Somebody to be invited."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class AddressData:
    """A postal address; `country` is ISO 3166-1 alpha-2."""

    street: str = ""
    postcode: str = ""
    city: str = ""
    region: str = ""
    country: str = "US"


@dataclass(frozen=True, slots=True)
class BranchData:
    """A branch's name, address, and the days its invoices are due in (None: as they are, 30 at first)."""

    name: str
    address: AddressData = AddressData()
    terms_days: int | None = None


def normal_email(text: str) -> str:
    """The address in lower case. :raises InvalidInput: it is not one address such as `name@firm.example`."""
    plain = text.strip().lower()
    if len(plain) > 254 or not _EMAIL.fullmatch(plain) or ".." in plain:
        raise InvalidInput(_("Enter one e-mail address, such as name@company.example."), field="email")
    return plain


def one_line(text: str, *, field: str, maximum: int, required: bool = True) -> str:
    """The text without spaces around it.

    :raises InvalidInput: it is empty though required, too long, or has line breaks or control characters.
    """
    plain = text.strip()
    if required and not plain:
        raise InvalidInput(_("Fill this in."), field=field)
    if len(plain) > maximum:
        raise InvalidInput(_("Shorten this to %(maximum)s characters.", maximum=maximum), field=field)
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in plain):
        raise InvalidInput(
            _("This has a character in it that cannot be seen. Type the text again."), field=field
        )
    return plain


@functools.cache
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies("en"))


def known_currency(code: str) -> str:
    """An ISO 4217 code in capitals. :raises InvalidInput: there is no such currency."""
    plain = code.strip().upper()
    if plain not in _currencies():
        raise InvalidInput(_("Enter a currency's three letters, such as USD."), field="currency")
    return plain


def clean_tier(tier: str | None) -> str | None:
    """A price tier in lower case, None where there is none. :raises InvalidInput: it is not one line."""
    return one_line(tier or "", field="tier", maximum=40, required=False).lower() or None


def clean_tax_id(tax_id: str | None) -> str | None:
    """A tax number, None where there is none. :raises InvalidInput: it is not one line."""
    return one_line(tax_id or "", field="tax_id", maximum=40, required=False) or None


@functools.cache
def country_names() -> Mapping[str, str]:
    """Names by ISO 3166-1 code, in English."""
    return {code: name for code, name in _ENGLISH.territories.items() if re.fullmatch("[A-Z]{2}", code)}


def known_country(text: str) -> str:
    """The code of a country given by its two letters or its English name; other text as it is."""
    plain = text.strip()
    return _country_codes().get(plain.casefold(), plain)


@functools.cache
def _country_codes() -> Mapping[str, str]:
    return {name.casefold(): code for code, name in country_names().items()}


def clean_address(address: AddressData) -> AddressData:
    """The address with every part checked. :raises InvalidInput: naming the part."""
    country = address.country.strip().upper()
    if country not in country_names():
        raise InvalidInput(_("Choose a country."), field="country")
    return AddressData(
        street=one_line(address.street, field="street", maximum=200, required=False),
        postcode=one_line(address.postcode, field="postcode", maximum=20, required=False),
        city=one_line(address.city, field="city", maximum=120, required=False),
        region=one_line(address.region, field="region", maximum=120, required=False),
        country=country,
    )


def address_values(address: AddressData) -> dict[str, Any]:
    """The address as column values."""
    return asdict(address)


def roles_for(company_id: int | None) -> tuple[Role, ...]:
    """Roles that people of a company may have; with None the vendor's."""
    allowed = VENDOR_ROLES if company_id is None else RESELLER_ROLES | {Role.END_CUSTOMER_DESK}
    return tuple(role for role in Role if role in allowed)


def administrator_role(company_id: int | None) -> Role:
    """The role that manages the people of a company; with None the vendor's."""
    return Role.VENDOR_ADMIN if company_id is None else Role.RESELLER_ADMIN


_ROLE_NAMES = {
    Role.BUYER: N_("Buyer"),
    Role.APPROVER: N_("Approver"),
    Role.RESELLER_ADMIN: N_("Administrator"),
    Role.RESELLER_FINANCE: N_("Finance"),
    Role.RESELLER_SUPPORT: N_("Support desk"),
    Role.END_CUSTOMER_DESK: N_("End customer's desk"),
    Role.VENDOR_SALES: N_("Vendor sales"),
    Role.VENDOR_WAREHOUSE: N_("Vendor warehouse"),
    Role.VENDOR_SUPPORT: N_("Vendor support"),
    Role.VENDOR_FINANCE: N_("Vendor finance"),
    Role.VENDOR_ADMIN: N_("Vendor administrator"),
}


def role_name(role: Role | str) -> str:
    """A role in the reader's words."""
    return _(_ROLE_NAMES[Role(role)])
