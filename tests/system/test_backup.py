"""Backups of a portal at work come back whole; whatever is no backup, or no empty place, is refused.

Small in every run; with SOAK=1 the full figures.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, inspect, select, text

from app.adapters import postgres_programs
from app.adapters.backups import MANIFEST, BackupError, open_backup
from app.adapters.storage import LocalStore
from app.core.tenancy import TenantSession, all_companies
from app.domain.catalogue.models import ProductMedia
from app.domain.ordering.balances import find_differences
from app.domain.ordering.models import Order, OrderLine
from app.jobs import backups, restoring
from tests.system.backup_stage import SECRET, Instance, add_upload, instance, nowhere, opened, without_tables
from tests.system.servers import ROOT, environment, flask, serving
from tests.system.visits import Visit

pytestmark = pytest.mark.xdist_group("backup")

SOAK = os.environ.get("SOAK") == "1"
REPEATS, BUYERS, PRODUCTS = (10, 6, 20_000) if SOAK else (1, 3, 50)
KINDS = ("sqlite", "postgres")


@contextmanager
def load(made: Instance, address: str) -> Iterator[None]:
    """Buyers who place one order after the other, and a catalogue that grows, until the block ends."""
    over = threading.Event()
    faults: list[Exception] = []

    def work(task: Callable[[], None]) -> None:
        try:
            while not over.is_set():
                task()
        except Exception as error:
            faults.append(error)

    def buying(email: str) -> Callable[[], None]:
        visit = Visit(address).sign_in(email)

        def buy() -> None:
            cart = visit.post("/carts", name="Load").location
            assert visit.post(f"{cart}/lines", code=made.product.sku, quantity="2").status == 303
            form = visit.checkout(int(cart.rpartition("/")[2]))
            assert visit.post(f"{cart}/checkout", **form).status == 303

        return buy

    with opened(made.url) as engine, TenantSession(bind=engine) as session:
        tasks = [*map(buying, made.buyers), lambda: (add_upload(made, session), time.sleep(0.02))[1]]
        threads = [threading.Thread(target=work, args=(task,)) for task in tasks]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()
    assert faults == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_taken_while_orders_are_placed_is_restored_whole(kind: str, tmp_path: Path) -> None:
    with (
        instance(kind, tmp_path / "live") as made,
        serving(made.url, made.data, workers=2, SELLTHRU_ENV="development") as address,
    ):
        kept = []
        with load(made, address):
            for number in range(REPEATS):
                before = wait_for_orders(made, number * 5 + 2)
                target = tmp_path / f"{number}.zip"
                said = flask(made.url, made.data, "backup", str(target))
                assert said.returncode == 0, said.stderr
                assert said.stderr == ""
                kept.append((target, before, wait_for_orders(made, made.orders() + 1)))
        for number, (target, before, after) in enumerate(kept):
            assert target.stat().st_mode & 0o777 == 0o600
            with without_tables(kind, tmp_path / f"copy{number}") as url:
                check_copy(url, tmp_path / f"copy{number}" / "data", target, before, after)
        print(f"{kind}: {REPEATS} backups under {BUYERS} buyers, {made.orders()} orders in the end")


def wait_for_orders(made: Instance, least: int) -> int:
    end = time.monotonic() + 60
    while (found := made.orders()) < least:
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def check_copy(url: str, data: Path, target: Path, before: int, after: int) -> None:
    """Restore it elsewhere: integrity, totals and balances hold, and every file its rows name is there."""
    restored = flask(url, data, "restore", str(target))
    assert restored.returncode == 0, restored.stderr
    assert "Restored" in restored.stdout
    assert (data / "secret_key").read_text().strip() == SECRET
    assert (data / "mail_password").read_text() == "kept apart"
    for name in ("secret_key", "mail_password"):
        assert (data / name).stat().st_mode & 0o777 == 0o600
    with opened(url) as engine, TenantSession(bind=engine) as session:
        if url.startswith("sqlite"):
            with engine.connect() as connection:
                assert connection.execute(text("PRAGMA integrity_check")).scalars().all() == ["ok"]
        with all_companies(session, reason="test"):
            assert find_differences(session) == []
            orders = session.scalar(select(func.count()).select_from(Order)) or 0
            lines = session.scalar(select(func.sum(OrderLine.ordered)))
            keys = session.scalars(select(ProductMedia.storage_key)).all()
        assert before <= orders <= after
        assert lines == 2 * orders
        store = LocalStore(data / "uploads")
        assert len(keys) >= 5
        assert all(store.path_of(key).stat().st_size == 2000 for key in keys)
    assert "Nothing" not in flask(url, data, "db", "upgrade").stderr


@pytest.fixture(scope="module", params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with instance(request.param, tmp_path_factory.mktemp("made") / "live") as one:
        yield one


@pytest.fixture(scope="module")
def kept(made: Instance) -> Path:
    """A good backup."""
    target = made.folder / "kept.zip"
    backups.take(made.place, target)
    return target


def rewritten(source: Path, target: Path, change: Callable[[dict[str, bytes], dict[str, Any]], None]) -> Path:
    """The backup with other files or another manifest."""
    with zipfile.ZipFile(source) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files.pop(MANIFEST))
    change(files, manifest)
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(MANIFEST, json.dumps(manifest))
    return target


def cut(source: Path, target: Path) -> Path:
    target.write_bytes(source.read_bytes()[:-2000])
    return target


def flipped(source: Path, target: Path) -> Path:
    with zipfile.ZipFile(source) as archive:
        place = next(one for one in archive.infolist() if one.filename.startswith("database")).header_offset
    content = bytearray(source.read_bytes())
    content[place + 3000] ^= 255
    target.write_bytes(content)
    return target


def foreign(source: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("holiday.txt", "sea")
    return target


def text_file(source: Path, target: Path) -> Path:
    target.write_text("Dear customer")
    return target


def out_of_the_folder(source: Path, target: Path) -> Path:
    return rewritten(source, target, lambda files, manifest: files.update({"uploads/../../planted": b"x"}))


def absolute(source: Path, target: Path) -> Path:
    return rewritten(source, target, lambda files, manifest: files.update({"/planted": b"x"}))


def of_newer_code(source: Path, target: Path) -> Path:
    return rewritten(source, target, lambda files, manifest: manifest.update(revision="9999"))


def of_another_format(source: Path, target: Path) -> Path:
    return rewritten(source, target, lambda files, manifest: manifest.update(format_version=2))


def lacking_a_file(source: Path, target: Path) -> Path:
    return rewritten(source, target, lambda files, manifest: files.pop("secret_key"))


def with_other_counts(source: Path, target: Path) -> Path:
    return rewritten(source, target, lambda files, manifest: manifest["counts"].update(product=1))


def with_other_totals(source: Path, target: Path) -> Path:
    return rewritten(
        source, target, lambda files, manifest: manifest["totals"].update({"units on hand": "7"})
    )


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (cut, "cut off or damaged"),
        (flipped, "damaged: database"),
        (foreign, "is not a backup of Sellthru"),
        (text_file, "is not a backup of Sellthru"),
        (out_of_the_folder, "which no backup of Sellthru does"),
        (absolute, "which no backup of Sellthru does"),
        (of_newer_code, "9999 is not known to this version"),
        (of_another_format, "a newer Sellthru"),
        (lacking_a_file, "not those its manifest names"),
        (with_other_counts, "rows of product"),
        (with_other_totals, "units on hand: 900000 instead of 7"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_no_whole_backup_is_refused_and_leaves_nothing(
    made: Instance, kept: Path, tmp_path: Path, spoil: Callable[[Path, Path], Path], words: str
) -> None:
    spoilt = spoil(kept, tmp_path / "spoilt.zip")
    with nowhere(made, tmp_path / "new") as place:
        with pytest.raises(BackupError, match=words):
            restoring.restore(place, spoilt)
        assert list((tmp_path / "new" / "data").iterdir()) == []
        assert inspect(place.engine).get_table_names() == []
    assert not (tmp_path / "planted").exists()


def test_stock_that_does_not_fit_its_ledger_is_seen(made: Instance, kept: Path, tmp_path: Path) -> None:
    with made.place.engine.begin() as connection:
        connection.execute(text("UPDATE stock_level SET on_hand = on_hand + 1"))
    backups.take(made.place, tmp_path / "wrong.zip")
    with made.place.engine.begin() as connection:
        connection.execute(text("UPDATE stock_level SET on_hand = on_hand - 1"))
    with open_backup(tmp_path / "wrong.zip") as backup:
        assert len(backup.manifest.differences) == 1
    forgotten = rewritten(
        tmp_path / "wrong.zip", tmp_path / "b.zip", lambda files, manifest: manifest.update(differences=[])
    )
    with nowhere(made, tmp_path / "new") as place:
        with pytest.raises(BackupError, match="on hand 900001, ledger 900000"):
            restoring.restore(place, forgotten)
        # What was wrong already when it was kept is said, and does not keep anybody from its data.
        assert len(restoring.restore(place, tmp_path / "wrong.zip").differences) == 1


def test_only_an_empty_place_is_restored_to(made: Instance, kept: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="has tables already"):
        restoring.restore(made.place, kept)
    with nowhere(made, tmp_path / "new") as place:
        (place.data_dir / "notes.txt").write_text("mine")
        with pytest.raises(BackupError, match=r"not empty, it holds notes\.txt"):
            restoring.restore(place, kept)
        assert [path.name for path in place.data_dir.iterdir()] == ["notes.txt"]
        (place.data_dir / "notes.txt").unlink()
        restoring.restore(place, kept)
        with pytest.raises(BackupError, match="has tables already"):
            restoring.restore(place, kept)
        assert find_in(place) == []


def find_in(place: backups.Place) -> list[str]:
    with TenantSession(bind=place.engine) as session, all_companies(session, reason="test"):
        return find_differences(session)


def test_a_backup_goes_back_to_its_own_kind_of_database(made: Instance, kept: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "data").mkdir(parents=True)
    kind = "postgres" if made.url.startswith("sqlite") else "sqlite"
    with (
        without_tables(kind, other) as url,
        opened(url) as engine,
        pytest.raises(BackupError, match="flask copy-to"),
    ):
        restoring.restore(backups.Place(other / "data", engine, None), kept)
    assert list((other / "data").iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing(made: Instance, tmp_path: Path) -> None:
    LocalStore(made.data / "uploads").save(io.BytesIO(os.urandom(500_000)), extension=".png")
    (tmp_path / "disk").mkdir()
    said = subprocess.run(
        [sys.executable, "-m", "flask", "backup", str(tmp_path / "disk" / "kept.zip")],
        cwd=ROOT,
        env=environment(made.url, made.data, PYTHONDONTWRITEBYTECODE="1"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert said.returncode == 1
    assert "There is no room left on the disk of" in said.stderr
    assert "Traceback" not in said.stderr
    assert list((tmp_path / "disk").iterdir()) == []


def test_only_an_older_backup_is_written_over(made: Instance, kept: Path, tmp_path: Path) -> None:
    backups.take(made.place, kept)
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(BackupError, match="exists and is not a backup"):
        backups.take(made.place, tmp_path / "letter.txt")
    assert (tmp_path / "letter.txt").read_text() == "mine"
    assert not [*tmp_path.glob(".*"), *kept.parent.glob(".*")]


def test_a_pg_dump_older_than_the_server_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"PostgreSQL's client programs, 99 or newer|but the server is"):
        postgres_programs.pg_dump_for(99)
    monkeypatch.setattr(postgres_programs, "_PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PG_BIN", "")
    with pytest.raises(BackupError, match="There is no pg_dump on this machine"):
        postgres_programs.pg_dump_for(15)
    pretended = tmp_path / "pg_dump"
    pretended.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
    pretended.chmod(0o700)
    with pytest.raises(
        BackupError, match="newest pg_dump on this machine is 9, but the server is PostgreSQL 15"
    ):
        postgres_programs.pg_dump_for(15)


@pytest.mark.parametrize("made", ["sqlite"], indirect=True)
def test_an_upload_that_grows_meanwhile_is_kept_as_it_was_last(made: Instance, tmp_path: Path) -> None:
    key, path = LocalStore(made.data / "uploads").new_path(extension=".csv")
    path.write_bytes(b"one\n")
    real = sqlite3.connect

    def connect(*arguments: Any, **named: Any) -> Any:
        path.write_bytes(b"one\ntwo\n")
        return real(*arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backups.sqlite3, "connect", connect)
        backups.take(made.place, tmp_path / "kept.zip")
    with nowhere(made, tmp_path / "new") as place:
        restoring.restore(place, tmp_path / "kept.zip")
        assert LocalStore(place.data_dir / "uploads").path_of(key).read_bytes() == b"one\ntwo\n"
        with closing(sqlite3.connect(place.database_file)) as found:
            assert found.execute("SELECT count(*) FROM product").fetchone() == (51,)
