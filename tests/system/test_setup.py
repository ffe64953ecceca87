"""`flask setup` in an empty folder and database: at a terminal, several at once, killed half way."""

from __future__ import annotations

import os
import pty
import select as waiting
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from tests.system.servers import environment, flask
from tests.system.test_migrations import empty_url  # noqa: F401 - a fixture

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (
    *(sys.executable, "-m", "flask", "setup", "--vendor", "Fennel", "--currency", "GBP"),
    *("--timezone", "Europe/London", "--admin-name", "Ada Finch", "--admin-email"),
)
Bytes = subprocess.Popen[bytes]


def start(url: str, folder: Path, email: str) -> Bytes:
    return subprocess.Popen(
        [*COMMAND, email],
        cwd=ROOT,
        env=environment(url, folder, BASE_URL="https://portal.fennel.example"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def counted(url: str) -> tuple[int, ...] | None:
    """Vendors, people and memberships; None where there are no tables yet."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("vendor"):
                return None
            tables = ("vendor", "user_account", "membership", "single_use_link")
            return tuple(connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0 for name in tables)
    finally:
        engine.dispose()


def test_of_several_at_once_in_an_empty_instance_one_sets_it_up(
    empty_url: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    runs = [start(empty_url, folder, f"ada{number}@fennel.example") for number in range(3)]
    said = [run.communicate(timeout=120) for run in runs]
    assert sorted(run.returncode for run in runs) == [0, 1, 1], said
    assert counted(empty_url) == (1, 1, 1, 1)
    for run, (out, err) in zip(runs, said, strict=True):
        if run.returncode:
            assert b"it belongs to Fennel" in err
            assert b"/invitation/" not in out
        else:
            assert out.splitlines()[-1].startswith(b"https://portal.fennel.example/invitation/1.")
    assert [path.name for path in folder.iterdir() if path.name.endswith(".part")] == []


@pytest.mark.parametrize("after_s", [0.3, 1.0, 1.4, 1.8])
def test_killed_half_way_it_is_simply_repeated(tmp_path: Path, after_s: float) -> None:
    url = f"sqlite:///{tmp_path / 'sellthru.db'}"
    killed = start(url, tmp_path, "ada@fennel.example")
    time.sleep(after_s)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    there = counted(url)
    assert there in (None, (0, 0, 0, 0), (1, 1, 1, 1))
    done = subprocess.run(
        [*COMMAND, "ada@fennel.example"], cwd=ROOT, env=environment(url, tmp_path), capture_output=True
    )
    assert done.returncode == (1 if there == (1, 1, 1, 1) else 0), done.stderr
    assert counted(url) == (1, 1, 1, 1)
    again = flask(url, tmp_path, "users", "recover-admin", "--email", "ada@fennel.example")
    assert "/invitation/" in again.stdout.splitlines()[-1]


def test_at_a_terminal_it_asks_and_can_be_left_without_a_trace(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'sellthru.db'}"
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND[:4]], cwd=ROOT, env=environment(url, tmp_path), stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    seen = read_until(ours, b"as everybody sees it")
    os.write(ours, b"Fennel\n")
    seen += read_until(ours, b"where it is another one")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == 1
    os.close(ours)
    assert b"Traceback" not in seen
    assert list(tmp_path.iterdir()) == []


def read_until(terminal: int, words: bytes) -> bytes:
    """What the terminal shows until the words are there."""
    seen, deadline = b"", time.monotonic() + 60
    while words not in seen and time.monotonic() < deadline:
        if waiting.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 4096)
    assert words in seen, seen
    return seen
