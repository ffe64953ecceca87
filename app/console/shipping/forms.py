"""The form that ships an order: units and serials by line, carrier and tracking number."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField
from wtforms.widgets import TextArea

from app.core.errors import InvalidInput
from app.core.texts import _
from app.core.web.fields import TextField, WholeNumberField
from app.domain.ordering.shipment_reads import LineToShip, OrderToShip
from app.domain.ordering.shipping import LENGTHS
from app.domain.ordering.shipping_checks import LineProblem

_ENTRY_KEY = re.compile(r"[A-Za-z0-9_-]{20,40}")
#: Buttons that take the part in doubt of a line's serials as one serial.
QUOTE = "quote-"


class SerialsField(StringField):  # type: ignore[misc]  # WTForms carries no types
    """Serials as typed or scanned; the line's check says what cannot be one."""

    widget = TextArea()


class ShipForm(FlaskForm):
    """What every shipment has; the fields of the lines are added by :func:`ship_form`."""

    entry = HiddenField()
    carrier = TextField(lazy("Carrier"), maximum=LENGTHS["carrier"], required=False)
    tracking = TextField(lazy("Tracking number"), maximum=LENGTHS["tracking"], required=False)
    note = TextField(lazy("Note"), maximum=LENGTHS["note"], required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not _ENTRY_KEY.fullmatch(self.entry.data or ""):
            self.entry.data = secrets.token_urlsafe(16)
        self.problems: dict[int, LineProblem] = {}

    def quantity_of(self, line: LineToShip) -> Any:
        """The field of the line's units."""
        return self[f"quantity-{line.id}"]

    def serials_of(self, line: LineToShip) -> Any:
        """The field of the line's serials, None where its product has none."""
        return self[f"serials-{line.id}"] if line.has_serials else None

    def wanted(self, lines: Sequence[LineToShip]) -> dict[int, tuple[int, str]]:
        """Units and serials by line. :raises InvalidInput: nothing is to go."""
        found = {}
        for line in lines:
            serials = self.serials_of(line)
            units, text = self.quantity_of(line).data or 0, (serials.data or "") if serials else ""
            if units:
                found[line.id] = (units, text)
        if not found:
            raise InvalidInput(_("Enter for one line at least how many units go."))
        return found

    def put_problems(self, problems: dict[int, LineProblem], lines: Sequence[LineToShip]) -> None:
        """Each refusal beside its line."""
        self.problems = problems
        for line in lines:
            problem = problems.get(line.id)
            if problem is None:
                continue
            beside = self.serials_of(line) if problem.code != "quantity" else None
            field = beside or self.quantity_of(line)
            field.errors = [*field.errors, problem.message]


def lines_here(order: OrderToShip) -> list[LineToShip]:
    """Lines of which something can go from the warehouse."""
    return [line for line in order.lines if line.here]


def ship_form(order: OrderToShip) -> ShipForm:
    """The form with the fields of the lines that can go; all that is set aside goes unless changed."""
    fields: dict[str, Any] = {}
    for line in lines_here(order):
        name = _("Units of %(sku)s", sku=line.sku)
        fields[f"quantity-{line.id}"] = WholeNumberField(name, required=False, default=line.here)
        if line.has_serials:
            label = _("Serials of %(sku)s", sku=line.sku)
            fields[f"serials-{line.id}"] = SerialsField(label, render_kw={"autocomplete": "off"})
    made: ShipForm = type("LinesForm", (ShipForm,), fields)()
    return made


def lines_gone(form: ShipForm, sent: Any) -> bool:
    """Whether units were entered for a line of which nothing can go any more."""
    units = (name for name in sent if name.startswith("quantity-") and name not in form)
    return any(sent[name].strip() not in ("", "0") for name in units)


def take_quoted(form: ShipForm, sent: Any) -> bool:
    """Put the quoted reading of a line's serials into its field where such a button was pressed."""
    for name in sent:
        field = f"serials-{name.removeprefix(QUOTE)}"
        if name.startswith(QUOTE) and field in form:
            form[field].data = sent[name]
            return True
    return False
