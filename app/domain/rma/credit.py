"""What is credited for units of an order line: what was paid for them, to the cent, and never more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.core.errors import Conflict, InvalidInput
from app.core.money import exponent, line_amount, round_to_currency
from app.core.texts import _


class MoreThanLeft(Conflict):
    """More units would be credited than the line has left."""

    code = "more_than_left"


@dataclass(frozen=True, slots=True)
class PaidLine:
    """An order line as it was posted. Discounts are amounts of the whole line, in whole smallest units."""

    currency: str
    quantity: int
    unit_price: Decimal
    tax_rate: Decimal
    line_discount: Decimal = Decimal(0)
    #: The line's posted share of each of the order's discounts.
    order_discounts: Sequence[Decimal] = ()

    @property
    def net(self) -> Decimal:
        """What was paid for the line before tax."""
        gross = line_amount(self.quantity, self.unit_price, self.currency)
        return gross - self.line_discount - sum(self.order_discounts, Decimal(0))

    def tax_of(self, net: Decimal) -> Decimal:
        """Tax at the line's rate, rounded half up."""
        return round_to_currency(net * self.tax_rate, self.currency)


@dataclass(frozen=True, slots=True)
class Credit:
    """A credit's amounts, what each unit of the line cost, and what may still be credited after it."""

    units: tuple[Decimal, ...]
    net: Decimal
    tax: Decimal
    left_net: Decimal
    left_tax: Decimal

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax


def unit_amounts(net: Decimal, quantity: int, currency: str) -> tuple[Decimal, ...]:
    """The line's net amount by unit, in whole smallest units: 290.00 over 3 is 96.67, 96.67, 96.66."""
    unit = Decimal(1).scaleb(-exponent(currency))
    each, odd = divmod(int(net / unit), quantity)
    return tuple((each + (1 if place < odd else 0)) * unit for place in range(quantity))


def credit_of(line: PaidLine, *, credited_units: int, credit_units: int) -> Credit:
    """The credit of the next units of a line, in the order of their split.

    Tax is the difference of two rounded sums, so that the last unit ends on the line's tax: 19 % of 96.67,
    96.67, 96.66 is 18.37, 18.36, 18.37, together 55.10.

    :raises MoreThanLeft: fewer units are left.
    :raises InvalidInput: the discounts are more than the line.
    """
    net = line.net
    if net < 0:
        raise InvalidInput(_("The discounts are more than the line amounts to."), field="line_discount")
    left = line.quantity - credited_units
    if credit_units > left:
        raise MoreThanLeft(
            _("%(left)s of %(all)s units are left to credit.", left=max(left, 0), all=line.quantity),
            field="credit_units",
        )
    units = unit_amounts(net, line.quantity, line.currency)
    before = sum(units[:credited_units], Decimal(0))
    after = before + sum(units[credited_units : credited_units + credit_units], Decimal(0))
    tax_after = line.tax_of(after)
    return Credit(
        units=units,
        net=after - before,
        tax=tax_after - line.tax_of(before),
        left_net=net - after,
        left_tax=line.tax_of(net) - tax_after,
    )
