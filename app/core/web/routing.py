"""Row numbers in addresses: a number no row can have is an address that does not exist."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

LARGEST_ID = 2**63 - 1


class RowNumber(IntegerConverter):
    """`<int:…>` within what both databases store, in the digits 0 to 9."""

    regex = r"[0-9]{1,19}"

    def __init__(self, map: Map, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max", LARGEST_ID)
        super().__init__(map, *args, **kwargs)


def register(app: Flask) -> None:
    """Let every `<int:…>` be a row number."""
    app.url_map.converters["int"] = RowNumber
