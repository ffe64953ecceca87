"""Reading order history: what one line of an old system's invoices is. Pure functions on text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.core.money import line_amount

CURRENCY = "GBP"
ZONE = ZoneInfo("Europe/London")
COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
#: Codes that are charges, discounts and corrections, not goods.
NOT_MERCHANDISE = frozenset(
    {"POST", "DOT", "C2", "M", "D", "S", "B", "BANK CHARGES", "AMAZONFEE", "CRUK", "PADS"}
)
MAX_QUANTITY = 9_999_999
MAX_PRICE = Decimal(9_999_999)
_INVOICE = re.compile(r"C?[0-9]{1,20}")
_WHOLE = re.compile(r"-?[0-9]{1,8}(\.0+)?")
_PRICE = re.compile(r"-?[0-9]{1,8}(\.[0-9]{1,20})?")
_CUSTOMER = re.compile(r"([0-9]{1,20})(\.0+)?")


class Kind(StrEnum):
    """What a line is; the first that fits, in this order."""

    UNKNOWN_PREFIX = "unknown_invoice_prefix"
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
class HistoryLine:
    """A readable line. `quantity` is negative on cancellations; `customer` is empty where unknown."""

    invoice: str
    code: str
    name: str
    quantity: int
    at: datetime
    unit_price: Decimal
    customer: str
    country: str

    @property
    def is_cancellation(self) -> bool:
        return self.invoice.startswith("C")

    @property
    def amount(self) -> Decimal:
        """round(quantity x unit price), half up: 6 x 2.55 is 15.30."""
        return line_amount(self.quantity, self.unit_price, CURRENCY)


def invoice_of(row: Sequence[str]) -> str:
    """The invoice number as it is compared: trimmed and upper-cased."""
    return row[0].strip().upper() if row else ""


def is_invoice_number(invoice: str) -> bool:
    """Digits, with a `C` before them on cancellations."""
    return _INVOICE.fullmatch(invoice) is not None


def read_line(row: Sequence[str]) -> HistoryLine | None:
    """The line, or None where a column is missing or unreadable."""
    if len(row) != len(COLUMNS):
        return None
    _invoice, code, name, quantity, at, price, customer, country = (part.strip() for part in row)
    if not code or len(code) > 60 or not _WHOLE.fullmatch(quantity) or not _PRICE.fullmatch(price):
        return None
    customer_number = _customer_of(customer)
    moment = _moment_of(at)
    if customer_number is None or moment is None:
        return None
    units, unit_price = int(Decimal(quantity)), _price_of(price)
    if abs(units) > MAX_QUANTITY or unit_price is None:
        return None
    return HistoryLine(
        invoice=invoice_of(row),
        code=code.upper(),
        name=" ".join(name.split())[:300],
        quantity=units,
        at=moment,
        unit_price=unit_price,
        customer=customer_number,
        country=country,
    )


def _customer_of(text: str) -> str | None:
    """`17850.0` is 17850, empty stays empty; None for anything else."""
    if not text:
        return ""
    match = _CUSTOMER.fullmatch(text)
    return match.group(1) if match else None


def _moment_of(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZONE).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _price_of(text: str) -> Decimal | None:
    try:
        price = Decimal(text)
    except InvalidOperation:
        return None
    exact = price.quantize(Decimal("0.0001"))
    return exact if exact == price and abs(price) <= MAX_PRICE else None


def kind_of(line: HistoryLine) -> Kind:
    """What a readable line of a new invoice is; `ordered` stands for a cancellation to be tried as well."""
    if line.quantity == 0 or (line.quantity < 0) != line.is_cancellation:
        return Kind.STOCK_ADJUSTMENT
    if line.unit_price == 0:
        return Kind.ZERO_PRICE
    if line.unit_price < 0:
        return Kind.NEGATIVE_PRICE
    if line.code in NOT_MERCHANDISE:
        return Kind.NOT_MERCHANDISE
    if not line.customer:
        return Kind.NO_CUSTOMER
    return Kind.ORDERED
