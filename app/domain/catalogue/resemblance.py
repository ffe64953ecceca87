"""Products that resemble what was typed: those that share enough runs of three characters with it."""

from __future__ import annotations

import math
import weakref
from collections.abc import MutableMapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, or_, select
from sqlalchemy.orm import Session

from app.core.tenancy import read_rows
from app.domain.catalogue.models import Product
from app.domain.catalogue.search import Query, contains, is_sqlite, key_of, quoted, table_of

#: Trigrams of a query that resemblance is measured by.
MAX_TRIGRAMS = 32
#: A trigram in this many products counts as frequent.
FREQUENT = 1000
#: Of more trigrams it is not asked whether all are there, or all but one.
MOST_COMBINED = 16


def query_trigrams(query: Query) -> list[str]:
    """The query's runs of three, each term with a blank before and behind: `ab` is ` ab`, `ab `."""
    runs = [
        padded[i : i + 3] for term in query.terms for padded in [f" {term} "] for i in range(len(padded) - 2)
    ]
    return list(dict.fromkeys(runs))[:MAX_TRIGRAMS]


def least_overlap(count: int) -> int:
    """How many of a query's trigrams a product must share to resemble it: two fifths, at least two."""
    return max(2, math.ceil(0.4 * count))


def resembling_ids(
    session: Session,
    query: Query,
    *,
    conditions: Sequence[ColumnElement[bool]],
    limit: int,
) -> list[int]:
    """Ids of products that share enough trigrams with the query: most first, then by name and id."""
    runs = query_trigrams(query)
    least = least_overlap(len(runs))
    if len(runs) < least or limit < 1:
        return []
    known = _rarest(session, runs)
    # Who shares the most is asked for first: those who share enough may be a tenth of the catalogue.
    for missing in range(min(2, len(known) - least + 1)) if len(known) <= MOST_COMBINED else ():
        candidates = _sharing_all(session, known, missing)
        found = _most_shared(session, candidates, known if missing else (), conditions, limit)
        if len(found) == limit:
            return found
    # Whoever shares `least` of n trigrams shares one of any n - least + 1: the rarest are the cheapest.
    rare = known[: max(0, len(known) - least + 1)]
    if not rare:
        return []
    return _most_shared(session, _sharing_one(session, rare), known, conditions, limit, least=least)


def _most_shared(
    session: Session,
    candidates: ColumnElement[bool],
    runs: Sequence[str],
    conditions: Sequence[ColumnElement[bool]],
    limit: int,
    *,
    least: int = 0,
) -> list[int]:
    """Ids of candidates that share at least `least` of the runs, most first; without runs all are alike."""
    search, order = table_of(session), [Product.name_key, Product.id]
    statement = select(Product.id).join(search, key_of(session) == Product.id).where(candidates, *conditions)
    if runs:
        shared: Any = sum(case((contains(session, search.c.text, run), 1), else_=0) for run in runs)
        order.insert(0, shared.desc())
        if least:
            statement = statement.where(shared >= least)
    return [row[0] for row in read_rows(session, statement.order_by(*order).limit(limit))]


def _sharing_one(session: Session, runs: Sequence[str]) -> ColumnElement[bool]:
    """Condition on the search table: one of the runs is there."""
    search = table_of(session)
    if is_sqlite(session):
        condition: ColumnElement[bool] = search.c.product_search.op("MATCH")(
            " OR ".join(quoted(run) for run in runs)
        )
        return condition
    overlaps: ColumnElement[bool] = search.c.trigrams.overlap(list(runs))
    return overlaps


def _sharing_all(session: Session, runs: Sequence[str], missing: int) -> ColumnElement[bool]:
    """Condition on the search table: all of the runs are there, or all but one (`missing` 0 or 1)."""
    search = table_of(session)
    ways = [[run for run in runs if run != left_out] for left_out in runs] if missing else [list(runs)]
    if is_sqlite(session):
        texts = (" AND ".join(quoted(run) for run in way) for way in ways)
        condition: ColumnElement[bool] = search.c.product_search.op("MATCH")(
            " OR ".join(f"({text})" for text in texts)
        )
        return condition
    return or_(*(search.c.trigrams.contains(way) for way in ways))


#: How many products have a run, as it was counted once, by database. Only the way to a result depends on
#: it and not the result, so it may be old; runs that no product had are counted again every time.
_frequencies: MutableMapping[Any, dict[str, int]] = weakref.WeakKeyDictionary()
_MOST_KEPT = 5000


def _rarest(session: Session, runs: Sequence[str]) -> list[str]:
    """The runs that any product has, rarest first; counting ends at FREQUENT."""
    known = _frequencies.setdefault(session.get_bind().engine, {})
    if len(known) > _MOST_KEPT:
        known.clear()
    fresh = [run for run in runs if run not in known]
    if fresh:
        [found] = read_rows(session, select(*(_count_of(session, run) for run in fresh)))
        known.update((run, count) for run, count in zip(fresh, found, strict=True) if count)
    ranked = sorted((known[run], number) for number, run in enumerate(runs) if run in known)
    return [runs[number] for _count, number in ranked]


def _count_of(session: Session, run: str) -> Any:
    search = table_of(session)
    if is_sqlite(session):
        having = search.c.product_search.op("MATCH")(quoted(run))
    else:
        having = search.c.trigrams.contains([run])
    some = select(literal(1).label("one")).select_from(search).where(having).limit(FREQUENT).subquery()
    return select(func.count()).select_from(some).scalar_subquery()
