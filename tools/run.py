"""The demo: migrate, load demo data, run web server and worker until one of them ends or we are told to.

Started by `make run`. Listens on loopback only. Reads PORT, DATABASE_URL, DATA_DIR and JOBS.
"""

import sys
from collections.abc import Mapping

from tools.processes import (
    LOOPBACK,
    Processes,
    RunError,
    check_port,
    ignore_signals,
    main_of,
    read_jobs,
    read_port,
)

HOST = LOOPBACK

__all__ = ["HOST", "Demo", "RunError", "run"]


class Demo(Processes):
    """The children of one `make run`."""

    def __init__(self, *, port: int, jobs: str, environment: Mapping[str, str]) -> None:
        super().__init__(host=HOST, port=port, jobs=jobs, environment={**environment, "DEMO": "1"})
        self.environment.setdefault("BASE_URL", f"http://{HOST}:{port}")

    def serve(self, *, workers: int = 1, threads: int = 8) -> None:
        """Start web server and worker; one process suits one machine's visitors."""
        super().serve(workers=workers, threads=threads)


def run(environment: Mapping[str, str]) -> None:
    """Start everything and stay until told to stop.

    :raises RunError: where it cannot start or a child ends.
    """
    port, jobs = read_port(environment, command="run"), read_jobs(environment)
    check_port(HOST, port, command="run")
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
        ignore_signals()
        demo.stop()


if __name__ == "__main__":
    sys.exit(main_of(run))
