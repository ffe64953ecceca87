"""Jobs are claimed by one worker at a time, come back when it is lost, and die when nothing helps."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.core import carriers, outbox, outbox_desk
from app.core.audit import AuditEntry
from app.core.database import run, writing
from app.core.errors import NotFound, PermissionDenied
from app.core.outbox import Job, JobState, JobView, LeaseLost, WorkerBeat
from app.core.permissions import Actor, Permission, requires
from app.core.tenancy import TenantSession, all_companies

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
SYSTEM = Actor.system("test")
LEASE = timedelta(seconds=60)
EXPIRED = NOW + timedelta(seconds=61)


@requires(Permission.JOB_WORK)
def call(session: Session, actor: Actor, statement: Any, /, *args: Any, **kwargs: Any) -> Any:
    return statement(session, *args, **kwargs)


def do(session: Session, statement: Any, /, *args: Any, **kwargs: Any) -> Any:
    return run(session, call, SYSTEM, statement, *args, **kwargs)


def claim(session: Session, *, now: datetime = NOW, worker: str = "w", **leases: int) -> JobView | None:
    kinds = {kind: timedelta(seconds=seconds) for kind, seconds in leases.items()}
    claimed: JobView | None = do(session, outbox.claim_next, worker=worker, now=now, leases=kinds)
    return claimed


def taken(session: Session, **values: Any) -> JobView:
    claimed = claim(session, **values)
    assert claimed is not None
    return claimed


def add(session: Session, kind: str = "k", *, now: datetime = NOW, **values: Any) -> int:
    def insert(session: Session) -> int:
        added = outbox.enqueue(session, kind, {"a": 1}, now=now, **values)
        session.flush()
        return added.id

    job_id: int = do(session, insert)
    return job_id


def job(session: Session, job_id: int) -> Job:
    session.rollback()
    session.expunge_all()
    return session.get_one(Job, job_id)


def test_a_job_is_written_with_the_business_or_not_at_all(session: Session) -> None:
    def fail_after(session: Session) -> None:
        outbox.enqueue(session, "k", {}, now=NOW)
        session.flush()
        raise NotFound("no")

    with pytest.raises(NotFound):
        do(session, fail_after)

    assert session.scalar(select(func.count()).select_from(Job)) == 0
    add(session)
    assert session.scalar(select(func.count()).select_from(Job)) == 1


def test_the_job_due_longest_is_claimed_first_and_by_one_only(session: Session) -> None:
    later = add(session, now=NOW - timedelta(minutes=1))
    first = add(session, now=NOW - timedelta(minutes=2))
    add(session, run_at=NOW + timedelta(minutes=1))

    assert outbox.has_due(session, now=NOW)
    assert [getattr(claim(session), "id", None) for _ in range(3)] == [first, later, None]
    assert not outbox.has_due(session, now=NOW)


def test_a_claim_carries_the_job_and_takes_its_kinds_lease(session: Session) -> None:
    job_id = add(session, "long", message_id="m-1")

    view = taken(session, worker="embedded:host:1", long=300)

    assert (view.id, view.message_id, view.kind, view.payload, view.attempts) == (
        job_id,
        "m-1",
        "long",
        {"a": 1},
        1,
    )
    assert view.lease.startswith("embedded:host:1/")
    stored = job(session, job_id)
    assert (stored.state, stored.lease_until) == ("running", NOW + timedelta(seconds=300))


def test_a_carrier_brings_an_id_and_only_one_worker_gets_it(session: Session) -> None:
    job_id = add(session)
    arguments: dict[str, Any] = {"worker": "c", "now": NOW, "leases": {}}

    assert do(session, outbox.claim_job, job_id, **arguments) is not None
    assert do(session, outbox.claim_job, job_id, **arguments) is None
    assert do(session, outbox.claim_job, 999, **arguments) is None
    assert do(session, outbox.claim_job, add(session, run_at=EXPIRED), **arguments) is None


def test_a_done_job_is_not_claimed_again(session: Session) -> None:
    job_id = add(session)
    do(session, outbox.finish, taken(session), now=NOW)

    assert claim(session, now=EXPIRED) is None
    stored = job(session, job_id)
    assert (stored.state, stored.finished_at, stored.lease_owner) == ("done", NOW, None)


def test_a_lost_workers_job_comes_back_under_the_same_message_id_and_the_lost_one_can_mark_nothing(
    session: Session,
) -> None:
    job_id = add(session, message_id="m-1")
    lost = taken(session)

    assert do(session, outbox.release_expired, now=NOW + LEASE) == 0
    assert do(session, outbox.release_expired, now=EXPIRED) == 1
    again = taken(session, now=EXPIRED)

    assert (again.id, again.message_id, again.attempts) == (job_id, "m-1", 2)
    for late in (outbox.finish, lambda s, j, now: outbox.extend_lease(s, j, now=now, lease=LEASE)):
        with pytest.raises(LeaseLost):
            do(session, late, lost, now=EXPIRED)
    do(session, outbox.fail, lost, "late", now=EXPIRED)
    do(session, outbox.give_back, lost, now=EXPIRED)
    stored = job(session, job_id)
    assert (stored.state, stored.lease_owner, stored.last_error) == (
        "running",
        again.lease,
        outbox.WORKER_LOST,
    )


def test_a_heartbeat_keeps_the_lease(session: Session) -> None:
    add(session)
    view = taken(session)
    do(session, outbox.extend_lease, view, now=NOW + timedelta(seconds=50), lease=LEASE)

    assert do(session, outbox.release_expired, now=EXPIRED) == 0
    do(session, outbox.report_progress, view, done=3, total=9, now=EXPIRED, lease=LEASE)
    stored = job(session, view.id)
    assert (stored.progress_done, stored.progress_total, stored.lease_until) == (3, 9, EXPIRED + LEASE)


def test_a_job_that_loses_its_worker_every_time_dies(session: Session) -> None:
    job_id = add(session, max_attempts=2)
    for attempt in range(2):
        taken(session, now=NOW + attempt * timedelta(minutes=5))
        do(session, outbox.release_expired, now=NOW + attempt * timedelta(minutes=5) + 2 * LEASE)

    stored = job(session, job_id)
    assert (stored.state, stored.last_error) == ("dead", outbox.WORKER_LOST)


def test_failures_wait_longer_each_time_and_then_the_job_is_dead(session: Session) -> None:
    job_id = add(session, max_attempts=3)
    now = NOW
    for wait_s, state in ((10, "queued"), (20, "queued"), (40, "dead")):
        view = taken(session, now=now)
        do(session, outbox.fail, view, "broken", now=now, delay=outbox.retry_delay(view.attempts, jitter=0.5))
        stored = job(session, job_id)
        assert (stored.state, stored.run_at - now) == (state, timedelta(seconds=wait_s))
        now = stored.run_at

    assert (job(session, job_id).last_error, claim(session, now=now)) == ("broken", None)


@pytest.mark.parametrize(
    ("attempts", "jitter", "seconds"),
    [(1, 0.0, 8), (1, 1.0, 12), (3, 0.0, 32), (3, 1.0, 48), (10, 0.5, 3600), (1000, 1.0, 4320)],
)
def test_the_wait_doubles_to_an_hour_give_or_take_a_fifth(attempts: int, jitter: float, seconds: int) -> None:
    assert outbox.retry_delay(attempts, jitter=jitter) == timedelta(seconds=seconds)


def test_a_job_that_can_never_be_done_dies_at_once(session: Session) -> None:
    job_id = add(session)
    do(session, outbox.fail, taken(session), "no such template", now=NOW, may_retry=False)

    assert job(session, job_id).state == JobState.DEAD.value


def test_a_job_given_back_waits_again_and_its_attempt_is_not_counted(session: Session) -> None:
    job_id = add(session)
    do(session, outbox.give_back, taken(session), now=NOW)

    stored = job(session, job_id)
    assert (stored.state, stored.attempts, stored.lease_owner) == ("queued", 0, None)


def test_dead_jobs_are_replayed_one_or_all_and_it_is_audited(session: Session) -> None:
    dead = [add(session, message_id=f"m-{number}") for number in range(3)]
    waiting = add(session)
    for _ in dead:
        do(session, outbox.fail, taken(session), "broken", now=NOW, may_retry=False)

    with pytest.raises(PermissionDenied):
        run(session, outbox_desk.replay_dead_jobs, Actor("x", frozenset()), job_ids=None, now=NOW)
    assert run(session, outbox_desk.replay_dead_jobs, SYSTEM, job_ids=[dead[0], waiting, 999], now=NOW) == 1
    stored = job(session, dead[0])
    assert (stored.state, stored.attempts, stored.message_id) == ("queued", 0, "m-0")
    assert run(session, outbox_desk.replay_dead_jobs, SYSTEM, job_ids=None, now=NOW) == 2
    with all_companies(session, reason="test"):
        assert session.scalars(select(AuditEntry.subject_id).order_by(AuditEntry.id)).all() == dead


def test_a_carrier_gets_each_due_id_once_and_again_when_nobody_claims_it(session: Session) -> None:
    ids = [add(session) for _ in range(5)]
    add(session, run_at=EXPIRED)

    def take(now: datetime, window: int = 10) -> list[int]:
        found: list[int] = do(
            session, carriers.take_unpublished, now=now, again_after=timedelta(minutes=5), window=window
        )
        return sorted(found)

    assert take(NOW, window=2) == ids[:2]
    assert take(NOW, window=2) == []
    assert take(NOW, window=4) == ids[2:4]
    do(session, carriers.withdraw_published, ids[3:4])
    assert take(NOW) == ids[3:]
    assert take(NOW) == []
    assert len(take(NOW + timedelta(minutes=6))) == 6


def test_signs_of_life_are_kept_per_worker(session: Session) -> None:
    for worker, seen in (("embedded:a", NOW), ("celery:b", EXPIRED), ("embedded:a", EXPIRED)):
        do(session, outbox.beat, worker, now=seen)
    do(session, outbox.beat, "old", now=NOW - timedelta(days=1))

    assert outbox.latest_beat(session, "embedded:") == EXPIRED
    assert outbox.latest_beat(session, "dispatch:") is None
    do(session, outbox.forget_beats, before=NOW, worker="celery:b")
    assert session.scalars(select(WorkerBeat.worker)).all() == ["embedded:a"]


def test_many_workers_at_once_claim_every_job_exactly_once(engine: Engine, session: Session) -> None:
    with writing(session), all_companies(session, reason="test data"):
        for _ in range(60):
            outbox.enqueue(session, "k", {}, now=NOW)
        session.commit()
    claimed: list[int] = []

    def work() -> None:
        with TenantSession(bind=engine) as own:
            while (view := claim(own)) is not None:
                claimed.append(view.id)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(claimed) == 60
    assert len(set(claimed)) == 60


def test_lists_are_filtered_counted_and_paged(session: Session) -> None:
    for number in range(30):
        add(session, "a" if number % 3 else "b", now=NOW + timedelta(seconds=number))
    do(session, outbox.fail, taken(session), "x", now=NOW, may_retry=False)

    first = outbox_desk.list_jobs(session)
    second = outbox_desk.list_jobs(session, cursor=first.next_cursor)
    assert [row.id for row in (*first.items, *second.items)] == list(range(30, 0, -1))
    waiting = outbox_desk.list_jobs(session, state="queued", kind="b")
    assert [row.id for row in waiting.items] == [28, 25, 22, 19, 16, 13, 10, 7, 4]
    assert outbox_desk.count_jobs(session, ["queued", "running", "dead"]) == {
        "queued": 29, "running": 0, "dead": 1,
    }  # fmt: skip
    assert outbox_desk.list_kinds(session) == ["a", "b"]
    with pytest.raises(NotFound):
        outbox_desk.get_job(session, 999)


def test_a_carrier_is_given_only_so_many_jobs_of_a_kind_that_waits_outside(session: Session) -> None:
    for _ in range(5):
        do(session, outbox.enqueue, "mail.send", {}, now=NOW)
    do(session, outbox.enqueue, "other", {}, now=NOW)

    def take(now: datetime) -> int:
        again = timedelta(minutes=5)
        return len(
            do(
                session,
                carriers.take_unpublished,
                now=now,
                again_after=again,
                window=9,
                most={"mail.send": 2},
            )
        )

    assert [take(NOW) for _ in range(4)] == [2, 1, 0, 0]


def test_jobs_of_a_kind_are_postponed_together_and_no_attempt_is_counted(session: Session) -> None:
    do(session, outbox.enqueue, "mail.send", {}, now=NOW)
    do(session, outbox.enqueue, "mail.send", {}, now=NOW + timedelta(hours=2))
    do(session, outbox.enqueue, "other", {}, now=NOW)
    do(session, outbox.postpone, "mail.send", until=NOW + timedelta(hours=1))

    session.expunge_all()
    rows = session.execute(select(Job.run_at, Job.attempts).order_by(Job.id)).all()
    assert [(row.run_at - NOW).total_seconds() for row in rows] == [3600, 7200, 0]
    assert {row.attempts for row in rows} == {0}
