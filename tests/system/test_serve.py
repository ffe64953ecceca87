"""A real instance by `make serve`: what it refuses, and that it serves, behind a proxy, and stops whole."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from flask import Flask, request
from werkzeug.test import Client

from app import create_app
from app.core.web.door import public
from tests.system.servers import flask
from tests.system.test_run import is_free

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "https://portal.fennel.example"
SETUP = (
    *("--vendor", "Fennel", "--currency", "GBP", "--timezone", "Europe/London"),
    *("--admin-name", "Ada Finch", "--admin-email", "ada@fennel.example"),
)


def real(data_dir: Path, **settings: str) -> dict[str, str]:
    """The environment of a real instance, with nothing of the one the tests run in."""
    left_out = ("DEMO", "FLASK_DEBUG", "SECRET_KEY", "DATABASE_URL", "BASE_URL", "PORT", "SELLTHRU_ENV")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "DATA_DIR": str(data_dir), "FLASK_APP": "wsgi.py", **settings}


def run(*command: str, data_dir: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=real(data_dir, **settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an instance that is set up, and nothing more."""
    folder = tmp_path_factory.mktemp("real")
    done = run("flask", "setup", *SETUP, data_dir=folder, BASE_URL=ADDRESS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(f"{ADDRESS}/invitation/")
    return folder


def test_an_empty_folder_is_refused_with_everything_at_once_and_left_empty(tmp_path: Path) -> None:
    done = run("tools.serve", data_dir=tmp_path, FLASK_DEBUG="1", DEMO="1", PROXY_HOPS="many")
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert [line.split(" ")[0] for line in said] == [
        "DEMO=1",
        "FLASK_DEBUG",
        "BASE_URL",
        "There",
        "PROXY_HOPS",
        "This",
    ]
    assert "SECRET_KEY is not set" in said[3]
    assert said[5] == "This instance is not set up yet; run `flask setup`."
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"BASE_URL": "http://portal.fennel.example"}, "it must begin with https://."),
        ({"BASE_URL": "http://127.0.0.1:8000"}, "it must begin with https://."),
        ({"BASE_URL": "https://[::1"}, "BASE_URL has no host name"),
        ({"BASE_URL": ADDRESS, "SECRET_KEY": "short"}, "shorter than 16 characters"),
        ({"BASE_URL": ADDRESS, "WEB_WORKERS": "0"}, "WEB_WORKERS must be a number from 1 to 64, not '0'."),
        ({"BASE_URL": ADDRESS, "DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}, "cannot be reached"),
        ({"BASE_URL": ADDRESS, "DATABASE_URL": "mysql://x/y"}, "DATABASE_URL must be postgresql://"),
    ],
)
def test_each_refusal_is_one_sentence(instance: Path, settings: dict[str, str], said: str) -> None:
    done = run("tools.serve", data_dir=instance, **settings)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert said in done.stderr


def test_the_demos_data_is_not_served_as_real(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'sellthru.db'}"
    for command in (("db", "upgrade"), ("demo", "load")):
        assert flask(url, tmp_path, *command, DEMO="1").returncode == 0
    done = run("tools.serve", data_dir=tmp_path, BASE_URL=ADDRESS)
    assert done.returncode == 1
    assert f"DATA_DIR {tmp_path} has the demo's data" in done.stderr
    refused = run("flask", "setup", *SETUP, data_dir=tmp_path)
    assert refused.returncode == 1
    assert f"DATA_DIR {tmp_path} has the demo's data" in refused.stderr


def test_gunicorn_by_hand_refuses_the_same_and_gives_up(instance: Path) -> None:
    done = run("gunicorn", "wsgi:app", "--bind=127.0.0.1:0", "--no-control-socket", data_dir=instance)
    assert done.returncode == 3
    assert "BASE_URL is not set" in done.stderr
    assert "Traceback" not in done.stderr


def ask(port: int, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": "portal.fennel.example", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_it_serves_by_its_name_and_stops_with_its_children(instance: Path, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.serve"],
            cwd=ROOT,
            env=real(instance, BASE_URL=ADDRESS, PORT=str(port), WEB_WORKERS="2", PROXY_HOPS="1"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 120
        while "Sellthru: " not in log.read_text() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert f"Sellthru: {ADDRESS}" in log.read_text()
        assert "up to 2 times as many get through" in log.read_text()
        assert ask(port, "/readyz")[0] == 200
        assert ask(port, "/sign-in")[0] == 200
        assert ask(port, "/sign-in", Host="somebody.example")[0] == 400
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert is_free(port)
    finally:
        process.kill()
        process.wait()


HOPS_CASES = [
    # hops, X-Forwarded-For, X-Forwarded-Proto -> address, scheme
    (0, "203.0.113.9", "https", "192.0.2.1", "http"),
    (1, "203.0.113.9", "https", "203.0.113.9", "https"),
    (1, "10.6.6.6, 203.0.113.9", "http, https", "203.0.113.9", "https"),
    (2, "203.0.113.9, 198.51.100.7", "https, http", "203.0.113.9", "https"),
    (2, "10.6.6.6, 203.0.113.9, 198.51.100.7", "http, https, http", "203.0.113.9", "https"),
    (2, "203.0.113.9", "https", "192.0.2.1", "http"),
]


@pytest.mark.parametrize(("hops", "sent_for", "sent_proto", "address", "scheme"), HOPS_CASES)
def test_exactly_so_many_proxies_are_believed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hops: int,
    sent_for: str,
    sent_proto: str,
    address: str,
    scheme: str,
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PROXY_HOPS", str(hops))
    app: Flask = create_app({"TESTING": True})
    app.add_url_rule(
        "/seen",
        view_func=public("a test")(lambda: f"{request.remote_addr} {request.scheme} {request.host}"),
        endpoint="seen",
    )
    headers = {
        "X-Forwarded-For": sent_for,
        "X-Forwarded-Proto": sent_proto,
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
    }
    answer = Client(app).get(
        "/seen", base_url="http://127.0.0.1", headers=headers, environ_overrides={"REMOTE_ADDR": "192.0.2.1"}
    )
    assert answer.text == f"{address} {scheme} 127.0.0.1"


def test_an_older_schema_is_not_served(tmp_path: Path) -> None:
    assert run("flask", "setup", *SETUP, data_dir=tmp_path, BASE_URL=ADDRESS).returncode == 0
    connection = sqlite3.connect(tmp_path / "sellthru.db")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    done = run("tools.serve", data_dir=tmp_path, BASE_URL=ADDRESS)
    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        ["The database's schema is an older version's: make a backup, then run `flask db upgrade`."],
    )


def test_gunicorn_by_hand_believes_no_header_either(tmp_path: Path) -> None:
    (tmp_path / "seen.py").write_text(
        "def app(environ, start):\n"
        "    start('200 OK', [])\n"
        "    return [environ['wsgi.url_scheme'].encode()]\n"
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "seen:app", f"--bind=fd://{listener.fileno()}"]
            + ["--no-control-socket", f"--pythonpath={tmp_path}", "--log-level=critical"],
            cwd=ROOT,
            pass_fds=[listener.fileno()],
        )
        try:
            assert ask(port, "/", **{"X-Forwarded-Proto": "https"}) == (200, "http")
        finally:
            process.terminate()
            process.wait()
