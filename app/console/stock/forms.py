"""Forms of the stock pages."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, RadioField
from wtforms.fields.choices import SelectChoice

from app.console.fields import ChoiceField, DayField, whole_key
from app.core.web.fields import TextField, WholeNumberField

_ENTRY_KEY = re.compile(r"[A-Za-z0-9_-]{20,40}")
COUNT, RECEIVE, CORRECT = "count", "receive", "correct"


class _EntryForm(FlaskForm):
    """A form with a key of its own: sent twice it is one entry."""

    entry = HiddenField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not _ENTRY_KEY.fullmatch(self.entry.data or ""):
            self.entry.data = secrets.token_urlsafe(16)


class _WarehouseForm(_EntryForm):
    warehouse = ChoiceField(lazy("Warehouse"), coerce=whole_key)

    def offer(self, warehouses: Sequence[Any]) -> None:
        """The warehouses to choose from; the first one is chosen until another is."""
        self.warehouse.choices = [SelectChoice(one.id, one.name) for one in warehouses]
        if self.warehouse.data is None and warehouses and not self.warehouse.raw_data:
            self.warehouse.data = warehouses[0].id


class ChangeForm(_WarehouseForm):
    """A change of one product's stock on its own page."""

    what = RadioField(
        lazy("What happened?"),
        choices=[
            SelectChoice(COUNT, lazy("Counted")),
            SelectChoice(RECEIVE, lazy("Received")),
            SelectChoice(CORRECT, lazy("Lost or broken")),
        ],
        default=COUNT,
    )
    quantity = WholeNumberField(lazy("Units"))
    reference = TextField(lazy("Reference or reason"), maximum=80, required=False)


class CountForm(_WarehouseForm):
    """One scan or typed code at a time; without a quantity the product is shown first."""

    what = ChoiceField(
        lazy("What do you do?"),
        choices=[
            SelectChoice(COUNT, lazy("Count: this many lie here")),
            SelectChoice(RECEIVE, lazy("Receive: this many came in")),
        ],
        default=COUNT,
    )
    code = TextField(lazy("Product"), maximum=80)
    quantity = WholeNumberField(lazy("Units"), required=False)


class ExpectForm(_WarehouseForm):
    """Units a supplier announced for a day."""

    product = TextField(lazy("Product"), maximum=80)
    quantity = WholeNumberField(lazy("Units"), minimum=1)
    due_on = DayField(lazy("Due on"))
    reference = TextField(lazy("Reference"), maximum=80, required=False)


class ReceiveForm(_EntryForm):
    """What arrived of an expected receipt."""

    quantity = WholeNumberField(lazy("Units"), minimum=1)
    reference = TextField(lazy("Reference"), maximum=80, required=False)


class WarehouseForm(FlaskForm):
    """A place that holds stock."""

    code = TextField(lazy("Code"), maximum=20)
    name = TextField(lazy("Name"), maximum=120)
    position = WholeNumberField(lazy("Place in the order"), maximum=9999)
    is_active = BooleanField(lazy("Used"))
    version = HiddenField()
