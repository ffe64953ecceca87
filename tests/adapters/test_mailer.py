"""A mail server that hangs, refuses, lies or falls away costs a known time and is told in words."""

from __future__ import annotations

import logging
import shutil
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.adapters.mailer import (
    Letter,
    MailServer,
    NotNow,
    Refused,
    Security,
    SmtpMailer,
    UnusableServer,
    compose,
    server_from_url,
)
from tests.smtp_server import (
    PASSWORD,
    USER,
    Behaviour,
    SmtpServer,
    closed_port,
    make_certificate,
    smtp_server,
)

LETTER = Letter(
    message_id="0a1b2c3d-0000-4000-8000-000000000001",
    sender="portal@larkspur.example",
    sender_name="Larkspur, Supplies",
    recipient="mara@kettle.example",
    subject="Your order “SO-26-00001”",
    text="Hello\n.\n.dotted\nGrüße\n",
    html="<p>Hello</p>\n",
    date=datetime(2026, 11, 24, 9, tzinfo=UTC),
    reply_to="sales@larkspur.example",
)
STEPS = ("connect", "EHLO", "MAIL", "RCPT", "DATA", "content")


def mailer(place: SmtpServer, *, user: bool = False, host: str = "127.0.0.1") -> SmtpMailer:
    return SmtpMailer(server_from_url(place.url(user=user, host=host)))


