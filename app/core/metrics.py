"""Counts of this process, and the plain text in which Prometheus reads them.

Every series of a process carries its `pid`: of several server processes each scrape asks one.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeAlias

#: Upper bounds of the histogram of durations, in seconds.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

Labels: TypeAlias = Mapping[str, str]
Sample: TypeAlias = tuple[str, Labels, float]


def own_pid() -> int:
    """The process that answers."""
    return os.getpid()


class Requests:
    """Requests by endpoint and class of status, their durations, and what they asked of the database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], int] = defaultdict(int)
        self._buckets: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = defaultdict(float)
        self._statements: dict[str, int] = defaultdict(int)

    def count(self, endpoint: str, status: int, seconds: float, statements: int) -> None:
        """Add one request."""
        with self._lock:
            self._counts[endpoint, f"{status // 100}xx"] += 1
            buckets = self._buckets.setdefault(endpoint, [0] * (len(BOUNDS) + 1))
            for place, bound in enumerate(BOUNDS):
                if seconds <= bound:
                    buckets[place] += 1
            buckets[-1] += 1
            self._seconds[endpoint] += seconds
            self._statements[endpoint] += statements

    def families(self) -> list[Family]:
        """What was counted, as Prometheus names it."""
        pid = str(own_pid())
        with self._lock:
            counts = [
                ("", {"endpoint": endpoint, "status": status, "pid": pid}, float(number))
                for (endpoint, status), number in sorted(self._counts.items())
            ]
            durations: list[Sample] = []
            for endpoint, buckets in sorted(self._buckets.items()):
                labels = {"endpoint": endpoint, "pid": pid}
                for bound, number in zip((*map(str, BOUNDS), "+Inf"), buckets, strict=True):
                    durations.append(("_bucket", {**labels, "le": bound}, float(number)))
                durations.append(("_sum", labels, self._seconds[endpoint]))
                durations.append(("_count", labels, float(buckets[-1])))
            statements = [
                ("", {"endpoint": endpoint, "pid": pid}, float(number))
                for endpoint, number in sorted(self._statements.items())
            ]
        return [
            Family(
                "sellthru_http_requests_total", "counter", "Requests by endpoint and class of status.", counts
            ),
            Family("sellthru_http_request_seconds", "histogram", "Time to answer a request.", durations),
            Family("sellthru_http_statements_total", "counter", "Statements that requests sent.", statements),
        ]


class Family:
    """One metric with its samples."""

    def __init__(self, name: str, kind: str, words: str, samples: Iterable[Sample]) -> None:
        self.name, self.kind, self.words, self.samples = name, kind, words, list(samples)

    def lines(self) -> Iterable[str]:
        yield f"# HELP {self.name} {self.words}"
        yield f"# TYPE {self.name} {self.kind}"
        for ending, labels, value in self.samples:
            named = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            yield (
                f"{self.name}{ending}{{{named}}} {_number(value)}"
                if named
                else f"{self.name}{ending} {_number(value)}"
            )


def gauge(name: str, words: str, *samples: tuple[Labels, float]) -> Family:
    """A value that goes up and down."""
    return Family(name, "gauge", words, [("", labels, value) for labels, value in samples])


def counter(name: str, words: str, *samples: tuple[Labels, float]) -> Family:
    """A value that only grows."""
    return Family(name, "counter", words, [("", labels, value) for labels, value in samples])


def exposition(families: Iterable[Family]) -> str:
    """The text of format 0.0.4."""
    return "".join(f"{line}\n" for family in families for line in family.lines())


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(round(value, 6))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


#: This process's requests.
requests = Requests()
