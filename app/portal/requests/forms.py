"""Asking for a price."""

from __future__ import annotations

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm

from app.core.web.fields import LongTextField, TextField


class AskForm(FlaskForm):
    """SKU and quantity stay text; the domain looks the number up and judges the quantity."""

    sku = TextField(lazy("SKU or part number"), maximum=80)
    quantity = TextField(
        lazy("Quantity"), maximum=40, render_kw={"inputmode": "numeric", "autocomplete": "off"}
    )
    note = LongTextField(
        lazy("Note"),
        maximum=500,
        required=False,
        description=lazy("What it is for, by when, what you pay elsewhere."),
        render_kw={"rows": 3},
    )
