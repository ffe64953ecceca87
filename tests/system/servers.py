"""Real servers for tests: gunicorn on a port from the kernel, with a database and folder of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def environment(database_url: str, data_dir: Path, **extra: str) -> dict[str, str]:
    """The environment of a process of the instance at `database_url`."""
    return {
        **os.environ,
        "DATABASE_URL": database_url,
        "DATA_DIR": str(data_dir),
        "FLASK_APP": "wsgi.py",
        "PYTHONUNBUFFERED": "1",
        **extra,
    }


def flask(
    database_url: str, data_dir: Path, *arguments: str, **extra: str
) -> subprocess.CompletedProcess[str]:
    """Run a `flask` command of the instance and return what it said."""
    return subprocess.run(
        [sys.executable, "-m", "flask", *arguments],
        cwd=ROOT,
        env=environment(database_url, data_dir, **extra),
        capture_output=True,
        text=True,
        timeout=300,
    )


@contextmanager
def serving(
    database_url: str, data_dir: Path, *, workers: int = 1, threads: int = 8, **extra: str
) -> Iterator[str]:
    """Serve the instance with gunicorn and give its address.

    The listening socket is made here and handed down, so whoever answers is our own server. Stops with
    the server's words when it does not come up within a minute.
    """
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    log = (data_dir / "gunicorn.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", f"fd://{listener.fileno()}"]
        + ["--workers", str(workers), "--threads", str(threads), "--worker-class", "gthread"],
        cwd=ROOT,
        env=environment(database_url, data_dir, BASE_URL=address, **extra),
        pass_fds=[listener.fileno()],
        stdout=log,
        stderr=log,
    )
    try:
        _wait_until_up(process, address, data_dir)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        listener.close()
        log.close()


def _wait_until_up(process: subprocess.Popen[bytes], address: str, data_dir: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("the server did not start:\n" + (data_dir / "gunicorn.log").read_text()[-3000:])
