"""`make run` without a terminal: ready, stopped by SIGTERM with its children, and the data kept."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READY = "Sellthru demo: "


@contextmanager
def running(data_dir: Path, port: int) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The demo, once it says that it is ready, and what it had printed until then."""
    log = data_dir.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.run"],
            cwd=ROOT,
            env={**os.environ, "DATA_DIR": str(data_dir), "PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 240
        while READY not in log.read_text() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert READY in log.read_text(), log.read_text()
        yield process, log.read_text()
    finally:
        process.kill()
        process.wait()


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@pytest.mark.xdist_group("demo")
def test_the_demo_starts_twice_on_the_same_data_and_stops_with_its_children(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    said = []
    for _ in range(2):
        with running(tmp_path / "data", port) as (process, output):
            said.append(output[output.index("Loading demo data") :])
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
                assert answer.status == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
            assert is_free(port)

    assert f"http://127.0.0.1:{port}" in said[0]
    assert "@" in said[0]
    assert said[0] == said[1]
