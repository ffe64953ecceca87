"""Forms that cancel an order or a part of one of its lines."""

from __future__ import annotations

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import HiddenField

from app.core.web.fields import TextField, WholeNumberField


class CancelForm(FlaskForm):
    """The vendor says why."""

    reason = TextField(lazy("Reason"), maximum=300)


class CancelLineForm(FlaskForm):
    """How many units of the line, and why; `seen` is how many were cancelled when the form was shown."""

    quantity = WholeNumberField(lazy("Units"), minimum=1)
    reason = TextField(lazy("Reason"), maximum=300)
    seen = HiddenField()
