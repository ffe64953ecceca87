"""Forms for companies, their branches and people."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import SelectField

from app.core.permissions import Role
from app.core.web.addresses import AddressForm, currency_choices
from app.core.web.fields import AmountField, TextField, WholeNumberField
from app.domain.accounts.rules import role_name, roles_for

_BASIS_POINTS = 100


class CompanyForm(AddressForm):
    """A new company with first branch, tax and administrator."""

    name = TextField(lazy("Company"))
    number = TextField(lazy("Number"), maximum=40, required=False)
    currency = SelectField(lazy("Currency"), choices=currency_choices)
    tier = TextField(lazy("Price tier"), maximum=40, required=False)
    tax_id = TextField(lazy("Tax number"), maximum=40, required=False)
    branch_name = TextField(lazy("First branch"), default="Main branch")
    terms_days = WholeNumberField(lazy("Days net"), maximum=365, default=30)
    tax_code = TextField(lazy("Tax code"), maximum=20)
    tax_percent = AmountField(lazy("Tax in per cent"), places=2, maximum=Decimal(100))
    user_name = TextField(lazy("Administrator's name"), required=False)
    user_email = TextField(
        lazy("Administrator's e-mail"), maximum=254, required=False, render_kw={"type": "email"}
    )

    def rate_bps(self) -> int:
        """The tax in basis points."""
        return int(self.tax_percent.data * _BASIS_POINTS)


class CompanyEditForm(FlaskForm):
    name = TextField(lazy("Company"))
    tier = TextField(lazy("Price tier"), maximum=40, required=False)
    tax_id = TextField(lazy("Tax number"), maximum=40, required=False)
    version = WholeNumberField(lazy("Version"), maximum=2_000_000_000, required=False)


class TaxForm(FlaskForm):
    tax_code = TextField(lazy("Tax code"), maximum=20)
    tax_percent = AmountField(lazy("Tax in per cent"), places=2, maximum=Decimal(100))

    def rate_bps(self) -> int:
        """The tax in basis points."""
        return int(self.tax_percent.data * _BASIS_POINTS)


class BranchForm(AddressForm):
    name = TextField(lazy("Name of the branch"))
    terms_days = WholeNumberField(lazy("Days net"), maximum=365, default=30)
    version = WholeNumberField(lazy("Version"), maximum=2_000_000_000, required=False)


class InviteForm(FlaskForm):
    name = TextField(lazy("Name"), render_kw={"autocomplete": "off"})
    email = TextField(lazy("E-mail"), maximum=254, render_kw={"type": "email", "autocomplete": "off"})
    role = SelectField(lazy("Role"))

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # A desk belongs to an end customer, so the reseller's own administrator invites it.
        roles = [role for role in roles_for(0) if role is not Role.END_CUSTOMER_DESK]
        self.role.choices = [(role.value, role_name(role)) for role in roles]
