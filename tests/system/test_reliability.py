"""Real servers under many hands, kill -9, a full disk, a lost database and a clock that jumps.

Small in every run; with SOAK=1 the full figures.
"""

from __future__ import annotations

import json
import os
import random
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import create_engine, event, func, select, text
from sqlalchemy.orm import Session

from app.core.database import configure_engine
from app.core.outbox import Job
from app.core.permissions import Role
from app.core.tenancy import TenantSession, all_companies
from app.core.web.extensions import db
from app.domain.accounts.models import Company, User
from app.domain.catalogue.models import Product
from app.domain.inventory.models import StockLevel
from app.domain.inventory.queries import find_unbalanced
from app.domain.ordering.models import Cart, Order, OrderLine
from tests.factories import catalogue
from tests.factories.accounts import make_company, make_person, make_vendor, read, sign_in
from tests.factories.ordering import make_cart, settle, stock_in
from tests.system.scratch import create_schema, scratch_database
from tests.system.servers import ROOT, environment, serving
from tests.system.visits import Visit, all_at_once, checkout_form
from tools.postgres import PostgresUnavailable, server

pytestmark = pytest.mark.xdist_group("reliability")

SOAK = os.environ.get("SOAK") == "1"
UNITS, CLIENTS, EACH, REPEATS = (100, 8, 50, 20) if SOAK else (20, 4, 10, 1)
KILLS = 200 if SOAK else 12
LOAD_S = 300 if SOAK else 10
USERS = 20
PATIENCE_S = 60


@dataclass
class Place:
    """An instance with a company of 20 buyers; `session` is beside its processes."""

    url: str
    folder: Path
    session: Session
    company: Company
    emails: list[str]
    address: str = ""

    def product(self, units: int, **values: Any) -> Product:
        """A product at 10.00 with units in stock, not sold beyond them."""
        made = catalogue.make_product(self.session, **{"is_backorderable": False, **values})
        catalogue.make_agreement(self.session, prices={made: [(1, "10.00")]})
        stock_in(self.session, made, units)
        return made

    def cart(self, product: Product, quantity: int = 1) -> int:
        return make_cart(self.session, self.company, {product: quantity}).id

    def level(self, product: Product) -> tuple[int, int]:
        """Units on hand and allocated."""
        row = read(self.session, select(StockLevel).where(StockLevel.product_id == product.id))[0]
        return row.on_hand, row.allocated

    def unbalanced(self) -> list[str]:
        settle(self.session)
        with all_companies(self.session, reason="test"):
            return find_unbalanced(self.session)

    def visit(self, number: int) -> Visit:
        return Visit(self.address).sign_in(self.emails[number])


def fill(url: str, folder: Path, session: Session) -> Place:
    make_vendor(session)
    company = make_company(session)
    emails = [f"buyer{n}@kettle.example" for n in range(USERS)]
    for email in emails:
        make_person(session, company, Role.BUYER, email=email)
    (folder / "data").mkdir()
    return Place(url, folder, session, company, emails)


@contextmanager
def opened(url: str, folder: Path) -> Iterator[Place]:
    engine = create_engine(url, pool_pre_ping=True)
    configure_engine(engine)
    with TenantSession(bind=engine) as session:
        yield fill(url, folder, session)
    engine.dispose()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("place")
    with scratch_database(request.param, folder) as url, opened(url, folder) as made:
        yield made


@pytest.fixture(scope="module")
def served(place: Place) -> Iterator[Place]:
    with serving(place.url, place.folder / "data", workers=3) as address:
        place.address = address
        yield place


def test_buyers_at_several_server_processes_get_exactly_what_is_there(served: Place) -> None:
    visits = [served.visit(n) for n in range(CLIENTS)]
    for _ in range(REPEATS):
        product = served.product(UNITS)
        carts = [[served.cart(product) for _ in range(EACH)] for _ in range(CLIENTS)]
        form = visits[0].checkout(carts[0][0])

        def buy(visit: Visit, own: list[int], form: dict[str, str] = form) -> Counter[int]:
            return Counter(visit.post(f"/carts/{cart}/checkout", **form).status for cart in own)

        tasks = [lambda v=v, own=own: buy(v, own) for v, own in zip(visits, carts, strict=True)]
        statuses: Counter[int] = sum(all_at_once(tasks), Counter())
        assert statuses[303] == UNITS
        assert set(statuses) <= {303, 409, 422}
        assert statuses.total() == CLIENTS * EACH
        lines = read(served.session, select(OrderLine).where(OrderLine.product_id == product.id))
        assert sum(line.ordered for line in lines) == UNITS
        assert served.level(product) == (UNITS, UNITS)
        assert served.unbalanced() == []


def test_a_cart_sent_fifty_times_at_once_is_one_order_and_one_page(served: Place) -> None:
    product = served.product(100)
    cart = served.cart(product, 3)
    visit = served.visit(0)
    form = visit.checkout(cart)
    answers = all_at_once([lambda: visit.post(f"/carts/{cart}/checkout", **form)] * 50)
    assert {(answer.status, answer.location) for answer in answers} == {(303, answers[0].location)}
    orders = read(served.session, select(Order).where(Order.cart_id == cart))
    assert [f"/orders/{order.number}" for order in orders] == [answers[0].location]
    assert served.level(product) == (100, 3)


