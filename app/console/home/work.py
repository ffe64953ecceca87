"""What waits for the person signed in: one list out of all queues of the role, late first, then oldest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask import url_for
from sqlalchemy.orm import Session

from app.console.lists import limited
from app.core import outbox_desk
from app.core.imports import runs as import_runs
from app.core.outbox import JobState
from app.core.permissions import Actor, Permission
from app.core.texts import _
from app.domain.accounts import application_reads
from app.domain.accounts.states import RequestState
from app.domain.inventory import desk as stock_desk
from app.domain.inventory.desk import ReceiptFilters
from app.domain.ordering import desk as order_desk
from app.domain.ordering import shipment_reads
from app.domain.ordering.desk import RequestFilters

#: Rows of one queue on the home page; the rest is behind the queue's own list.
MOST_ROWS = 12
#: Imports older than this wait for nobody.
IMPORTS_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Work:
    """One thing to do. `late_days` is set for what has a due day: 0 today, 3 three days late."""

    icon: str
    title: str
    sub: str
    who: str
    href: str
    act: str
    since: datetime | None = None
    late_days: int | None = None
    #: Address the button posts to; without it the button is a link to `href`.
    post: str | None = None

    @property
    def rank(self) -> tuple[int, float]:
        """Late before due today before the rest; within each the oldest first."""
        if self.late_days is not None:
            return (0, -self.late_days) if self.late_days > 0 else (1, 0)
        return (2, self.since.timestamp() if self.since else 0)


@dataclass(frozen=True, slots=True)
class Queue:
    """A number in the strip over the list; the counted list is behind it."""

    label: str
    count: int
    href: str
    family: str | None = None

    @property
    def n(self) -> int | str:
        return limited(self.count)


def list_work(session: Session, actor: Actor, *, today: date, now: datetime) -> list[Work]:
    """The actor's rows; each queue is one statement."""
    found: list[Work] = []
    if actor.may(Permission.ORDER_RELEASE):
        found += _releases(session)
    if actor.may(Permission.PRICE_REQUEST_ANSWER):
        found += _requests(session)
    if actor.may(Permission.COMPANY_MANAGE):
        found += _applications(session)
    if actor.may(Permission.SHIPMENT_MANAGE):
        found += _to_ship(session)
    if actor.may(Permission.STOCK_MANAGE):
        found += _receipts(session, today)
    if actor.may(Permission.IMPORT_RUN):
        found += _imports(session, now)
    if actor.may(Permission.JOB_READ):
        found += _failed_jobs(session)
    return sorted(found, key=lambda work: work.rank)


def _releases(session: Session) -> Iterator[Work]:
    for row in order_desk.list_orders_to_release(session, limit=MOST_ROWS):
        yield Work(
            icon="package",
            title=_("Release order %(number)s", number=row.number),
            sub=_("%(lines)s lines, stock is set aside", lines=row.line_count),
            who=row.company_name,
            href=url_for("console.orders.show", number=row.number),
            act=_("Release"),
            since=row.placed_at,
            post=url_for("console.orders.release", number=row.number, back="home"),
        )


def _requests(session: Session) -> Iterator[Work]:
    for row in order_desk.list_price_requests(session, RequestFilters()).items[:MOST_ROWS]:
        yield Work(
            icon="message-question",
            title=_("Price %(quantity)s × %(sku)s", quantity=row.quantity, sku=row.sku),
            sub=row.name,
            who=_("%(company)s, %(person)s", company=row.company_name, person=row.asked_by_name),
            href=url_for("console.requests.show", request_id=row.id),
            act=_("Answer"),
            since=row.created_at,
        )


def _applications(session: Session) -> Iterator[Work]:
    for row in application_reads.list_requests(session, state=RequestState.OPEN.value).items[:MOST_ROWS]:
        yield Work(
            icon="building-store",
            title=_("Decide on %(company)s", company=row.company_name),
            sub=_("The contact has answered.") if row.answer else _("Asks to become a reseller."),
            who=row.contact_name,
            href=url_for("console.applications.show", request_id=row.id),
            act=_("Decide"),
            since=row.created_at,
        )


