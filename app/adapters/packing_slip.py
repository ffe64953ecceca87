"""The slip that goes into a parcel: what is in it, with barcodes of the shipment and of every serial."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from reportlab.graphics.barcode.code128 import Code128
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, SimpleDocTemplate, Spacer, Table, TableStyle

from app.adapters.pdf import INK, LINE, MARGIN, QUIET, printable, text

_BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=9, leading=12, textColor=INK, splitLongWords=1)
_QUIET = ParagraphStyle("quiet", parent=_BODY, fontSize=8, leading=11, textColor=QUIET)
_RIGHT = ParagraphStyle("right", parent=_BODY, alignment=TA_RIGHT)
_STRONG = ParagraphStyle("strong", parent=_BODY, fontName="Helvetica-Bold")
_TITLE = ParagraphStyle("title", parent=_STRONG, fontSize=16, leading=20)
#: A longer text is a QR code: bars that fit the column would be too fine for a scanner.
MOST_BARS = 20
_COLUMNS = 2


@dataclass(frozen=True, slots=True)
class SlipLine:
    """Units of an article with their serials."""

    name: str
    number: str
    quantity: str
    serials: Sequence[str]


@dataclass(frozen=True, slots=True)
class Slip:
    """A packing slip; every text as the reader sees it."""

    sender: str
    title: str
    number: str
    recipient: Sequence[str]
    facts: Sequence[tuple[str, str]]
    #: Heads of article and quantity.
    heads: tuple[str, str]
    lines: Sequence[SlipLine]
    #: `{page}` becomes the number of each page.
    footer: str


def render(slip: Slip) -> bytes:
    """The slip as A4 pages; the same values give the same bytes."""
    file = io.BytesIO()
    template = SimpleDocTemplate(
        file,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN + 6 * mm,
        title=printable(slip.title),
        author=printable(slip.sender),
        lang="en",
        invariant=1,
    )

    def mark(canvas: Canvas, _template: SimpleDocTemplate) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 8)
        canvas.setFillColor(QUIET)
        footer = printable(slip.footer.replace("{page}", str(canvas.getPageNumber())))
        canvas.drawString(MARGIN, 14 * mm, footer)
        canvas.restoreState()

    template.build(_story(slip), onFirstPage=mark, onLaterPages=mark)
    return file.getvalue()


def _story(slip: Slip) -> list[Flowable]:
    head = Table(
        [[[text(slip.sender, _STRONG), Spacer(0, 8 * mm), *map(text, slip.recipient)], _code(slip.number)]],
        colWidths=[100 * mm, 70 * mm],
        style=_plain(("ALIGN", (1, 0), (1, 0), "RIGHT")),
    )
    story: list[Flowable] = [head, Spacer(0, 8 * mm), text(slip.title, _TITLE), Spacer(0, 4 * mm)]
    facts = [[text(label, _QUIET), text(value)] for label, value in slip.facts if value]
    story.append(Table(facts, colWidths=[40 * mm, 130 * mm], style=_plain(), hAlign="LEFT"))
    story.append(Spacer(0, 6 * mm))
    story.append(_row([text(slip.heads[0], _QUIET), text(slip.heads[1], _RIGHT)]))
    for line in slip.lines:
        article = [text(line.name, _STRONG), text(line.number, _QUIET)]
        story.append(_row([article, text(line.quantity, _RIGHT)]))
        story += _serials(line.serials)
    return story


def _row(cells: list[object]) -> Table:
    style = TableStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEABOVE", (0, 0), (-1, -1), 0.5, LINE),
            ("LEFTPADDING", (0, 0), (0, -1), 0),
            ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
        ]
    )
    return Table([cells], colWidths=[140 * mm, 30 * mm], style=style)


def _serials(serials: Sequence[str]) -> list[Flowable]:
    if not serials:
        return []
    codes: list[object] = [[_code(serial), text(serial, _BODY)] for serial in serials]
    codes += [""] * (-len(codes) % _COLUMNS)
    rows = [codes[start : start + _COLUMNS] for start in range(0, len(codes), _COLUMNS)]
    return [Table(rows, colWidths=[85 * mm] * _COLUMNS, style=_plain(("BOTTOMPADDING", (0, 0), (-1, -1), 8)))]


def _code(value: str) -> Flowable:
    """Code 128 where it fits the column, else QR."""
    if len(value) <= MOST_BARS:
        return Code128(value, barHeight=10 * mm, barWidth=0.28 * mm, quiet=0)
    widget = QrCodeWidget(value)
    left, bottom, right, top = widget.getBounds()
    size = 22 * mm
    scale = [size / (right - left), 0, 0, size / (top - bottom), 0, 0]
    drawing = Drawing(size, size, transform=scale)
    drawing.add(widget)
    return drawing


def _plain(*more: tuple[object, ...]) -> TableStyle:
    return TableStyle(
        [
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 1),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            *more,
        ]
    )
