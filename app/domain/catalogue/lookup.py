"""Numbers of any kind to products, for quick entry, uploads and other systems' orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from app.core.tenancy import read_rows
from app.domain.catalogue.buyers import Buyer
from app.domain.catalogue.models import CrossReference, CustomerPartNumber, Product
from app.domain.catalogue.numbers import code_key, gtin_forms
from app.domain.catalogue.search import owner_of_numbers
from app.domain.catalogue.visibility import visible

#: Where a number was found, best first.
SOURCES = ("sku", "customer", "mpn", "gtin", "cross_reference", "superseded")
_BATCH = 5000


@dataclass(frozen=True, slots=True)
class Match:
    """A product that goes by a number, and by which kind of number."""

    product_id: int
    sku: str
    #: sku | customer | mpn | gtin | cross_reference | superseded
    source: str


def look_up_codes(
    session: Session, buyer: Buyer | None, codes: Sequence[str], *, on: date
) -> dict[str, list[Match]]:
    """Every visible product that goes by each number, by the number as it was given.

    Numbers are compared trimmed and upper-cased; a GTIN matches with or without leading zeros. A
    product appears once per number, under its best kind; several products are all returned, best kind
    first, because which one is meant is for a person to say. A number nobody knows has an empty list.
    Five statements per 5,000 numbers (four without a company).
    """
    keys = {code: code_key(code) for code in codes}
    wanted = sorted({key for key in keys.values() if key})
    found: dict[str, dict[int, Match]] = {}
    for start in range(0, len(wanted), _BATCH):
        for key, match in _matches(session, buyer, wanted[start : start + _BATCH], on):
            by_product = found.setdefault(key, {})
            known = by_product.get(match.product_id)
            if known is None or SOURCES.index(match.source) < SOURCES.index(known.source):
                by_product[match.product_id] = match
    return {code: _ranked(found.get(key, {})) for code, key in keys.items()}


def _ranked(by_product: dict[int, Match]) -> list[Match]:
    return sorted(by_product.values(), key=lambda match: (SOURCES.index(match.source), match.product_id))


def _matches(session: Session, buyer: Buyer | None, keys: list[str], on: date) -> Iterator[tuple[str, Match]]:
    gtins: dict[str, list[str]] = {}
    for key in keys:
        for form in gtin_forms(key):
            gtins.setdefault(form, []).append(key)
    asked: list[tuple[Any, Any, list[str], Callable[[str], list[str]]]] = [
        (Product.sku_key, literal("sku"), keys, _itself),
        (Product.mpn_key, literal("mpn"), keys, _itself),
    ]
    if gtins:
        asked.append((Product.gtin, literal("gtin"), list(gtins), lambda form: gtins[form]))
    asked.append((CrossReference.code_key, CrossReference.kind, keys, _itself))
    if buyer is not None and owner_of_numbers(buyer) is not None:
        asked.append((CustomerPartNumber.code_key, literal("customer"), keys, _itself))
    for column, source, values, keys_of in asked:
        statement = select(column, Product.id, Product.sku, source).where(
            column.in_(values), visible(buyer, on)
        )
        if column.class_ is not Product:
            statement = statement.join_from(column.class_, Product, column.class_.product_id == Product.id)
        if column.class_ is CustomerPartNumber and buyer is not None:
            statement = statement.where(CustomerPartNumber.company_id == buyer.company_id)
        for value, product_id, sku, kind in read_rows(session, statement):
            for key in keys_of(value):
                yield key, Match(product_id, sku, _source(kind))


def _itself(value: str) -> list[str]:
    return [value]


def _source(kind: str) -> str:
    return "cross_reference" if kind == "alternative" else kind