def _to_ship(session: Session) -> Iterator[Work]:
    for row in shipment_reads.list_to_ship(session, size=MOST_ROWS, counts=False).items:
        places = ", ".join(f"{place.code} {place.count}" for place in row.places)
        yield Work(
            icon="truck-delivery",
            title=_("Ship order %(number)s", number=row.number),
            sub=_("%(places)s set aside", places=places) if places else _("services"),
            who=row.company_name,
            href=url_for("console.shipping.ship", order_number=row.number),
            act=_("Ship"),
            since=row.placed_at,
        )


def _receipts(session: Session, today: date) -> Iterator[Work]:
    page = stock_desk.list_receipts(session, ReceiptFilters(due_until=today))
    for row in page.items[:MOST_ROWS]:
        yield Work(
            icon="package-import",
            title=_("Receive %(quantity)s × %(sku)s", quantity=row.outstanding, sku=row.sku),
            sub=row.name,
            who=f"{row.warehouse_name}, {row.reference}" if row.reference else row.warehouse_name,
            href=url_for("console.stock.receive", receipt_id=row.id),
            act=_("Receive"),
            late_days=(today - row.due_on).days,
        )


def _imports(session: Session, now: datetime) -> Iterator[Work]:
    """Files whose columns are to be settled, and imports that failed and were not done since."""
    done: set[str] = set()
    for row in import_runs.list_runs(session).items:
        if row.created_at < now - IMPORTS_KEPT:
            return
        if row.state == "done" and not row.is_dry_run:
            done.add(row.filename)
        if row.filename in done or row.state not in ("uploaded", "failed"):
            continue
        failed = row.state == "failed"
        yield Work(
            icon="file-import",
            title=_("See to failed import %(file)s", file=row.filename)
            if failed
            else _("Settle the columns of %(file)s", file=row.filename),
            sub=(row.error or "")[:120] if failed else _("It is imported once its columns are known."),
            who=row.started_by,
            href=url_for("console.imports.show", run_id=row.id),
            act=_("Look") if failed else _("Settle"),
            since=row.created_at,
        )


def _failed_jobs(session: Session) -> Iterator[Work]:
    page = outbox_desk.list_jobs(session, state=JobState.DEAD.value)
    for row in page.items[:MOST_ROWS]:
        lines = (row.last_error or "").strip().splitlines()
        yield Work(
            icon="alert-triangle",
            title=_("See to failed job %(kind)s", kind=row.kind),
            sub=lines[-1][:120] if lines else _("Its attempts are used up."),
            who=_("Background work"),
            href=url_for("console.jobs.show", job_id=row.id),
            act=_("Look"),
            since=row.finished_at or row.created_at,
        )


def list_queues(session: Session, actor: Actor, *, today: date) -> list[Queue]:
    """The numbers over the list, by role."""
    found: list[Queue] = []
    if actor.may(Permission.STOCK_MANAGE):
        late, due = stock_desk.count_receipts(session, today=today)
        address = url_for("console.stock.receipts")
        found.append(Queue(_("Late receipts"), late, address, "bad" if late else None))
        found.append(Queue(_("Due today"), due, address, "warn" if due else None))
    if actor.may(Permission.SHIPMENT_MANAGE):
        count = shipment_reads.count_to_ship(session)
        found.append(Queue(_("To ship"), count, url_for("console.shipping.index")))
    if actor.may(Permission.ORDER_RELEASE):
        count = order_desk.count_orders_to_release(session)
        found.append(Queue(_("To release"), count, url_for("console.orders.index", waits="release")))
    if actor.may(Permission.PRICE_REQUEST_ANSWER):
        count = order_desk.count_price_requests(session)
        found.append(Queue(_("Price requests"), count, url_for("console.requests.index")))
    if actor.may(Permission.ORDER_READ):
        count = order_desk.count_orders_waiting(session)
        found.append(Queue(_("Wait for stock"), count, url_for("console.orders.index", waits="stock")))
    if actor.may(Permission.JOB_READ):
        count = outbox_desk.count_jobs(session, [JobState.DEAD.value])[JobState.DEAD.value]
        address = url_for("console.jobs.index", state=JobState.DEAD.value)
        found.append(Queue(_("Failed jobs"), count, address, "bad" if count else None))
    return found
