"""Parts that are drawn once and filled again and again."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, render_template_string
from markupsafe import Markup

from app.core.errors import ProgrammingFault
from app.core.web.fragments import Fragments, hole

TEMPLATE = """{% macro row(shape) %}<b class="{{ shape[0] }}" title="{{ shape[1] }}">{{ shape[2] }}</b>
{%- endmacro %}
{{- filled(row, rows) }}"""


def draw(app: Flask, *rows: Any) -> str:
    with app.test_request_context("/"):
        return render_template_string(TEMPLATE, rows=rows).strip()


def test_texts_are_escaped_whatever_they_are(app: Flask) -> None:
    shape = ("x", hole(0), hole(1))
    for text in ('<i>"&', Markup("<i>"), "a\x04<b>", "\x020\x03"):
        page = draw(app, (shape, ("t", text)), (shape, ("<", text)))
        escaped = Markup.escape(str(text))
        assert page == f'<b class="x" title="t">{escaped}</b><b class="x" title="&lt;">{escaped}</b>'


def test_each_shape_is_drawn_once_and_keeps_its_look(app: Flask) -> None:
    kept = Fragments()
    drawn = []

    def macro(shape: tuple[str, str]) -> str:
        drawn.append(shape)
        return f"<{shape[0]}>{shape[1]}</{shape[0]}>"

    macro._func = macro  # type: ignore[attr-defined]
    with app.test_request_context("/"):
        for text in ("one", "two"):
            page = kept.fill(macro, [(("a", hole(0)), [text]), (("b", hole(0)), [text])])
            assert page == f"<a>{text}</a><b>{text}</b>"
    assert drawn == [("a", hole(0)), ("b", hole(0))]


def test_where_the_application_is_mounted_belongs_to_a_part(app: Flask) -> None:
    template = "{% macro link(shape) %}{{ url_for('sign_in.sign_in') }}{% endmacro %}"
    template += "{{ filled(link, [('', [])]) }}"
    made = app.jinja_env.from_string(template)
    for root in ("", "/portal"):
        with app.test_request_context("/", base_url=f"http://localhost{root}"):
            assert made.render() == f"{root}/sign-in"


def test_a_token_drawn_into_a_part_would_be_everybodys(app: Flask) -> None:
    template = "{% macro form(shape) %}{{ csrf_token() }}{% endmacro %}{{ filled(form, [('', [])]) }}"
    with app.test_request_context("/"), pytest.raises(ProgrammingFault):
        render_template_string(template)
