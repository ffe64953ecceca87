"""The invitation of staff."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import SelectField

from app.core.web.fields import TextField
from app.domain.accounts.rules import role_name, roles_for


class InviteForm(FlaskForm):
    name = TextField(lazy("Name"), render_kw={"autocomplete": "off"})
    email = TextField(lazy("E-mail"), maximum=254, render_kw={"type": "email", "autocomplete": "off"})
    role = SelectField(lazy("Role"))

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.role.choices = [(role.value, role_name(role)) for role in roles_for(None)]
