"""Putting a product into the cart."""

from __future__ import annotations

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm

from app.core.web.fields import TextField


class AddForm(FlaskForm):
    """The quantity stays text: the domain judges what was typed and says what would do."""

    quantity = TextField(lazy("Quantity"), maximum=40)
