"""Lists as files: CSV in pieces while it is read, XLSX by way of a temporary file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, BinaryIO

from flask import Response, stream_with_context
from sqlalchemy.orm import Session

from app.adapters.spreadsheets import csv_chunks, write_xlsx
from app.core import clock
from app.core.web.extensions import db

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CHUNK = 64 * 1024


def send_table(kind: str, name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """The rows as a download named after `name` and the day; `kind` is csv or xlsx."""
    texts = ([_text(cell) for cell in row] for row in rows)
    if kind == "xlsx":
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer reads and closes it
        write_xlsx(file, header, texts)
        file.seek(0)
        response = Response(_pieces(file), mimetype=_XLSX)
        response.call_on_close(file.close)  # also where nobody reads it
    else:
        # The session is read on after the request has ended; it gives its connection back when all is sent.
        session = db.session()
        pieces = _then_close(session, csv_chunks(header, texts))
        response = Response(stream_with_context(pieces), mimetype="text/csv")
        response.call_on_close(session.close)
    filename = f"{name}-{clock.now():%Y-%m-%d}.{kind}"
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def _then_close(session: Session, pieces: Iterator[str]) -> Iterator[str]:
    try:
        yield from pieces
    finally:
        session.close()


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(_CHUNK):
            yield piece


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, date) else value
