"""Which passwords are accepted, and how they are stored."""

from __future__ import annotations

import threading

import pytest
from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from app.core.errors import InvalidInput
from app.domain.accounts import passwords
from app.domain.accounts.passwords import Hashing, check_rules, common_passwords, context_words
from tests.factories.accounts import CHEAP, PASSWORD, make_company, make_person


def is_refused(password: str, *context: str) -> bool:
    try:
        check_rules(password, context=context_words(*context))
    except InvalidInput as error:
        return error.field == "password"
    return False


@pytest.mark.parametrize("length", [0, 1, 7, 11])
def test_short_passwords_are_refused(length: int) -> None:
    assert is_refused("kV8$wq2Zr!m"[:length])


@pytest.mark.parametrize("length", [12, 15, 64, 128])
def test_twelve_to_128_characters_are_accepted_without_rules_about_kinds(length: int) -> None:
    assert not is_refused(("gravel otter lantern meadow " * 5)[:length])


def test_129_characters_are_refused() -> None:
    assert is_refused(("gravel otter lantern meadow " * 5)[:129])


def test_every_well_known_password_is_refused() -> None:
    known = common_passwords()
    assert len(known) > 3000
    assert [password for password in known if not is_refused(password)] == []
    assert {len(password) >= 12 for password in known} == {True}


@pytest.mark.parametrize(
    "password",
    [
        "Password1234",
        "PASSWORD-1234",
        "Correct Horse Battery Staple",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "0123456789012",
        "qwertyuiopqwerty",
        "poiuytrewqpoi",
        "abcdefghijklmnop",
        "welcome.2026",
    ],
)
def test_variants_of_well_known_passwords_and_patterns_are_refused(password: str) -> None:
    assert is_refused(password)


@pytest.mark.parametrize(
    "password",
    [
        "larkspur in may",
        "i like Kettle & Byte",
        "kettlebyte in rain",
        "mara.vint is here",
        "Sellthru forever!!",
    ],
)
def test_own_names_and_ours_are_refused(password: str) -> None:
    names = ("Larkspur", "Kettle & Byte", "Mara Vint", "mara.vint@kettle.example")
    assert is_refused(password, *names)
    assert not is_refused("gravel otter lantern", *names)


def test_short_words_of_names_refuse_nothing() -> None:
    assert context_words("Kettle & Byte", "j@x.example", None) == {"kettlebyte", "kettle"}


def test_any_character_counts_and_none_is_cut() -> None:
    long = "ö" * 36 + "gravel otter"
    stored = CHEAP.hash(long)
    assert CHEAP.fits(stored, long)
    assert not CHEAP.fits(stored, long + "x")
    assert not CHEAP.fits(stored, long[:-1])
    at_72_bytes = "x" * 72
    assert not CHEAP.fits(CHEAP.hash(at_72_bytes + "a"), at_72_bytes + "b")
    assert not CHEAP.fits(CHEAP.hash("Gravel otter"), "gravel otter")
    assert not CHEAP.fits(CHEAP.hash("gravel otter "), "gravel otter")


def test_the_same_letters_from_another_keyboard_fit() -> None:
    assert CHEAP.fits(CHEAP.hash("caf\u00e9 gravel otter"), "cafe\u0301 gravel otter")


def test_passwords_are_stored_as_argon2id_with_64_mib_and_3_passes() -> None:
    stored = Hashing(PasswordHasher()).hash(PASSWORD)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_hash_with_old_parameters_is_made_anew_when_the_password_is_proven(session: Session) -> None:
    old = Hashing(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    person = make_person(
        session, make_company(session), email="mara@kettle.example", password="old cost otter"
    )
    kept = passwords.hashing
    passwords.hashing = old
    try:
        proof = passwords.prove_password(session, email="mara@kettle.example", password="old cost otter")
    finally:
        passwords.hashing = kept
    assert proof is not None
    assert proof.user_id == person.id
    assert proof.rehashed is not None
    assert "t=2" in proof.rehashed
    assert old.fits(proof.rehashed, "old cost otter")


def test_no_more_than_two_hashes_are_computed_at_once() -> None:
    running, most, lock = 0, 0, threading.Lock()

    class Watched(PasswordHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            try:
                return super().hash(password, salt=salt)
            finally:
                with lock:
                    running -= 1

    watched = Hashing(Watched(time_cost=1, memory_cost=1024, parallelism=1), at_once=2)
    threads = [threading.Thread(target=watched.hash, args=(PASSWORD,)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most <= 2


def test_nobody_and_people_without_a_password_prove_nothing(session: Session) -> None:
    make_person(session, make_company(session), email="new@kettle.example", password=None)
    for email in ("nobody@kettle.example", "new@kettle.example"):
        assert passwords.prove_password(session, email=email, password=PASSWORD) is None
        assert passwords.prove_password(session, email=email, password="") is None
