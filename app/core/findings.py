"""What a look at an instance finds: in order, a problem, or something still to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """`problem`: somebody cannot work, or something gets lost; `note`: not done yet, or worth a look."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what it is, how it stands, and what to do where that is needed."""

    key: str
    level: Level
    text: str
    remedy: str = ""

    @property
    def is_ok(self) -> bool:
        return self.level is Level.OK


def ok(key: str, text: str) -> Finding:
    """It is in order."""
    return Finding(key, Level.OK, text)


def note(key: str, text: str, remedy: str) -> Finding:
    """It is not done yet, or worth a look."""
    return Finding(key, Level.NOTE, text, remedy)


def problem(key: str, text: str, remedy: str) -> Finding:
    """It keeps somebody from working."""
    return Finding(key, Level.PROBLEM, text, remedy)
