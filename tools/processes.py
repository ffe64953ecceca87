"""The processes of an instance under one program: web server and worker, started and stopped together."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from tools.children import follow_parent, stop

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"
START_S = 60.0
#: Children get this long to finish requests and jobs before they are killed.
STOP_S = 10.0
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class RunError(Exception):
    """The instance cannot start or go on; the message says why."""


class Stopped(BaseException):
    """SIGTERM, SIGINT or SIGHUP has come."""


def read_port(environment: Mapping[str, str], *, command: str) -> int:
    """PORT as a number, 8000 where it is not set."""
    text = environment.get("PORT") or "8000"
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise RunError(
            f"PORT must be a number from 1 to 65535, not {text!r}; for example: make {command} PORT=8001"
        )
    return int(text)


def read_jobs(environment: Mapping[str, str]) -> str:
    """JOBS as `embedded` or `celery`."""
    jobs = environment.get("JOBS") or "embedded"
    if jobs not in ("embedded", "celery"):
        raise RunError(f"JOBS must be embedded or celery, not {jobs!r}.")
    return jobs


def check_port(host: str, port: int, *, command: str) -> None:
    """Refuse a port that another program holds or that we may not open."""
    try:
        kind, _type, _protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise RunError(f"HOST {host!r} is no address of this machine.") from error
    with socket.socket(kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError as error:
            raise RunError(f"Port {port} may not be opened by this user; take one from 1024 up.") from error
        except OSError as error:
            raise RunError(
                f"Port {port} is in use; stop the program that uses it, or take another port:"
                f" make {command} PORT={port + 1 if port < 65535 else 8000}"
            ) from error


class Processes:
    """The children of one instance; `host` and `port` are where its web server listens."""

    def __init__(self, *, host: str, port: int, jobs: str, environment: Mapping[str, str]) -> None:
        self.host = host
        self.port = port
        self.jobs = jobs
        self.environment = {**environment, "PORT": str(port), "JOBS": jobs, "PYTHONUNBUFFERED": "1"}
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str, output: int | None = None) -> subprocess.Popen[bytes]:
        """Start `python -m arguments` as a child that does not get the terminal's Ctrl-C."""
        child = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            start_new_session=True,
            preexec_fn=follow_parent,
        )
        self.children[name] = child
        return child

    def step(self, name: str, *arguments: str, keep: bool = False) -> str:
        """Run a command to its end; its standard output where `keep`, else it is shown."""
        child = self.start(name, *arguments, output=subprocess.PIPE if keep else None)
        output = child.communicate()[0]
        del self.children[name]
        if child.returncode:
            raise RunError(f"{name} failed (exit status {child.returncode}); the lines above say why.")
        return output.decode("utf-8", errors="replace") if output else ""

    def serve(self, *, workers: int, threads: int) -> None:
        """Start web server and worker; with Celery, the dispatcher that hands it the jobs too."""
        bind = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        self.start(
            "The web server",
            "gunicorn",
            "wsgi:app",
            f"--bind={bind}",
            "--worker-class=gthread",
            f"--workers={workers}",
            f"--threads={threads}",
            f"--graceful-timeout={STOP_S - 2:.0f}",
            "--log-level=warning",
            "--no-control-socket",
        )
        if self.jobs == "embedded":
            self.start("The worker", "flask", "jobs", "work")
        else:
            celery = [
                "celery",
                "-A",
                "app.jobs.celery_app",
                "worker",
                "--concurrency=2",
                "--loglevel=warning",
            ]
            self.start("The dispatcher", "flask", "jobs", "dispatch")
            self.start("The Celery worker", *celery)

    def check(self) -> None:
        """Refuse to go on without a child."""
        for name, child in self.children.items():
            status = child.poll()
            if status is not None:
                how = f"by signal {-status}" if status < 0 else f"with exit status {status}"
                raise RunError(f"{name} has ended {how}; everything is stopped.")

    def wait_until_ready(self) -> None:
        """Wait until /readyz says that database, migrations and worker are there."""
        end = time.monotonic() + START_S
        answer = "no answer"
        while time.monotonic() < end:
            self.check()
            try:
                status, answer = self._ask("/readyz")
                if status == 200:
                    return
            except (OSError, http.client.HTTPException) as error:
                answer = str(error)
            time.sleep(0.2)
        raise RunError(f"The server did not become ready within {START_S:.0f} s; /readyz says: {answer}")

    def _ask(self, path: str) -> tuple[int, str]:
        """What the web server answers; by the name it is known by, whatever address it listens at."""
        every = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - not bound to here
        connection = http.client.HTTPConnection(every.get(self.host, self.host), self.port, timeout=5)
        name = urlsplit(self.environment.get("BASE_URL") or "").hostname or LOOPBACK
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Host": name})
            answer = connection.getresponse()
            return answer.status, answer.read(2000).decode("utf-8", errors="replace").strip()

    def watch(self) -> None:
        """Stay until a child ends."""
        while True:
            self.check()
            time.sleep(0.5)

    def stop(self) -> None:
        """Tell all children to end, then wait for each."""
        for child in self.children.values():
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
        end = time.monotonic() + STOP_S
        for child in self.children.values():
            stop(child, patience_s=max(0.1, end - time.monotonic()))


def ignore_signals() -> None:
    """From here on everything is being stopped; a second signal must not leave children behind."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _on_signal(number: int, frame: FrameType | None) -> None:
    raise Stopped


def main_of(run: Callable[[Mapping[str, str]], None]) -> int:
    """Command line of `run`: 0 after SIGTERM or SIGINT, 1 with its sentences where it cannot go on."""
    for number in SIGNALS:
        signal.signal(number, _on_signal)
    try:
        run(os.environ)
    except Stopped:
        print("Stopped.", flush=True)
    except RunError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    return 0
