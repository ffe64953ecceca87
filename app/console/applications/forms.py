"""What vendor sales decides about a request to become a reseller."""

from __future__ import annotations

from decimal import Decimal

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import SelectField

from app.core.web.addresses import currency_choices
from app.core.web.fields import AmountField, LongTextField, TextField, WholeNumberField
from app.domain.accounts.applications import MESSAGE_LENGTH, REASON_LENGTH

_BASIS_POINTS = 100


class ApproveForm(FlaskForm):
    """What the new company needs beside what it said of itself."""

    currency = SelectField(lazy("Currency"), choices=currency_choices)
    number = TextField(lazy("Number"), maximum=40, required=False)
    tier = TextField(lazy("Price tier"), maximum=40, required=False)
    terms_days = WholeNumberField(lazy("Days net"), maximum=365, default=30)
    tax_code = TextField(lazy("Tax code"), maximum=20)
    tax_percent = AmountField(lazy("Tax in per cent"), places=2, maximum=Decimal(100))

    def rate_bps(self) -> int:
        """The tax in basis points."""
        return int(self.tax_percent.data * _BASIS_POINTS)


class AskForm(FlaskForm):
    question = LongTextField(lazy("Your question"), maximum=MESSAGE_LENGTH)


class RefuseForm(FlaskForm):
    reason = LongTextField(lazy("Why not?"), maximum=REASON_LENGTH)
