"""Addresses without values, and what addresses with one begin with: built once, since pages have dozens.

They depend on nothing but the place the application is mounted at.
"""

from __future__ import annotations

from flask import current_app, request, url_for

_PART = "0"


def address_of(endpoint: str) -> str:
    """The address of an endpoint whose route has no parts."""
    return _remembered(endpoint, None)


def stem_of(endpoint: str, part: str) -> str:
    """The address of an endpoint up to its one part, which stands at the end of its route."""
    return _remembered(endpoint, part)


def _remembered(endpoint: str, part: str | None) -> str:
    known: dict[tuple[str, str, str | None], str] = current_app.extensions.setdefault("stems", {})
    key = (request.root_path, endpoint, part)
    found = known.get(key)
    if found is None:
        built = url_for(endpoint) if part is None else url_for(endpoint, **{part: _PART})  # type: ignore[arg-type]
        found = known[key] = built if part is None else built.removesuffix(_PART)
    return found
