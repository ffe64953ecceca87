"""Which warehouse gives which units, and the day the rest is promised for."""

from __future__ import annotations

from datetime import date

from app.domain.inventory.rules import Demand, Take, allocate, promise_date

EAST, WEST = 1, 2
DRIVE, DOCK = 11, 12


def test_demands_are_served_in_their_order_from_the_warehouses_in_theirs() -> None:
    takes = allocate(
        [Demand(1, DRIVE, 4), Demand(2, DRIVE, 3)], {(DRIVE, EAST): 5, (DRIVE, WEST): 1}, [EAST, WEST]
    )
    assert takes == [Take(1, DRIVE, EAST, 4), Take(2, DRIVE, EAST, 1), Take(2, DRIVE, WEST, 1)]


def test_products_do_not_share_units_and_nothing_is_taken_twice() -> None:
    takes = allocate(
        [Demand(1, DRIVE, 2), Demand(2, DOCK, 2), Demand(3, DOCK, 2)],
        {(DRIVE, EAST): 1, (DOCK, EAST): 3},
        [EAST],
    )
    assert takes == [Take(1, DRIVE, EAST, 1), Take(2, DOCK, EAST, 2), Take(3, DOCK, EAST, 1)]


def test_nothing_free_and_less_than_nothing_gives_nothing() -> None:
    assert allocate([Demand(1, DRIVE, 2)], {}, [EAST]) == []
    assert allocate([Demand(1, DRIVE, 2)], {(DRIVE, EAST): -3}, [EAST]) == []
    assert allocate([Demand(1, DRIVE, 2)], {(DRIVE, EAST): 2}, []) == []


def test_the_promised_day_is_the_first_on_which_everybody_before_is_served_too() -> None:
    receipts = [(date(2026, 12, 2), 15), (date(2026, 12, 9), 10)]
    assert promise_date(8, waiting=12, receipts=receipts) == date(2026, 12, 9)
    assert promise_date(3, waiting=12, receipts=receipts) == date(2026, 12, 2)
    assert promise_date(4, waiting=12, receipts=receipts) == date(2026, 12, 9)
    assert promise_date(13, waiting=12, receipts=receipts) == date(2026, 12, 9)
    assert promise_date(14, waiting=12, receipts=receipts) is None
    assert promise_date(1, waiting=0, receipts=[]) is None
