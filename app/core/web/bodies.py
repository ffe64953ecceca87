"""Forms are UTF-8: a body that is not would be kept as something else than was typed."""

from __future__ import annotations

from io import BytesIO
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from flask import Flask, Request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

_FORM = "application/x-www-form-urlencoded"


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
    """A request whose forms are UTF-8."""

    form_data_parser_class = Utf8FormParser


def register(app: Flask) -> None:
    """Read every form this way."""
    app.request_class = Utf8Request
