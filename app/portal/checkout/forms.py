"""The one form of checkout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import DateField, RadioField, SelectField, ValidationError
from wtforms.validators import Optional

from app.core.texts import _
from app.core.web.addresses import country_choices
from app.core.web.fields import LongTextField, TextField
from app.domain.accounts.models import Branch, EndCustomer

OURS, THEIRS = "branch", "end_customer"


@dataclass(frozen=True, slots=True)
class Place:
    """A branch or end customer to choose, as plain values."""

    id: int
    name: str
    address: str

    @classmethod
    def of(cls, row: Branch | EndCustomer) -> Place:
        """From its row."""
        town = " ".join(part for part in (row.postcode, row.city) if part)
        address = ", ".join(part for part in (row.street, town, row.region) if part)
        return cls(row.id, row.name, address or row.country)


def row_number(text: str | None) -> int | None:
    """A chosen row's number; None where nothing is chosen, 0 (nobody's) for anything else."""
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


class CheckoutForm(FlaskForm):
    """PO number first; everything the database knows is filled in."""

    po_number = TextField(
        lazy("PO number"),
        maximum=80,
        required=False,
        description=lazy("Printed on every document."),
        render_kw={"autocomplete": "off"},
    )
    reference = TextField(
        lazy("Your reference"),
        maximum=120,
        required=False,
        description=lazy("Project, cost centre."),
        render_kw={"autocomplete": "off"},
    )
    # Whether the choice is open to the company is for the domain to say, and it says it better.
    branch_id = RadioField(lazy("Ordered by"), validate_choice=False)
    ship_to = RadioField(lazy("Ship to"), choices=[], default=OURS)
    end_customer_id = SelectField(lazy("End customer"), default="", validate_choice=False)
    requested_on = DateField(
        lazy("Wanted on"),
        [Optional()],
        description=lazy("Empty: as soon as it can leave."),
    )
    notes = LongTextField(lazy("Notes for the vendor"), maximum=2000, required=False, render_kw={"rows": 3})

    new_name = TextField(lazy("Name"), required=False)
    new_street = TextField(lazy("Street and number"), required=False)
    new_postcode = TextField(lazy("Postcode"), maximum=20, required=False)
    new_city = TextField(lazy("City"), maximum=120, required=False)
    new_region = TextField(lazy("State or region"), maximum=120, required=False)
    new_country = SelectField(lazy("Country"), choices=country_choices, default="US")

    def __init__(
        self, *, branches: Sequence[Branch], customers: Sequence[EndCustomer], on: date, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.on = on
        self.branches = [Place.of(row) for row in branches]
        self.customers = [Place.of(row) for row in customers]
        self.branch_id.choices = [(str(branch.id), branch.name) for branch in branches]
        self.end_customer_id.choices = [("", "–"), *((str(row.id), row.name) for row in customers)]
        self.ship_to.choices = [(OURS, _("Our branch")), (THEIRS, _("End customer, drop-ship"))]

    def validate_end_customer_id(self, field: SelectField) -> None:
        if self.ship_to.data == THEIRS and not field.data and not self.new_name.data:
            raise ValidationError(_("Choose the end customer that receives the goods, or add a new one."))

    def validate_requested_on(self, field: DateField) -> None:
        if field.data is not None and field.data < self.on:
            raise ValidationError(_("Choose today or a later day."))

    def take_customer(self, customer: EndCustomer) -> None:
        """Choose an end customer that was just added, and empty its fields."""
        self.customers.append(Place.of(customer))
        self.end_customer_id.choices = [*self.end_customer_id.choices, (str(customer.id), customer.name)]
        self.end_customer_id.data = str(customer.id)
        for name in ("name", "street", "postcode", "city", "region"):
            self[f"new_{name}"].data = ""

    def new_address(self) -> dict[str, str]:
        """The parts of a new end customer's address by name."""
        names = ("street", "postcode", "city", "region", "country")
        return {name: self[f"new_{name}"].data for name in names}
