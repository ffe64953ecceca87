"""Many serials typed in one field: lists, ranges and counts, with numbers that keep their leading zeros.

`10-20` both ends; `5+3` the number and three more; `4+` as many as are still missing; `~` the next free
number; `~+3` it and three more; `"10-20"` one serial as it stands. `+` and `~` skip numbers that stand in
the field. Sizes are checked before anything is expanded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from app.core.texts import _
from app.domain.assets import masks
from app.domain.assets.serials import BadCharacter, canonical

#: More serials than this are a file, not a field.
MAX_SERIALS = 10_000
MAX_FIELD = 400_000
_TOKEN = re.compile(r'"([^"]*)"(?=[\s,]|$)|([^\s,"][^\s,]*)|(")')
_NUMBERED = re.compile(r"(.*?)([0-9]+)", re.DOTALL)
_PLUS = re.compile(r"(.*)\+([0-9]*)", re.DOTALL)
_NEXT = "~"


class RangeRefused(ValueError):
    """The field cannot be read; `code` says why, `token` is the part that could be one serial in quotes."""

    def __init__(self, code: str, message: str, token: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.token = token


@dataclass(frozen=True, slots=True)
class Numbered:
    """A serial that ends in digits."""

    prefix: str
    number: int
    width: int

    @property
    def has_zeros(self) -> bool:
        return self.width > len(str(self.number))

    def text(self, number: int) -> str:
        """The serial of the same shape with another number: leading zeros stay."""
        return f"{self.prefix}{number:0{self.width}d}"


@dataclass(slots=True)
class _Part:
    """One token's meaning. A single serial, a closed range, or a count from a first number on."""

    token: str
    single: str | None = None
    first: Numbered | None = None
    #: Last number of a closed range.
    last: int | None = None
    #: Serials of a count, the first included; None takes what is missing.
    count: int | None = None
    #: The first number is the next free one, so it is skipped where it stands in the field.
    is_next: bool = False
    serials: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Serials it gives; at least one where it takes what is missing."""
        if self.single is not None:
            return 1
        if self.first is not None and self.last is not None:
            return self.last - self.first.number + 1
        return 1 if self.count is None else self.count


def expand_serials(
    text: str,
    *,
    count: int | None = None,
    next_free: str | None = None,
    mask: str | None = None,
) -> list[str]:
    """The canonical serials a field names, in its order. `25+3` is 25, 26, 27, 28.

    `count` is how many are missing, `next_free` the number `~` stands for; a token that fits `mask` whole
    is one serial.

    :raises RangeRefused: `ambiguous_range`, `bad_range`, `count_mismatch`, `duplicate` or `bad_character`.
    """
    if len(text) > MAX_FIELD:
        raise RangeRefused("bad_range", _("This is too much for one field. Send a file instead."))
    parts = [_read(token, is_quoted, next_free, mask) for token, is_quoted in _tokens(text)]
    _settle_counts(parts, count)
    _write(parts)
    serials = [serial for part in parts for serial in part.serials]
    twice = [serial for serial, times in Counter(serials).items() if times > 1]
    if twice:
        raise RangeRefused(
            "duplicate",
            _("%(serial)s stands in the field twice. Take one of them out.", serial=twice[0]),
            twice[0],
        )
    return serials


def _tokens(text: str) -> Iterator[tuple[str, bool]]:
    for match in _TOKEN.finditer(text):
        quoted, plain, lone = match.groups()
        if lone:
            raise RangeRefused("bad_range", _("A quotation mark is not closed. Close it, or take it out."))
        yield (quoted, True) if quoted is not None else (plain, False)


def _canonical(text: str, token: str) -> str:
    try:
        serial = canonical(text)
    except BadCharacter as error:
        raise RangeRefused(
            "bad_character",
            _(
                "%(token)s holds a blank or a character that no serial has. Type it again.",
                token=ascii(token),
            ),
        ) from error
    if not serial:
        raise RangeRefused("bad_range", _("There is nothing between the quotation marks."))
    return serial


def _read(token: str, is_quoted: bool, next_free: str | None, mask: str | None) -> _Part:
    serial = _canonical(token, token)
    if is_quoted or (mask is not None and masks.fits(serial, mask)):
        return _Part(token, single=serial)
    if serial.startswith(_NEXT):
        return _read_next(token, serial, next_free)
    plus = _PLUS.fullmatch(serial)
    if plus:
        return _read_count(token, plus)
    return _read_range(token, serial)


def _numbered(text: str) -> Numbered | None:
    match = _NUMBERED.fullmatch(text)
    return Numbered(match[1], int(match[2]), len(match[2])) if match else None


def _more(digits: str, token: str) -> int | None:
    """Serials of `+3` with the first one, None for a bare `+`."""
    if not digits:
        return None
    if len(digits) > 6 or int(digits) >= MAX_SERIALS:
        raise RangeRefused(
            "bad_range",
            _("%(token)s names more than %(most)s serials.", token=token, most=MAX_SERIALS),
            token,
        )
    return int(digits) + 1


def _read_next(token: str, serial: str, next_free: str | None) -> _Part:
    match = re.fullmatch(r"~(?:\+([0-9]*))?", serial)
    if not match:
        raise _no_range(token)
    first = _numbered(_canonical(next_free, next_free)) if next_free else None
    if first is None:
        raise RangeRefused("bad_range", _("There is no next number that ~ could stand for. Type the serial."))
    count = 1 if serial == _NEXT else _more(match[1], token)
    return _Part(token, first=first, count=count, is_next=True)


def _read_count(token: str, plus: re.Match[str]) -> _Part:
    first = _numbered(plus[1])
    if first is None:
        raise _no_range(token)
    return _Part(token, first=first, count=_more(plus[2], token))


def _read_range(token: str, serial: str) -> _Part:
    for place, character in enumerate(serial):
        if character != "-":
            continue
        first, last = _numbered(serial[:place]), _numbered(serial[place + 1 :])
        if first is None or last is None or first.prefix != last.prefix:
            continue
        widths_differ = first.width != last.width and (first.has_zeros or last.has_zeros)
        if last.number <= first.number or widths_differ:
            raise _no_range(token)
        return _Part(token, first=first, last=last.number)
    return _Part(token, single=serial)


def _no_range(token: str) -> RangeRefused:
    return RangeRefused(
        "bad_range",
        _('%(token)s is no range. If it is one serial, put it in quotation marks: "%(token)s".', token=token),
        token,
    )


def _settle_counts(parts: Sequence[_Part], count: int | None) -> None:
    """Refuse what is too large or does not add up, and give the open count what is missing.

    :raises RangeRefused: with the first reason, before a serial is written.
    """
    total = sum(part.size for part in parts)
    takers = [part for part in parts if part.single is None and part.last is None and part.count is None]
    if count is not None:
        for part in parts:
            if part.last is not None and part.size > count - (total - part.size):
                raise _ambiguous(part, count - (total - part.size))
    if total > MAX_SERIALS:
        raise RangeRefused(
            "bad_range",
            _("The field names %(total)s serials; it takes %(most)s.", total=total, most=MAX_SERIALS),
            next((part.token for part in parts if part.last is not None), None),
        )
    if len(takers) > 1 or (takers and count is None):
        raise RangeRefused(
            "bad_range",
            _(
                "%(token)s takes what is missing, and it is not known how many. Say how many.",
                token=takers[-1].token,
            ),
            takers[-1].token,
        )
    if takers and count is not None:
        takers[0].count = count - total + 1
        total = count if takers[0].count >= 1 else total
    if count is not None and total != count:
        raise RangeRefused(
            "count_mismatch",
            _("Still missing are %(count)s, the field names %(total)s.", count=count, total=total),
        )


def _ambiguous(part: _Part, missing: int) -> RangeRefused:
    return RangeRefused(
        "ambiguous_range",
        _(
            '%(token)s can be the one serial "%(token)s" or a range of %(size)s, and still missing are'
            " %(missing)s. Put it in quotation marks, or correct the range.",
            token=part.token,
            size=part.size,
            missing=max(missing, 0),
        ),
        part.token,
    )


def _write(parts: Sequence[_Part]) -> None:
    """Write every part's serials: what is named first, then what skips it."""
    taken: set[str] = set()
    for part in parts:
        if part.single is not None:
            part.serials = [part.single]
        elif part.first is not None and part.last is not None:
            numbers = range(part.first.number, part.last + 1)
            part.serials = [part.first.text(number) for number in numbers]
        elif part.first is not None and not part.is_next:
            part.serials = [part.first.text(part.first.number)]
        taken.update(part.serials)
    for part in parts:
        if part.first is None or part.last is not None or part.count is None:
            continue
        number = part.first.number
        while len(part.serials) < part.count:
            serial = part.first.text(number)
            if serial not in taken:
                taken.add(serial)
                part.serials.append(serial)
            number += 1
