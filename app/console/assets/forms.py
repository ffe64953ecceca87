"""Forms of serial rules."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm

from app.console.fields import ChoiceField, whole_key
from app.core.texts import _
from app.core.web.fields import TextField, WholeNumberField
from app.domain.assets.serials import Check

CHECKS = {
    "": lazy("None"),
    Check.LUHN.value: lazy("IMEI (Luhn for 15 digits)"),
    Check.MOD10.value: lazy("GTIN (modulo 10)"),
    Check.GS1.value: lazy("GS1 element strings"),
}


class RuleForm(FlaskForm):
    """How serials of a product, or of a category with all below it, are checked; with a serial to try."""

    sku = TextField(lazy("SKU"), maximum=60, required=False)
    category_id = ChoiceField(lazy("Category"), coerce=whole_key)
    mask = TextField(lazy("Mask"), maximum=64, required=False)
    check_digit = ChoiceField(lazy("Check"), choices=lambda: list(CHECKS.items()), default="")
    serial = TextField(lazy("A serial to try"), maximum=200, required=False)
    version = WholeNumberField(lazy("Version"), maximum=2_000_000_000, required=False)

    def offer(self, choices: Any) -> None:
        """Categories it may be for; 0 where it is for one product."""
        self.category_id.choices = [(0, _("One product, by its SKU")), *choices]
