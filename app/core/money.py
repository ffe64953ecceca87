"""Money as a frozen value: exact, of one currency, rounded half up when it is posted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from babel.numbers import get_currency_precision

#: Stored amounts carry four decimals (integer x 10^4).
UNIT_PLACES = 4


def _exact(value: Decimal | int | str) -> Decimal:
    if isinstance(value, float):  # a float reaches here only past the type checker
        raise TypeError("money is never a float")
    amount = Decimal(value)
    if not amount.is_finite():
        raise ValueError("money is a finite number")
    return amount


def exponent(currency: str) -> int:
    """Decimals of the currency's smallest unit: USD 2, JPY 0, BHD 3. Source: CLDR through Babel."""
    return get_currency_precision(currency)


def round_to_currency(amount: Decimal, currency: str) -> Decimal:
    """`amount` rounded half up to the currency's smallest unit: 2.675 USD is 2.68."""
    return amount.quantize(Decimal(1).scaleb(-exponent(currency)), rounding=ROUND_HALF_UP)


def line_amount(quantity: int, unit_price: Decimal, currency: str) -> Decimal:
    """Posted amount of a line: round(quantity x unit price), 3 x 0.3350 USD = 1.01."""
    return round_to_currency(quantity * unit_price, currency)


def share_out(total: Decimal, weights: Sequence[Decimal], currency: str) -> list[Decimal]:
    """Share `total` by weight in whole smallest units; the largest remainders get the odd units.

    The shares sum to `total` exactly. Ties go to the earlier weight. 10.00 USD over 1, 1, 1 is
    3.34, 3.33, 3.33. All-zero weights share evenly.

    :raises ValueError: no weights, a negative weight, or a total that is not in whole units.
    """
    if not weights or any(weight < 0 for weight in weights):
        raise ValueError("shares need weights that are not negative")
    unit = Decimal(1).scaleb(-exponent(currency))
    units = total / unit
    if units != units.to_integral_value():
        raise ValueError(f"{total} is not in whole units of {currency}")
    if not any(weights):
        weights = [Decimal(1)] * len(weights)
    weight_sum = sum(weights, Decimal(0))
    sign = -1 if units < 0 else 1
    whole_units = int(abs(units))
    floors = [int(whole_units * weight // weight_sum) for weight in weights]
    remainders = [whole_units * weight % weight_sum for weight in weights]
    odd = whole_units - sum(floors)
    by_remainder = sorted(range(len(weights)), key=lambda index: (-remainders[index], index))
    for index in by_remainder[:odd]:
        floors[index] += 1
    return [sign * count * unit for count in floors]


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount of one currency. Adding another currency, or a float, raises."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", _exact(self.amount))
        if len(self.currency) != 3 or not self.currency.isascii() or not self.currency.isupper():
            raise ValueError("a currency is three capital letters")

    def _same(self, other: object) -> Money:
        if not isinstance(other, Money):
            raise TypeError(f"money and {type(other).__name__} do not mix")
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not mix")
        return other

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other).amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other).amount, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __mul__(self, factor: int | Decimal) -> Money:
        return Money(self.amount * _exact(factor), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other).amount

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other).amount

    def __bool__(self) -> bool:
        return self.amount != 0

    def rounded(self) -> Money:
        """Half up to the currency's smallest unit."""
        return Money(round_to_currency(self.amount, self.currency), self.currency)

    def split(self, weights: Sequence[Decimal]) -> list[Money]:
        """Shares by weight that sum to this amount; see :func:`share_out`."""
        return [Money(share, self.currency) for share in share_out(self.amount, weights, self.currency)]

    @staticmethod
    def total(amounts: Iterable[Money], currency: str) -> Money:
        """Sum of the amounts; zero of `currency` for none."""
        result = Money(Decimal(0), currency)
        for amount in amounts:
            result = result + amount
        return result
