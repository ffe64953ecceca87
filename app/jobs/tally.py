"""Rows, totals and differences of a whole instance, by which a copy is checked against its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, inspect, select, table

from app.core.audit import first_broken_seal
from app.core.tenancy import TenantSession, all_companies
from app.domain.ordering.balances import find_differences, ledger_totals

#: Tables of the search engine and of the migrations; the first are made anew, the second compared apart.
_BESIDE = ("product_search", "alembic_version", "sqlite_")


@dataclass(frozen=True, slots=True)
class Tally:
    """What two copies of an instance must have in common."""

    counts: dict[str, int]
    totals: dict[str, str]
    #: What is wrong in the instance itself, in words.
    differences: list[str]


def data_tables(connection: Connection) -> list[str]:
    """Names of the tables that hold an instance's data."""
    names = inspect(connection).get_table_names()
    return sorted(name for name in names if not name.startswith(_BESIDE))


def any_tables(connection: Connection) -> list[str]:
    """Names of all tables, whoever made them."""
    return sorted(inspect(connection).get_table_names())


def take_tally(connection: Connection) -> Tally:
    """Count and check everything, as the connection's transaction sees it."""
    counts = {
        name: connection.execute(select(func.count()).select_from(table(name))).scalar_one()
        for name in data_tables(connection)
    }
    session: Any = TenantSession(bind=connection)
    with all_companies(session, reason="check of a whole instance"):
        differences = find_differences(session)
        place = first_broken_seal(session)
        if place is not None:
            differences.append(f"the audit trail does not fit its seals from place {place} on")
        return Tally(counts, ledger_totals(session), differences)


def compare(source: Tally, copy: Tally) -> list[str]:
    """What the copy has not, or has otherwise, in words; empty while both agree."""
    rows = _differing(source.counts, copy.counts, "rows of ")
    wrong = rows + _differing(source.totals, copy.totals, "")
    wrong += sorted(set(copy.differences) - set(source.differences))
    return wrong


def _differing(mine: Mapping[str, Any], its: Mapping[str, Any], what: str) -> list[str]:
    return [
        f"{what}{name}: {its.get(name, 'none')} instead of {mine.get(name, 'none')}"
        for name in sorted({*mine, *its})
        if mine.get(name) != its.get(name)
    ]
