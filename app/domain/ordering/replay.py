"""What each line of an order history is: pure rules on the file's texts, no database."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.core.money import line_amount
from app.domain.catalogue.numbers import code_key, is_storable

CURRENCY = "GBP"
#: Times without a zone are the wholesaler's own.
ZONE = ZoneInfo("Europe/London")
#: Stock codes that are fees, postage and corrections, not goods.
NOT_MERCHANDISE = frozenset(
    {"POST", "DOT", "C2", "M", "D", "S", "B", "BANK CHARGES", "AMAZONFEE", "CRUK", "PADS"}
)
CODE_LENGTH = 60
NUMBER_LENGTH = 40
#: What the order's amounts can hold, with room for thousands of lines.
HIGHEST_AMOUNT = Decimal(10) ** 11
#: Amount of a line whose quantity or price cannot be read.
NOTHING = Decimal("0.00")

_INVOICE = re.compile(r"C?[0-9]+")
_WHOLE = re.compile(r"-?[0-9]{1,8}")
_PRICE = re.compile(r"-?[0-9]{1,8}(\.[0-9]{1,12})?")
_WHOLE_AS_DECIMAL = re.compile(r"([0-9]+)\.0+")


class Kind(StrEnum):
    """What a line is; the first that fits, in this order."""

    UNKNOWN_INVOICE_PREFIX = "unknown_invoice_prefix"
    BAD_ROW = "bad_row"
    ALREADY_REPLAYED = "already_replayed"
    STOCK_ADJUSTMENT = "stock_adjustment"
    ZERO_PRICE = "zero_price"
    NEGATIVE_PRICE = "negative_price"
    NOT_MERCHANDISE = "not_merchandise"
    NO_CUSTOMER = "no_customer"
    ORDERED = "ordered"
    CANCELLED = "cancelled"
    CANCEL_WITHOUT_ORDER = "cancel_without_order"


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line's cells as they stand in the file; None where the row is too short."""

    invoice: str | None
    code: str | None
    description: str | None
    quantity: str | None
    at: str | None
    unit_price: str | None
    customer: str | None
    country: str | None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A readable line. `quantity` is negative on cancellations; `customer` None where it is not said."""

    code: str
    description: str
    quantity: int
    at: datetime
    unit_price: Decimal
    customer: str | None
    country: str

    @property
    def amount(self) -> Decimal:
        """round(quantity x price), half up: -3 x 0.335 is -1.01."""
        return line_amount(self.quantity, self.unit_price, CURRENCY)


@dataclass(slots=True)
class Invoice:
    """One invoice's readable lines, in the order of the file."""

    number: str
    lines: list[HistoryLine] = field(default_factory=list)

    @property
    def is_cancellation(self) -> bool:
        return self.number.startswith("C")

    @property
    def at(self) -> datetime:
        """The earliest time of the invoice, in London."""
        earliest = min(line.at for line in self.lines)
        return earliest if earliest.tzinfo else earliest.replace(tzinfo=ZONE)


@dataclass(slots=True)
class Tally:
    """Lines and amounts by kind."""

    orders: int = 0
    count: Counter[Kind] = field(default_factory=Counter)
    amount: defaultdict[Kind, Decimal] = field(default_factory=lambda: defaultdict(lambda: NOTHING))

    @property
    def lines(self) -> int:
        return self.count.total()

    def add(self, kind: Kind, amount: Decimal) -> None:
        """Count one line."""
        self.count[kind] += 1
        self.amount[kind] += amount


def invoice_number(text: str | None) -> str | None:
    """The invoice's number trimmed and upper-cased; None where it is not digits, or C and digits."""
    number = (text or "").strip().upper()
    known = _INVOICE.fullmatch(number) and number.isascii() and len(number) <= NUMBER_LENGTH
    return number if known else None


def read_line(raw: RawLine) -> HistoryLine | None:
    """The line's values; None where one is missing or cannot be read.

    A quantity is a whole number, a price has at most four decimals (zeros after them are passed over),
    a time is written as `2010-12-01 08:26`.
    """
    cells = (raw.code, raw.quantity, raw.at, raw.unit_price, raw.customer)
    if raw.country is None or raw.description is None or None in cells:
        return None
    code, quantity, at, price, customer = (cell.strip() for cell in cells if cell is not None)
    code, who = code_key(code), _customer(customer)
    if not code or len(code) > CODE_LENGTH or len(who or "") > NUMBER_LENGTH:
        return None
    if not (_is_plain(_WHOLE, quantity) and _is_plain(_PRICE, price)) or not is_storable(customer):
        return None
    unit_price = Decimal(price)
    if unit_price != round(unit_price, 4) or abs(int(quantity) * unit_price) > HIGHEST_AMOUNT:
        return None
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return HistoryLine(
        code, raw.description.strip(), int(quantity), moment, unit_price, who, raw.country.strip()
    )


def _is_plain(pattern: re.Pattern[str], text: str) -> bool:
    return text.isascii() and pattern.fullmatch(text) is not None


def _customer(text: str) -> str | None:
    """`17850.0`, as spreadsheets write it, is customer 17850."""
    whole = _WHOLE_AS_DECIMAL.fullmatch(text)
    return (whole.group(1) if whole else text.upper()) or None


def kind_of(line: HistoryLine, *, is_cancellation: bool) -> Kind | None:
    """Why a readable line of a new invoice makes no order line; None where it does, or cancels one."""
    wrong_sign = line.quantity >= 0 if is_cancellation else line.quantity <= 0
    if wrong_sign:
        return Kind.STOCK_ADJUSTMENT
    if line.unit_price == 0:
        return Kind.ZERO_PRICE
    if line.unit_price < 0:
        return Kind.NEGATIVE_PRICE
    if line.code in NOT_MERCHANDISE:
        return Kind.NOT_MERCHANDISE
    return Kind.NO_CUSTOMER if line.customer is None else None


@dataclass(slots=True)
class OpenLine:
    """An order line with units that were neither shipped nor cancelled nor picked."""

    line_id: int
    code: str
    unit_price: Decimal
    open: int


def match_cancellations(
    lines: Sequence[HistoryLine], open_lines: Sequence[OpenLine]
) -> tuple[list[Kind], dict[int, int]]:
    """Each cancelling line's kind, and the units cancelled by order line.

    `open_lines` are the customer's, oldest first. A line takes its whole quantity from lines of its code
    and price, several of them if need be, or nothing: -8 on open lines of 5 and 4 takes 5 and 3.
    """
    places: dict[tuple[str, Decimal], list[OpenLine]] = defaultdict(list)
    for line in open_lines:
        places[(line.code, line.unit_price)].append(line)
    kinds, taken = [], Counter[int]()
    for wanted in lines:
        missing, fitting = -wanted.quantity, places.get((wanted.code, wanted.unit_price), [])
        if sum(line.open for line in fitting) < missing:
            kinds.append(Kind.CANCEL_WITHOUT_ORDER)
            continue
        kinds.append(Kind.CANCELLED)
        for line in fitting:
            units = min(line.open, missing)
            if units:
                line.open -= units
                missing -= units
                taken[line.line_id] += units
    return kinds, dict(taken)


def summary(tally: Tally, seconds: float) -> Mapping[str, object]:
    """The last line a replay prints, as JSON values; kinds without a line are left out."""
    found = [kind for kind in Kind if tally.count[kind]]
    return {
        "lines": tally.lines,
        "orders": tally.orders,
        "count": {kind.value: tally.count[kind] for kind in found},
        "amount": {kind.value: str(tally.amount[kind]) for kind in found},
        "seconds": round(seconds, 2),
    }
