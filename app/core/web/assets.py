"""Addresses of static files carry a fingerprint of their content, so they can be cached for a year."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Flask, url_for
from markupsafe import Markup


@lru_cache(maxsize=512)
def _fingerprint(path: str, modified_ns: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]


@lru_cache(maxsize=1024)
def _icon(sprite: str, name: str, size: int, label: str | None) -> Markup:
    size_class = "" if size == 16 else f" st-icon-{size}"
    spoken = Markup(' role="img" aria-label="{}"').format(label) if label else Markup(' aria-hidden="true"')
    pattern = Markup('<svg class="st-icon{}" viewBox="0 0 24 24"{}><use href="{}#{}"></use></svg>')
    return pattern.format(size_class, spoken, sprite, name)


def register(app: Flask) -> None:
    """Install `asset_url('css/app.css')` for templates, and `icon_svg`, which a page draws by the hundred."""
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

    def icon_svg(name: str, size: int = 16, label: str | None = None) -> Markup:
        return _icon(asset_url("vendor/icons.svg"), name, size, label)

    app.jinja_env.globals["icon_svg"] = icon_svg
