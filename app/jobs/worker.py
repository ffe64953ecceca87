"""The embedded worker: a few threads that claim and do jobs, and one that keeps the house."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.exc import DBAPIError

from app.core import clock, outbox
from app.core.outbox import JobView
from app.jobs import registry, schedule
from app.jobs.execution import Sessions, execute, in_transaction

log = logging.getLogger("sellthru.jobs")

BEATS_KEPT = timedelta(hours=1)


def worker_name(carrier: str) -> str:
    """`embedded:host:4711`: how a worker is called in leases and signs of life."""
    return f"{carrier}:{socket.gethostname()[:30]}:{os.getpid()}"


@dataclass
class Pace:
    """How often the worker looks around, in seconds; tests take shorter ones."""

    shortest_poll_s: float = 0.1
    longest_poll_s: float = 1.0
    beat_s: float = 5.0
    #: What a stopping worker waits for the jobs it has begun; must be less than its killer's patience.
    drain_s: float = 7.0
    #: Replaces every handler's lease.
    lease: timedelta | None = None


@dataclass
class Worker:
    """A process's worker; `start` it, wait for `stopping`, then `drain` it."""

    sessions: Sessions
    threads: int = 2
    pace: Pace = field(default_factory=Pace)
    name: str = field(default_factory=lambda: worker_name("embedded"))

    def __post_init__(self) -> None:
        registry.load()
        self.stopping = threading.Event()
        self._running: dict[str, JobView] = {}
        self._lock = threading.Lock()
        self._outside = 0
        self._threads = [
            threading.Thread(target=self._work, name=f"jobs-{number}", daemon=True)
            for number in range(self.threads)
        ]
        self._keeper = threading.Thread(target=self._keep_house, name="jobs-keeper", daemon=True)

    def start(self) -> None:
        """Start the threads."""
        log.info("worker %s starts with %s threads", self.name, self.threads)
        for thread in (*self._threads, self._keeper):
            thread.start()

    def drain(self) -> None:
        """Claim nothing more, wait for the jobs begun, and give back those that take too long."""
        self.stopping.set()
        end = time.monotonic() + self.pace.drain_s
        for thread in (*self._threads, self._keeper):
            thread.join(timeout=max(0.0, end - time.monotonic()))
        try:
            self._leave()
        except DBAPIError as error:
            log.error("the database is away, so leases run out by themselves: %s", error.orig)
        log.info("worker %s has stopped", self.name)

    def _leave(self) -> None:
        with self._lock:
            unfinished = list(self._running.values())
        for job in unfinished:
            log.warning("job %s %s goes back into the queue", job.id, job.kind)
            in_transaction(self.sessions, outbox.give_back, job, now=clock.now())
        in_transaction(self.sessions, outbox.forget_beats, before=clock.now() - BEATS_KEPT, worker=self.name)

    def run_one(self) -> str | None:
        """Claim and do one job; None where none is due."""
        outside = registry.kinds_waiting_outside()
        with self._lock:
            # One thread stays for other kinds, whatever a mail server does.
            may_go_out = self._outside < max(1, self.threads - 1)
            self._outside += may_go_out
        job = None
        try:
            job = self._claim(but=frozenset() if may_go_out else outside)
        finally:
            if may_go_out and (job is None or job.kind not in outside):
                self._come_back()
        return self._do(job, is_outside=job.kind in outside) if job is not None else None

    def _come_back(self) -> None:
        with self._lock:
            self._outside -= 1

    def _do(self, job: JobView, *, is_outside: bool) -> str:
        with self._lock:
            self._running[job.lease] = job
        try:
            return execute(self.sessions, job, stopping=self.stopping, lease=self.pace.lease)
        finally:
            with self._lock:
                self._running.pop(job.lease, None)
            if is_outside:
                self._come_back()

    def _claim(self, *, but: frozenset[str]) -> JobView | None:
        with self.sessions() as session:
            is_due = outbox.has_due(session, now=clock.now(), but=but)
        if not is_due:
            return None
        claimed: JobView | None = in_transaction(
            self.sessions,
            outbox.claim_next,
            worker=self.name,
            now=clock.now(),
            leases={} if self.pace.lease else registry.leases(),
            default_lease=self.pace.lease or outbox.DEFAULT_LEASE,
            but=but,
        )
        return claimed

    def _work(self) -> None:
        wait = self.pace.shortest_poll_s
        while not self.stopping.is_set():
            try:
                outcome = self.run_one()
            except DBAPIError as error:
                # The database is away or busy: the lease brings the job back, we try again.
                log.error("the worker cannot reach its jobs: %s", error.orig)
                outcome, wait = None, self.pace.longest_poll_s
            if outcome == "done":
                wait = self.pace.shortest_poll_s
                continue
            self.stopping.wait(wait)
            wait = min(wait * 2, self.pace.longest_poll_s)

    def _keep_house(self) -> None:
        while True:
            try:
                keep_house(self.sessions, self.name)
            except DBAPIError as error:
                log.error("the worker cannot give a sign of life: %s", error.orig)
            if self.stopping.wait(self.pace.beat_s):
                return


def keep_house(sessions: Sessions, name: str) -> None:
    """Give a sign of life, bring back jobs of lost workers, and enqueue what is due by the clock."""
    now = clock.now()
    in_transaction(sessions, outbox.beat, name, now=now)
    lost = in_transaction(sessions, outbox.release_expired, now=now)
    if lost:
        log.warning("%s jobs of lost workers go back into the queue", lost)
    schedule.enqueue_due(sessions, now=now)
