"""What the vendor's own data may be: names, legal address, zone, language, accent and number range."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.core.errors import InvalidInput
from app.core.texts import N_, _
from app.domain.accounts.rules import (
    AddressData,
    clean_address,
    country_names,
    known_currency,
    normal_email,
    one_line,
)

#: Languages Sellthru has texts in, BCP 47.
LANGUAGES = {"en": N_("English")}
#: WCAG 2.2 AA for text: white words on the accent, and words in the accent on white.
LEAST_CONTRAST = 4.5
#: The longest number is `PREFIX-26-99999999`.
LAST_NUMBER = 99_999_999
_ACCENT = re.compile(r"#?([0-9a-f]{6})")
_PREFIX = re.compile(r"[A-Z0-9](?:[A-Z0-9-]{0,8}[A-Z0-9])?")


@dataclass(frozen=True, slots=True)
class VendorData:
    """The vendor as set-up and settings are told of it; `next_number` is the next order's."""

    name: str
    currency: str
    timezone: str
    legal_name: str = ""
    address: AddressData = field(default_factory=lambda: AddressData(country=""))
    tax_id: str | None = None
    language: str = "en"
    order_prefix: str = "SO"
    request_prefix: str = "PR"
    company_prefix: str = "C"
    next_number: int = 1
    accent: str | None = None
    alert_email: str | None = None


def clean_vendor(vendor: VendorData) -> VendorData:
    """The data with every value checked. :raises InvalidInput: naming the value."""
    name = one_line(vendor.name, field="name", maximum=200)
    return VendorData(
        name=name,
        legal_name=one_line(vendor.legal_name, field="legal_name", maximum=200, required=False) or name,
        currency=known_currency(vendor.currency),
        timezone=known_timezone(vendor.timezone),
        address=legal_address(vendor.address),
        tax_id=known_tax_id(vendor.tax_id),
        language=known_language(vendor.language),
        order_prefix=known_prefix(vendor.order_prefix),
        request_prefix=known_prefix(vendor.request_prefix, field="request_prefix"),
        company_prefix=known_prefix(vendor.company_prefix, field="company_prefix"),
        next_number=known_number(vendor.next_number),
        accent=known_accent(vendor.accent),
        alert_email=mailbox(vendor.alert_email),
    )


def known_timezone(name: str) -> str:
    """An IANA zone's name. :raises InvalidInput: there is no such zone."""
    try:
        return ZoneInfo(name.strip()).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = _("Enter a time zone's name, such as Europe/London.")
        raise InvalidInput(message, field="timezone") from error


def known_language(code: str) -> str:
    """A language there are texts in. :raises InvalidInput: there are none in it."""
    plain = code.strip().lower()
    if plain not in LANGUAGES:
        known = ", ".join(sorted(LANGUAGES))
        raise InvalidInput(_("Choose one of these languages: %(known)s.", known=known), field="language")
    return plain


def known_country(code: str) -> str:
    """An ISO 3166-1 code in capitals. :raises InvalidInput: there is no such country."""
    plain = code.strip().upper()
    if plain not in country_names():
        raise InvalidInput(_("Enter a country's two letters, such as GB."), field="country")
    return plain


def known_tax_id(text: str | None) -> str | None:
    """The vendor's number at the tax office; None where it has none. :raises InvalidInput: too long."""
    return one_line(text or "", field="tax_id", maximum=40, required=False) or None


def mailbox(text: str | None) -> str | None:
    """One e-mail address, None where there is none. :raises InvalidInput: it is not one address."""
    if not (text or "").strip():
        return None
    try:
        return normal_email(text or "")
    except InvalidInput as error:
        raise InvalidInput(error.message, field="alert_email") from error


def known_prefix(text: str, *, field: str = "order_prefix") -> str:
    """What a range's numbers begin with, in capitals: `SO`. :raises InvalidInput: it cannot begin one."""
    plain = text.strip().upper()
    if not _PREFIX.fullmatch(plain):
        message = _("Take 1 to 10 letters, digits and hyphens; a hyphen neither first nor last.")
        raise InvalidInput(message, field=field)
    return plain


def known_number(value: int | str, *, least: int = 1) -> int:
    """The next number of a range, at least `least`: numbers given already are not given again.

    :raises InvalidInput: it is no such number.
    """
    text = str(value).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 8 and least <= int(text)):
        message = _("Enter a whole number from %(least)s to %(most)s.", least=least, most=LAST_NUMBER)
        raise InvalidInput(message, field="next_number")
    return int(text)


def order_range(day: date) -> str:
    """The name of the range that an order placed on the day takes its number from: `order-26`."""
    return f"order-{day.year % 100:02}"


def legal_address(address: AddressData) -> AddressData:
    """The address that documents carry, or none of it yet; `country` is empty then.

    :raises InvalidInput: naming the part that is missing or wrong.
    """
    parts = (address.street, address.postcode, address.city, address.region, address.country)
    if not any(part.strip() for part in parts):
        return AddressData(country="")
    country = known_country(address.country)
    checked = clean_address(replace(address, country=country))
    for part in ("street", "city"):
        one_line(getattr(checked, part), field=part, maximum=200)
    return checked


def known_accent(text: str | None) -> str | None:
    """A colour as `#rrggbb`; None = the product's own.

    :raises InvalidInput: no colour, or too pale to be read on white.
    """
    plain = (text or "").strip().lower()
    if not plain:
        return None
    found = _ACCENT.fullmatch(plain)
    if found is None:
        raise InvalidInput(_("Enter a colour as six hex digits, such as #4a48c4."), field="accent")
    accent = f"#{found[1]}"
    reached = contrast(accent, "#ffffff")
    if reached < LEAST_CONTRAST:
        message = _(
            "This colour is too pale to be read: its contrast with white is %(reached)s, and at least"
            " %(least)s is needed. Take a darker one.",
            reached=f"{int(reached * 10) / 10:.1f}",
            least=LEAST_CONTRAST,
        )
        raise InvalidInput(message, field="accent")
    return accent


def contrast(one: str, other: str) -> float:
    """Contrast of two colours `#rrggbb`, 1 to 21. Source: WCAG 2.2, relative luminance."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
