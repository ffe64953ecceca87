"""Form fields that accept one way of writing a value and say what to change about any other."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from wtforms import Field, Form, StringField
from wtforms.validators import StopValidation
from wtforms.widgets import TextArea, TextInput

from app.core.errors import DomainError
from app.core.texts import _

_WHOLE_NUMBER = re.compile(r"[0-9]+")
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?")
#: Characters that reorder what is read, so that a name can look like another one.
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
#: What stands for bytes that are no UTF-8: keeping it would keep something else than was typed.
_REPLACED = frozenset("\ufffd")


def find_control_character(text: str, *, lines: bool = False) -> str | None:
    """The first character nobody can see or that reorders text; tab and line feed pass where `lines`."""
    for character in text:
        if lines and character in "\n\t":
            continue
        if character in _REORDERING | _REPLACED or unicodedata.category(character) in _HIDDEN_CATEGORIES:
            return character
    return None


class _TypedField(Field):  # type: ignore[misc]  # WTForms carries no types
    """A one-line input whose text is kept as typed when it cannot be used.

    The field itself says that a required value is missing; it needs no DataRequired beside it, which
    would replace the message.
    """

    widget = TextInput()

    def __init__(
        self,
        label: str | None = None,
        validators: Sequence[Any] | None = None,
        *,
        required: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(label, validators, **kwargs)
        self.is_required = required
        if required:
            self.flags.required = True

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else self.write(self.data)

    def write(self, value: Any) -> str:
        """The value as a person types it."""
        return str(value)

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = None
        text = valuelist[0].strip() if valuelist and isinstance(valuelist[0], str) else ""
        if text:
            self.data = self.read(text)

    def pre_validate(self, form: Any) -> None:
        if self.is_required and self.data is None and not self.process_errors:
            raise StopValidation(_("Fill this in."))

    def read(self, text: str) -> Any:
        """The typed value. :raises ValueError: with a message that says what would be accepted."""
        raise NotImplementedError


class WholeNumberField(_TypedField):
    """A whole number in the digits 0 to 9, from `minimum` to `maximum`; `data` is an int or None."""

    def __init__(
        self,
        label: str | None = None,
        validators: Sequence[Any] | None = None,
        *,
        minimum: int = 0,
        maximum: int = 999_999,
        **kwargs: Any,
    ) -> None:
        self.minimum, self.maximum = minimum, maximum
        shown = {"inputmode": "numeric", "autocomplete": "off", **(kwargs.pop("render_kw", None) or {})}
        super().__init__(label, validators, render_kw=shown, **kwargs)

    def read(self, text: str) -> int:
        fits = _WHOLE_NUMBER.fullmatch(text) and len(text) <= len(str(self.maximum))
        if not fits or not self.minimum <= int(text) <= self.maximum:
            raise ValueError(
                _(
                    "Enter a whole number from %(minimum)s to %(maximum)s, digits only.",
                    minimum=self.minimum,
                    maximum=self.maximum,
                )
            )
        return int(text)


class AmountField(_TypedField):
    """An amount with a decimal point and at most `places` decimals; `data` is a Decimal or None."""

    def __init__(
        self,
        label: str | None = None,
        validators: Sequence[Any] | None = None,
        *,
        places: int = 4,
        minimum: Decimal = Decimal(0),
        maximum: Decimal = Decimal(99_999_999),
        **kwargs: Any,
    ) -> None:
        self.places, self.minimum, self.maximum = places, minimum, maximum
        shown = {"inputmode": "decimal", "autocomplete": "off", **(kwargs.pop("render_kw", None) or {})}
        super().__init__(label, validators, render_kw=shown, **kwargs)

    def write(self, value: Any) -> str:
        text = f"{Decimal(value):f}"
        whole, point, decimals = text.partition(".")
        return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}" if point else text

    def read(self, text: str) -> Decimal:
        if not _AMOUNT.fullmatch(text) or len(text) > 30:
            raise ValueError(_("Enter an amount such as 1234.50: digits and at most one point."))
        if len(text.partition(".")[2]) > self.places:
            raise ValueError(_("Enter at most %(places)s decimals.", places=self.places))
        amount = Decimal(text)
        if not self.minimum <= amount <= self.maximum:
            raise ValueError(
                _(
                    "Enter an amount from %(minimum)s to %(maximum)s.",
                    minimum=f"{self.minimum:f}",
                    maximum=f"{self.maximum:f}",
                )
            )
        return amount


class TextField(StringField):  # type: ignore[misc]  # WTForms carries no types
    """One line of text, stripped; refuses control characters and more than `maximum` characters.

    `data` is "" where nothing was entered.
    """

    lines = False

    def __init__(
        self,
        label: str | None = None,
        validators: Sequence[Any] | None = None,
        *,
        maximum: int = 200,
        required: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(label, validators, **kwargs)
        self.maximum, self.is_required = maximum, required
        self.flags.maxlength = maximum
        if required:
            self.flags.required = True

    def process_data(self, value: Any) -> None:
        # Also where the whole form is empty, which is when `process_formdata` is not asked.
        self.data = "" if value is None else value

    def process_formdata(self, valuelist: list[Any]) -> None:
        text = valuelist[0] if valuelist and isinstance(valuelist[0], str) else ""
        if self.lines:
            text = text.replace("\r\n", "\n")
        self.data = text.strip()
        if find_control_character(self.data, lines=self.lines) is not None:
            raise ValueError(_("This has a character in it that cannot be seen. Type the text again."))
        if len(self.data) > self.maximum:
            raise ValueError(_("Shorten this to %(maximum)s characters.", maximum=self.maximum))

    def pre_validate(self, form: Any) -> None:
        if self.is_required and not self.data and not self.process_errors:
            raise StopValidation(_("Fill this in."))


class LongTextField(TextField):
    """Several lines of text, with the rules of TextField."""

    widget = TextArea()
    lines = True

    def __init__(
        self, label: str | None = None, validators: Sequence[Any] | None = None, **kwargs: Any
    ) -> None:
        kwargs.setdefault("maximum", 2000)
        super().__init__(label, validators, **kwargs)


def put_error(form: Form, error: DomainError) -> None:
    """Show a refusal beside the field it names, or on top of the form where it names none."""
    field = form[error.field] if error.field and error.field in form else None
    if field is None:
        form.form_errors.append(error.message)
    else:
        field.errors = [*field.errors, error.message]
