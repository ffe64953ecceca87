"""Documents on paper: PDF from plain values. The same values give the same bytes.

Every text passes through `text`, so nothing a person typed is read as markup.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

INK, QUIET, LINE = HexColor("#17191f"), HexColor("#656975"), HexColor("#d3d3db")
MARGIN = 20 * mm
#: Letters without a decomposition that the standard fonts lack.
_SUBSTITUTES = str.maketrans(
    {
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ı": "i",
        "ħ": "h",
        "Ħ": "H",
        "\u2212": "\u2013",
        "\u202f": "\u00a0",
    }
)

_BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=9, leading=12, textColor=INK, splitLongWords=1)
_QUIET = ParagraphStyle("quiet", parent=_BODY, fontSize=8, leading=11, textColor=QUIET)
_RIGHT = ParagraphStyle("right", parent=_BODY, alignment=TA_RIGHT)
_STRONG = ParagraphStyle("strong", parent=_BODY, fontName="Helvetica-Bold")
_STRONG_RIGHT = ParagraphStyle("strong-right", parent=_STRONG, alignment=TA_RIGHT)
_QUIET_RIGHT = ParagraphStyle("quiet-right", parent=_QUIET, alignment=TA_RIGHT)
_TITLE = ParagraphStyle("title", parent=_STRONG, fontSize=16, leading=20)


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """A line of goods, its numbers already written for the reader."""

    position: str
    name: str
    number: str
    note: str
    quantity: str
    unit_price: str
    amount: str


@dataclass(frozen=True, slots=True)
class Document:
    """A letter with goods: headings, facts, lines and sums, all as the reader sees them."""

    sender: str
    title: str
    #: Address and heading, one text a line.
    recipient: Sequence[str]
    facts: Sequence[tuple[str, str]]
    #: Heads of position, article, quantity, price, amount.
    heads: tuple[str, str, str, str, str]
    lines: Sequence[DocumentLine]
    #: (label, amount); the last is the total.
    sums: Sequence[tuple[str, str]]
    notes: Sequence[str] = ()
    #: `{page}` becomes the number of each page.
    footer: str = ""
    language: str = "en"
    subject: str = field(default="")


def text(value: object, style: ParagraphStyle = _BODY) -> Paragraph:
    """A value as a paragraph: escaped, line breaks kept, letters the standard fonts lack written plainly."""
    plain = printable("" if value is None else str(value))
    return Paragraph(escape(plain).replace("\n", "<br/>"), style)


def printable(value: str) -> str:
    """The text in the letters of Windows-1252: `Łódź` becomes `Lódz`; what has no form there is `?`."""
    kept = []
    for character in value.translate(_SUBSTITUTES):
        if character == "\n" or (_fits(character) and unicodedata.category(character) != "Cc"):
            kept.append(character)
            continue
        plain = "".join(
            part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part)
        )
        kept.append(plain if plain and all(_fits(part) and part.isprintable() for part in plain) else "?")
    return "".join(kept)


def _fits(character: str) -> bool:
    try:
        character.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def render(document: Document) -> bytes:
    """The document as A4 pages."""
    file = io.BytesIO()
    template = SimpleDocTemplate(
        file,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN + 6 * mm,
        title=printable(document.title),
        author=printable(document.sender),
        subject=printable(document.subject),
        lang=document.language,
        invariant=1,
    )

    def mark(canvas: Canvas, _template: SimpleDocTemplate) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 8)
        canvas.setFillColor(QUIET)
        canvas.drawString(
            MARGIN, 14 * mm, printable(document.footer.replace("{page}", str(canvas.getPageNumber())))
        )
        canvas.restoreState()

    template.build(_story(document), onFirstPage=mark, onLaterPages=mark)
    return file.getvalue()


def _story(document: Document) -> list[Flowable]:
    story: list[Flowable] = [text(document.sender, _STRONG), Spacer(0, 10 * mm)]
    story += [text(line) for line in document.recipient if line]
    story += [Spacer(0, 10 * mm), text(document.title, _TITLE), Spacer(0, 4 * mm)]
    facts = [[text(label, _QUIET), text(value)] for label, value in document.facts if value]
    if facts:
        story.append(Table(facts, colWidths=[40 * mm, 130 * mm], style=_plain(), hAlign="LEFT"))
    story += [Spacer(0, 6 * mm), _lines(document), Spacer(0, 4 * mm), _sums(document)]
    for note in document.notes:
        if note:
            story += [Spacer(0, 4 * mm), text(note)]
    return story


def _plain() -> TableStyle:
    return TableStyle(
        [
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 1),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ]
    )


def _lines(document: Document) -> Table:
    styles = (_QUIET, _QUIET, _QUIET_RIGHT, _QUIET_RIGHT, _QUIET_RIGHT)
    rows: list[list[Flowable | list[Flowable]]] = [
        [text(head, style) for head, style in zip(document.heads, styles, strict=True)]
    ]
    for line in document.lines:
        article: list[Flowable] = [text(line.name, _STRONG), text(line.number, _QUIET)]
        if line.note:
            article.append(text(line.note, _QUIET))
        rows.append(
            [
                text(line.position, _QUIET),
                article,
                text(line.quantity, _RIGHT),
                text(line.unit_price, _RIGHT),
                text(line.amount, _RIGHT),
            ]
        )
    return Table(
        rows,
        colWidths=[10 * mm, 88 * mm, 20 * mm, 24 * mm, 28 * mm],
        repeatRows=1,
        style=TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, -1), 0.5, LINE),
                ("LEFTPADDING", (0, 0), (0, -1), 0),
                ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
            ]
        ),
    )


def _sums(document: Document) -> Table:
    last = len(document.sums) - 1
    rows = [
        [
            text(label, _STRONG_RIGHT if number == last else _QUIET_RIGHT),
            text(amount, _STRONG_RIGHT if number == last else _RIGHT),
        ]
        for number, (label, amount) in enumerate(document.sums)
    ]
    rule: Color = INK
    return Table(
        rows,
        colWidths=[130 * mm, 40 * mm],
        style=TableStyle(
            [
                ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 1),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
                ("LINEABOVE", (1, last), (1, last), 0.8, rule),
            ]
        ),
    )
