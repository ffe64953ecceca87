"""What became of a row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

CREATED, UPDATED, UNCHANGED, REJECTED = "created", "updated", "unchanged", "rejected"


@dataclass(frozen=True, slots=True)
class Verdict:
    """created | updated | unchanged | rejected, the last with a stable code and what to change."""

    outcome: str
    code: str = ""
    message: str = ""


IS_CREATED = Verdict(CREATED)
IS_UPDATED = Verdict(UPDATED)
IS_UNCHANGED = Verdict(UNCHANGED)


def rejected(code: str, message: str) -> Verdict:
    """A refusal of one row."""
    return Verdict(REJECTED, code, message)


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows by verdict."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    @property
    def rows(self) -> int:
        return self.created + self.updated + self.unchanged + self.rejected

    def plus(self, verdicts: Iterable[Verdict]) -> Counts:
        """These counts and one for each verdict."""
        numbers = {CREATED: self.created, UPDATED: self.updated}
        numbers |= {UNCHANGED: self.unchanged, REJECTED: self.rejected}
        for verdict in verdicts:
            numbers[verdict.outcome] += 1
        return Counts(**numbers)
