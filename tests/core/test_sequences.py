"""Numbers have no gap and no double, whatever happens at the same time and whatever is rolled back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.database import run
from app.core.permissions import Actor, Permission, requires
from app.core.sequences import NumberRange, take_number
from app.core.tenancy import TenantSession, all_companies

SYSTEM = Actor.system("test")
THREADS = 20


class Regret(Exception):
    """The business transaction fails after it has taken its number."""


@requires(Permission.ORDER_PLACE)
def take(session: Session, actor: Actor, name: str, fails: bool = False) -> int:
    number = take_number(session, name)
    if fails:
        raise Regret
    return number


def in_threads(work: Callable[[int], None]) -> None:
    """Start 20 threads at the same moment; the first exception of any fails the test."""
    barrier = threading.Barrier(THREADS)
    faults: list[BaseException] = []

    def begin(number: int) -> None:
        barrier.wait()
        try:
            work(number)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_numbers_start_at_one_and_each_range_counts_by_itself(session: Session) -> None:
    assert [run(session, take, SYSTEM, "order-26") for _ in range(3)] == [1, 2, 3]
    assert run(session, take, SYSTEM, "order-27") == 1
    assert run(session, take, SYSTEM, "order-26") == 4


def test_a_number_is_given_back_when_its_transaction_fails(session: Session) -> None:
    run(session, take, SYSTEM, "order-26")
    for name in ("order-26", "order-27"):
        with contextlib.suppress(Regret):
            run(session, take, SYSTEM, name, fails=True)

    assert run(session, take, SYSTEM, "order-26") == 2
    assert run(session, take, SYSTEM, "order-27") == 1


def test_twenty_threads_with_failures_leave_no_gap_and_no_double(engine: Engine, session: Session) -> None:
    run(session, take, SYSTEM, "order-26")
    taken: list[int] = []

    def work(number: int) -> None:
        with TenantSession(bind=engine) as own:
            for turn in range(5):
                fails = (number + turn) % 3 == 0
                try:
                    taken.append(run(own, take, SYSTEM, "order-26", fails))
                except Regret:
                    continue

    in_threads(work)

    # 33 of the 100 transactions fail: those where thread and turn sum to a multiple of three.
    assert sorted(taken) == list(range(2, 69))


def test_the_first_use_of_a_range_by_twenty_threads_at_once_opens_it_once(
    engine: Engine, session: Session
) -> None:
    taken: list[int] = []

    def work(number: int) -> None:
        with TenantSession(bind=engine) as own:
            taken.append(run(own, take, SYSTEM, "order-30"))

    in_threads(work)

    assert sorted(taken) == list(range(1, 21))
    with all_companies(session, reason="test"):
        assert session.execute(select(NumberRange.name, NumberRange.next_value)).all() == [("order-30", 21)]


def test_the_control_that_reads_and_then_writes_gives_a_number_twice(
    engine: Engine, session: Session
) -> None:
    run(session, take, SYSTEM, "order-26")
    taken: list[int] = []
    together = threading.Barrier(THREADS)

    def work(number: int) -> None:
        with engine.connect().execution_options(readonly=True) as connection:
            seen = connection.execute(select(NumberRange.next_value)).scalar_one()
        together.wait()
        taken.append(seen)

    in_threads(work)

    assert len(set(taken)) < THREADS
