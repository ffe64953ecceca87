"""Forms of carts. Codes and quantities stay text: the domain judges what was typed."""

from __future__ import annotations

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm

from app.core.web.fields import TextField


class NameForm(FlaskForm):
    name = TextField(lazy("Name of the cart"), maximum=120, render_kw={"autocomplete": "off"})


class QuickAddForm(FlaskForm):
    """Any number a product goes by, and how many."""

    code = TextField(
        lazy("SKU or any part number"), maximum=80, render_kw={"autocomplete": "off", "spellcheck": "false"}
    )
    quantity = TextField(
        lazy("Quantity"), maximum=40, render_kw={"inputmode": "numeric", "autocomplete": "off"}
    )


class QuantityForm(FlaskForm):
    quantity = TextField(lazy("Quantity"), maximum=40)
