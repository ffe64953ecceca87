"""Forms of the public pages."""

from __future__ import annotations

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import Length

from app.core.web.fields import TextField
from app.domain.accounts.passwords import MAXIMUM_LENGTH


class SignInForm(FlaskForm):
    """Address and password; which of them is wrong is not said."""

    email = TextField(
        lazy("E-mail"),
        maximum=254,
        render_kw={"type": "email", "autocomplete": "username", "autofocus": True},
    )
    password = PasswordField(
        lazy("Password"),
        [Length(min=1, max=1000, message=lazy("Fill this in."))],
        render_kw={"autocomplete": "current-password", "required": True},
    )


class ForgotForm(FlaskForm):
    email = TextField(
        lazy("E-mail"),
        maximum=254,
        render_kw={"type": "email", "autocomplete": "username", "autofocus": True},
    )


class NewPasswordForm(FlaskForm):
    """A new password, typed once: it can be shown, and a wrong one is reset by mail."""

    password = PasswordField(
        lazy("New password"),
        [Length(min=1, max=1000, message=lazy("Fill this in."))],
        render_kw={
            "autocomplete": "new-password",
            "required": True,
            "minlength": 12,
            "maxlength": MAXIMUM_LENGTH,
        },
    )
