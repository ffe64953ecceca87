"""Minimum, multiple and maximum: the one check of a quantity for every entry."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.core.errors import InvalidInput
from app.core.texts import _

MAX_QUANTITY = 999_999
_DIGITS = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class QuantityRule:
    """From `minimum`, in multiples of `multiple`, up to `maximum` (None: no limit of its own).

    A minimum that is no multiple is rounded up: minimum 5 in fours starts at 8.
    """

    minimum: int = 1
    multiple: int = 1
    maximum: int | None = None

    @property
    def lowest(self) -> int:
        """The smallest quantity that may be ordered."""
        return -(-self.minimum // self.multiple) * self.multiple

    @property
    def highest(self) -> int:
        """The largest quantity that may be ordered."""
        limit = MAX_QUANTITY if self.maximum is None else min(self.maximum, MAX_QUANTITY)
        return limit // self.multiple * self.multiple

    @property
    def is_possible(self) -> bool:
        """Whether any quantity meets the rule."""
        return self.lowest <= self.highest


@dataclass(frozen=True, slots=True)
class QuantityVerdict:
    """What the rule says of a quantity; `lower` and `higher` are the nearest that would do."""

    #: ok | not_a_number | too_small | not_multiple | too_large
    code: str
    message: str = ""
    lower: int | None = None
    higher: int | None = None

    @property
    def is_ok(self) -> bool:
        return self.code == "ok"


def parse_quantity(text: str) -> int:
    """A whole number from 1 to 999999 in the digits 0 to 9; spaces around it are passed over.

    :raises InvalidInput: anything else, `1e9`, `-1`, `1.0` and digits of other scripts included.
    """
    trimmed = text.strip(" \t\r\n")
    if _DIGITS.fullmatch(trimmed) and int(trimmed) >= 1:
        return int(trimmed)
    raise InvalidInput(_not_a_number(), field="quantity")


def _not_a_number() -> str:
    return _("Enter a quantity from 1 to 999999, digits only.")


def check_quantity(rule: QuantityRule, quantity: int | str) -> QuantityVerdict:
    """Judge a quantity, as a number or as it was typed."""
    if isinstance(quantity, str):
        try:
            quantity = parse_quantity(quantity)
        except InvalidInput as error:
            return QuantityVerdict("not_a_number", error.message)
    elif not 1 <= quantity <= MAX_QUANTITY:
        return QuantityVerdict("not_a_number", _not_a_number())
    if not rule.is_possible:
        return QuantityVerdict(
            "not_multiple", _("No quantity of this product can be ordered at present. Ask your contact.")
        )
    lowest, highest = rule.lowest, rule.highest
    if quantity < lowest:
        return QuantityVerdict("too_small", _("The minimum is %(minimum)s.", minimum=lowest), higher=lowest)
    if quantity > highest:
        return QuantityVerdict("too_large", _("The maximum is %(maximum)s.", maximum=highest), lower=highest)
    if quantity % rule.multiple:
        return _between_multiples(rule, quantity)
    return QuantityVerdict("ok")


def _between_multiples(rule: QuantityRule, quantity: int) -> QuantityVerdict:
    lower = quantity // rule.multiple * rule.multiple
    # Between the lowest and the highest, both neighbours are allowed.
    return QuantityVerdict(
        "not_multiple",
        _(
            "It is sold in multiples of %(multiple)s: %(lower)s or %(higher)s.",
            multiple=rule.multiple,
            lower=lower,
            higher=lower + rule.multiple,
        ),
        lower=lower,
        higher=lower + rule.multiple,
    )
