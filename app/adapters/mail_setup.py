"""Which server takes the vendor's mails, and as whom: MAIL_URL of the environment, else what is stored."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.adapters.mailer import MailServer, Security, UnusableServer, server_from_url
from app.core.errors import InvalidInput
from app.core.texts import _
from app.domain.accounts.models import Vendor
from app.domain.accounts.queries import find_vendor
from app.domain.accounts.rules import normal_email

PASSWORD_FILE = "mail_password"  # noqa: S105 - the file's name


class SecretFile:
    """A secret in a file that nobody else on the machine may read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of_mail(cls, config: Mapping[str, Any]) -> SecretFile:
        """Where the stored mail server's password is kept."""
        return cls(Path(config["DATA_DIR"]) / PASSWORD_FILE)

    def read(self) -> str | None:
        """The secret, or None where none is kept."""
        try:
            return self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def write(self, secret: str) -> None:
        """Keep the secret in place of the one before, whole or not at all."""
        partial = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        try:
            opened = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(opened, "w", encoding="utf-8") as file:
                file.write(secret)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path)
        finally:
            partial.unlink(missing_ok=True)

    def delete(self) -> None:
        """Forget the secret."""
        with suppress(FileNotFoundError):
            self._path.unlink()


@dataclass(frozen=True, slots=True)
class MailSetup:
    """A server with the vendor's addresses. `fault` says why it cannot be used as it is."""

    server: MailServer | None
    sender: str
    sender_name: str
    reply_to: str | None
    is_of_environment: bool
    fault: str | None = None


def find_setup(session: Session, config: Mapping[str, Any]) -> MailSetup | None:
    """The present set-up, or None where no server is set: mails are kept then."""
    vendor = find_vendor(session)
    url = config.get("MAIL_URL")
    if not url and (vendor is None or not vendor.mail_host):
        return None
    server, fault = None, None
    try:
        server = server_from_url(url) if url else _stored(vendor, config)
    except UnusableServer as error:
        fault = str(error)
    sender = _sender(vendor, config, server)
    if fault is None and not sender:
        fault = _("No sender address is set. Enter one under Settings, Mail, or set MAIL_SENDER.")
    reply_to = _address(config.get("MAIL_REPLY_TO")) or (vendor.mail_reply_to if vendor else None)
    return MailSetup(
        server=server,
        sender=sender,
        sender_name=vendor.name if vendor else "Sellthru",
        reply_to=reply_to,
        is_of_environment=bool(url),
        fault=fault,
    )


def _stored(vendor: Vendor | None, config: Mapping[str, Any]) -> MailServer:
    if vendor is None or vendor.mail_host is None:
        raise UnusableServer(_("No mail server is set."))
    password = SecretFile.of_mail(config).read() if vendor.mail_user else None
    if vendor.mail_user and not password:
        raise UnusableServer(
            _("The mail server's password is not kept on this machine. Enter it again, or set MAIL_URL.")
        )
    return MailServer(
        host=vendor.mail_host,
        port=vendor.mail_port or 0,
        security=Security(vendor.mail_security),
        user=vendor.mail_user or "",
        password=password or "",
    )


def _address(text: str | None) -> str:
    """The address, or nothing where it is none."""
    try:
        return normal_email(text or "")
    except InvalidInput:
        return ""


def _sender(vendor: Vendor | None, config: Mapping[str, Any], server: MailServer | None) -> str:
    """MAIL_SENDER, else the stored one, else the user of the server where that is an address."""
    stored = vendor.mail_sender if vendor else None
    return _address(config.get("MAIL_SENDER")) or stored or _address(server.user if server else "")
