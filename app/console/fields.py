"""Fields of the console's forms that say what to do about a value they cannot take."""

from __future__ import annotations

from typing import Any

from wtforms import DateField, SelectField
from wtforms.validators import StopValidation

from app.core.texts import _


def whole_key(text: Any) -> int | None:
    """A select's value as a row's number; anything else is no choice at all."""
    if isinstance(text, int):
        return text
    fits = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 18
    return int(text) if fits else None


class ChoiceField(SelectField):
    """One of a list."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.flags.required = True

    def pre_validate(self, form: Any) -> None:
        if not any(self.data == value for value, *_rest in self.iter_choices()):
            raise StopValidation(_("Choose one from the list."))


class DayField(DateField):
    """A day as browsers send it, 2026-11-24."""

    def __init__(self, label: Any = None, validators: Any = None, *, required: bool = True, **kwargs: Any):
        super().__init__(label, validators, **kwargs)
        self.is_required = required
        if required:
            self.flags.required = True

    def process_formdata(self, valuelist: list[Any]) -> None:
        text = valuelist[0].strip() if valuelist and isinstance(valuelist[0], str) else ""
        self.data = None
        if not text:
            return
        try:
            super().process_formdata([text])
        except ValueError:
            self.data = None
            raise ValueError(_("Write the day as 2026-11-24.")) from None

    def pre_validate(self, form: Any) -> None:
        if self.is_required and self.data is None and not self.process_errors:
            raise StopValidation(_("Fill this in."))
