"""What `flask setup` asks: each answer as an option for scripts, or typed at a terminal."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from app.adapters.images import Picture, read_picture
from app.core.errors import DomainError, InvalidInput
from app.core.uploads import check_content
from app.domain.accounts import vendor_rules as rules
from app.domain.accounts.rules import known_currency, normal_email, one_line

Check = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Question:
    """One answer: its option, what is asked, what is accepted; `default` None = it must be given."""

    option: str
    text: str
    check: Check
    default: str | None = ""
    #: Offered at a terminal; nothing is taken for granted in a script.
    offer: Callable[[], str] | None = None

    @property
    def name(self) -> str:
        """The answer's name: `--admin-email` gives `admin_email`."""
        return self.option.removeprefix("--").replace("-", "_")


def _text(maximum: int, *, required: bool = False) -> Check:
    return functools.partial(one_line, field="", maximum=maximum, required=required)


def _country(text: str) -> str:
    return rules.known_country(text) if text.strip() else ""


def _logo(text: str) -> Picture | None:
    if not text.strip():
        return None
    path = Path(text.strip()).expanduser()
    try:
        content = io.BytesIO(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    check_content(path.name, content)
    return read_picture(path.name, content)


def local_timezone() -> str:
    """The machine's zone, UTC where it does not say."""
    found = os.environ.get("TZ") or str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2]
    try:
        return rules.known_timezone(found or "UTC")
    except DomainError:
        return "UTC"


QUESTIONS = (
    Question("--vendor", "The vendor's name as everybody sees it", _text(200, required=True), None),
    Question("--legal-name", "Name on documents, where it is another one", _text(200)),
    Question("--street", "Legal address: street and number", _text(200)),
    Question("--postcode", "Legal address: postcode", _text(20)),
    Question("--city", "Legal address: city", _text(120)),
    Question("--region", "Legal address: state or region", _text(120)),
    Question("--country", "Legal address: the country's two letters, such as GB", _country),
    Question("--tax-id", "Tax number", rules.known_tax_id),
    Question("--currency", "Base currency, such as USD", known_currency, None),
    Question(
        "--timezone", "Business days begin in this zone", rules.known_timezone, None, offer=local_timezone
    ),
    Question("--language", "Language of mails", rules.known_language, "en"),
    Question("--order-prefix", "Order numbers begin with", rules.known_prefix, "SO"),
    Question("--next-order", "The first order of this year gets the number", rules.known_number, "1"),
    Question("--request-prefix", "Numbers of price requests begin with", rules.known_prefix, "PR"),
    Question("--company-prefix", "Numbers of resellers begin with", rules.known_prefix, "C"),
    Question("--logo", "Logo: a PNG, JPEG, GIF or WebP file", _logo),
    Question("--accent", "Accent colour, such as #4a48c4", rules.known_accent),
    Question("--alerts", "Mailbox that hears of new orders", rules.mailbox),
    Question("--admin-name", "The first administrator's name", _text(200, required=True), None),
    Question("--admin-email", "The first administrator's e-mail address", normal_email, None),
)


def checked(question: Question, text: str) -> Any:
    """The answer as it is kept. :raises click.BadParameter: saying what would be accepted."""
    try:
        return question.check(text)
    except DomainError as error:
        raise click.BadParameter(error.message, param_hint=question.option) from error


def with_questions(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an option for every question."""
    for question in reversed(QUESTIONS):
        needed = " Needed." if question.default is None else ""
        default = f" [{question.default}]" if question.default else ""
        command = click.option(question.option, metavar="TEXT", help=f"{question.text}.{default}{needed}")(
            command
        )
    return command


def answer_all(given: dict[str, str | None], *, may_ask: bool) -> dict[str, Any]:
    """Every answer, checked: from the options, and by asking where one that is needed was not given.

    :raises click.UsageError: something needed is missing and nobody can be asked, or a value is refused.
    """
    missing = [one for one in QUESTIONS if one.default is None and given[one.name] is None]
    if missing and not may_ask:
        names = ", ".join(one.option for one in missing)
        raise click.UsageError(f"Nobody can be asked here; give these options too: {names}.")
    answers: dict[str, Any] = {}
    for question in QUESTIONS:
        text = given[question.name]
        if text is not None:
            answers[question.name] = checked(question, text)
    for question in QUESTIONS:
        if question.name not in answers:
            answers[question.name] = _ask(question) if missing else question.check(question.default or "")
    return answers


def _ask(question: Question) -> Any:
    default = question.offer() if question.offer else question.default
    return click.prompt(
        question.text,
        default=default,
        show_default=bool(default),
        value_proc=functools.partial(checked, question),
        err=True,
    )
