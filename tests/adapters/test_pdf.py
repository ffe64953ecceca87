"""Documents on paper: nothing typed is markup, nothing typed breaks a page, same values same bytes."""

from __future__ import annotations

import base64
import re
import zlib
from dataclasses import replace

from app.adapters.pdf import Document, DocumentLine, printable, render

DOCUMENT = Document(
    sender="Larkspur",
    title="Order confirmation SO-26-00001",
    recipient=["Kettle & Byte", "1 Mill Lane", "04101 Portland"],
    facts=[("PO number", "KB-7741")],
    heads=("#", "Article", "Quantity", "Each", "Amount"),
    lines=[DocumentLine("1", "Samsung 990 Pro", "SSD-990P-2T", "", "10", "127.49", "1,274.90")],
    sums=[("Net", "1,274.90"), ("Total USD", "1,345.02")],
    footer="SO-26-00001, page {page}",
)


def shown(pdf: bytes) -> str:
    """The text of a PDF as reportlab writes it: pieces in streams of ASCII85 and Flate."""
    pieces: list[bytes] = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        plain = zlib.decompress(base64.a85decode(b"<~" + stream.strip(), adobe=True))
        pieces += re.findall(rb"\((.*?)(?<!\\)\) Tj", plain)
    return " ".join(piece.decode("latin-1") for piece in pieces)


def test_a_document_shows_its_values():
    text = shown(render(DOCUMENT))
    for expected in ("Kettle & Byte", "SSD-990P-2T", "1,274.90", "1,345.02", "page 1", "KB-7741"):
        assert expected in text


def test_the_same_values_give_the_same_bytes():
    assert render(DOCUMENT) == render(DOCUMENT)


def test_markup_in_a_value_is_text():
    line = replace(DOCUMENT.lines[0], name='<b>bold</b> <img src="x"> </para> & &amp;')
    text = shown(render(replace(DOCUMENT, lines=[line])))
    assert '<b>bold</b><imgsrc="x"></para>&&amp;' in text.replace(" ", "")


def test_percent_signs_and_braces_in_a_number_stay():
    assert "100% {x} page 1" in shown(render(replace(DOCUMENT, footer="100% {x} page {page}")))


def test_letters_the_fonts_lack_are_written_plainly():
    assert printable("Łódź") == "Lódz"
    assert printable("Straße 5 – Zürich €") == "Straße 5 – Zürich €"
    assert printable("東京") == "??"
    assert printable("a\x00b\tc") == "a?b?c"


def test_a_long_order_runs_over_pages():
    pdf = render(replace(DOCUMENT, lines=list(DOCUMENT.lines) * 300))
    assert "page 2" in shown(pdf)
