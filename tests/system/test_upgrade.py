"""From the version before with its data: migrations run while it works, the new code works, and back again.

New columns may be left out by who does not know them: code of the version before writes until it is
restarted.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from app import create_app
from app.core.database import is_retryable
from app.core.revisions import known_revisions, newest_revision, revision_of
from app.core.tenancy import TenantSession, all_companies
from app.core.web.extensions import db
from app.domain.ordering.balances import find_differences
from app.domain.ordering.models import Order
from tests.factories.accounts import read, sign_in
from tests.system import old_schema
from tests.system.backup_stage import opened
from tests.system.servers import ROOT, serving
from tests.system.visits import Visit, checkout_form
from tools.check_migrations import CheckError, empty_database, flask

pytestmark = pytest.mark.xdist_group("upgrade")

SOAK = os.environ.get("SOAK") == "1"
CLIENTS = 3
#: Orders of the version before in every run, and requests of its servers with SOAK=1.
LEAST, FULL = 20, 500


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    (tmp_path / "data").mkdir()
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/data/sellthru.db"
        return
    server = os.environ.get("TEST_POSTGRES_URL")
    if not server:
        pytest.skip("TEST_POSTGRES_URL is not set; `make test` starts a PostgreSQL by itself")
    with empty_database(server) as made:
        yield made


@pytest.fixture
def old(url: str, tmp_path: Path) -> Iterator[Engine]:
    """An instance of the version before."""
    old_schema.make(url, tmp_path / "data")
    with opened(url) as engine:
        old_schema.fill(engine)
        yield engine


@pytest.fixture
def bring_up(url: str, tmp_path: Path) -> Callable[..., str]:
    """Run `flask db …` on the instance."""
    return lambda *arguments: flask(url, str(tmp_path / "data"), *arguments)


def revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        found = revision_of(connection)
        connection.rollback()
    return found


def columns(engine: Engine) -> dict[tuple[str, str], Any]:
    """Every column, by table and name."""
    inspector = inspect(engine)
    return {
        (table, column["name"]): column
        for table in inspector.get_table_names()
        if not table.startswith(("product_search", "alembic"))
        for column in inspector.get_columns(table)
    }


def count(engine: Engine) -> int:
    with TenantSession(bind=engine) as session:
        return int(read(session, select(func.count()).select_from(Order))[0])


def differences(engine: Engine) -> list[str]:
    with TenantSession(bind=engine) as session, all_companies(session, reason="test"):
        return find_differences(session)


def test_the_version_before_is_brought_up_works_and_can_be_taken_back(
    url: str, old: Engine, bring_up: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = old_schema.place_order(old)
    before = columns(old)
    bring_up("upgrade")
    assert revision(old) == newest_revision()

    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    app = create_app({"SQLALCHEMY_DATABASE_URI": url, "TESTING": True, "WTF_CSRF_ENABLED": False})
    second = order_by_pages(app, first)
    assert differences(old) == []

    bring_up("downgrade", old_schema.REVISION)
    assert set(columns(old)) == set(before)
    third = old_schema.place_order(old)
    bring_up("upgrade")
    client = app.test_client()
    sign_in(client, "buyer1@kettle.example")
    for number in (first, second, third):
        assert client.get(f"/orders/{number}").status_code == 200
    assert count(old) == 3
    assert differences(old) == []
    with app.app_context():
        db.engine.dispose()


def order_by_pages(app: Flask, present: str) -> str:
    """Sign in, see the order that is there, place another; its number."""
    client = app.test_client()
    assert sign_in(client, "buyer1@kettle.example").status_code == 303
    assert present in client.get("/orders").text
    assert client.get(f"/orders/{present}").status_code == 200
    cart = client.post("/carts", data={"name": "New"}).headers["Location"]
    client.post(f"{cart}/lines", data={"code": "OLD-2", "quantity": "3"})
    form = checkout_form(client.get(f"{cart}/checkout").text)
    placed = client.post(f"{cart}/checkout", data=form)
    assert placed.status_code == 303
    return placed.headers["Location"].rpartition("/")[2]


def test_what_the_version_before_writes_is_taken_after_the_migrations(
    old: Engine, bring_up: Callable[..., str]
) -> None:
    before = columns(old)
    bring_up("upgrade")
    after = columns(old)
    assert set(before) - set(after) == set(), "a column in use was taken away"
    required = [
        place
        for place, column in after.items()
        if place not in before
        and any(known[0] == place[0] for known in before)
        and not column["nullable"]
        and column["default"] is None
    ]
    assert required == [], "a new column must be nullable or have a default in the database"
    stricter = [place for place in before if before[place]["nullable"] and not after[place]["nullable"]]
    assert stricter == []
    old_schema.fill(old, base=100)
    old_schema.place_order(old, company=101, product=102)
    assert differences(old) == []


def patiently(engine: Engine, product: int) -> str:
    """As `run` of the version before: what lost a race is tried three times in all."""
    for attempt in (1, 2, 3):
        try:
            return old_schema.place_order(engine, product=product)
        except DBAPIError as error:
            if attempt == 3 or not is_retryable(error):
                raise
    raise AssertionError("unreachable")


def test_orders_of_the_version_before_are_placed_while_migrations_run(
    old: Engine, bring_up: Callable[..., str]
) -> None:
    over = threading.Event()
    placed: list[str] = []
    faults: list[Exception] = []

    def work(product: int) -> None:
        while not over.is_set() or len(placed) < LEAST:
            try:
                placed.append(patiently(old, product))
            except Exception as error:
                faults.append(error)
                return
            time.sleep(0.01)

    threads = [threading.Thread(target=work, args=(number + 1,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        bring_up("upgrade")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert faults == []
    assert revision(old) == newest_revision()
    assert count(old) == len(placed) >= LEAST
    assert differences(old) == []


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_a_migration_gives_up_on_a_table_that_is_kept_and_changes_nothing(
    old: Engine, bring_up: Callable[..., str]
) -> None:
    with old.connect() as keeper:
        keeper.execute(text("SELECT count(*) FROM vendor"))
        with pytest.raises(CheckError, match="in use at each of 8 attempts, so nothing was changed"):
            bring_up("upgrade")
        keeper.rollback()
    assert revision(old) == old_schema.REVISION
    bring_up("upgrade")
    assert revision(old) == newest_revision()


def test_revisions_are_known_in_their_order() -> None:
    assert known_revisions()[:2] == ("0001", "0002")
    assert known_revisions()[-1] == newest_revision()


def code_of_the_version_before(folder: Path) -> Path:
    """The checkout as it was before the first migration after 0002; skips where there is no history."""
    git = ["git", "-C", str(ROOT)]
    newer = ["log", "--diff-filter=A", "--format=%H", "--", "migrations/versions/*_0003_*.py"]
    found = subprocess.run([*git, *newer], capture_output=True, text=True)
    if found.returncode or not found.stdout.strip():
        pytest.skip("there is no history here that holds the version before")
    commit = found.stdout.split()[-1] + "^"
    packed = subprocess.run([*git, "archive", commit], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    (folder / "static" / "vendor").unlink(missing_ok=True)
    if not (folder / "static" / "vendor").exists():
        (folder / "static" / "vendor").symlink_to(ROOT / "static" / "vendor")
    return folder


@pytest.mark.skipif(not SOAK, reason="the full figures; `make soak` runs them")
def test_servers_of_the_version_before_answer_while_migrations_run(
    url: str, old: Engine, bring_up: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code_of_the_version_before(tmp_path / "before")
    monkeypatch.setattr("tests.system.servers.ROOT", before)
    companies = [1, *(100 * number + 1 for number in range(1, CLIENTS))]
    for company in companies[1:]:
        old_schema.fill(old, base=company - 1)
    with serving(url, tmp_path / "data", workers=2, PYTHONPATH=str(before)) as address:
        statuses: list[int] = []
        over = threading.Event()

        def work(company: int) -> None:
            visit = Visit(address).sign_in(f"buyer{company}@kettle.example")
            while not over.is_set() or len(statuses) < FULL:
                cart = visit.post("/carts", name="Load").location
                asked = [visit.post(f"{cart}/lines", code="OLD-1", quantity="1")]
                form = visit.checkout(int(cart.rpartition("/")[2]))
                asked += [visit.post(f"{cart}/checkout", **form), visit.get("/orders"), visit.get("/home")]
                statuses.extend(answer.status for answer in asked)

        threads = [threading.Thread(target=work, args=(company,)) for company in companies]
        for thread in threads:
            thread.start()
        while len(statuses) < FULL // 4:
            time.sleep(0.05)
        bring_up("upgrade")
        at = len(statuses)
        over.set()
        for thread in threads:
            thread.join()
    print(f"{len(statuses)} requests of old servers, {at} before the migrations ended", file=sys.stderr)
    assert len(statuses) >= FULL
    failed = [status for status in statuses if status not in (200, 303)]
    assert failed == [], (tmp_path / "data" / "gunicorn.log").read_text()[-3000:]
    assert differences(old) == []
