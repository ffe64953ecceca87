"""JSON objects of the `explain` commands, read into the rules' own values and their answers written back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.numbers import list_currencies

from app.core.errors import DomainError
from app.core.money import exponent
from app.core.texts import _
from app.domain.assets import masks
from app.domain.assets.serial_ranges import RangeRefused, expand_serials
from app.domain.assets.serials import Check, check_serial
from app.domain.assets.terms import Term, Unit
from app.domain.assets.warranty import Basis, Events, Extension, LapseRules, Policy, Replacement, cover_of
from app.domain.catalogue.quantities import MAX_QUANTITY
from app.domain.rma.credit import PaidLine, credit_of
from app.domain.support.business_time import BusinessCalendar, Minutes, local_moment, week_of
from app.domain.support.sla import Clock, Event, EventKind, Targets, clocks_of

Object = Mapping[str, Any]
Choice = TypeVar("Choice", bound=StrEnum)
#: Most entries of a list, and most days of a number of days.
MANY, MAX_DAYS = 10_000, 36_600
#: Business seconds of ten years, day and night.
MAX_SECONDS = 315_360_000
MAX_MONEY = Decimal(10) ** 13
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,15}(\.\d{1,10})?", re.ASCII)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Unanswerable(Exception):
    """An input that cannot be answered: a code and what to change."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def _bad(name: str, wanted: str) -> Unanswerable:
    return Unanswerable("bad_value", _("%(name)s: enter %(wanted)s.", name=name, wanted=wanted))


def _needed(source: Object, name: str, path: str = "") -> Any:
    value = source.get(name)
    if value is None:
        raise Unanswerable("missing_field", _("%(name)s is missing.", name=path + name))
    return value


