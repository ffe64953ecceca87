"""State machines as data, and the one `move` that changes a state and writes its history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, update
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.orm.attributes import set_committed_value

from app.core.database import Base
from app.core.errors import IllegalMove
from app.core.permissions import Actor
from app.core.tenancy import CompanyOrVendor
from app.core.texts import _


@dataclass(frozen=True)
class Machine:
    """Transitions `(state, event) -> state` under a name."""

    name: str
    transitions: Mapping[tuple[str, str], str]

    def events_from(self, state: str) -> tuple[str, ...]:
        """Events possible in `state`, in the order of the table."""
        return tuple(event for (source, event) in self.transitions if source == state)

    def target(self, state: str, event: str) -> str:
        """:raises IllegalMove: `event` is not possible in `state`."""
        try:
            return self.transitions[(state, event)]
        except KeyError:
            raise IllegalMove(
                _("This is not possible while it is %(state)s.", state=state.replace("_", " ")),
                machine=self.name,
                state=state,
                event=event,
            ) from None


class StateChange(CompanyOrVendor, Base):
    """Append-only history of every move."""

    __tablename__ = "state_change"
    __table_args__ = (Index("ix_state_change_subject", "machine", "subject_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    machine: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[int]
    event: Mapped[str] = mapped_column(String(40))
    from_state: Mapped[str | None] = mapped_column(String(40))
    to_state: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime]
    actor_name: Mapped[str] = mapped_column(String(200))
    actor_user_id: Mapped[int | None]
    reason: Mapped[str | None] = mapped_column(String(500))


def history_row(
    machine: Machine,
    subject: Any,
    *,
    event: str,
    from_state: str | None,
    to_state: str,
    actor: Actor,
    now: datetime,
    reason: str | None = None,
) -> StateChange:
    """The history row of one move; `move` writes it, set-based inserts add it themselves."""
    return StateChange(
        machine=machine.name,
        subject_id=subject.id,
        company_id=getattr(subject, "company_id", None),
        event=event,
        from_state=from_state,
        to_state=to_state,
        at=now,
        actor_name=actor.name,
        actor_user_id=actor.user_id,
        reason=reason,
    )


def move(
    session: Session,
    machine: Machine,
    subject: Any,
    event: str,
    *,
    actor: Actor,
    now: datetime,
    reason: str | None = None,
) -> str:
    """Move `subject` (a row with `id` and `state`) and append the history row; returns the new state.

    The update is guarded by the state that was read, so of two simultaneous moves one is refused.

    :raises IllegalMove: the event is not possible, or somebody else moved the row first.
    """
    before = subject.state
    after = machine.target(before, event)
    model = type(subject)
    moved: Any = session.execute(
        update(model)
        .where(model.id == subject.id, model.state == before)
        .values(state=after)
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1:
        raise IllegalMove(
            _("Somebody else was faster: open it again to see its present state."),
            machine=machine.name,
            state=before,
            event=event,
        )
    set_committed_value(subject, "state", after)
    session.add(
        history_row(
            machine,
            subject,
            event=event,
            from_state=before,
            to_state=after,
            actor=actor,
            now=now,
            reason=reason,
        )
    )
    return after
