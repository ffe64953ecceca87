"""CPU per request: the application's own time plus that of its database connection."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Sequence
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
    """Counts an engine's statements and reads the CPU clocks of this process and of its backends.

    To be made before the engine is used: what SQLAlchemy derives from an engine keeps its listeners.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.statements = 0
        event.listen(engine, "before_cursor_execute", self._count)

    def _count(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith("BEGIN"):
            self.statements += 1

    def backend_cpu_s(self) -> float:
        """CPU seconds of every PostgreSQL backend of this database; 0 for SQLite, which runs in here."""
        if self.engine.dialect.name != "postgresql":
            return 0.0
        with self.engine.connect() as connection:
            query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            return sum(_process_cpu_s(row[0]) for row in connection.execute(text(query)))

    def measure(self, call: Callable[[int], None], indices: Sequence[int]) -> Cost:
        """The mean cost of `call(index)`."""
        count = len(indices)
        backend_before = self.backend_cpu_s()
        self.statements = 0
        before = time.process_time()
        for index in indices:
            call(index)
        app_s = time.process_time() - before
        statements = self.statements
        backend_s = self.backend_cpu_s() - backend_before
        return Cost(1000 * app_s / count, 1000 * backend_s / count, statements / count)


#: Calls before the first counted one, so that caches, plans and prepared statements are made.
WARM_UP = 10
#: Floor and ours take turns this often, so that a busy neighbour troubles both.
ROUNDS = 5


def measure_pair(
    floor: tuple[Meter, Callable[[int], Any]], ours: tuple[Meter, Callable[[int], Any]], *, times: int
) -> tuple[Cost, Cost]:
    """What both cost, in turns: the median round of each. Every index below `calls(times)` is called once."""
    sides = (floor, ours)
    for _meter, call in sides:
        for index in range(WARM_UP):
            call(index)
    each = max(1, times // ROUNDS)
    rounds: tuple[list[Cost], list[Cost]] = ([], [])
    for turn in range(ROUNDS):
        first = WARM_UP + turn * each
        for (meter, call), costs in zip(sides, rounds, strict=True):
            costs.append(meter.measure(call, range(first, first + each)))
    return _median(rounds[0]), _median(rounds[1])


def calls(times: int) -> int:
    """How many calls a measurement of `times` makes, the warm-up among them."""
    return WARM_UP + ROUNDS * max(1, times // ROUNDS)


def _median(costs: Sequence[Cost]) -> Cost:
    return sorted(costs, key=lambda cost: cost.cpu_ms)[len(costs) // 2]


def _process_cpu_s(pid: int) -> float:
    """CPU seconds of a process: in nanoseconds where the kernel says so, else in ticks."""
    try:
        with open(f"/proc/{pid}/schedstat") as file:
            return int(file.read().split()[0]) / 1e9
    except (FileNotFoundError, PermissionError, IndexError):
        pass
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
