"""Forms of who asks to become a reseller."""

from __future__ import annotations

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import StringField

from app.core.web.addresses import AddressForm
from app.core.web.fields import LongTextField, TextField
from app.domain.accounts.applications import MESSAGE_LENGTH


class ApplicationForm(AddressForm):
    """Company, address, contact; `website` is filled in by programs only."""

    company_name = TextField(lazy("Company"), render_kw={"autocomplete": "organization"})
    tax_id = TextField(lazy("Tax number"), maximum=40, required=False)
    street = TextField(lazy("Street and number"), render_kw={"autocomplete": "street-address"})
    city = TextField(lazy("City"), maximum=120, render_kw={"autocomplete": "address-level2"})
    contact_name = TextField(lazy("Your name"), render_kw={"autocomplete": "name"})
    email = TextField(lazy("E-mail"), maximum=254, render_kw={"type": "email", "autocomplete": "email"})
    phone = TextField(
        lazy("Phone"), maximum=40, required=False, render_kw={"type": "tel", "autocomplete": "tel"}
    )
    message = LongTextField(lazy("What you sell, and to whom"), maximum=MESSAGE_LENGTH, required=False)
    website = StringField(lazy("Leave this empty"))


class ConfirmForm(FlaskForm):
    """A button: opening a link in a mail decides nothing by itself."""


class AnswerForm(FlaskForm):
    answer = LongTextField(lazy("Your answer"), maximum=MESSAGE_LENGTH)
