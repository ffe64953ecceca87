"""Which agreement prices a product, which step of its ladder applies, and what may be told about it.

One agreement wins the whole product with its full ladder: branch before company before tier before list,
also where a lower one is cheaper; ties go to the later start, then to the higher id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from app.domain.catalogue.quantities import QuantityRule

#: Levels in the order they are asked.
LEVELS = ("branch", "company", "tier", "list")
_RANK = {level: rank for rank, level in enumerate(LEVELS)}
#: Levels a buyer may see by name; a tier's list belongs to the vendor.
_NAMED_TO_BUYERS = frozenset({"branch", "company", "list"})


@dataclass(frozen=True, slots=True)
class Agreement:
    """The heading of a price agreement; valid [starts_on, ends_on)."""

    id: int
    number: str
    name: str
    #: branch | company | tier | list
    level: str
    starts_on: date
    ends_on: date | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """From `min_quantity` on, every unit costs `unit_price` (all units, not only those beyond)."""

    min_quantity: int
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class Ladder:
    """An agreement's steps for one product, lowest quantity first, and its own quantity rule."""

    agreement: Agreement
    steps: tuple[Step, ...]
    rule: QuantityRule | None = None

    def step_at(self, quantity: int) -> Step | None:
        """The highest step not above `quantity`; None below the first."""
        found = None
        for step in self.steps:
            if step.min_quantity > quantity:
                break
            found = step
        return found


@dataclass(frozen=True, slots=True)
class Price:
    """The unit price at a quantity, where it comes from, and the ladders that lost."""

    unit_price: Decimal
    step: Step
    ladder: Ladder
    losers: tuple[Ladder, ...] = ()


@dataclass(frozen=True, slots=True)
class BelowFirstStep:
    """The winning ladder starts at `minimum`; below it there is nothing to order."""

    minimum: int
    step: Step
    ladder: Ladder
    losers: tuple[Ladder, ...] = ()


def ladder_order(ladder: Ladder) -> tuple[int, int, int]:
    """Sort key that puts the winner first."""
    agreement = ladder.agreement
    return (_RANK[agreement.level], -agreement.starts_on.toordinal(), -agreement.id)


def order_ladders(ladders: Iterable[Ladder]) -> list[Ladder]:
    """The ladders that have steps, winner first."""
    return sorted((ladder for ladder in ladders if ladder.steps), key=ladder_order)


def resolve_price(ladders: Iterable[Ladder], *, quantity: int) -> Price | BelowFirstStep | None:
    """The price of a product at a quantity; None means price on request.

    Of a branch ladder 10 from 9.00 and a list ladder 1 from 8.00, quantity 5 is below the first step
    (minimum 10), and quantity 10 costs 9.00 each.
    """
    ordered = order_ladders(ladders)
    if not ordered:
        return None
    winner, losers = ordered[0], tuple(ordered[1:])
    step = winner.step_at(quantity)
    if step is None:
        first = winner.steps[0]
        return BelowFirstStep(first.min_quantity, first, winner, losers)
    return Price(step.unit_price, step, winner, losers)


def effective_rule(product_rule: QuantityRule, ladders: Sequence[Ladder]) -> QuantityRule:
    """The rule that binds: the winning agreement's where it has one, from its first step on."""
    winner = min((ladder for ladder in ladders if ladder.steps), key=ladder_order, default=None)
    if winner is None:
        return product_rule
    rule = winner.rule or product_rule
    first = winner.steps[0].min_quantity
    return rule if first <= rule.minimum else replace(rule, minimum=first)


@dataclass(frozen=True, slots=True)
class ShownLadder:
    """A ladder as it may be shown: `number` and `name` are None where the reader may not know them."""

    level: str
    number: str | None
    name: str | None
    starts_on: date | None
    ends_on: date | None
    steps: tuple[Step, ...]
    is_winner: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a product costs what it costs at a quantity; `step` is None where nothing can be ordered."""

    quantity: int
    step: Step | None
    minimum: int
    ladders: tuple[ShownLadder, ...]

    @property
    def winner(self) -> ShownLadder | None:
        return next((ladder for ladder in self.ladders if ladder.is_winner), None)

    @property
    def losers(self) -> tuple[ShownLadder, ...]:
        return tuple(ladder for ladder in self.ladders if not ladder.is_winner)


def explain_ladders(ladders: Iterable[Ladder], *, quantity: int, for_staff: bool) -> Explanation | None:
    """What may be said about a price; None means price on request.

    A buyer reads of the company's own agreements and of the list price; a tier price that wins is shown
    without its name, one that loses not at all. Vendor staff see every ladder.
    """
    ordered = order_ladders(ladders)
    if not ordered:
        return None
    shown = []
    for index, ladder in enumerate(ordered):
        agreement, wins = ladder.agreement, index == 0
        is_named = for_staff or agreement.level in _NAMED_TO_BUYERS
        if not (is_named or wins):
            continue
        shown.append(
            ShownLadder(
                level=agreement.level,
                number=agreement.number if is_named else None,
                name=agreement.name if is_named else None,
                starts_on=agreement.starts_on if is_named else None,
                ends_on=agreement.ends_on if is_named else None,
                steps=ladder.steps,
                is_winner=wins,
            )
        )
    winner = ordered[0]
    return Explanation(quantity, winner.step_at(quantity), winner.steps[0].min_quantity, tuple(shown))
