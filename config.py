"""Settings from the environment, with defaults that suit a checkout: everything lives in DATA_DIR."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent
SECRET_FILE = "secret_key"  # noqa: S105 - a file's name


def find_secret(data_dir: Path) -> str | None:
    """The instance's secret: SECRET_KEY, or the one kept in DATA_DIR/secret_key; None where there is none."""
    given = os.environ.get("SECRET_KEY")
    if given:
        return given
    with contextlib.suppress(OSError):
        return (data_dir / SECRET_FILE).read_text().strip() or None
    return None


def make_secret(data_dir: Path) -> str:
    """The instance's secret; a random one is made and kept (mode 600) where there is none."""
    found = find_secret(data_dir)
    if found:
        return found
    draft, path = data_dir / f".{secrets.token_hex(8)}.part", data_dir / SECRET_FILE
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        if path.is_file() and not path.stat().st_size:
            path.unlink()
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # whole or not at all, and never over another one
    finally:
        draft.unlink(missing_ok=True)
    return path.read_text().strip()


def _secret_key(data_dir: Path) -> str | None:
    """The secret; commands leave its making to those that need one, so that asking changes nothing."""
    is_command = os.environ.get("FLASK_RUN_FROM_CLI") == "true"
    return find_secret(data_dir) if is_command else make_secret(data_dir)


def load() -> dict[str, Any]:
    """Flask configuration from DATA_DIR, DATABASE_URL, JOBS, BASE_URL and the like."""
    data_dir = Path(os.environ.get("DATA_DIR") or ROOT / "instance").resolve()
    with contextlib.suppress(OSError):  # whatever needs the folder says so
        data_dir.mkdir(parents=True, exist_ok=True)
    database_url = os.environ.get("DATABASE_URL") or f"sqlite:///{data_dir / 'sellthru.db'}"
    base_url = os.environ.get("BASE_URL") or f"http://127.0.0.1:{os.environ.get('PORT') or '8000'}"
    secure = base_url.startswith("https://")
    hosts = {urlsplit(base_url).hostname or "127.0.0.1"} | (set() if secure else {"127.0.0.1", "localhost"})
    return {
        "DATA_DIR": str(data_dir),
        "SECRET_KEY": _secret_key(data_dir),
        "SQLALCHEMY_DATABASE_URI": _with_psycopg(database_url),
        "SQLALCHEMY_ENGINE_OPTIONS": {"pool_pre_ping": True},
        "JOBS": os.environ.get("JOBS") or "embedded",
        "CELERY_BROKER_URL": os.environ.get("CELERY_BROKER_URL") or "redis://127.0.0.1:6379/0",
        "CELERY_QUEUE": os.environ.get("CELERY_QUEUE") or "sellthru",
        "BASE_URL": base_url,
        "TRUSTED_HOSTS": sorted(hosts),
        "MAIL_URL": os.environ.get("MAIL_URL") or None,
        "MAIL_SENDER": os.environ.get("MAIL_SENDER") or None,
        "MAIL_REPLY_TO": os.environ.get("MAIL_REPLY_TO") or None,
        "DEMO": os.environ.get("DEMO") == "1",
        "SESSION_COOKIE_NAME": "__Host-sellthru" if secure else "sellthru",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "MAX_CONTENT_LENGTH": 25 * 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 500_000,
        "MAX_FORM_PARTS": 4000,
        "WTF_CSRF_TIME_LIMIT": None,
        "RATELIMIT_STORAGE_URI": os.environ.get("RATELIMIT_STORAGE_URI") or "memory://",
        "RATELIMIT_HEADERS_ENABLED": True,
        "BABEL_DEFAULT_LOCALE": "en",
        "BABEL_DEFAULT_TIMEZONE": "UTC",
        "VENDOR_TIMEZONE": "UTC",
    }


def _with_psycopg(url: str) -> str:
    """PostgreSQL addresses use the psycopg 3 driver, whichever way they are written."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url[len(prefix) :]
    return url
