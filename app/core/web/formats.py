"""Jinja filters: money, quantities, dates and times as the reader's language writes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta, get_timezone_name
from flask import Flask, current_app, g
from markupsafe import Markup

from app.core import clock
from app.core.money import Money, exponent, round_to_currency
from app.core.texts import N_
from app.core.web.language import current_locale

#: Typographic minus, as wide as a plus: prices with signs line up.
MINUS = "\N{MINUS SIGN}"
DASH = "–"

#: Babel patterns by style; English puts the day first, as British traders do.
_DATE_SKELETONS = {
    "medium": {"en": "d MMM y", None: "medium"},
    "day": {"en": "EEE d MMM", None: "EEE d. MMM"},
    "long": {"en": "EEEE, d MMMM y", None: "full"},
}


@lru_cache(maxsize=64)
def _separators(locale: Locale | str) -> dict[int, str]:
    symbols = Locale.parse(locale).number_symbols["latn"]
    return str.maketrans({",": symbols["group"], ".": symbols["decimal"], "-": MINUS})


def decimal_text(value: Decimal | int, *, least: int, most: int, locale: Locale | str) -> str:
    """A number with grouped thousands, `least` to `most` decimals, halves rounded to even.

    As Babel's format_decimal writes it by a pattern, which it reads anew for every number.
    """
    if least == 0 and type(value) is int:
        text = f"{value:,}"
    else:
        text = f"{Decimal(value):,.{most}f}"
        if most > least:
            text = text[: len(text) - most + least] + text[len(text) - most + least :].rstrip("0")
            text = text.rstrip(".")
    return text.translate(_separators(locale))


def money_text(
    value: Decimal | Money | int | None, currency: str | None, *, code: bool, locale: Locale | str
) -> str:
    """An amount with its currency's decimals, `1,234.50` or with `code` `1,234.50 EUR`; None is a dash.

    Decimals without a currency get two places. A Money's own currency wins.
    """
    if value is None:
        return DASH
    if isinstance(value, Money):
        amount, currency = value.amount, value.currency
    else:
        amount = Decimal(value)
    places = exponent(currency) if currency else 2
    amount = round_to_currency(amount, currency) if currency else amount
    text = decimal_text(amount, least=places, most=places, locale=locale)
    return f"{text}\N{NO-BREAK SPACE}{currency}" if code and currency else text


def price_text(value: Decimal | None, currency: str | None, *, locale: Locale | str) -> str:
    """A unit price: the currency's decimals, up to four where the agreement carries more (`0.0335`)."""
    if value is None:
        return DASH
    places = exponent(currency) if currency else 2
    return decimal_text(value, least=places, most=max(places, 4), locale=locale)


def quantity_text(value: Decimal | int | None, *, locale: Locale | str) -> str:
    """A count or measure with grouped thousands: `1,208`; None is a dash."""
    if value is None:
        return DASH
    return decimal_text(value, least=0, most=3, locale=locale)


def percent_text(value: Decimal | None, *, locale: Locale | str) -> str:
    """A rate as `19 %`: 0.19 is 19, at most two decimals."""
    if value is None:
        return DASH
    text = decimal_text(Decimal(value) * 100, least=0, most=2, locale=locale)
    return f"{text}\N{NO-BREAK SPACE}%"


def date_text(value: date, style: str, *, locale: Locale | str) -> str:
    """A business date: medium `17 Nov 2026`, day `Tue 17 Nov`, long `Tuesday, 17 November 2026`."""
    patterns = _DATE_SKELETONS[style]
    return format_date(
        value, format=patterns.get(Locale.parse(locale).language, patterns[None]), locale=locale
    )


def datetime_text(value: datetime, zone: ZoneInfo, *, locale: Locale | str) -> str:
    """A moment in the vendor's zone: `17 Nov 2026, 15:31`."""
    local = value.astimezone(zone)
    clock_time = format_time(local, format="HH:mm", tzinfo=zone, locale=locale)
    return f"{date_text(local.date(), 'medium', locale=locale)}, {clock_time}"


def moment_title(value: datetime, zone: ZoneInfo, *, locale: Locale | str) -> str:
    """The exact time with its zone, for hover: `17 Nov 2026, 15:31:08 Central European Standard Time`."""
    seconds = format_datetime(value, "HH:mm:ss", tzinfo=zone, locale=locale)
    name = get_timezone_name(value.astimezone(zone), locale=locale)
    return f"{date_text(value.astimezone(zone).date(), 'medium', locale=locale)}, {seconds} {name}"


def share(done: Decimal | int, total: Decimal | int) -> str:
    """Part of a whole for SVG attributes, 12 of 20 is `60%`; of nothing `0%`, never beyond `100%`."""
    if not total:
        return "0%"
    percent = min(Decimal(100), max(Decimal(0), Decimal(done) * 100 / Decimal(total)))
    return f"{percent.quantize(Decimal('0.01')).normalize():f}%"


def words(value: object) -> str:
    """A code as words: `part_shipped` is `Part shipped`."""
    return str(value).replace("_", " ").strip().capitalize()


def flatten_errors(errors: object) -> str:
    """A field's messages as one line; nested lists (of list fields) are taken apart."""
    if isinstance(errors, dict):
        errors = list(errors.values())
    if isinstance(errors, (list, tuple)):
        return " ".join(text for text in map(flatten_errors, errors) if text)
    return str(errors)


def vendor_zone() -> ZoneInfo:
    """The vendor's time zone, in which all times are shown."""
    read = g.get("vendor_timezone")  # came with the sign-in read
    return ZoneInfo(read or current_app.config.get("VENDOR_TIMEZONE") or "UTC")


def _money(value: Decimal | Money | None, currency: str | None = None, code: bool = False) -> str:
    return money_text(value, currency, code=code, locale=current_locale())


def _date(value: date | datetime | None, style: str = "medium") -> str:
    if value is None:
        return DASH
    if isinstance(value, datetime):
        value = value.astimezone(vendor_zone()).date()
    return Markup('<time datetime="{}">{}</time>').format(
        value.isoformat(), date_text(value, style, locale=current_locale())
    )


def _datetime(value: datetime | None, style: str = "medium") -> str:
    if value is None:
        return DASH
    zone, locale = vendor_zone(), current_locale()
    title = moment_title(value, zone, locale=locale)
    if style == "plain":
        return title
    if style == "ago":
        text = format_timedelta(value - clock.now(), add_direction=True, locale=locale)
    elif style == "time":
        text = format_time(value.astimezone(zone), format="HH:mm", tzinfo=zone, locale=locale)
    else:
        text = datetime_text(value, zone, locale=locale)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        value.astimezone(UTC).isoformat(timespec="seconds"), title, text
    )


def register(app: Flask) -> None:
    """Install the filters, and `N_`, which marks a text for translation where it is only stored."""
    filters: dict[str, Callable[..., str]] = {
        "money": _money,
        "price": lambda value, currency=None: price_text(value, currency, locale=current_locale()),
        "quantity": lambda value: quantity_text(value, locale=current_locale()),
        "percent": lambda value: percent_text(value, locale=current_locale()),
        "date": _date,
        "datetime": _datetime,
        "flatten_errors": flatten_errors,
        "share": share,
        "words": words,
    }
    app.jinja_env.filters.update(filters)
    app.jinja_env.globals["N_"] = N_
