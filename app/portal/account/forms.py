"""Forms of the own account."""

from __future__ import annotations

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import Length

from app.core.web.fields import TextField
from app.domain.accounts.passwords import MAXIMUM_LENGTH


class NameForm(FlaskForm):
    name = TextField(lazy("Name"), maximum=200, render_kw={"autocomplete": "name"})


class PasswordForm(FlaskForm):
    """The present password proves who sits there; the new one is typed once and can be shown."""

    current = PasswordField(
        lazy("Present password"),
        [Length(min=1, max=1000, message=lazy("Fill this in."))],
        render_kw={"autocomplete": "current-password", "required": True},
    )
    password = PasswordField(
        lazy("New password"),
        [Length(min=1, max=1000, message=lazy("Fill this in."))],
        render_kw={"autocomplete": "new-password", "required": True, "maxlength": MAXIMUM_LENGTH},
    )
