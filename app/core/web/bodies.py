"""Forms are UTF-8: a body that is not would be kept as something else than was typed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import unquote_to_bytes

from flask import Flask, Request, current_app
from flask_login import current_user
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

_FORM = "application/x-www-form-urlencoded"
#: Bytes of one file that are kept in memory.
_IN_MEMORY = 500_000


class Utf8FormParser(FormDataParser):
    """Refuses a form with bytes that are no UTF-8, which Werkzeug would write as `%FF`."""

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Any:
        """:raises BadRequest: the form is not UTF-8. :raises RequestEntityTooLarge: it is too long."""
        if mimetype == _FORM:
            body = self._read(stream)
            try:
                unquote_to_bytes(body).decode()
            except UnicodeDecodeError as error:
                raise BadRequest from error
            stream = BytesIO(body)
        return super().parse(stream, mimetype, content_length, options)

    def _read(self, stream: IO[bytes]) -> bytes:
        most = self.max_form_memory_size
        if most is None:
            return stream.read()
        body = stream.read(most + 1)
        if len(body) > most:
            raise RequestEntityTooLarge
        return body


class Utf8Request(Request):
    """A request whose forms are UTF-8, and that is large only where large files are taken."""

    form_data_parser_class = Utf8FormParser

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        """Files beyond half a megabyte go to the disk they will stay on; the system's own may be memory."""
        folder = Path(current_app.config["DATA_DIR"]) / "uploads"
        folder.mkdir(parents=True, exist_ok=True)
        spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, dir=str(folder))  # noqa: SIM115 - by close
        stream = cast(IO[bytes], spool)
        self.__dict__.setdefault("_begun", []).append(stream)
        return stream

    def close(self) -> None:
        """Close the files, also those of a form that was refused before its end."""
        super().close()
        for stream in self.__dict__.get("_begun", ()):
            stream.close()

    @property
    def max_content_length(self) -> int | None:
        """The endpoint's own limit for people who may enter it, else the application's."""
        usual = super().max_content_length
        larger = _larger(current_app).get(self.endpoint or "")
        if larger is None or usual is None or not _may_enter(self.endpoint or ""):
            return usual
        return max(usual, larger())

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        Request.max_content_length.__set__(self, value)  # type: ignore[attr-defined]


def _larger(app: Flask) -> dict[str, Callable[[], int]]:
    found: dict[str, Callable[[], int]] = app.extensions.setdefault("larger_bodies", {})
    return found


def _may_enter(endpoint: str) -> bool:
    """Whether the visitor may enter: what strangers send is not read for long, whatever they ask for."""
    from app.core.web.door import door_of

    door = door_of(endpoint)
    if door is None or door[0] != "permission" or not current_user.is_authenticated:
        return False
    return bool(current_user.actor.may(door[1]))


def allow_larger(app: Flask, endpoint: str, most: Callable[[], int]) -> None:
    """Let an endpoint take bodies up to `most` bytes, as it is when they are sent."""
    _larger(app)[endpoint] = most


def register(app: Flask) -> None:
    """Read every form this way."""
    app.request_class = Utf8Request
