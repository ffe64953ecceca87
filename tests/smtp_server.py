"""A tiny SMTP server for tests: it keeps what it takes and fails where it is told to."""

from __future__ import annotations

import base64
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

USER, PASSWORD = "portal@larkspur.example", "plum-Kettle/9"


@dataclass
class Behaviour:
    """What the server does. `answers` replaces the answer to a command; `hang` waits at one for ever;
    `drop` ends the connection there. Steps: connect, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, content, QUIT.
    """

    answers: dict[str, str] = field(default_factory=dict)
    hang: set[str] = field(default_factory=set)
    drop: set[str] = field(default_factory=set)
    #: Drops the connection after the content without an answer, though the mail is kept.
    takes_and_drops: bool = False
    offers_tls: bool = False
    is_tls: bool = False
    wants_sign_in: bool = False


@dataclass
class Taken:
    """A mail the server took."""

    sender: str
    recipient: str
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return cast("EmailMessage", message_from_bytes(self.content, policy=policy.default))


class _Gone(Exception):
    """The connection is over."""


class _Handler(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        place: SmtpServer = self.server.place
        with suppress(OSError, _Gone, ValueError):
            place.connections += 1
            if place.behaviour.is_tls:
                self._encrypt(place)
            self._converse(place, place.behaviour)
        # An encrypted socket is one of our own, which the server does not close.
        with suppress(OSError, ValueError):
            self.rfile.close()
            self.wfile.close()
            self.connection.close()

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")
        self.wfile.flush()

    def _step(self, place: SmtpServer, step: str, usual: str) -> bool:
        """Answer a step; whether the usual was said."""
        place.steps.append(step)
        behaviour = place.behaviour
        if step in behaviour.drop:
            raise _Gone
        if step in behaviour.hang:
            place.ended.wait(30)
            raise _Gone
        self._say(behaviour.answers.get(step, usual))
        return step not in behaviour.answers

    def _encrypt(self, place: SmtpServer) -> None:
        assert place.context is not None
        self.connection = place.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")

    def _converse(self, place: SmtpServer, behaviour: Behaviour) -> None:
        self._step(place, "connect", "220 tests")
        envelope: dict[str, str] = {}
        while line := self.rfile.readline():
            text = line.decode().rstrip("\r\n")
            place.lines.append(text)
            verb = text.split(" ")[0].upper()
            if verb == "EHLO":
                self._step(place, "EHLO", self._features(behaviour))
            elif verb == "AUTH":
                self._step(place, "AUTH", self._judge(text))
            elif verb in ("MAIL", "RCPT"):
                envelope[verb] = text.split("<")[1].split(">")[0]
                self._step(place, verb, "250 ok")
            elif verb == "QUIT":
                self._step(place, "QUIT", "221 bye")
                return
            else:
                self._go_on(place, verb, envelope)

    def _judge(self, text: str) -> str:
        given = base64.b64decode(text.split(" ")[2]).split(b"\0")[1:]
        fits = given == [USER.encode(), PASSWORD.encode()]
        return "235 welcome" if fits else f"535 5.7.8 no {given[1].decode()} here"

    def _go_on(self, place: SmtpServer, verb: str, envelope: dict[str, str]) -> None:
        if verb == "STARTTLS":
            if self._step(place, "STARTTLS", "220 go on"):
                self._encrypt(place)
        elif verb == "DATA":
            if self._step(place, "DATA", "354 go on"):
                self._take(place, envelope["MAIL"], envelope["RCPT"])
        else:
            self._say("250 ok")

    def _features(self, behaviour: Behaviour) -> str:
        features = ["tests", "DSN", "8BITMIME"]
        if behaviour.offers_tls and not isinstance(self.connection, ssl.SSLSocket):
            features.append("STARTTLS")
        if behaviour.wants_sign_in:
            features.append("AUTH PLAIN")
        return "\r\n".join(f"250-{feature}" for feature in features) + "\r\n250 HELP"

    def _take(self, place: SmtpServer, sender: str, recipient: str) -> None:
        content = b""
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise _Gone
            content += line[1:] if line.startswith(b".") else line
        behaviour = place.behaviour
        if behaviour.takes_and_drops:
            place.taken.append(Taken(sender, recipient, content))
            raise _Gone
        if self._step(place, "content", "250 2.0.0 queued as 7A"):
            place.taken.append(Taken(sender, recipient, content))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is part of the tests."""


@dataclass
class SmtpServer:
    """What tests look at: `taken` mails, `lines` as they came, `steps` that were reached."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    context: ssl.SSLContext | None = None
    taken: list[Taken] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def url(self, *, user: bool = False, host: str = "127.0.0.1") -> str:
        """MAIL_URL of the server."""
        known = "portal%40larkspur.example:plum-Kettle%2F9@" if user else ""
        if self.behaviour.is_tls:
            return f"smtps://{known}{host}:{self.port}"
        return f"smtp://{known}{host}:{self.port}?tls={'starttls' if self.behaviour.offers_tls else 'none'}"


@contextmanager
def smtp_server(
    behaviour: Behaviour | None = None, *, context: ssl.SSLContext | None = None
) -> Iterator[SmtpServer]:
    """A server on a free port of the loopback address."""
    place = SmtpServer(behaviour or Behaviour(), context)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.place = place  # type: ignore[attr-defined]
    place.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield place
    finally:
        place.ended.set()
        server.shutdown()
        server.server_close()


def closed_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for localhost with its key, made by openssl."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout", str(key), "-out", str(certificate),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return certificate, key
