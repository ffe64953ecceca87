"""What leaves as a file: uploads, never with the portal's rights, and lists, in pieces as they are read."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, request, send_file, stream_with_context, url_for
from sqlalchemy.orm import Session

from app.core import clock
from app.core.exports import record_export
from app.core.permissions import Permission
from app.core.uploads import IMAGES, content_disposition
from app.core.web.door import allow, current_actor, do
from app.core.web.extensions import db, limiter
from app.core.web.security import SANDBOX_CSP

_SHOWN = frozenset(kind.content_type for kind in IMAGES)
_CHUNK = 64 * 1024
TYPES = {
    "csv": "text/csv",
    "jsonl": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

#: For the views of exports: how many files one person may take, of all lists together.
limit_exports: Callable[[Any], Any] = limiter.shared_limit(
    "5 per 10 minutes",
    scope="exports",
    key_func=lambda: f"export:{current_actor().user_id}",
)


@dataclass(frozen=True, slots=True)
class Writers:
    """Who writes tables; the room of the web knows no spreadsheets."""

    csv_chunks: Callable[[Sequence[str], Iterable[Sequence[Any]]], Iterator[str]]
    write_xlsx: Callable[[BinaryIO, Sequence[str], Iterable[Sequence[Any]]], None]


@dataclass(frozen=True, slots=True)
class ListExport:
    """A list that can be taken away as a file, with what its filters show.

    `rows` reads the filters from the address at once, and the rows as they are asked for; it gets what
    the `path` names.
    """

    name: str
    path: str
    permission: Permission
    columns: tuple[str, ...]
    rows: Callable[..., Iterable[Sequence[Any]]]


def register(app: Flask) -> None:
    """Give the buttons of lists their addresses."""
    app.jinja_env.globals["export_address"] = export_address


def export_address(endpoint: str, kind: str, values: dict[str, Any]) -> str:
    """Where the present list is had as a file of a kind, with its filters."""
    address = url_for(endpoint, kind=kind, **values)
    # Not through url_for: what somebody wrote into the address is no argument of it.
    query = urlencode([(name, value) for name, given in list_filters().items() for value in given])
    return f"{address}?{query}" if query else address


def list_filters() -> dict[str, list[str]]:
    """The filters of the present address, without the place in the list."""
    return {name: values for name, values in request.args.lists() if name != "cursor"}


def add_exports(blueprint: Blueprint, exports: Sequence[ListExport], writers: Writers) -> None:
    """Routes `<path>/export.csv` and `.xlsx` for each list, under its name."""
    for one in exports:
        view = _view_of(one, writers)
        for kind in ("csv", "xlsx"):
            blueprint.add_url_rule(
                f"{one.path}/export.{kind}", one.name, view, methods=["POST"], defaults={"kind": kind}
            )


def _view_of(one: ListExport, writers: Writers) -> Callable[..., Response]:
    def export(kind: str, **values: Any) -> Response:
        one.rows(**values)  # refused filters are not written down as an export
        filters = {name: ", ".join(given)[:200] for name, given in list_filters().items()}
        filters |= {name: str(value) for name, value in values.items()}
        do(record_export, name=one.name, filters=filters, now=clock.now())
        return send_table(kind, one.name.replace("_", "-"), one.columns, one.rows(**values), writers)

    export.__name__ = one.name
    limited: Callable[..., Response] = allow(one.permission)(limit_exports(export))
    return limited


def send_upload(path: Path, *, filename: str, content_type: str, is_shown: bool = False) -> Response:
    """A kept file: a picture may be shown within a page, everything else is saved."""
    inline = is_shown and content_type in _SHOWN
    response = send_file(path, mimetype=content_type, conditional=True)
    response.headers["Content-Disposition"] = content_disposition(filename, inline=inline)
    response.headers["Content-Security-Policy"] = SANDBOX_CSP
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def send_table(
    kind: str, name: str, header: Sequence[str], rows: Iterable[Sequence[Any]], writers: Writers
) -> Response:
    """The rows as a download named after `name` and the day; `kind` is csv or xlsx."""
    texts = ([cell_text(cell) for cell in row] for row in rows)
    if kind == "xlsx":
        return send_written(kind, name, lambda file: writers.write_xlsx(file, header, texts))
    return send_pieces(kind, name, writers.csv_chunks(header, texts))


def send_written(kind: str, name: str, write: Callable[[BinaryIO], None]) -> Response:
    """A download that has to be written whole before it can be sent."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer reads and closes it
    try:
        write(file)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    response = _download(Response(_pieces(file)), kind, name)
    response.call_on_close(file.close)  # also where nobody reads it
    return response


def send_pieces(kind: str, name: str, pieces: Iterator[str]) -> Response:
    """A download in pieces while they are read.

    The session is read on after the request has ended; it gives its connection back when all is sent.
    """
    session = db.session()
    response = _download(Response(stream_with_context(_then_close(session, pieces))), kind, name)
    response.call_on_close(session.close)
    return response


def _download(response: Response, kind: str, name: str) -> Response:
    response.mimetype = TYPES[kind]
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{clock.now():%Y-%m-%d}.{kind}"'
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


def cell_text(value: Any) -> Any:
    """Days and moments as ISO 8601, moments in UTC; amounts with a dot; yes and no as such."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else value
