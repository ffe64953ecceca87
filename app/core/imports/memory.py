"""What a run has decided so far, by key: kept in a temporary database, so that memory stays flat."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType

#: Keys per look-up; SQLite takes 32,766 values in one statement.
_CHUNK = 500


class RunMemory:
    """Keys with a text each. Lost with the process: a run that goes on fills it again from its rows."""

    def __init__(self) -> None:
        # An empty name is a private database that moves to a temporary file when it outgrows its cache.
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute(
            "CREATE TABLE seen (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
        )

    def __enter__(self) -> RunMemory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def recall(self, keys: Iterable[str]) -> dict[str, str]:
        """The texts of those keys that are known."""
        wanted = list(dict.fromkeys(keys))
        found: dict[str, str] = {}
        for start in range(0, len(wanted), _CHUNK):
            found.update(self._recall(wanted[start : start + _CHUNK]))
        return found

    def _recall(self, keys: Sequence[str]) -> list[tuple[str, str]]:
        places = ",".join("?" * len(keys))
        statement = f"SELECT key, value FROM seen WHERE key IN ({places})"  # noqa: S608 - only question marks
        return self._connection.execute(statement, keys).fetchall()

    def remember(self, texts: Mapping[str, str]) -> None:
        """Keep the texts, in place of earlier ones of the same keys."""
        self._connection.execute("BEGIN")
        self._connection.executemany(
            "INSERT INTO seen VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            list(texts.items()),
        )
        self._connection.execute("COMMIT")
