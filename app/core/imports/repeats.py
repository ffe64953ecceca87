"""What earlier rows of a run said: the same again changes nothing, other values are refused."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from app.core.imports.kinds import Item
from app.core.imports.verdicts import IS_UNCHANGED, Verdict, rejected
from app.core.texts import _


def fingerprint(value: object) -> str:
    """A short text that two equal values share."""
    return hashlib.blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


class Repeats:
    """The first accepted row of a run decides what it says of its key."""

    def __init__(self, recalled: Mapping[str, str]) -> None:
        self._recalled = recalled
        #: What this batch adds to the run's memory.
        self.memories: dict[str, str] = {}

    def verdict(self, item: Item) -> Verdict | None:
        """None where the row is the first of its key in the run."""
        earlier = self.memories.get(item.key) or self._recalled.get(item.key)
        if earlier is None:
            return None
        if earlier == fingerprint(item.value):
            return IS_UNCHANGED
        return rejected(
            "conflicting_row",
            _("An earlier row of this import says something else about the same. Keep one of the rows."),
        )

    def keep(self, item: Item) -> None:
        """The row was accepted as the first of its key."""
        self.memories[item.key] = fingerprint(item.value)


def memories_of(items: Sequence[Item], recalled: Mapping[str, str]) -> dict[str, str]:
    """What Repeats would have kept, for a run that goes on after it was stopped."""
    found: dict[str, str] = {}
    for item in items:
        if item.fault is None and item.key not in recalled:
            found.setdefault(item.key, fingerprint(item.value))
    return found
