"""`flask warranty explain`, `sla explain`, `serials check`, `credit explain`: JSON objects, one a line.

They answer by the very functions of the pages and touch no database.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, NoReturn

import click
from flask import Flask
from flask.cli import AppGroup

from app.core.texts import _
from app.jobs import explain_inputs
from app.jobs.explain_inputs import answer

Explain = Callable[[Mapping[str, Any]], dict[str, Any]]
MAX_LINE = 1_000_000
MAX_DEPTH = 32

warranty = AppGroup("warranty", help="Cover of a unit, and why.")
sla = AppGroup("sla", help="Clocks of a ticket, and why.")
serials = AppGroup("serials", help="Serial numbers.")
credit = AppGroup("credit", help="What is credited for units of an order line.")


def register(app: Flask) -> None:
    """Add the commands."""
    for group in (warranty, sla, serials, credit):
        app.cli.add_command(group)


class _BadJson(ValueError):
    """The line is no JSON object."""


def _command(group: AppGroup, name: str, explain: Explain, text: str) -> None:
    # `with_appcontext=False`: nothing here knows an instance.
    @group.command(name, with_appcontext=False, help=text)
    def command() -> None:
        _answer_lines(sys.stdin.buffer, explain)


_command(
    warranty, "explain", explain_inputs.explain_warranty, "Dates of cover from ship date, term and events."
)
_command(
    sla, "explain", explain_inputs.explain_sla, "Due times and states from calendar, targets and events."
)
_command(serials, "check", explain_inputs.check_serials, "Judge a serial, or expand a field of serials.")
_command(credit, "explain", explain_inputs.explain_credit, "Credit of the next units of a paid line.")


def _answer_lines(lines: BinaryIO, explain: Explain) -> None:
    try:
        for line in _lines(lines):
            try:
                said = answer(explain, _read(line))
            except _BadJson as error:
                said = {"error": "bad_json", "message": str(error)}
            click.echo(json.dumps(said, ensure_ascii=True))
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone; what Python would still flush at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _lines(lines: BinaryIO) -> Iterator[bytes]:
    """Lines that are not blank; of a line that is too long the beginning."""
    while line := lines.readline(MAX_LINE + 1):
        rest = line
        while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
            rest = lines.readline(MAX_LINE + 1)
        if line.strip():
            yield line


def _read(line: bytes) -> Mapping[str, Any]:
    """:raises _BadJson: it is no JSON object that could be answered."""
    if len(line) > MAX_LINE:
        raise _BadJson(_("The line has more than %(most)s bytes.", most=MAX_LINE))
    try:
        value = json.loads(line.decode("utf-8-sig"), parse_constant=_refuse, object_pairs_hook=_once)
        _check(value)
    except (ValueError, RecursionError) as error:
        if isinstance(error, _BadJson):
            raise
        raise _BadJson(_("The line is no JSON object.")) from error
    if not isinstance(value, dict):
        raise _BadJson(_("The line is no JSON object."))
    return value


def _refuse(constant: str) -> NoReturn:
    raise _BadJson(_("%(constant)s is no JSON.", constant=constant))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _BadJson(_("A name stands in an object twice."))
    return found


def _check(value: Any) -> None:
    """Refuse what JSON lets through: lone surrogates, numbers beyond measure, nesting without end."""
    level = [value]
    for _depth in range(MAX_DEPTH):
        below: list[Any] = []
        for one in level:
            if isinstance(one, str):
                one.encode("utf-8")  # raises for a lone surrogate
            elif isinstance(one, float) and not math.isfinite(one):
                raise _BadJson(_("A number is too large."))
            elif isinstance(one, dict):
                below += [*one.keys(), *one.values()]
            elif isinstance(one, list):
                below += one
        if not below:
            return
        level = below
    raise _BadJson(_("The object is nested too deep."))
