"""Sums of an order, and what changed since it was shown: pure functions on plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from urllib.parse import quote, unquote

from app.core.errors import InvalidInput
from app.core.money import line_amount, round_to_currency, share_out
from app.core.texts import _
from app.domain.ordering.errors import LineChange

BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class LineSums:
    """Net, its share of the order's discount, and the tax on what is left."""

    net: Decimal
    discount: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of the lines; total = net - discount + tax."""

    net: Decimal
    discount: Decimal
    tax: Decimal
    lines: tuple[LineSums, ...]

    @property
    def total(self) -> Decimal:
        return self.net - self.discount + self.tax


def order_totals(
    lines: Sequence[tuple[int, Decimal, int]],
    *,
    currency: str,
    discount_bps: int = 0,
    discount_from: Decimal = Decimal(0),
) -> Totals:
    """Sums of (quantity, unit price, tax rate in basis points) lines.

    Line nets and line taxes are rounded half up; a discount is granted from a net of `discount_from` on
    and shared over the lines by largest remainder. 2 % of 10.00 and 5.05 is 0.30, shared 0.20 and 0.10;
    at 10 % tax the lines' taxes are 0.98 and 0.50.
    """
    nets = [line_amount(quantity, unit_price, currency) for quantity, unit_price, _rate in lines]
    net = sum(nets, Decimal(0))
    granted = discount_bps and net >= discount_from and net > 0
    discount = round_to_currency(net * discount_bps / BPS, currency) if granted else Decimal(0)
    shares = share_out(discount, nets, currency) if discount else [Decimal(0)] * len(nets)
    sums = tuple(
        LineSums(line_net, share, round_to_currency((line_net - share) * rate / BPS, currency))
        for line_net, share, (_quantity, _price, rate) in zip(nets, shares, lines, strict=True)
    )
    return Totals(net, discount, sum((line.tax for line in sums), Decimal(0)), sums)


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line as the reader saw it."""

    quantity: int
    unit_price: Decimal


def encode_shown(lines: Mapping[str, ShownLine]) -> str:
    """Lines by SKU for a hidden field: `SSD-1=2x9.99;CPU=1x200`; signs in SKUs are percent-encoded."""
    return ";".join(f"{quote(sku)}={line.quantity}x{line.unit_price}" for sku, line in lines.items())


def parse_shown(text: str) -> dict[str, ShownLine]:
    """What `encode_shown` wrote. :raises InvalidInput: it was altered."""
    found = {}
    try:
        for part in filter(None, text.split(";")):
            sku, _separator, rest = part.rpartition("=")
            quantity, _x, price = rest.partition("x")
            unit_price = Decimal(price)
            if not unit_price.is_finite():
                raise ValueError(price)
            found[unquote(sku)] = ShownLine(int(quantity), unit_price)
    except (ValueError, InvalidOperation) as error:
        raise InvalidInput(_("The page is out of date. Reload it and place the order again.")) from error
    return found


def changes_since(
    shown: Mapping[str, ShownLine], now: Mapping[str, tuple[str, ShownLine]]
) -> list[LineChange]:
    """Lines whose quantity or price differs from what was shown; `now` holds (name, line) by SKU."""
    changes = []
    for sku, (name, line) in now.items():
        was = shown.get(sku)
        if was != line:
            changes.append(
                LineChange(
                    sku,
                    name,
                    was.quantity if was else None,
                    line.quantity,
                    was.unit_price if was else None,
                    line.unit_price,
                )
            )
    gone = [sku for sku in shown if sku not in now]
    return changes + [
        LineChange(sku, sku, shown[sku].quantity, None, shown[sku].unit_price, None) for sku in gone
    ]