def test_twenty_people_at_once_meet_no_error(served: Place) -> None:
    product = served.product(999_999)
    visits = [served.visit(n) for n in range(USERS)]

    def work(visit: Visit) -> Counter[int]:
        seen: Counter[int] = Counter()
        end = time.monotonic() + LOAD_S
        while time.monotonic() < end:
            cart = visit.post("/carts", name="Load").location
            seen[visit.post(f"{cart}/lines", code=product.sku, quantity="2").status] += 1
            form = visit.checkout(int(cart.rpartition("/")[2]))
            placed = visit.post(f"{cart}/checkout", **form)
            seen[placed.status] += 1
            pages = ("/home", "/catalogue", f"/catalogue/product/{product.sku}", "/search?q=quill", "/orders")
            for path in (*pages, placed.location):
                seen[visit.get(path).status] += 1
        return seen

    results = all_at_once([lambda v=v: work(v) for v in visits])
    assert [result for result in results if not isinstance(result, Counter)] == []
    statuses: Counter[int] = sum(results, Counter())
    assert set(statuses) == {200, 303}
    assert served.unbalanced() == []
    numbers = [order.number for order in read(served.session, select(Order))]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(
    "head",
    [
        b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 6\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
        b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=["both", "two", "unknown", "negative", "space"],
)
def test_a_request_of_two_lengths_hides_no_second_one(served: Place, head: bytes) -> None:
    hidden = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: "
    with socket.create_connection(("127.0.0.1", int(served.address.rpartition(":")[2])), timeout=20) as line:
        line.sendall(head + hidden + b"\r\n\r\n")
        line.shutdown(socket.SHUT_WR)
        said = b""
        while piece := line.recv(65_536):
            said += piece
    assert b"alive" not in said
    assert said.count(b"HTTP/1.1 ") <= 1
    assert re.match(rb"HTTP/1.1 (4\d\d|501) ", said) or said == b""


class Desk:
    """The process that places carts in children that are killed."""

    def __init__(self, place: Place) -> None:
        self.place = place
        with all_companies(place.session, reason="test"):
            self.user = place.session.scalars(select(func.min(User.id))).one()
        settle(place.session)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.system.checkout_process", place.url],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def order(self, cart: int, kill: Any = None) -> dict[str, Any]:
        task = {
            "cart": cart, "branch": self.place.company.branches[0].id, "total": "10", "user": self.user,
            "company": self.place.company.id, "kill": kill,
        }  # fmt: skip
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        said: dict[str, Any] = json.loads(self.process.stdout.readline())
        return said

    def close(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def test_kill_9_at_any_step_of_placing_leaves_a_whole_order_or_none(place: Place) -> None:
    product = place.product(2 * KILLS + 10)
    before = len(read(place.session, select(Order)))
    with closing(Desk(place)) as desk:
        first = place.cart(product)
        steps = desk.order(first)["steps"]
        assert steps > 8
        named: list[Any] = [*range(1, steps + 1), "acknowledged"]
        chance = random.Random(7)
        while len(named) < KILLS:
            named.append({"after": chance.uniform(0, 0.05)})
        kills = named if SOAK else [*chance.sample(named[:-2], KILLS - 2), *named[-2:]]
        acknowledged = []
        for kill in kills:
            cart = place.cart(product)
            said = desk.order(cart, kill)
            made = read(place.session, select(Order).where(Order.cart_id == cart))
            check_whole(place, cart, made)
            assert kill != "acknowledged" or len(made) == 1
            assert isinstance(kill, dict | str) or (said["number"], made) == (None, [])
            again = desk.order(cart)["number"]
            assert again is not None
            assert said["number"] in (None, again)
            assert not made or made[0].number == again
            acknowledged.append(again)
    orders = read(place.session, select(Order).order_by(Order.id))[before:]
    assert [order.number for order in orders][1:] == acknowledged
    serials = [int(order.number.rpartition("-")[2]) for order in orders]
    assert serials == list(range(serials[0], serials[0] + len(kills) + 1))
    assert place.level(product) == (2 * KILLS + 10, len(kills) + 1)
    assert place.unbalanced() == []
    if place.url.startswith("sqlite"):
        with closing(sqlite3.connect(place.url.partition("///")[2])) as live:
            assert live.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def check_whole(place: Place, cart: int, made: list[Order]) -> None:
    """The cart is placed with its line, history and mails, or nothing of it is there."""
    row = read(place.session, select(Cart).where(Cart.id == cart))[0]
    assert (row.placed_at is not None) == bool(made)
    for order in made:
        lines = read(place.session, select(OrderLine).where(OrderLine.order_id == order.id))
        assert [(line.ordered, line.allocated) for line in lines] == [(1, 1)]
        mails = [job for job in read(place.session, select(Job)) if order.number in json.dumps(job.payload)]
        assert len(mails) == 2
    assert place.unbalanced() == []


def test_a_full_disk_is_said_and_leaves_no_half_order(app: Flask, session: Session, tmp_path: Path) -> None:
    if not app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite"):
        pytest.skip("PostgreSQL's disk is the server's; that it is said is tested with a lost server")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    make_vendor(session)
    company = make_company(session)
    product = catalogue.make_product(session)
    catalogue.make_agreement(session, prices={product: [(1, "10.00")]})
    stock_in(session, product, 5)
    person = make_person(session, company)
    client = app.test_client()
    assert sign_in(client, person.email).status_code == 303
    cart = make_cart(session, company, {product: 2})
    page = client.get(f"/carts/{cart.id}/checkout").text
    full = {"is": True}

    def no_more_pages(connection: Any, record: Any, proxy: Any = None) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA page_count")
        pages = cursor.fetchone()[0] if full["is"] else 1_000_000
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        cursor.close()

    with app.app_context():
        event.listen(db.engine, "checkout", no_more_pages)
    form = checkout_form(page)
    notes = "x" * 1900
    statuses = []
    # The first ones may still find room within pages.
    for _ in range(40):
        answer = client.post(f"/carts/{cart.id}/checkout", data={**form, "notes": notes})
        statuses.append(answer.status_code)
        if answer.status_code != 303:
            break
        cart = make_cart(session, company, {product: 2})
    assert statuses[-1] == 503, statuses
    assert "Nothing was saved." in answer.text
    assert "Retry-After" in answer.headers
    placed = read(session, select(Order))
    assert len(placed) == len(statuses) - 1
    assert read(session, select(Cart).where(Cart.id == cart.id))[0].placed_at is None
    with all_companies(session, reason="test"):
        assert find_unbalanced(session) == []
    settle(session)
    full["is"] = False
    again = client.post(f"/carts/{cart.id}/checkout", data={**form, "notes": notes})
    assert again.status_code in (303, 409, 422)


def test_a_database_that_comes_back_is_used_again_by_server_and_worker(tmp_path: Path) -> None:
    try:
        with server() as postgres:
            lose_and_find(postgres, tmp_path)
    except PostgresUnavailable as error:
        pytest.skip(str(error))


def lose_and_find(postgres: Any, folder: Path) -> None:
    url = postgres.url + "postgres"
    create_schema(url)
    with opened(url, folder) as place, serving(url, folder / "data", workers=2) as place.address:
        product = place.product(50)
        visit = place.visit(0)
        cart, later = place.cart(product), place.cart(product)
        form = visit.checkout(cart)
        settle(place.session)
        worker = subprocess.Popen(
            [sys.executable, "-m", "flask", "jobs", "work"], cwd=ROOT,
            env=environment(url, folder / "data", BASE_URL=place.address),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert visit.post(f"/carts/{cart}/checkout", **form).status == 303
            wait_for_mails(place, 2)
            settle(place.session)
            postgres.crash()
            lost = visit.get("/home")
            assert lost.status == 503
            assert "Traceback" not in lost.text
            postgres.start()
            place.session.invalidate()
            assert visit.get("/home").status == 200
            assert len(read(place.session, select(Order))) == 1
            assert visit.post(f"/carts/{later}/checkout", **form).status == 303
            wait_for_mails(place, 4)
            assert place.unbalanced() == []
            assert worker.poll() is None
        finally:
            worker.terminate()
            worker.wait(30)


def wait_for_mails(place: Place, count: int) -> None:
    """Wait until the worker has rendered as many mails."""
    end = time.monotonic() + PATIENCE_S
    found = -1
    while time.monotonic() < end:
        settle(place.session)
        with all_companies(place.session, reason="test"):
            found = place.session.scalar(text("SELECT count(*) FROM mail_message")) or 0
        if found == count:
            return
        time.sleep(0.2)
    raise AssertionError(f"{found} mails instead of {count}")


def test_a_clock_that_jumps_gives_no_number_twice(app: Flask, session: Session) -> None:
    make_vendor(session)
    company = make_company(session)
    product = catalogue.make_product(session)
    catalogue.make_agreement(session, prices={product: [(1, "10.00")]})
    stock_in(session, product, 50)
    email = make_person(session, company).email
    start = datetime(2026, 12, 31, 23, 0, tzinfo=UTC)
    numbers = []
    for jump in (
        timedelta(0),
        timedelta(hours=2),
        timedelta(hours=-3),
        timedelta(hours=2),
        timedelta(days=-2),
    ):
        with time_machine.travel(start + jump, tick=False):
            client = app.test_client()
            assert sign_in(client, email).status_code == 303
            cart = make_cart(session, company, {product: 1})
            form = checkout_form(client.get(f"/carts/{cart.id}/checkout").text)
            answer = client.post(f"/carts/{cart.id}/checkout", data=form)
            assert answer.status_code == 303
            numbers.append(answer.headers["Location"].rpartition("/")[2])
    assert numbers == ["SO-26-00001", "SO-27-00001", "SO-26-00002", "SO-27-00002", "SO-26-00003"]
