"""Numbers, amounts and texts are read one way, and refusals say what to change."""

from __future__ import annotations

from decimal import Decimal

import pytest
from werkzeug.datastructures import MultiDict
from wtforms import Form

from app.core.errors import Conflict
from app.core.web.fields import AmountField, LongTextField, TextField, WholeNumberField, put_error


class Sample(Form):
    number = WholeNumberField("Number", minimum=1, maximum=999_999)
    amount = AmountField("Amount", required=False)
    text = TextField("Text", maximum=20, required=False)
    note = LongTextField("Note", maximum=40, required=False)


def filled(**values: str) -> Sample:
    return Sample(MultiDict({"number": "1", **values}))


@pytest.mark.parametrize(("typed", "read"), [("1", 1), ("999999", 999_999), (" 12 ", 12), ("007", 7)])
def test_digits_are_a_number(typed: str, read: int) -> None:
    form = filled(number=typed)
    assert form.validate()
    assert form.number.data == read


@pytest.mark.parametrize(
    "typed",
    [
        "0",
        "-1",
        "+1",
        "1e9",
        "1_000",
        "1,000",
        "1.0",
        "0x1",
        "١٢",
        "１２",
        "²",
        "9" * 20,
        "9223372036854775808",
    ]
    + ["1 2", "NaN", "1\x00", "true", "1000000"],
)
def test_anything_else_is_no_number_and_is_kept_as_typed(typed: str) -> None:
    form = filled(number=typed)
    assert not form.validate()
    assert form.number.errors == ["Enter a whole number from 1 to 999999, digits only."]
    assert form.number.data is None
    assert form.number._value() == typed


def test_a_missing_number_is_asked_for_where_it_is_required() -> None:
    form = filled(number="  ")
    assert not form.validate()
    assert form.number.errors == ["Fill this in."]
    assert "required" in form.number()


@pytest.mark.parametrize(
    ("typed", "read"), [("0", "0"), ("12.5", "12.5"), ("0.0335", "0.0335"), ("99999999", "99999999")]
)
def test_an_amount_is_exact(typed: str, read: str) -> None:
    form = filled(amount=typed)
    assert form.validate()
    assert form.amount.data == Decimal(read)


@pytest.mark.parametrize(
    "typed",
    [
        "-1",
        "1.",
        ".5",
        "1,5",
        "1e3",
        "Infinity",
        "NaN",
        "sNaN",
        "1.23456",
        "100000000",
        "١",
        "$1",
        "1" * 40,
        "-0",
    ],
)
def test_anything_else_is_no_amount(typed: str) -> None:
    form = filled(amount=typed)
    assert not form.validate()
    assert len(form.amount.errors) == 1
    assert form.amount.data is None


def test_an_amount_is_shown_with_two_decimals_or_as_many_as_it_has() -> None:
    shown = {value: Sample(amount=Decimal(value)).amount._value() for value in ("12.5000", "0.0335", "12")}
    assert shown == {"12.5000": "12.50", "0.0335": "0.0335", "12": "12"}


@pytest.mark.parametrize("bad", ["a\x00b", "a\nb", "a\x1b[31m", "a\u2028b", "a\u202eb", "a\x7fb", "a\rb"])
def test_a_line_has_no_characters_that_cannot_be_seen(bad: str) -> None:
    form = filled(text=bad)
    assert not form.validate()
    assert form.text.errors == ["This has a character in it that cannot be seen. Type the text again."]


def test_text_is_stripped_and_has_a_length() -> None:
    assert filled(text="  Ünïcode 文字 🙂  ").text.data == "Ünïcode 文字 🙂"
    form = filled(text="x" * 21)
    assert not form.validate()
    assert form.text.errors == ["Shorten this to 20 characters."]


def test_a_note_may_have_lines() -> None:
    form = filled(note="first\r\nsecond\tthird")
    assert form.validate()
    assert form.note.data == "first\nsecond\tthird"
    assert not filled(note="a\x00").validate()


def test_a_refusal_stands_beside_its_field_or_on_top() -> None:
    form = filled()
    form.validate()
    put_error(form, Conflict("Taken.", field="text"))
    put_error(form, Conflict("Closed."))
    put_error(form, Conflict("Unknown.", field="elsewhere"))
    assert form.text.errors == ["Taken."]
    assert form.form_errors == ["Closed.", "Unknown."]
