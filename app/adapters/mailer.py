"""Mail goes out by SMTP: each step has its time, certificates are checked, the answer is kept in words."""

from __future__ import annotations

import base64
import contextlib
import re
import smtplib
import socket
import ssl
import threading
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime, formataddr
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from app.core.texts import _

#: Longest wait for one answer of the server, and for all of them together.
STEP_S = 10.0
TOTAL_S = 30.0
WORDS_LENGTH = 300
#: All answers of one connection together.
ANSWERS_BYTES = 256 * 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LINE_ENDS = re.compile(r"[\r\n\x00\u2028\u2029\x85]")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: The server ends the conversation, whatever was asked of it.
_CLOSING = 421


class Security(StrEnum):
    """How the way to the server is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


class UnusableServer(ValueError):
    """The address of a mail server cannot be used; the message names the part and never the password."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mails are handed in. :raises UnusableServer: a password would travel in the open."""

    host: str
    port: int
    security: Security = Security.STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.host or _LINE_ENDS.search(self.host + self.user) or " " in self.host:
            raise UnusableServer(_("The mail server needs a host name, such as mail.company.example."))
        if not 1 <= self.port <= 65535:
            raise UnusableServer(_("The mail server's port is a number from 1 to 65535."))
        if self.user and self.security is Security.NONE and self.host not in _LOOPBACK:
            raise UnusableServer(_("Signing in needs an encrypted way: choose STARTTLS or TLS."))


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to one address. `message_id` is the same for every attempt."""

    message_id: str
    sender: str
    sender_name: str
    recipient: str
    subject: str
    text: str
    html: str
    date: datetime
    reply_to: str | None = None


class DeliveryFault(Exception):
    """The letter was not taken; `words` are the server's, or ours where it said nothing."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class Refused(DeliveryFault):
    """Refused for good: trying again is no use. `is_of_recipient`: the address is what was refused."""

    def __init__(self, words: str, *, is_of_recipient: bool = False) -> None:
        super().__init__(words)
        self.is_of_recipient = is_of_recipient


class NotNow(DeliveryFault):
    """Not taken this time. `is_of_server`: no other letter would be; `was_handed`: it may have arrived."""

    def __init__(self, words: str, *, is_of_server: bool, was_handed: bool = False) -> None:
        super().__init__(words)
        self.is_of_server = is_of_server
        self.was_handed = was_handed


class Mailer(Protocol):
    """Hands letters to whoever carries them."""

    def deliver(self, letter: Letter) -> str:
        """The server's words once it has the letter.

        :raises Refused: never. :raises NotNow: perhaps later.
        """


def server_from_url(url: str) -> MailServer:
    """`smtp://user:pass@host:587?tls=starttls`, `smtps://…`; `tls=none` for a server next door.

    :raises UnusableServer: naming what is wrong, without the address.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise UnusableServer(_("MAIL_URL has a port or host that cannot be read.")) from error
    chosen = parse_qs(parts.query).get("tls", ["tls" if parts.scheme == "smtps" else "starttls"])[0]
    if parts.scheme not in ("smtp", "smtps") or chosen not in set(Security):
        raise UnusableServer(_("MAIL_URL begins with smtp:// or smtps://, and its tls is starttls or none."))
    if parts.scheme == "smtps" and chosen != Security.TLS:
        raise UnusableServer(_("MAIL_URL with smtps:// is encrypted from the start: leave tls out."))
    security = Security(chosen)
    return MailServer(
        host=host,
        port=PORTS[security] if port is None else port,
        security=security,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _header(value: str) -> str:
    if _LINE_ENDS.search(value):
        raise Refused(_("A header of this mail has a line break in it, so it was not handed over."))
    return value


def domain_of(address: str) -> str:
    """What stands behind the @."""
    return address.rpartition("@")[2]


def compose(letter: Letter) -> EmailMessage:
    """The letter as text and HTML with its headers. :raises Refused: a header has a line break in it."""
    message = EmailMessage(policy=WIRE)
    message["From"] = formataddr((_header(letter.sender_name), _header(letter.sender)))
    message["To"] = _header(letter.recipient)
    message["Subject"] = _header(letter.subject)
    message["Date"] = format_datetime(letter.date)
    message["Message-ID"] = f"<{_header(letter.message_id)}@{domain_of(letter.sender)}>"
    if letter.reply_to:
        message["Reply-To"] = _header(letter.reply_to)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return message


def _on_wire(address: str) -> str:
    """The address in ASCII, its domain as IDNA. :raises Refused: its name has other letters."""
    name, _at, domain = address.rpartition("@")
    try:
        return f"{name.encode('ascii').decode()}@{domain.encode('idna').decode()}"
    except UnicodeError as error:
        raise Refused(
            _("The address has letters that mail servers do not take. Use one in plain letters."),
            is_of_recipient=True,
        ) from error


class _Counted:
    """A server's answers, up to a size no honest one reaches."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._left = ANSWERS_BYTES

    def readline(self, size: int = -1) -> bytes:
        line: bytes = self._file.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise OSError("the server does not stop talking")
        return line

    def close(self) -> None:
        self._file.close()


