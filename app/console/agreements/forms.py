"""Forms of price agreements and ladders."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import BooleanField, FieldList, FormField, SelectField
from wtforms.form import Form

from app.console.fields import ChoiceField, DayField, whole_key
from app.core.texts import _
from app.core.web.addresses import currency_choices
from app.core.web.fields import AmountField, TextField, WholeNumberField
from app.domain.catalogue.quantities import MAX_QUANTITY

LEVELS = (
    ("list", lazy("Everybody (list price)")),
    ("tier", lazy("A price tier")),
    ("company", lazy("A company")),
    ("branch", lazy("A branch")),
)
BLANK_STEPS = 3
MOST_STEPS = 20
_BASIS_POINTS = 100


class _HeadingForm(FlaskForm):
    name = TextField(lazy("Name"), maximum=120)
    starts_on = DayField(lazy("From"))
    ends_on = DayField(lazy("Until before"), required=False)
    discount_percent = AmountField(
        lazy("Discount on whole orders in per cent"), places=2, maximum=Decimal(100), required=False
    )
    discount_from = AmountField(lazy("From an order value of"), required=False)

    def values(self) -> dict[str, Any]:
        """As the actions take them."""
        return {
            "name": self.name.data,
            "starts_on": self.starts_on.data,
            "ends_on": self.ends_on.data,
            "order_discount_bps": int((self.discount_percent.data or 0) * _BASIS_POINTS),
            "order_discount_from": self.discount_from.data or Decimal(0),
        }


class NewAgreementForm(_HeadingForm):
    """Whose agreement it is is settled once."""

    number = TextField(lazy("Number"), maximum=40)
    level = ChoiceField(lazy("For"), choices=lambda: list(LEVELS), default="company")
    company_id = SelectField(lazy("Company"), coerce=whole_key)
    branch_id = SelectField(lazy("Branch"), coerce=whole_key)
    tier = TextField(lazy("Tier"), maximum=40, required=False)
    currency = SelectField(lazy("Currency"), choices=currency_choices)


class AgreementForm(_HeadingForm):
    """The heading of an agreement."""

    is_active = BooleanField(lazy("In force between its dates"))
    version = WholeNumberField(lazy("Version"), maximum=2_000_000_000)


class StepForm(Form):
    """One step of a ladder; both empty is no step."""

    quantity = WholeNumberField(lazy("From quantity"), minimum=1, maximum=MAX_QUANTITY, required=False)
    price = AmountField(lazy("Price each"), required=False)


class LadderForm(FlaskForm):
    """The steps of one product, and its own quantity rule under the agreement."""

    steps = FieldList(FormField(StepForm), max_entries=MOST_STEPS + BLANK_STEPS)
    minimum = WholeNumberField(lazy("Minimum"), minimum=1, maximum=MAX_QUANTITY, required=False)
    multiple = WholeNumberField(lazy("Multiple"), minimum=1, maximum=MAX_QUANTITY, required=False)
    maximum = WholeNumberField(lazy("Maximum"), minimum=1, maximum=MAX_QUANTITY, required=False)

    def read_steps(self) -> list[tuple[int, Decimal]] | None:
        """Quantities with prices; None where a step is filled in by half, which then says so."""
        found: list[tuple[int, Decimal]] = []
        is_whole = True
        for entry in self.steps.entries:
            quantity, price = entry.form.quantity, entry.form.price
            if quantity.data is None and price.data is None:
                continue
            if quantity.data is None or price.data is None:
                missing = quantity if quantity.data is None else price
                missing.errors = [*missing.errors, _("Fill this in, or empty the step.")]
                is_whole = False
                continue
            found.append((quantity.data, price.data))
        return found if is_whole else None
