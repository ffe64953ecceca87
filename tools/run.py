"""The demo: migrate, load demo data, run web server and worker until one of them ends or we are told to.

Started by `make run`. Listens on loopback only. Reads PORT, DATABASE_URL, DATA_DIR and JOBS.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from tools.children import follow_parent, stop

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
START_S = 60.0
#: Children get this long to finish requests and jobs before they are killed.
STOP_S = 10.0
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class RunError(Exception):
    """The demo cannot start or go on; the message says why."""


class Stopped(BaseException):
    """SIGTERM, SIGINT or SIGHUP has come."""


def read_port(environment: Mapping[str, str]) -> int:
    """PORT as a number, 8000 where it is not set."""
    text = environment.get("PORT") or "8000"
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise RunError(
            f"PORT must be a number from 1 to 65535, not {text!r}; for example: make run PORT=8001"
        )
    return int(text)


def read_jobs(environment: Mapping[str, str]) -> str:
    """JOBS as `embedded` or `celery`."""
    jobs = environment.get("JOBS") or "embedded"
    if jobs not in ("embedded", "celery"):
        raise RunError(f"JOBS must be embedded or celery, not {jobs!r}.")
    return jobs


def check_port(port: int) -> None:
    """Refuse a port that another program holds or that we may not open."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError as error:
            raise RunError(f"Port {port} may not be opened by this user; take one from 1024 up.") from error
        except OSError as error:
            raise RunError(
                f"Port {port} is in use; stop the program that uses it, or take another port:"
                f" make run PORT={port + 1 if port < 65535 else 8000}"
            ) from error


class Demo:
    """The children of one `make run`."""

    def __init__(self, *, port: int, jobs: str, environment: Mapping[str, str]) -> None:
        self.port = port
        self.jobs = jobs
        self.environment = {**environment, "DEMO": "1", "PORT": str(port), "JOBS": jobs}
        self.environment.setdefault("BASE_URL", f"http://{HOST}:{port}")
        self.environment["PYTHONUNBUFFERED"] = "1"
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

    def serve(self) -> None:
        """Start web server and worker; with Celery, the dispatcher that hands it the jobs too."""
        self.start(
            "The web server",
            "gunicorn",
            "wsgi:app",
            f"--bind={HOST}:{self.port}",
            "--worker-class=gthread",
            "--workers=1",
            "--threads=8",
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
                with urllib.request.urlopen(f"http://{HOST}:{self.port}/readyz", timeout=5):
                    return
            except urllib.error.HTTPError as error:
                answer = error.read(2000).decode("utf-8", errors="replace").strip()
            except OSError as error:
                answer = str(error)
            time.sleep(0.2)
        raise RunError(f"The server did not become ready within {START_S:.0f} s; /readyz says: {answer}")

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


def run(environment: Mapping[str, str]) -> None:
    """Start everything and stay until told to stop.

    :raises RunError: where it cannot start or a child ends.
    """
    port, jobs = read_port(environment), read_jobs(environment)
    check_port(port)
    demo = Demo(port=port, jobs=jobs, environment=environment)
    try:
        print("Bringing the database up to date …", flush=True)
        demo.step("The migration", "flask", "db", "upgrade")
        print("Loading demo data …", flush=True)
        sign_ins = demo.step("Loading demo data", "flask", "demo", "load", keep=True)
        demo.serve()
        demo.wait_until_ready()
        print(f"\n{sign_ins.strip()}\n\nSellthru demo: http://{HOST}:{port}  (Ctrl-C stops it)", flush=True)
        demo.watch()
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # a second one must not leave children behind
        demo.stop()


def _on_signal(number: int, frame: FrameType | None) -> None:
    raise Stopped


def main() -> int:
    """Command line: 0 after SIGTERM or SIGINT, 1 with a sentence where it cannot go on."""
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


if __name__ == "__main__":
    sys.exit(main())
