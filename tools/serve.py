"""A real instance: web server and worker, until one of them ends or we are told to.

Started by `make serve`. Reads HOST, PORT, WEB_WORKERS, BASE_URL, PROXY_HOPS and what docs/operations.md
names. Refuses what a real instance must not be served with, everything at once.
"""

import subprocess
import sys
from collections.abc import Mapping

import config
from tools.processes import (
    LOOPBACK,
    ROOT,
    Processes,
    RunError,
    check_port,
    ignore_signals,
    main_of,
    read_jobs,
    read_port,
)

MOST_WORKERS = 64
THREADS = 4


def read_workers(environment: Mapping[str, str]) -> int:
    """WEB_WORKERS as a number, 2 where it is not set."""
    text = environment.get("WEB_WORKERS") or "2"
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_WORKERS):
        raise RunError(f"WEB_WORKERS must be a number from 1 to {MOST_WORKERS}, not {text!r}.")
    return int(text)


def ask_database(environment: Mapping[str, str]) -> list[str]:
    """Why the instance cannot be served, by its database: no set-up, the demo's data, migrations to come."""
    asked = subprocess.run(
        [sys.executable, "-m", "flask", "doctor", "--serving"],
        cwd=ROOT,
        # Settings that are refused by themselves do not keep the rest from being said.
        env={name: value for name, value in environment.items() if name != "PROXY_HOPS"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    said = asked.stdout.strip().splitlines()
    if asked.returncode and not said:
        said = [line.removeprefix("Error: ") for line in asked.stderr.strip().splitlines()[-1:]]
    return said


def say_limits(environment: Mapping[str, str], workers: int) -> None:
    """Say what counting in memory means where several processes count."""
    storage = environment.get("RATELIMIT_STORAGE_URI") or "memory://"
    if workers > 1 and storage.startswith("memory"):
        print(
            f"Each of the {workers} web processes counts sign-in tries and other limits for itself, so up to"
            f" {workers} times as many get through; RATELIMIT_STORAGE_URI=redis://… counts them together.",
            file=sys.stderr,
            flush=True,
        )


def run(environment: Mapping[str, str]) -> None:
    """Start everything and stay until told to stop.

    :raises RunError: where it cannot start or a child ends.
    """
    found = config.refusals(environment)
    environment = {**environment, "SELLTHRU_ENV": "production"}
    for sentence in ask_database(environment):
        if sentence not in found:
            found.append(sentence)
    if found:
        raise RunError("\n".join(found))
    port, jobs = read_port(environment, command="serve"), read_jobs(environment)
    workers, host = read_workers(environment), environment.get("HOST") or LOOPBACK
    check_port(host, port, command="serve")
    say_limits(environment, workers)
    instance = Processes(host=host, port=port, jobs=jobs, environment=environment)
    try:
        instance.serve(workers=workers, threads=THREADS)
        instance.wait_until_ready()
        print(f"Sellthru: {environment['BASE_URL']} from {host}:{port}  (Ctrl-C stops it)", flush=True)
        instance.watch()
    finally:
        ignore_signals()
        instance.stop()


if __name__ == "__main__":
    sys.exit(main_of(run))
