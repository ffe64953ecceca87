"""Gapless numbers: one row per range, taken last in a transaction so that its lock is held shortest."""

from __future__ import annotations

from sqlalchemy import String, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core.database import Base


class NumberRange(Base):
    """The next number of a range; a year's range is a row of its own (`order-26`)."""

    __tablename__ = "number_range"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    next_value: Mapped[int] = mapped_column(default=1)


def take_number(session: Session, name: str) -> int:
    """The next number of range `name`, from 1; given back when the transaction rolls back."""
    while True:
        taken = session.execute(
            update(NumberRange)
            .where(NumberRange.name == name)
            .values(next_value=NumberRange.next_value + 1)
            .returning(NumberRange.next_value)
            .execution_options(synchronize_session=False)
        ).scalar_one_or_none()
        if taken is not None:
            return taken - 1
        _open_range(session, name)


def begin_range(session: Session, name: str, *, first: int) -> None:
    """Let a range that no number was taken from yet begin at `first`."""
    session.add(NumberRange(name=name, next_value=first))
    session.flush()


def take_numbers(session: Session, *names: str) -> list[int]:
    """The next number of each range, in one statement where all are open; see :func:`take_number`."""
    taken = session.execute(
        update(NumberRange)
        .where(NumberRange.name.in_(names))
        .values(next_value=NumberRange.next_value + 1)
        .returning(NumberRange.name, NumberRange.next_value)
        .execution_options(synchronize_session=False)
    )
    found = {name: value - 1 for name, value in taken}
    return [found[name] if name in found else take_number(session, name) for name in names]


def next_number(session: Session, name: str) -> int:
    """The number that would be taken next; nothing is taken."""
    return session.scalar(select(NumberRange.next_value).where(NumberRange.name == name)) or 1


def skip_numbers(session: Session, name: str, *, to: int) -> bool:
    """Let a range go on at `to`; False where numbers from there on were taken already."""
    if next_number(session, name) == 1:
        _open_range(session, name)
    skipped = session.execute(
        update(NumberRange)
        .where(NumberRange.name == name, NumberRange.next_value <= to)
        .values(next_value=to)
        .returning(NumberRange.name)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    return skipped is not None


def _open_range(session: Session, name: str) -> None:
    try:
        with session.begin_nested():
            session.add(NumberRange(name=name, next_value=1))
    except IntegrityError:
        # Another transaction opened it meanwhile; the update finds its row now.
        session.execute(select(NumberRange).where(NumberRange.name == name))