def impatient(place: SmtpServer) -> SmtpMailer:
    return SmtpMailer(server_from_url(place.url()), step_s=0.5, total_s=2.0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate of this test")
    return make_certificate(tmp_path_factory.mktemp("tls"))


def context_of(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def test_a_letter_arrives_as_text_and_html_with_its_headers() -> None:
    with smtp_server() as place:
        assert mailer(place).deliver(LETTER) == "250 2.0.0 queued as 7A"

    (taken,) = place.taken
    message = taken.message
    assert (taken.sender, taken.recipient) == ("portal@larkspur.example", "mara@kettle.example")
    assert message["From"] == '"Larkspur, Supplies" <portal@larkspur.example>'
    assert message["Subject"] == LETTER.subject
    assert message["Message-ID"] == "<0a1b2c3d-0000-4000-8000-000000000001@larkspur.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Reply-To"] == "sales@larkspur.example"
    assert message.get_content_type() == "multipart/alternative"
    parts = [part.get_content().replace("\r\n", "\n") for part in message.iter_parts()]  # type: ignore[attr-defined]
    assert parts == [LETTER.text, LETTER.html]
    assert f"MAIL FROM:<portal@larkspur.example> ENVID={LETTER.message_id} RET=HDRS" in [
        line.replace("mail", "MAIL").replace("FROM", "FROM") for line in place.lines
    ]


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_hangs_is_left_in_time(step: str) -> None:
    with smtp_server(Behaviour(hang={step})) as place:
        began = time.monotonic()
        with pytest.raises(NotNow) as fault:
            impatient(place).deliver(LETTER)

    assert time.monotonic() - began < 10
    assert fault.value.words == "The server gave no answer in time."
    assert fault.value.is_of_server
    assert fault.value.was_handed is (step == "content")


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_falls_away_is_tried_again(step: str) -> None:
    with smtp_server(Behaviour(drop={step})) as place, pytest.raises(NotNow) as fault:
        mailer(place).deliver(LETTER)

    assert fault.value.words == "The server ended the connection."
    assert fault.value.was_handed is (step == "content")


def test_a_server_that_hangs_or_drops_at_the_farewell_has_the_letter() -> None:
    for behaviour in (Behaviour(hang={"QUIT"}), Behaviour(drop={"QUIT"})):
        with smtp_server(behaviour) as place:
            assert mailer(place).deliver(LETTER).startswith("250")
        assert len(place.taken) == 1


def test_a_server_that_drips_bytes_does_not_hold_us_longer() -> None:
    def drip(listener: socket.socket) -> None:
        connection, _address = listener.accept()
        with connection, suppress(OSError):
            for _ in range(100):
                connection.sendall(b"2")
                time.sleep(0.1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        dripping = threading.Thread(target=drip, args=(listener,))
        dripping.start()
        server = MailServer("127.0.0.1", listener.getsockname()[1], Security.NONE)
        began = time.monotonic()
        with pytest.raises(NotNow, match="no answer in time"):
            SmtpMailer(server, step_s=0.5, total_s=0.8).deliver(LETTER)
        assert time.monotonic() - began < 6
        dripping.join()


def test_a_server_that_does_not_stop_talking_is_left() -> None:
    endless = "\r\n".join(["250-and on"] * 60_000)
    with smtp_server(Behaviour(answers={"EHLO": endless})) as place, pytest.raises(NotNow) as fault:
        mailer(place).deliver(LETTER)

    assert fault.value.words == "The server ended the connection."


@pytest.mark.parametrize(
    ("step", "answer", "expected"),
    [
        ("RCPT", "550 5.1.1 no such user", Refused("550 5.1.1 no such user", is_of_recipient=True)),
        ("content", "554 5.7.1 spam", Refused("554 5.7.1 spam")),
        ("DATA", "554 no", Refused("554 no")),
        ("RCPT", "450 4.2.1 greylisted", NotNow("450 4.2.1 greylisted", is_of_server=False)),
        ("content", "452 full", NotNow("452 full", is_of_server=False)),
        ("RCPT", "421 closing", NotNow("421 closing", is_of_server=True)),
        ("MAIL", "550 not your sender", NotNow("550 not your sender", is_of_server=True)),
        ("connect", "554 go away", NotNow("554 go away", is_of_server=True)),
    ],
)
def test_answers_are_kept_in_the_servers_words(step: str, answer: str, expected: Refused | NotNow) -> None:
    with smtp_server(Behaviour(answers={step: answer})) as place, pytest.raises(type(expected)) as fault:
        mailer(place).deliver(LETTER)

    assert vars(fault.value) == vars(expected)
    assert place.taken == []


def test_a_refusal_of_many_lines_and_control_characters_is_one_short_line() -> None:
    answer = "550-no\x07\x1b[31m\r\n550-" + "x" * 900 + "\r\n550 end"
    with smtp_server(Behaviour(answers={"RCPT": answer})) as place, pytest.raises(Refused) as fault:
        mailer(place).deliver(LETTER)

    assert fault.value.words.startswith("550 no [31m xxx")
    assert len(fault.value.words) <= 300
    assert fault.value.words.isprintable()


def test_nobody_there_and_no_such_name_are_told_apart() -> None:
    for server, words in (
        (MailServer("127.0.0.1", closed_port(), Security.NONE), "No mail server answers"),
        (MailServer("no-such-host.invalid", 25, Security.NONE), "no server by this name|no answer in time"),
    ):
        with pytest.raises(NotNow, match=words):
            SmtpMailer(server, step_s=0.5, total_s=3).deliver(LETTER)


@pytest.mark.parametrize("is_tls", [True, False])
def test_a_self_signed_certificate_is_refused_before_anything_is_said(
    certificate: tuple[Path, Path], is_tls: bool
) -> None:
    behaviour = Behaviour(is_tls=is_tls, offers_tls=not is_tls, wants_sign_in=True)
    with smtp_server(behaviour, context=context_of(certificate)) as place, pytest.raises(NotNow) as fault:
        mailer(place, user=True).deliver(LETTER)

    assert "certificate is not trusted: self" in fault.value.words
    assert not any(line.upper().startswith(("AUTH", "MAIL")) for line in place.lines)


@pytest.mark.parametrize("is_tls", [True, False])
def test_a_trusted_certificate_carries_the_letter_and_the_sign_in(
    certificate: tuple[Path, Path], is_tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    behaviour = Behaviour(is_tls=is_tls, offers_tls=not is_tls, wants_sign_in=True)
    with smtp_server(behaviour, context=context_of(certificate)) as place:
        mailer(place, user=True, host="localhost").deliver(LETTER)

    assert len(place.taken) == 1
    assert "AUTH" in place.steps


def test_a_server_without_encryption_hears_no_password() -> None:
    with smtp_server(Behaviour(wants_sign_in=True)) as place, pytest.raises(NotNow, match="STARTTLS"):
        SmtpMailer(MailServer("127.0.0.1", place.port, Security.STARTTLS, USER, PASSWORD)).deliver(LETTER)

    assert "AUTH" not in place.steps


def test_a_wrong_password_is_told_without_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = MailServer("127.0.0.1", 1, Security.NONE, USER, "wrong-Secret.7")
    with smtp_server(Behaviour(wants_sign_in=True)) as place, pytest.raises(NotNow) as fault:
        SmtpMailer(replace(server, port=place.port)).deliver(LETTER)

    assert fault.value.words == "The server does not accept user and password: 535 5.7.8 no *** here"
    assert fault.value.is_of_server
    assert "wrong-Secret.7" not in caplog.text + repr(server) + repr(fault.value)


@pytest.mark.parametrize("name", ["subject", "sender_name", "reply_to", "recipient", "sender", "message_id"])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x00", "\u2028"])
def test_no_header_is_smuggled_in(name: str, end: str) -> None:
    with pytest.raises(Refused):
        compose(replace(LETTER, **{name: f"x{end}Bcc: all@x.example"}))  # type: ignore[arg-type]


def test_addresses_outside_ascii_are_refused_with_a_reason() -> None:
    with smtp_server() as place:
        with pytest.raises(Refused, match="plain letters"):
            mailer(place).deliver(replace(LETTER, recipient="mära@kettle.example"))
        mailer(place).deliver(replace(LETTER, recipient="mara@kättle.example"))

    assert [taken.recipient for taken in place.taken] == ["mara@xn--kttle-gra.example"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.x.example", MailServer("mail.x.example", 587)),
        ("smtps://mail.x.example", MailServer("mail.x.example", 465, Security.TLS)),
        ("smtp://u%40x:p%2F:@m.x:26?tls=starttls", MailServer("m.x", 26, user="u@x", password="p/:")),
        ("smtp://localhost:25?tls=none", MailServer("localhost", 25, Security.NONE)),
    ],
)  # fmt: skip
def test_addresses_of_servers_are_read(url: str, expected: MailServer) -> None:
    assert server_from_url(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://u:geheim@m.example", "smtp://", "smtp://u:geheim@m.example:99999", "smtp://u:geheim@m.example?tls=no",
        "smtp://u:geheim@m.example?tls=none", "smtps://u:geheim@m.example?tls=none", "smtp://u:geheim@m.example:x",
        "smtp://u:geheim@m.example:0", "smtp://u%0a:geheim@m.example", "smtp://u:geheim@[m.example", "geheim",
    ],
)  # fmt: skip
def test_unusable_addresses_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UnusableServer) as fault:
        server_from_url(url)

    assert "geheim" not in str(fault.value)
    assert str(fault.value).endswith(".")
