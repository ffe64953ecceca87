"""The reader's language: what templates and rooms without Flask say."""

from __future__ import annotations

import pytest
from flask import Flask, render_template_string

from app.core.texts import _
from app.core.web.requests import begin


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{{ _("Carts") }}', "Carts"),
        ('{{ _("100 %%") }}', "100 %"),
        ('{{ _("Drop %(what)s", what="<b>") }}', "Drop &lt;b&gt;"),
        ('{{ _("<b>%(n)s</b>", n=3) }}', "<b>3</b>"),
        ('{% autoescape false %}{{ _("Drop %(what)s", what="<b>") }}{% endautoescape %}', "Drop <b>"),
    ],
)
def test_texts_are_ours_and_values_are_escaped_in_html(app: Flask, template: str, expected: str) -> None:
    with app.test_request_context("/"):
        for _again in (1, 2):
            assert render_template_string(template) == expected


def test_a_room_that_does_not_know_flask_may_speak_after_the_request(app: Flask) -> None:
    with app.test_request_context("/"):
        begin()
        assert _("Enter %(what)s.", what="a name") == "Enter a name."
    assert _("Enter %(what)s.", what="a name") == "Enter a name."
