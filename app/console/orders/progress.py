"""An order's progress as drawn: placed, allocated, released, shipped."""

from __future__ import annotations

from flask_babel import ngettext

from app.core.texts import _
from app.domain.ordering.desk_order import DeskLine, DeskOrder
from app.domain.ordering.desk_orders import DeskRow, Units

#: States in which the warehouse has the order.
RELEASED = frozenset({"released", "part_shipped", "shipped", "closed"})

Cell = tuple[int, int, int]


def _cells(units: Units, state: str) -> tuple[Cell, Cell, Cell, Cell]:
    """Done, total and short of each step; cancelled units are not part of it."""
    wanted = units.wanted
    released = units.held if state in RELEASED else 0
    return (
        (wanted, wanted, 0),
        (units.held, wanted, units.backordered),
        (released, wanted, 0),
        (units.shipped, wanted, 0),
    )


def cells_of(line: DeskLine, state: str) -> tuple[Cell, Cell, Cell, Cell]:
    """A line's cells."""
    return _cells(line.units, state)


def steps_of(view: DeskOrder) -> list[tuple[str, str, str | None, int, int, int]]:
    """Name, note, family, and done, total and short of all lines together, for the head of the track."""
    short = sum(1 for line in view.lines if line.units.backordered)
    notes = [
        ("", None),
        (
            ngettext("%(num)s line short", "%(num)s lines short", short) if short else "",
            "warn" if short else None,
        ),
        ("", None),
        ("", None),
    ]
    names = (_("Placed"), _("Allocated"), _("Released"), _("Shipped"))
    return [
        (name, note, family, *cell)
        for name, (note, family), cell in zip(names, notes, _cells(view.units, view.order.state), strict=True)
    ]


def segments_of(row: DeskRow) -> tuple[tuple[Cell, ...], str]:
    """A list row's segments with the same in words."""
    units = row.units
    label = _(
        "%(held)s of %(wanted)s units allocated, %(shipped)s shipped",
        held=units.held,
        wanted=units.wanted,
        shipped=units.shipped,
    )
    return _cells(units, row.state), label
