"""Run the suite on SQLite and PostgreSQL; name each service as tested or left out.

TEST_POSTGRES_URL, TEST_REDIS_URL, TEST_AMQP_URL and TEST_CHROMIUM say where a service is. Where no
PostgreSQL is named, one is started for the run. The tests find only the services that answer.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tools.children import stop
from tools.postgres import PostgresUnavailable, server

ROOT = Path(__file__).resolve().parent.parent
REDIS = "redis://127.0.0.1:6379/"
AMQP = "amqp://guest:guest@127.0.0.1:5672//"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def answers(url: str, default_port: int) -> bool:
    """Whether something takes connections at the address."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or default_port), timeout=2):
            return True
    except OSError:
        return False


def place(url: str) -> str:
    """Host and port of an address, without its password."""
    return urlsplit(url).netloc.rpartition("@")[2]


def find_chromium(environment: Mapping[str, str]) -> str | None:
    """The browser's program: TEST_CHROMIUM, or the first one on the path."""
    given = environment.get("TEST_CHROMIUM")
    if given:
        return shutil.which(given)
    return next((path for path in map(shutil.which, CHROMIUM) if path), None)


def say(name: str, outcome: str) -> None:
    print(f"  {name:<11} {outcome}", flush=True)


def name_services(environment: dict[str, str]) -> None:
    """Print which services the tests use, and leave only those in the environment."""
    for name, variable, default, port, missing in (
        ("Redis", "TEST_REDIS_URL", REDIS, 6379, "Celery on Redis"),
        ("RabbitMQ", "TEST_AMQP_URL", AMQP, 5672, "Celery on RabbitMQ"),
    ):
        url = environment.get(variable) or default
        if answers(url, port):
            environment[variable] = url
            say(name, f"tested at {place(url)}")
        else:
            environment.pop(variable, None)
            say(name, f"LEFT OUT: nothing answers at {place(url)}; tests of {missing} are skipped")
    browser = find_chromium(environment)
    if browser:
        environment["TEST_CHROMIUM"] = browser
        say("Chromium", f"tested with {browser}")
    else:
        environment.pop("TEST_CHROMIUM", None)
        say("Chromium", "LEFT OUT: not found (apt install chromium); browser tests are skipped")


@contextlib.contextmanager
def postgres(environment: dict[str, str]) -> Iterator[None]:
    """The named PostgreSQL, or one started for the run."""
    if environment.get("TEST_POSTGRES_URL"):
        say("PostgreSQL", f"tested at {place(environment['TEST_POSTGRES_URL'])}")
        yield
        return
    with contextlib.ExitStack() as stack:
        try:
            own = stack.enter_context(server())
            environment["TEST_POSTGRES_URL"] = own.url
            say("PostgreSQL", "tested on a server started for this run")
        except PostgresUnavailable as error:
            say("PostgreSQL", f"LEFT OUT: {error}")
        yield


def run_pytest(arguments: list[str], environment: dict[str, str]) -> int:
    """Run pytest as a child, so that our own end always ends it too."""
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-rfEs", *arguments]
    child = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                continue  # pytest got the same signal from the terminal and prints its summary
    finally:
        stop(child)


def main(arguments: list[str]) -> int:
    """Command line; the exit status is pytest's."""
    end: Callable[..., None] = lambda number, frame: sys.exit(128 + number)  # noqa: E731
    signal.signal(signal.SIGTERM, end)
    environment = dict(os.environ)
    environment.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    if "--soak" in arguments:
        arguments = ["-m", "", *(argument for argument in arguments if argument != "--soak")]
        environment["SOAK"] = "1"
    print("Services", flush=True)
    say("SQLite", "tested, in files")
    with postgres(environment):
        name_services(environment)
        return run_pytest(arguments, environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
