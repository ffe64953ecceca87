"""Cancelling what is still open of an order."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import SelectField

from app.core.texts import _
from app.core.web.fields import TextField, WholeNumberField
from app.domain.ordering.queries import OrderView


class CancelForm(FlaskForm):
    """Everything that is open, or units of one line."""

    line = SelectField(lazy("What"), default="")
    quantity = WholeNumberField(lazy("Units"), minimum=1, maximum=999_999, required=False)
    reason = TextField(lazy("Reason"), maximum=300, required=False)

    def __init__(self, view: OrderView, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        whole = [("", _("The whole order"))] if view.may_cancel else []
        self.line.choices = whole + [
            (
                str(line.line.id),
                _("%(sku)s, %(units)s open", sku=line.line.sku, units=line.cancellable),
            )
            for line in view.lines
            if line.cancellable > 0
        ]
