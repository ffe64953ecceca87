"""CPU per request: the application's own time plus that of its database connection."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event, text

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Per request: CPU in milliseconds (application, database) and statements."""

    app_ms: float
    database_ms: float
    statements: float

    @property
    def cpu_ms(self) -> float:
        return self.app_ms + self.database_ms


class Meter:
    """Counts statements and reads the CPU clocks of this process and of the database's backends."""

    def __init__(self, *engines: Engine) -> None:
        self.engines = engines
        self.statements = 0
        for engine in engines:
            event.listen(engine, "before_cursor_execute", self._count)

    def _count(self, *_arguments: Any) -> None:
        self.statements += 1

    def backend_cpu_s(self) -> float:
        """CPU seconds of every PostgreSQL backend of this database; 0 for SQLite, which runs in here."""
        total = 0.0
        for engine in self.engines[:1]:
            if engine.dialect.name != "postgresql":
                continue
            with engine.connect() as connection:
                query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                pids = [row[0] for row in connection.execute(text(query))]
            for pid in pids:
                total += _process_cpu_s(pid)
        return total

    def measure(self, call: Callable[[int], None], *, times: int, warm_up: int = 5) -> Cost:
        """The mean cost of `call(i)`; collected after a warm-up so that caches and plans are made."""
        for index in range(warm_up):
            call(index)
        backend_before = self.backend_cpu_s()
        self.statements = 0
        before = time.process_time()
        for index in range(times):
            call(warm_up + index)
        app_s = time.process_time() - before
        statements = self.statements
        backend_s = self.backend_cpu_s() - backend_before
        return Cost(1000 * app_s / times, 1000 * backend_s / times, statements / times)


def _process_cpu_s(pid: int) -> float:
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * TICK_S


def request(
    app: Any, path: str, *, cookie: str = "", method: str = "GET", body: bytes = b"", kind: str = ""
) -> bytes:
    """One WSGI request without a client library around it; raises when the answer is no success."""
    path_info, _, query = path.partition("?")
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path_info,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "HTTP_HOST": "127.0.0.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_COOKIE": cookie,
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": kind,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    seen: dict[str, str] = {}

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        seen["status"] = status

    answer = app.wsgi_app(environ, start_response)
    try:
        content = b"".join(answer)
    finally:
        if hasattr(answer, "close"):
            answer.close()
    if not seen["status"].startswith(("200", "303")):
        raise AssertionError(f"{method} {path}: {seen['status']}")
    return content