def _whole(value: Any, name: str, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise _bad(name, _("a whole number from %(low)s to %(high)s", low=low, high=high))
    return value


def _whole_or(default: int, value: Any, name: str, low: int, high: int) -> int:
    return default if value is None else _whole(value, name, low, high)


def _object(value: Any, name: str) -> Object:
    if not isinstance(value, dict):
        raise _bad(name, _("an object"))
    return value


def _list(value: Any, name: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MANY:
        raise _bad(name, _("a list of at most %(most)s entries", most=MANY))
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise _bad(name, _("text"))
    return value


def _choice(kinds: type[Choice], value: Any, name: str) -> Choice:
    if isinstance(value, str) and value in list(kinds):
        return kinds(value)
    raise _bad(name, _("one of %(choices)s", choices=", ".join(kinds)))


def _day(value: Any, name: str) -> date:
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            day = date.fromisoformat(value)
            if 1900 <= day.year <= 2999:
                return day
    except ValueError:
        pass
    raise _bad(name, _("a day of the calendar such as 2026-01-31"))


def _day_or_none(value: Any, name: str) -> date | None:
    return None if value is None else _day(value, name)


def _amount(value: Any, name: str, places: int, *, most: Decimal = MAX_MONEY) -> Decimal:
    try:
        if isinstance(value, str) and _DECIMAL.fullmatch(value):
            amount = Decimal(value)
            exact = amount.quantize(Decimal(1).scaleb(-places))
            if exact == amount and 0 <= amount <= most:
                return amount
    except InvalidOperation:
        pass
    raise _bad(name, _('an amount in quotation marks, such as "100.00", of at most %(n)s places', n=places))


# --- warranty -------------------------------------------------------------------------------------------


def _term(value: Any, name: str) -> Term:
    term = _object(value, name)
    number = _whole(_needed(term, "number", f"{name}."), f"{name}.number", 1, 36_600)
    try:
        return Term(number, _choice(Unit, _needed(term, "unit", f"{name}."), f"{name}.unit"))
    except ValueError as error:
        raise _bad(name, _("a term of at most 100 years")) from error


def _lapse(value: Any) -> LapseRules | None:
    if value is None:
        return None
    rules = _object(value, "lapse")
    most = rules.get("max_backdate_days")
    return LapseRules(
        _whole_or(0, rules.get("grace_days"), "lapse.grace_days", 0, MAX_DAYS),
        None if most is None else _whole(most, "lapse.max_backdate_days", 0, MAX_DAYS),
    )


def _extension(value: Any) -> Extension:
    one = _object(value, "extensions")
    path = "extensions."
    return Extension(
        _day(_needed(one, "bought", path), f"{path}bought"), _term(_needed(one, "term", path), f"{path}term")
    )


def _replacement(value: Any, ship: date) -> Replacement:
    one = _object(value, "replacements")
    path = "replacements."
    day = _day(_needed(one, "ship", path), f"{path}ship")
    if day < ship:
        raise _bad(f"{path}ship", _("a day that does not lie before the unit's own shipping"))
    return Replacement(day, _whole_or(0, one.get("floor_days"), f"{path}floor_days", 0, MAX_DAYS))


def explain_warranty(source: Object) -> dict[str, Any]:
    """Answer of `flask warranty explain`."""
    if source.get("ship") is None:
        raise Unanswerable("missing_ship", _("Without a ship date there is no cover. Enter ship."))
    ship = _day(source["ship"], "ship")
    names = ("invoice", "delivery", "registration", "activation")
    policy = Policy(
        term=_term(_needed(source, "term"), "term"),
        basis=_choice(Basis, _needed(source, "basis"), "basis"),
        grace_days=_whole_or(0, source.get("grace_days"), "grace_days", 0, MAX_DAYS),
        lapse=_lapse(source.get("lapse")),
    )
    on = _day_or_none(source.get("on"), "on")
    try:
        cover = cover_of(
            Events(ship, *(_day_or_none(source.get(name), name) for name in names)),
            policy,
            extensions=[_extension(one) for one in _list(source.get("extensions"), "extensions")],
            replacements=[
                _replacement(one, ship) for one in _list(source.get("replacements"), "replacements")
            ],
        )
    except OverflowError as error:
        raise _bad("term", _("terms that end before the year 9999")) from error
    segments = [
        {"start": str(one.start), "last_day": str(one.last_day), "claimable_from": str(one.claimable_from)}
        for one in cover.segments
    ]
    return {
        **segments[0],
        "covered": None if on is None else cover.covers(on),
        "cover_until": str(cover.until),
        "segments": segments,
        "flags": list(cover.flags),
        "why": list(cover.why),
    }


# --- sla ------------------------------------------------------------------------------------------------


def _zone(value: Any) -> ZoneInfo:
    try:
        return ZoneInfo(_text(value, "zone"))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _bad("zone", _("a time zone's name such as Europe/Berlin")) from error


def _minutes(value: Any) -> int:
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    minutes = int(match[1]) * 60 + int(match[2]) if match else 1441
    if minutes > 1440:
        raise _bad("week", _("hours such as 09:30, at most 24:00"))
    return minutes


def _interval(value: Any) -> Minutes:
    if not isinstance(value, list) or len(value) != 2:
        raise _bad("week", _('pairs such as ["10:00", "18:00"]'))
    return _minutes(value[0]), _minutes(value[1])


def _calendar(source: Object) -> BusinessCalendar:
    week = _object(_needed(source, "week"), "week")
    unknown = set(week) - set(_WEEKDAYS)
    if unknown:
        raise _bad("week", _("days named %(days)s", days=", ".join(_WEEKDAYS)))
    days = {
        number: [_interval(one) for one in _list(week.get(day), f"week.{day}")]
        for number, day in enumerate(_WEEKDAYS)
    }
    holidays = frozenset(_day(day, "holidays") for day in _list(source.get("holidays"), "holidays"))
    return BusinessCalendar(_zone(_needed(source, "zone")), week_of(days), holidays)


def _moment(value: Any, name: str, zone: ZoneInfo) -> datetime:
    try:
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            moment = datetime.fromisoformat(value).replace(microsecond=0)
            if 1900 <= moment.year <= 2999:
                return moment.astimezone(UTC) if moment.tzinfo else local_moment(moment, zone)
    except ValueError:
        pass
    raise _bad(name, _("a moment such as 2026-03-05T17:30:00"))


def _event(value: Any, zone: ZoneInfo) -> Event:
    if not isinstance(value, list) or len(value) != 2:
        raise _bad("events", _('pairs such as ["2026-03-05T17:30:00", "created"]'))
    return Event(_moment(value[0], "events", zone), _choice(EventKind, value[1], "events"))


def _target(targets: Object, name: str) -> int | None:
    value = targets.get(name)
    return None if value is None else _whole(value, f"targets.{name}", 1, MAX_SECONDS)


def _clock(clock: Clock | None, zone: ZoneInfo) -> dict[str, Any] | None:
    if clock is None:
        return None
    return {
        "due": clock.due.astimezone(zone).isoformat(),
        "met_at": clock.met_at.astimezone(zone).isoformat() if clock.met_at else None,
        "business_seconds": clock.business_seconds,
        "hold_business_seconds": clock.hold_business_seconds,
        "state": clock.state.value,
    }


def explain_sla(source: Object) -> dict[str, Any]:
    """Answer of `flask sla explain`."""
    calendar = _calendar(source)
    zone = calendar.zone
    names = ("first_response", "next_response", "resolution")
    targets = _object(_needed(source, "targets"), "targets")
    events = [_event(one, zone) for one in _list(_needed(source, "events"), "events")]
    now = _moment(_needed(source, "now"), "now", zone)
    if not events:
        raise Unanswerable("missing_field", _("events is empty; a ticket begins with its creation."))
    clocks = clocks_of(events, Targets(*(_target(targets, name) for name in names)), calendar, now=now)
    return {name: _clock(getattr(clocks, name), zone) for name in names}


# --- serials --------------------------------------------------------------------------------------------


def _mask(value: Any) -> str | None:
    if value is None:
        return None
    mask = _text(value, "mask")
    if not masks.is_mask(mask):
        raise _bad("mask", _("1 to 64 printable characters: A letter, 9 digit, X either"))
    return mask


def _next_free(value: Any) -> str | None:
    if value is None:
        return None
    if type(value) is int:
        return str(_whole(value, "next", 0, 10**18))
    return _text(value, "next")


def check_serials(source: Object) -> dict[str, Any]:
    """Answer of `flask serials check`: one serial judged, or a field of them expanded."""
    mask = _mask(source.get("mask"))
    if source.get("range") is not None:
        count = source.get("count")
        serials = expand_serials(
            _text(source["range"], "range"),
            count=None if count is None else _whole(count, "count", 0, MAX_QUANTITY),
            next_free=_next_free(source.get("next")),
            mask=mask,
        )
        return {"serials": serials}
    check = source.get("check")
    verdict = check_serial(
        _text(_needed(source, "serial"), "serial"),
        mask=mask,
        check=None if check is None else _choice(Check, check, "check"),
    )
    return {
        "canonical": verdict.canonical,
        "result": verdict.result.value,
        "code": verdict.code,
        "suggestions": list(verdict.suggestions),
    }


# --- credit ---------------------------------------------------------------------------------------------


def _currency(value: Any) -> str:
    if not isinstance(value, str) or value not in list_currencies(locale="en"):
        raise _bad("currency", _("three letters such as EUR"))
    return value


def _share(value: Any, places: int) -> Decimal:
    one = _object(value, "order_discounts")
    return _amount(_needed(one, "share", "order_discounts."), "order_discounts.share", places)


def explain_credit(source: Object) -> dict[str, Any]:
    """Answer of `flask credit explain`."""
    currency = _currency(_needed(source, "currency"))
    places = exponent(currency)
    discount = source.get("line_discount")
    line = PaidLine(
        currency=currency,
        quantity=_whole(_needed(source, "quantity"), "quantity", 1, MAX_QUANTITY),
        unit_price=_amount(_needed(source, "unit_price"), "unit_price", 4),
        tax_rate=_amount(_needed(source, "tax_rate"), "tax_rate", 6, most=Decimal(1)),
        line_discount=Decimal(0) if discount is None else _amount(discount, "line_discount", places),
        order_discounts=[
            _share(one, places) for one in _list(source.get("order_discounts"), "order_discounts")
        ],
    )
    credit = credit_of(
        line,
        credited_units=_whole_or(0, source.get("credited_units"), "credited_units", 0, MAX_QUANTITY),
        credit_units=_whole(_needed(source, "credit_units"), "credit_units", 1, MAX_QUANTITY),
    )

    def written(amount: Decimal) -> str:
        return f"{amount:.{places}f}"

    return {
        "units": [written(unit) for unit in credit.units],
        "net": written(credit.net),
        "tax": written(credit.tax),
        "gross": written(credit.gross),
        "left_net": written(credit.left_net),
        "left_tax": written(credit.left_tax),
    }


def answer(explain: Callable[[Object], dict[str, Any]], source: Object) -> dict[str, Any]:
    """The command's answer, or why there is none."""
    try:
        return explain(source)
    except (Unanswerable, RangeRefused) as error:
        return {"error": error.code, "message": error.message}
    except DomainError as error:
        code = error.code if error.code != "invalid_input" else "bad_value"
        return {"error": code, "message": error.message}
