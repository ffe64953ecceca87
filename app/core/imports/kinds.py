"""What a kind of import brings along: its fields, and what its rows mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session

from app.core.imports.mapping import Field
from app.core.imports.tables import SourceRow, Survey
from app.core.imports.verdicts import Verdict
from app.core.permissions import Actor, Permission


@dataclass(frozen=True, slots=True)
class FilePlan:
    """A file with the meaning of its columns; `targets` names each column's field, extra or ignore."""

    survey: Survey
    targets: Mapping[str, str]
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """A row as its kind understands it. `key` names what the row is about; a `fault` ends its judgement."""

    row: SourceRow
    key: str
    value: Any = None
    fault: Verdict | None = None


@dataclass(slots=True)
class Judged:
    """A batch's verdicts in the order of its items, what the run must remember, and what is to be stored."""

    verdicts: list[Verdict]
    memories: dict[str, str] = field(default_factory=dict)
    work: Any = None


class ImportKind(Protocol):
    """What rows mean. `read` and `judge` write nothing; `store` writes what `judge` prepared."""

    @property
    def name(self) -> str: ...

    @property
    def fields(self) -> Sequence[Field]: ...

    @property
    def ignored(self) -> frozenset[str]:
        """Normalised headers that carry nothing of their own, such as derived values."""

    @property
    def permissions(self) -> Sequence[Permission]:
        """What the person who starts it must hold, beside `import:run`."""

    def check(self, plan: FilePlan) -> None:
        """:raises UnreadableFile: these columns cannot be this kind's."""

    def open(self, plan: FilePlan) -> Callable[[SourceRow], Item]:
        """The reader of the file's rows."""

    def judge(
        self, session: Session, plan: FilePlan, items: Sequence[Item], recalled: Mapping[str, str]
    ) -> Judged:
        """Verdicts, from what is stored and what the run has decided before (`recalled`, by key)."""

    def memories(self, items: Sequence[Item], recalled: Mapping[str, str]) -> dict[str, str]:
        """What these items' judgement left in the memory, for a run that goes on after a kill."""

    def store(
        self, session: Session, actor: Actor, plan: FilePlan, judged: Judged, *, run_id: int, now: datetime
    ) -> None:
        """Write a batch, in the batch's transaction."""
