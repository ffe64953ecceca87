"""What a kind of import brings along: its fields, what its rows mean, and how a run is taken back."""

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
    #: What is read beside the rows, such as the entries of an archive.
    content: Any = None
    #: Lines of the kind's template that were left as they are.
    passed_over: int = 0

    def has_decimal_comma(self, target: str) -> bool:
        """Whether the column of the field writes decimals with a comma (see `numbers.decimal_text`)."""
        return any(
            facts.has_decimal_comma for facts in self.survey.columns if self.targets[facts.header] == target
        )


@dataclass(frozen=True, slots=True)
class Item:
    """A row as its kind understands it. `key` names what the row is about; a `fault` ends its judgement."""

    row: SourceRow
    key: str
    value: Any = None
    fault: Verdict | None = None


@dataclass(slots=True)
class Change:
    """What a run does to one row of a table, for the preview and for taking it back.

    `before` None is a new row, `after` None a removed one. Values are what JSON holds (see
    `undoing.plain`). `subject` is what people call it: a SKU, a company's number. `store` fills `row_id`.
    """

    subject: str
    table: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    row_id: int | None = None


@dataclass(slots=True)
class Judged:
    """A batch's verdicts in the order of its items, what the run must remember, and what is to be stored.

    `changes` stand in the order in which they are made; a run is taken back from the last to the first.
    """

    verdicts: list[Verdict]
    memories: dict[str, str] = field(default_factory=dict)
    work: Any = None
    changes: list[Change] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Option:
    """What a run is asked beside its file: a `currency`, or a `flag` that is off unless it is said."""

    code: str
    label: str
    type: str
    hint: str = ""


class ImportKind(Protocol):
    """What rows mean. `read` and `judge` write nothing; `store` writes what `judge` prepared."""

    @property
    def name(self) -> str:
        """As runs, the command and addresses carry it: lower case, words joined by a hyphen."""

    @property
    def title(self) -> str:
        """What people choose by, marked for translation."""

    @property
    def hint(self) -> str:
        """A sentence that explains the kind, marked for translation."""

    @property
    def fields(self) -> Sequence[Field]: ...

    @property
    def options(self) -> Sequence[Option]: ...

    @property
    def accepts_extras(self) -> bool:
        """Whether columns that are no field may be kept under their own name."""

    @property
    def reads_archives(self) -> bool:
        """Whether its files are ZIP archives and not tables."""

    @property
    def most_rows(self) -> int:
        """The largest batch."""

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

    def prepare(self, session: Session, plan: FilePlan, items: Sequence[Item]) -> None:
        """Slow work on a batch, such as decoding, before its transaction begins; reads only."""

    def judge(
        self, session: Session, plan: FilePlan, items: Sequence[Item], recalled: Mapping[str, str]
    ) -> Judged:
        """Verdicts and changes, from what is stored and what the run has decided before (`recalled`)."""

    def memories(self, items: Sequence[Item], recalled: Mapping[str, str]) -> dict[str, str]:
        """What these items' judgement left in the memory, for a run that goes on after a kill."""

    def store(
        self, session: Session, actor: Actor, plan: FilePlan, judged: Judged, *, run_id: int, now: datetime
    ) -> None:
        """Write a batch, in the batch's transaction, and fill the row ids of its changes."""

    def undo(
        self, session: Session, actor: Actor, changes: Sequence[Change], *, run_id: int, now: datetime
    ) -> None:
        """Take changes of one run back, given newest first; several calls take back a whole run.

        :raises CannotUndo: something depends on them, or they were changed since.
        """


class PlainKind:
    """What most kinds of import have in common: one table of known columns, each key once per run."""

    options: Sequence[Option] = ()
    accepts_extras = False
    reads_archives = False
    most_rows = 1000
    ignored: frozenset[str] = frozenset()

    def check(self, plan: FilePlan) -> None:
        """Any file whose needed fields have a column will do."""

    def prepare(self, session: Session, plan: FilePlan, items: Sequence[Item]) -> None:
        """Most kinds have nothing slow to do."""

    def memories(self, items: Sequence[Item], recalled: Mapping[str, str]) -> dict[str, str]:
        """The keys seen so far."""
        return {item.key: "" for item in items if item.fault is None}
