"""The fields of a postal address, and the lists of countries and currencies to choose from."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.numbers import list_currencies
from flask_babel import get_locale
from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import SelectField

from app.core.web.fields import TextField


@lru_cache(maxsize=8)
def _countries(locale: str) -> list[tuple[str, str]]:
    names = Locale.parse(locale).territories
    found = [(code, name) for code, name in names.items() if re.fullmatch("[A-Z]{2}", code) and code != "ZZ"]
    return sorted(found, key=lambda pair: pair[1])


def country_choices() -> list[tuple[str, str]]:
    """Codes and names of countries, by name in the reader's language."""
    return _countries(str(get_locale() or "en"))


#: What people trade in most stands first.
_USUAL = ("USD", "EUR", "GBP", "CHF", "CAD", "JPY")


def currency_choices() -> list[tuple[str, str]]:
    """Codes and names of currencies, the usual ones first."""
    names = (get_locale() or Locale("en")).currencies
    rest = sorted(code for code in list_currencies("en") if code not in _USUAL and code in names)
    return [(code, f"{code} · {names[code]}") for code in (*_USUAL, *rest)]


class AddressForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """Street, postcode, city, region, country."""

    street = TextField(
        lazy("Street and number"), required=False, render_kw={"autocomplete": "street-address"}
    )
    postcode = TextField(
        lazy("Postcode"), maximum=20, required=False, render_kw={"autocomplete": "postal-code"}
    )
    city = TextField(lazy("City"), maximum=120, required=False, render_kw={"autocomplete": "address-level2"})
    region = TextField(
        lazy("State or region"), maximum=120, required=False, render_kw={"autocomplete": "address-level1"}
    )
    country = SelectField(lazy("Country"), choices=country_choices, default="US")

    def address_values(self) -> dict[str, Any]:
        """The parts by name."""
        names = ("street", "postcode", "city", "region", "country")
        return {name: self[name].data for name in names}
