"""Settings from the environment, with defaults that suit a checkout: everything lives in DATA_DIR."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

ROOT = Path(__file__).resolve().parent
SECRET_FILE = "secret_key"  # noqa: S105 - a file's name
LEAST_SECRET = 16
#: More proxies than this between browser and server is a typing mistake.
MOST_HOPS = 9


class SettingsError(click.ClickException):
    """A setting cannot be read; commands print the sentence and exit 1."""


def data_dir_of(environment: Mapping[str, str]) -> Path:
    """The folder everything lives in."""
    return Path(environment.get("DATA_DIR") or ROOT / "instance").resolve()


def is_production(environment: Mapping[str, str]) -> bool:
    """Everything but the demo and what says `SELLTHRU_ENV=development` is a real instance."""
    if environment.get("SELLTHRU_ENV"):
        return environment["SELLTHRU_ENV"] != "development"
    return environment.get("DEMO") != "1"


def refusals(environment: Mapping[str, str]) -> list[str]:
    """Why a real instance must not start with these settings, a sentence each."""
    found = []
    kind = environment.get("SELLTHRU_ENV") or "production"
    if kind not in ("production", "development"):
        found.append(f"SELLTHRU_ENV must be production or development, not {kind!r}.")
    if environment.get("DEMO") == "1":
        found.append("DEMO=1 shows everybody's links in the mail log; a real instance never sets it.")
    if (environment.get("FLASK_DEBUG") or "0").lower() not in ("0", "false", "no"):
        found.append("FLASK_DEBUG is set, which lets visitors run code on this server; unset it.")
    found += _base_url_refusals(environment.get("BASE_URL") or "")
    secret = find_secret(data_dir_of(environment), environment)
    if secret is None:
        found.append(
            "There is no secret: SECRET_KEY is not set and"
            f" {data_dir_of(environment) / SECRET_FILE} is not there; `flask setup` makes it."
        )
    elif len(secret) < LEAST_SECRET:
        found.append(f"The secret is shorter than {LEAST_SECRET} characters and can be guessed.")
    for read in (_hops, _slow_query_ms):
        try:
            read(environment)
        except SettingsError as error:
            found.append(error.message)
    return found


def _base_url_refusals(address: str) -> list[str]:
    if not address:
        return ["BASE_URL is not set; it is the portal's address, such as https://portal.example."]
    parts = _split(address)
    if parts is None:
        return [f"BASE_URL has no host name: {address!r}; it is an address such as https://portal.example."]
    if parts[0] != "https":
        return [f"BASE_URL is {address}, where passwords travel in the open; it must begin with https://."]
    return []


def _split(address: str) -> tuple[str, str] | None:
    """Scheme and host name of an address; None where it has none."""
    try:
        parts = urlsplit(address)
        return (parts.scheme, parts.hostname) if parts.hostname else None
    except ValueError:
        return None


def _hops(environment: Mapping[str, str]) -> int:
    """PROXY_HOPS as a number. :raises SettingsError: it is none."""
    text = environment.get("PROXY_HOPS") or "0"
    if not (text.isascii() and text.isdigit() and len(text) == 1):
        raise SettingsError(
            f"PROXY_HOPS is the number of proxies in front of the server, 0 to {MOST_HOPS}, not {text!r}."
        )
    return int(text)


def _slow_query_ms(environment: Mapping[str, str]) -> int:
    """SLOW_QUERY_MS as a number. :raises SettingsError: it is none."""
    text = environment.get("SLOW_QUERY_MS") or "500"
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        raise SettingsError(f"SLOW_QUERY_MS is a number of milliseconds, 0 for never, not {text!r}.")
    return int(text)


def find_secret(data_dir: Path, environment: Mapping[str, str] = os.environ) -> str | None:
    """The instance's secret: SECRET_KEY, or the one kept in DATA_DIR/secret_key; None where there is none."""
    given = environment.get("SECRET_KEY")
    if given:
        return given
    with contextlib.suppress(OSError, UnicodeError):
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
            file.flush()
            os.fsync(file.fileno())
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
    data_dir = data_dir_of(os.environ)
    with contextlib.suppress(OSError):  # whatever needs the folder says so
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database_url = os.environ.get("DATABASE_URL") or f"sqlite:///{data_dir / 'sellthru.db'}"
    base_url = os.environ.get("BASE_URL") or f"http://127.0.0.1:{os.environ.get('PORT') or '8000'}"
    secure = base_url.startswith("https://")
    parts = _split(base_url)
    hosts = {parts[1] if parts else "127.0.0.1"} | (set() if secure else {"127.0.0.1", "localhost"})
    return {
        "DATA_DIR": str(data_dir),
        "SECRET_KEY": _secret_key(data_dir),
        "SQLALCHEMY_DATABASE_URI": _with_psycopg(database_url),
        # Errors name statements, never the values that people entered.
        "SQLALCHEMY_ENGINE_OPTIONS": {"pool_pre_ping": True, "hide_parameters": True},
        "SLOW_QUERY_MS": _slow_query_ms(os.environ),
        "METRICS_TOKEN": os.environ.get("METRICS_TOKEN") or None,
        "JOBS": os.environ.get("JOBS") or "embedded",
        "CELERY_BROKER_URL": os.environ.get("CELERY_BROKER_URL") or "redis://127.0.0.1:6379/0",
        "CELERY_QUEUE": os.environ.get("CELERY_QUEUE") or "sellthru",
        "BASE_URL": base_url,
        "BASE_URL_IS_GIVEN": bool(os.environ.get("BASE_URL")),
        "TRUSTED_HOSTS": sorted(hosts),
        "PROXY_HOPS": _hops(os.environ),
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
    """PostgreSQL addresses use the psycopg 3 driver, whichever way they are written.

    :raises SettingsError: it is no database's address, or one of a kind we do not run on.
    """
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            url = "postgresql+psycopg://" + url[len(prefix) :]
    try:
        known = make_url(url).get_dialect().name in ("postgresql", "sqlite")
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError):
        known = False
    if not known:
        raise SettingsError("DATABASE_URL must be postgresql://user@host/name; without it SQLite is used.")
    return url
