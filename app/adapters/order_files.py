"""Orders as files for an ERP: CSV and XLSX with a row per line, JSON lines with an object per order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

from app.adapters.spreadsheets import csv_chunks, write_xlsx
from app.core.errors import InvalidInput
from app.core.texts import _
from app.domain.ordering.erp import HEAD_COLUMNS, LINE_COLUMNS, SHIP_TO, ErpOrder

KINDS = ("csv", "jsonl", "xlsx")
COLUMNS = (*HEAD_COLUMNS, *(f"line_{name}" for name in LINE_COLUMNS))
#: Rows of a sheet below its header.
_MOST_ROWS = 1_048_575
_FLUSH_EVERY = 100


def text_of(value: Any) -> Any:
    """Amounts with a dot, days and moments as ISO 8601, moments in UTC; other values as they are."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else value


def order_rows(orders: Iterable[ErpOrder]) -> Iterator[list[Any]]:
    """A row per line, the order's columns repeated; an order without lines has one row."""
    for order in orders:
        head = [text_of(order.head[name]) for name in HEAD_COLUMNS]
        for line in order.lines or [dict.fromkeys(LINE_COLUMNS)]:
            yield [*head, *(text_of(line[name]) for name in LINE_COLUMNS)]


def json_chunks(orders: Iterable[ErpOrder]) -> Iterator[str]:
    """An object per order and line of text; amounts are texts, so that no reader rounds them."""
    pieces: list[str] = []
    for count, order in enumerate(orders, start=1):
        body = {name: text_of(value) for name, value in order.head.items() if not name.startswith("ship_to_")}
        body["ship_to"] = {part: order.head[f"ship_to_{part}"] for part in SHIP_TO}
        body["lines"] = [{name: text_of(value) for name, value in line.items()} for line in order.lines]
        pieces.append(json.dumps(body, ensure_ascii=False) + "\n")
        if count % _FLUSH_EVERY == 0:
            yield "".join(pieces)
            pieces.clear()
    yield "".join(pieces)


def text_chunks(kind: str, orders: Iterable[ErpOrder]) -> Iterator[str]:
    """A CSV or JSON lines file in pieces."""
    return json_chunks(orders) if kind == "jsonl" else csv_chunks(COLUMNS, order_rows(orders))


def write_orders(kind: str, file: BinaryIO, orders: Iterable[ErpOrder]) -> None:
    """Write a file of the kind. :raises InvalidInput: more rows than a sheet can hold."""
    if kind == "xlsx":
        write_xlsx(file, COLUMNS, _within_a_sheet(order_rows(orders)))
        return
    for piece in text_chunks(kind, orders):
        file.write(piece.encode())


def _within_a_sheet(rows: Iterable[list[Any]]) -> Iterator[list[Any]]:
    for count, row in enumerate(rows, start=1):
        if count > _MOST_ROWS:
            raise InvalidInput(_("These are more lines than a workbook holds. Export them as CSV."))
        yield row
