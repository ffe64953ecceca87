"""Refusals of the catalogue, named for the fact."""

from __future__ import annotations

from app.core.errors import Conflict, InvalidInput


class TooManyToSort(InvalidInput):
    """A list is too long to be sorted by the buyer's own prices."""

    code = "too_many_to_sort"


class LadderRefused(InvalidInput):
    """A quantity ladder has no steps, two steps from one quantity, or an amount that cannot be stored."""

    code = "ladder_refused"


class QuantityRuleRefused(InvalidInput):
    """A minimum, multiple and maximum that no quantity can meet."""

    code = "quantity_rule_refused"


class NumberTaken(Conflict):
    """The number already belongs to something else."""

    code = "number_taken"
