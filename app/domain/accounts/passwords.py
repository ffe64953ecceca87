"""Passwords: which are accepted, how they are stored, how one is proven. Nothing here writes.

Hashing takes about a fifth of a second and 64 MiB, so it happens before the transaction, and only a few
at a time.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import InvalidInput
from app.core.texts import _
from app.domain.accounts.models import User

MINIMUM_LENGTH = 12
MAXIMUM_LENGTH = 128
#: Shorter context words would refuse too many good passwords.
CONTEXT_WORD_LENGTH = 4
PRODUCT_NAME = "sellthru"
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "1234567890", "0123456789")
_RUNS = (*_ROWS, "abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password that passed the rules, hashed."""

    password_hash: str


@dataclass(frozen=True, slots=True)
class Proof:
    """Somebody knew the password of `user_id` when its hash was `password_hash`.

    `rehashed` is the same password under today's parameters, where they have changed.
    """

    user_id: int
    password_hash: str
    rehashed: str | None = None


class Hashing:
    """argon2id with a cap on how many hashes are computed at once, since each takes much memory."""

    def __init__(self, hasher: PasswordHasher, *, at_once: int = 2) -> None:
        self.hasher = hasher
        self._slots = threading.BoundedSemaphore(at_once)
        self._decoy: str | None = None

    def hash(self, password: str) -> str:
        """The encoded hash; all of the password counts, whatever its length."""
        with self._slots:
            return self.hasher.hash(_normal(password))

    def fits(self, password_hash: str, password: str) -> bool:
        """Whether `password` is the one that was hashed."""
        with self._slots:
            try:
                return self.hasher.verify(password_hash, _normal(password))
            except (VerificationError, InvalidHashError):
                return False

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self.hasher.check_needs_rehash(password_hash)

    def decoy(self) -> str:
        """A hash nobody knows the password of, so that unknown people take as long as known ones."""
        if self._decoy is None:
            self._decoy = self.hash("nobody signs in with this")
        return self._decoy


#: argon2-cffi's defaults: argon2id, 64 MiB, 3 passes, 4 lanes. Tests put a cheaper one here.
hashing = Hashing(PasswordHasher())


def _normal(password: str) -> str:
    # The same letters are composed on one keyboard and decomposed on another.
    return unicodedata.normalize("NFC", password)


def _lines(name: str) -> frozenset[str]:
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


@cache
def common_passwords() -> frozenset[str]:
    """Well-known passwords of twelve characters and more, in lower case."""
    return _lines("common_passwords.txt")


@cache
def common_words() -> frozenset[str]:
    """Words that only digits and signs are put around, in lower case."""
    return _lines("common_words.txt")


def _is_well_known(plain: str) -> bool:
    bare = re.sub(r"[\W_]+", "", plain)
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain)
    return plain in common_passwords() or bare in common_passwords() or core in common_words()


def context_words(*names: str | None) -> frozenset[str]:
    """Words from names and addresses that a guesser tries first: whole, and each long word of them."""
    words = set()
    for name in names:
        plain = (name or "").casefold()
        plain = plain.partition("@")[0] if "@" in plain else plain
        words.add(re.sub(r"[\W_]+", "", plain))
        words.update(word for word in re.split(r"[\W_]+", plain) if len(word) > CONTEXT_WORD_LENGTH)
    return frozenset(word for word in words if len(word) >= CONTEXT_WORD_LENGTH)


def _is_pattern(plain: str) -> bool:
    """One short piece again and again, or a run along the alphabet, the digits or the keyboard."""
    if re.fullmatch(r"(.{1,4}?)\1+.{0,3}", plain):
        return True
    return any(plain in run * 4 or plain in run[::-1] * 4 for run in _RUNS)


def check_rules(password: str, *, context: Iterable[str] = ()) -> None:
    """Refuse what is too short, too long, well known, a pattern, or made of the person's own names.

    There are no rules about kinds of characters.

    :raises InvalidInput: the message says what to change; field `password`.
    """
    if len(password) < MINIMUM_LENGTH:
        message = _("Use at least %(count)s characters; a few words are fine.", count=MINIMUM_LENGTH)
        raise InvalidInput(message, field="password")
    if len(password) > MAXIMUM_LENGTH:
        message = _("Use at most %(count)s characters.", count=MAXIMUM_LENGTH)
        raise InvalidInput(message, field="password")
    plain = _normal(password).casefold()
    bare = re.sub(r"[\W_]+", "", plain)
    if _is_well_known(plain) or _is_pattern(plain):
        message = _("This password is well known and guessed first. Choose another one.")
        raise InvalidInput(message, field="password")
    if any(word in bare for word in {PRODUCT_NAME, *context}):
        message = _("Leave out your own name, your company's name and ours: they are guessed first.")
        raise InvalidInput(message, field="password")


def new_password(password: str, *, context: Iterable[str] = ()) -> NewPassword:
    """The hash of a password that keeps the rules. Call it outside a transaction.

    :raises InvalidInput: see :func:`check_rules`.
    """
    check_rules(password, context=context)
    return NewPassword(hashing.hash(password))


def prove_password(session: Session, *, email: str, password: str) -> Proof | None:
    """A proof where `password` is that of `email`, else None; both take the same time.

    Call it outside a transaction: an action then takes the proof.
    """
    user = session.execute(
        select(User.id, User.password_hash).where(User.email == email.strip().lower())
    ).one_or_none()
    # The connection goes back before the slow part.
    session.rollback()
    password_hash = user.password_hash if user else None
    fits = hashing.fits(password_hash or hashing.decoy(), password[: MAXIMUM_LENGTH + 1])
    if user is None or password_hash is None or not fits:
        return None
    rehashed = hashing.hash(password) if hashing.is_outdated(password_hash) else None
    return Proof(user_id=user.id, password_hash=password_hash, rehashed=rehashed)