class _Bounded(smtplib.SMTP):
    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file: Any = _Counted(self.sock.makefile("rb"))
        return super().getreply()


class _BoundedTls(_Bounded, smtplib.SMTP_SSL):
    """The same, encrypted from the start."""


@dataclass
class _Conversation:
    """One letter's way through one connection, in a thread that may be abandoned."""

    server: MailServer
    letter: Letter
    step_s: float
    settled: threading.Event = field(default_factory=threading.Event)
    words: str | None = None
    fault: Exception | None = None
    was_handed: bool = False
    is_abandoned: bool = False
    smtp: smtplib.SMTP | None = None

    def hold(self) -> None:
        """Converse; afterwards `words` or `fault` are there, and leave-taking holds nobody up."""
        try:
            self.words = self._converse()
        except Exception as error:  # told to whoever waits
            self.fault = error
        self.settled.set()
        self._leave()

    def abandon(self) -> None:
        """Cut the connection: whatever the thread waits for fails now."""
        self.is_abandoned = True
        sock = self.smtp.sock if self.smtp is not None else None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _leave(self) -> None:
        if self.smtp is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                if self.words is not None:
                    self.smtp.quit()
            self.smtp.close()

    def _converse(self) -> str:
        sender, recipient = _on_wire(self.letter.sender), _on_wire(self.letter.recipient)
        content = _dotted(compose(self.letter).as_bytes(policy=WIRE))
        smtp = self.smtp = self._open()
        self._sign_in(smtp)
        options = (f"ENVID={self.letter.message_id}", "RET=HDRS") if smtp.has_extn("dsn") else ()
        code, answer = smtp.mail(sender, options)
        if code != 250:
            # Every letter has this sender, so it is the settings that need a look.
            raise NotNow(self._words(code, answer), is_of_server=True)
        code, answer = smtp.rcpt(recipient, ("NOTIFY=FAILURE",) if options else ())
        if code not in (250, 251):
            raise self._refusal(code, answer, is_of_recipient=True)
        code, answer = smtp.docmd("DATA")
        if code != 354:
            raise self._refusal(code, answer)
        self.was_handed = True
        smtp.send(content)
        code, answer = smtp.getreply()
        if code != 250:
            self.was_handed = code <= 0
            raise self._refusal(code, answer)
        return self._words(code, answer)

    def _open(self) -> smtplib.SMTP:
        name = socket.gethostname()
        name = name if "." in name else domain_of(self.letter.sender)
        kinds: dict[str, Any] = {"local_hostname": name, "timeout": self.step_s}
        if self.server.security is Security.TLS:
            smtp: smtplib.SMTP = _BoundedTls(context=ssl.create_default_context(), **kinds)
        else:
            smtp = _Bounded(**kinds)
        self.smtp = smtp
        # smtplib reads the name to check from the constructor's host, which would connect at once.
        smtp._host = self.server.host  # type: ignore[attr-defined]
        code, answer = smtp.connect(self.server.host, self.server.port)
        if self.is_abandoned:
            raise TimeoutError
        if code != 220:
            raise NotNow(self._words(code, answer), is_of_server=True)
        return smtp

    def _sign_in(self, smtp: smtplib.SMTP) -> None:
        smtp.ehlo_or_helo_if_needed()
        if self.server.security is Security.STARTTLS:
            if not smtp.has_extn("starttls"):
                message = _("The server offers no encryption (STARTTLS), so nothing was said to it.")
                raise NotNow(message, is_of_server=True)
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo_or_helo_if_needed()
        if self.server.user:
            smtp.login(self.server.user, self.server.password)

    def _refusal(self, code: int, answer: bytes, *, is_of_recipient: bool = False) -> DeliveryFault:
        words = self._words(code, answer)
        if 500 <= code <= 599:
            return Refused(words, is_of_recipient=is_of_recipient)
        return NotNow(words, is_of_server=code in (_CLOSING, -1), was_handed=self.was_handed)

    def _words(self, code: int, answer: bytes | str) -> str:
        text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
        return clean_words(f"{code} {text}" if code > 0 else text, self.server)

    def told(self) -> DeliveryFault:
        """The fault as one of ours."""
        fault = self.fault
        if isinstance(fault, DeliveryFault):
            return fault
        if self.is_abandoned:
            fault = None
        if isinstance(fault, smtplib.SMTPAuthenticationError):
            words = self._words(fault.smtp_code, fault.smtp_error)
            said = _("The server does not accept user and password: %(words)s", words=words)
        elif isinstance(fault, smtplib.SMTPResponseException):
            said = self._words(fault.smtp_code, fault.smtp_error)
        else:
            said = _said(fault)
        return NotNow(clean_words(said, self.server), is_of_server=True, was_handed=self.was_handed)


