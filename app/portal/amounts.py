"""Amounts as the reader's language writes them, for pages that put sums together in Python."""

from __future__ import annotations

from decimal import Decimal

from app.core.texts import _
from app.core.web.formats import money_text, price_text
from app.core.web.language import current_locale

Sum = tuple[str, str] | tuple[str, str, str]


def money(value: Decimal, currency: str, *, code: bool = False) -> str:
    """`1,234.50`, with `code` `1,234.50 USD`."""
    return money_text(value, currency, code=code, locale=current_locale())


def unit_price(value: Decimal, currency: str) -> str:
    """A price with up to four decimals."""
    return price_text(value, currency, locale=current_locale())


def sums_of(
    *, net: Decimal, discount: Decimal, tax: Decimal, currency: str, discount_name: str | None = None
) -> list[Sum]:
    """The rows of a sum: net, discount where there is one, tax, total."""
    rows: list[Sum] = [(_("Net"), money(net, currency))]
    if discount:
        label = _("Discount, %(name)s", name=discount_name) if discount_name else _("Discount")
        rows.append((label, money(-discount, currency)))
    rows.append((_("Tax"), money(tax, currency)))
    rows.append((_("Total %(currency)s", currency=currency), money(net - discount + tax, currency), "total"))
    return rows
