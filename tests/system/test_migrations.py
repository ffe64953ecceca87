"""`flask db check` sees what the models and the database disagree on, and only that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tools.check_migrations import CheckError, check, empty_database, flask


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/migrated.db"
        return
    server = os.environ.get("TEST_POSTGRES_URL")
    if not server:
        pytest.skip("TEST_POSTGRES_URL is not set; `make test` starts a PostgreSQL by itself")
    with empty_database(server) as url:
        yield url


def execute(url: str, *statements: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    engine.dispose()


def test_migrations_build_what_the_models_say_and_can_be_taken_back(empty_url: str, tmp_path: Path) -> None:
    check(empty_url, str(tmp_path))


def test_search_tables_are_left_out_and_a_dropped_column_is_caught(empty_url: str, tmp_path: Path) -> None:
    flask(empty_url, str(tmp_path), "upgrade")
    execute(
        empty_url,
        "CREATE TABLE product_search_planted (id INTEGER, words TEXT)",
        "CREATE INDEX ix_product_search_planted ON product_search_planted (words)",
    )
    assert "No new upgrade operations detected" in flask(empty_url, str(tmp_path), "check")

    execute(empty_url, "ALTER TABLE company DROP COLUMN tax_id")

    with pytest.raises(CheckError, match=r"add_column.*tax_id"):
        flask(empty_url, str(tmp_path), "check")


def test_a_table_that_no_model_knows_is_caught(empty_url: str, tmp_path: Path) -> None:
    flask(empty_url, str(tmp_path), "upgrade")
    execute(empty_url, "CREATE TABLE planted (id INTEGER)")

    with pytest.raises(CheckError, match=r"remove_table.*planted"):
        flask(empty_url, str(tmp_path), "check")
