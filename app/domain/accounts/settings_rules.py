"""What the settings of address, mail server and uploads may be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.core.errors import InvalidInput
from app.core.texts import _
from app.domain.accounts.rules import normal_email, one_line

#: Largest uploads in MB that may be set.
MOST_TABLE_MB = 2_000
MOST_ARCHIVE_MB = 10_000
MOST_ATTACHMENT_MB = 100
#: Ways to a mail server; see `adapters.mailer.Security`.
SECURITIES = ("starttls", "tls", "none")
_HOST = re.compile(
    r"(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9-]{1,63}|[0-9a-f:]{2,39}"
)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class MailData:
    """The stored mail server; without a host there is none. An empty password is left as it is."""

    host: str = ""
    port: int | None = None
    security: str = "starttls"
    user: str = ""
    password: str = ""
    sender: str = ""
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest uploads in MB."""

    table_mb: int
    archive_mb: int
    attachment_mb: int


def clean_base_url(text: str | None) -> str | None:
    """An address such as `https://portal.company.example`, None where there is none.

    :raises InvalidInput: it is no address of a whole host, or not https outside this machine.
    """
    plain = (text or "").strip().rstrip("/")
    if not plain:
        return None
    wrong = InvalidInput(_("Enter an address such as https://portal.company.example."), field="base_url")
    try:
        parts = urlsplit(plain)
        host, _port = parts.hostname or "", parts.port
    except ValueError as error:
        raise wrong from error
    is_whole = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or not is_whole or len(plain) > 300:
        raise wrong
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise InvalidInput(
            _("Passwords would travel in the open. The address begins with https://."), field="base_url"
        )
    return plain


def _email(text: str, field: str) -> str | None:
    if not text.strip():
        return None
    try:
        return normal_email(text)
    except InvalidInput as error:
        raise InvalidInput(error.message, field=field) from error


def clean_mail(data: MailData) -> MailData:
    """The data with every value checked. :raises InvalidInput: naming the value."""
    host = data.host.strip().lower()
    if not host:
        sender, reply_to = _email(data.sender, "sender"), _email(data.reply_to, "reply_to")
        return MailData(sender=sender or "", reply_to=reply_to or "")
    if not _HOST.fullmatch(host):
        message = _("Enter the server's host name, such as mail.company.example.")
        raise InvalidInput(message, field="host")
    if data.security not in SECURITIES:
        raise InvalidInput(_("Choose one from the list."), field="security")
    user = one_line(data.user, field="user", maximum=254, required=False)
    if user and data.security == "none" and host not in _LOOPBACK:
        message = _("Signing in needs an encrypted way: choose STARTTLS or TLS.")
        raise InvalidInput(message, field="security")
    sender = _email(data.sender, "sender")
    if sender is None:
        raise InvalidInput(_("Mails need a sender, such as portal@company.example."), field="sender")
    if data.port is not None and not 1 <= data.port <= 65535:
        raise InvalidInput(_("Enter a port from 1 to 65535."), field="port")
    return MailData(
        host=host,
        port=data.port or {"starttls": 587, "tls": 465, "none": 25}[data.security],
        security=data.security,
        user=user,
        password=_password(data.password),
        sender=sender,
        reply_to=_email(data.reply_to, "reply_to") or "",
    )


def _password(text: str) -> str:
    if len(text) > 500 or any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise InvalidInput(
            _("This has a character in it that cannot be seen. Type it again."), field="password"
        )
    return text


def clean_limits(limits: Limits) -> Limits:
    """:raises InvalidInput: naming the value that is too small or too large."""
    for field, value, most in (
        ("table_mb", limits.table_mb, MOST_TABLE_MB),
        ("archive_mb", limits.archive_mb, MOST_ARCHIVE_MB),
        ("attachment_mb", limits.attachment_mb, MOST_ATTACHMENT_MB),
    ):
        if not 1 <= value <= most:
            raise InvalidInput(_("Enter a whole number from 1 to %(most)s.", most=most), field=field)
    return limits