def _said(fault: Exception | None) -> str:
    """What happened where the server gave no answer of its own."""
    # smtplib tells a wait that was too long as an ended connection.
    if fault is None or isinstance(fault, TimeoutError) or isinstance(fault.__context__, TimeoutError):
        return _("The server gave no answer in time.")
    if isinstance(fault, ssl.SSLCertVerificationError):
        return _("The server's certificate is not trusted: %(reason)s.", reason=fault.verify_message)
    if isinstance(fault, ssl.SSLError):
        return _("The server does not speak TLS on this port, or an older one than is safe.")
    if isinstance(fault, smtplib.SMTPNotSupportedError):
        return _("The server offers no way to sign in that is known here.")
    if isinstance(fault, smtplib.SMTPServerDisconnected):
        return _("The server ended the connection.")
    if isinstance(fault, socket.gaierror):
        return _("There is no server by this name.")
    if isinstance(fault, ConnectionRefusedError):
        return _("No mail server answers at this host and port.")
    return _("The server could not be reached (%(kind)s).", kind=type(fault).__name__)


def _dotted(content: bytes) -> bytes:
    """The content as it stands after DATA. Source: RFC 5321, 4.5.2."""
    whole = content if content.endswith(b"\r\n") else content + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", whole) + b".\r\n"


def clean_words(text: str, server: MailServer | None = None) -> str:
    """Words on one line, not too many, and without the password even where the server repeats it."""
    if server is not None and server.password:
        user, password = server.user.encode(), server.password.encode()
        coded = (password, b"\0" + user + b"\0" + password)
        hidden = [server.password, *(base64.b64encode(secret).decode() for secret in coded)]
        for secret_text in sorted(hidden, key=len, reverse=True):
            text = text.replace(secret_text, "***")
    return " ".join(_CONTROL.sub(" ", text).split())[:WORDS_LENGTH]


@dataclass(frozen=True, slots=True)
class SmtpMailer:
    """Hands a letter to an SMTP server, within `total_s` whatever the server does."""

    server: MailServer
    step_s: float = STEP_S
    total_s: float = TOTAL_S

    def deliver(self, letter: Letter) -> str:
        """See :class:`Mailer`. A name server or a server that drips single bytes holds nobody longer."""
        talk = _Conversation(self.server, letter, min(self.step_s, self.total_s))
        threading.Thread(target=talk.hold, name="mail", daemon=True).start()
        if not talk.settled.wait(self.total_s):
            talk.abandon()
            talk.settled.wait(1)
        if talk.words is not None:
            return talk.words
        raise talk.told() from None
