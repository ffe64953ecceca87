"""Addresses of static files carry a fingerprint of their content, so they can be cached for a year."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Flask, url_for


@lru_cache(maxsize=512)
def _fingerprint(path: str, modified_ns: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]


def register(app: Flask) -> None:
    """Install `asset_url('css/app.css')` for templates."""
    folder = Path(app.static_folder or "static")
    in_development = app.debug or app.testing
    known: dict[str, str] = {}

    def asset_url(filename: str) -> str:
        if in_development or filename not in known:
            path = folder / filename
            version = _fingerprint(str(path), path.stat().st_mtime_ns) if path.is_file() else "missing"
            known[filename] = url_for("static", filename=filename, v=version)
        return known[filename]

    app.jinja_env.globals["asset_url"] = asset_url
