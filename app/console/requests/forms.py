"""The answer to a price request."""

from __future__ import annotations

from decimal import Decimal

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import HiddenField

from app.console.fields import DayField
from app.core.web.fields import AmountField, LongTextField


class AnswerForm(FlaskForm):
    """A unit price with the day up to which it holds."""

    unit_price = AmountField(lazy("Unit price"), minimum=Decimal("0.0001"))
    valid_until = DayField(lazy("Valid until"))
    answer = LongTextField(lazy("Words to the buyer"), maximum=500, required=False)
    version = HiddenField()


class DeclineForm(FlaskForm):
    """A refusal says why."""

    reason = LongTextField(lazy("Why not?"), maximum=500)
    version = HiddenField()
