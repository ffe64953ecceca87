"""Forms of the company's pages."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField

from app.core.permissions import Role
from app.core.web.addresses import AddressForm
from app.core.web.fields import TextField, WholeNumberField
from app.domain.accounts.rules import role_name, roles_for


class InviteForm(FlaskForm):
    name = TextField(lazy("Name"), render_kw={"autocomplete": "off"})
    email = TextField(lazy("E-mail"), maximum=254, render_kw={"type": "email", "autocomplete": "off"})
    role = SelectField(lazy("Role"))
    end_customer = SelectField(lazy("End customer"), default="")

    def __init__(self, *, company_id: int, customers: list[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.role.choices = [(role.value, role_name(role)) for role in roles_for(company_id)]
        self.end_customer.choices = [("", "–"), *((str(row.id), row.name) for row in customers)]

    def end_customer_id(self) -> int | None:
        """The end customer of a desk; other roles have none."""
        if self.role.data != Role.END_CUSTOMER_DESK.value or not self.end_customer.data:
            return None
        return int(self.end_customer.data)


class BranchForm(AddressForm):
    name = TextField(lazy("Name of the branch"))
    version = WholeNumberField(lazy("Version"), maximum=2_000_000_000, required=False)


class EndCustomerForm(AddressForm):
    name = TextField(lazy("Name"))
    is_active = BooleanField(lazy("Can be chosen in new orders"), default=True)
