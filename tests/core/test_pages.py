"""Keyset pages lead forward and back over the same rows, and a cursor from elsewhere is refused politely."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.core.database import writing
from app.core.errors import InvalidInput
from app.core.pages import COUNT_LIMIT, Page, SortKey, decode_cursor, encode_cursor, paginate
from app.core.tenancy import all_companies
from app.domain.accounts.models import User

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
BY_NAME = [SortKey(User.name), SortKey(User.id)]
NEWEST = [SortKey(User.created_at, descending=True), SortKey(User.id, descending=True)]


@pytest.fixture
def people(session: Session) -> Session:
    """Ten people with four names, so that pages end within equal names."""
    rows = [
        {
            "email": f"{number}@x.example",
            "name": f"Name {number % 4}",
            "created_at": NOW.replace(minute=number),
        }
        for number in range(10)
    ]
    with writing(session), all_companies(session, reason="test data"):
        session.execute(insert(User), rows)
        session.commit()
    return session


def page(
    session: Session, cursor: str | None = None, *, sort: list[SortKey] = BY_NAME, size: int = 4
) -> Page[Any]:
    keys = (lambda row: (row.name, row.id)) if sort is BY_NAME else (lambda row: (row.created_at, row.id))
    statement = select(User.id, User.name, User.created_at)
    return paginate(session, statement, sort=sort, read_keys=keys, cursor=cursor, size=size)


def ids(found: Page[Any]) -> list[int]:
    return [row.id for row in found.items]


def test_pages_lead_forward_over_every_row_once(people: Session) -> None:
    first = page(people)
    second = page(people, first.next_cursor)
    third = page(people, second.next_cursor)

    assert [ids(first), ids(second), ids(third)] == [[1, 5, 9, 2], [6, 10, 3, 7], [4, 8]]
    assert [(found.first_index, found.last_index) for found in (first, second, third)] == [
        (1, 4), (5, 8), (9, 10),
    ]  # fmt: skip
    assert (first.previous_cursor, third.next_cursor) == (None, None)


def test_pages_lead_back_the_same_way(people: Session) -> None:
    third = page(people, page(people, page(people).next_cursor).next_cursor)
    second = page(people, third.previous_cursor)
    first = page(people, second.previous_cursor)

    assert [ids(second), ids(first)] == [[6, 10, 3, 7], [1, 5, 9, 2]]
    assert [(found.first_index, found.last_index) for found in (second, first)] == [(5, 8), (1, 4)]
    assert first.previous_cursor is None
    assert ids(page(people, first.next_cursor)) == [6, 10, 3, 7]


def test_descending_sorts_page_both_ways(people: Session) -> None:
    first = page(people, sort=NEWEST)
    second = page(people, first.next_cursor, sort=NEWEST)

    assert (ids(first), ids(second)) == ([10, 9, 8, 7], [6, 5, 4, 3])
    assert ids(page(people, second.previous_cursor, sort=NEWEST)) == [10, 9, 8, 7]


def test_a_row_added_meanwhile_neither_repeats_nor_hides_another(people: Session) -> None:
    first = page(people)
    with writing(people), all_companies(people, reason="test data"):
        people.add(User(email="new@x.example", name="Name 0", created_at=NOW))
        people.commit()

    assert ids(page(people, first.next_cursor)) == [6, 10, 3, 7]


def test_a_list_that_is_exactly_one_page_has_no_next(people: Session) -> None:
    only = page(people, size=10)

    assert (len(only.items), only.next_cursor, only.previous_cursor) == (10, None, None)


def test_no_rows_are_an_empty_page(session: Session) -> None:
    nothing = page(session)

    assert (list(nothing.items), nothing.next_cursor, nothing.previous_cursor) == ([], None, None)


def test_a_cursor_keeps_its_values_types() -> None:
    values = [NOW, date(2026, 11, 24), Decimal("12.3400"), "Zoë", 7]

    assert decode_cursor(encode_cursor(values, backwards=True, index=25), 5) == (values, True, 25)


def raw(body: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x", "////", "é", "\x00", "' OR 1=1 --", "AAAA" * 500,
        raw([]), raw(None), raw({}), raw([0, 1]), raw([0, 1, [1]]), raw([0, 1, [1, 2, 3]]),
        raw([0, -1, ["a", 1]]), raw([0, 2**31, ["a", 1]]), raw([0, "1", ["a", 1]]), raw([0, 1.5, ["a", 1]]),
        raw([0, 1, ["a", 2**63]]), raw([0, 1, [["t", "yesterday"], 1]]), raw([0, 1, [["x", "1"], 1]]),
        raw([0, 1, [["n", "one"], 1]]), raw([0, 1, [{"a": 1}, 1]]), raw([0, 1, ["a\x00", 1]]),
        raw([0, 1, [["t", "2026-11-24T10:00:00"], 1]]), raw([0, 1, [["n", "NaN"], 1]]),
        raw([0, 1, [1, 1]]), raw([0, 1, ["a", "b"]]), raw([0, 1, ["a", 1.5]]), raw([0, 1, [None, None]]),
        raw([0, 1, ["a", True]]), raw([0, True, ["a", 1]]), raw([0, 1, ["\ud800", 1]]),
    ],
)  # fmt: skip
def test_a_cursor_nobody_gave_out_is_refused_with_a_message(people: Session, cursor: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        page(people, cursor)

    assert refusal.value.message == "This page's address is incomplete. Start from the first page."


def test_totals_are_exact_up_to_the_limit() -> None:
    assert Page([], total=COUNT_LIMIT).total_is_exact
    assert not Page([], total=COUNT_LIMIT + 1).total_is_exact
    assert not Page([]).total_is_exact
