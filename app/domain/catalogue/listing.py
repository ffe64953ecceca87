"""Lists of products: keyset pages with the buyer's own prices, and suggestions while typing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select
from sqlalchemy.orm import Session

from app.core.database import BigInt
from app.core.errors import InvalidInput
from app.core.keys import among
from app.core.pages import COUNT_LIMIT, PAGE_SIZE, Page, SortKey, decode_cursor, encode_cursor, paginate
from app.core.tenancy import read_rows
from app.core.texts import _
from app.domain.catalogue import search
from app.domain.catalogue.buyers import Buyer
from app.domain.catalogue.errors import TooManyToSort
from app.domain.catalogue.filters import SORTS, CategoryScope, Conditions, ProductQuery
from app.domain.catalogue.models import Category, Product, ProductMedia
from app.domain.catalogue.numbers import code_key, gtin_forms, is_storable
from app.domain.catalogue.prices import winners_for_buyer
from app.domain.catalogue.pricing import Ladder, effective_rule
from app.domain.catalogue.quantities import QuantityRule
from app.domain.catalogue.resemblance import resembling_ids


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A product as a list shows it to a buyer; `rule` binds, `ladders` has the winner alone."""

    id: int
    sku: str
    name: str
    mpn: str | None
    brand: str | None
    summary: str
    category_slug: str
    #: announced | active | last_orders | ended
    life_cycle: str
    #: hardware_serial | hardware | service | extended_warranty | bundle
    kind: str
    unit: str
    warranty_months: int | None
    is_backorderable: bool
    rule: QuantityRule
    ladders: tuple[Ladder, ...]
    #: Upload store key of the first picture.
    image_key: str | None
    #: SKU and name of what replaces it.
    successor: tuple[str, str] | None
    #: Found only because it resembles what was typed.
    approximate: bool = False


#: Positional, because a database row's values come in the order of the fields.
_row: Callable[..., ProductRow] = ProductRow

_IMAGE_KEY = (
    select(ProductMedia.storage_key)
    .where(ProductMedia.product_id == Product.id, ProductMedia.kind == "image")
    .order_by(ProductMedia.position, ProductMedia.id)
    .limit(1)
    .scalar_subquery()
    .label("image_key")
)
#: Columns of a ProductRow; the rest is read for the page's products together.
_CARD: Any = select(
    Product.id,
    Product.sku,
    Product.name,
    Product.mpn,
    Product.brand,
    Product.summary,
    Category.slug,
    Product.life_cycle,
    Product.kind,
    Product.unit,
    Product.warranty_months,
    Product.is_backorderable,
    Product.min_quantity,
    Product.multiple,
    Product.max_quantity,
    Product.successor_id,
    _IMAGE_KEY,
    Product.name_key,
    Product.sku_key,
    Product.created_at,
).join(Category, Category.id == Product.category_id)
_CARDS = _CARD.where(among(Product.id, "product_ids"))


def list_products(
    session: Session,
    buyer: Buyer | None,
    *,
    query: ProductQuery,
    on: date,
    extra: ColumnElement[bool] | None = None,
    category: CategoryScope | None = None,
) -> Page[ProductRow]:
    """A page of products with prices, in at most five statements where nothing is misspelt.

    `extra` is a further condition on Product, such as "ready to ship"; `category` is the query's, for
    those who have read it. `total` is exact to 1,000.
    :raises NotFound: no such category.
    :raises TooManyToSort: more than 1,000 hits are to be sorted by price.
    """
    conditions = Conditions(session, buyer, query, on=on, extra=extra, category=category)
    sort = _sort_of(query, conditions)
    if sort == "price":
        return _by_price(session, buyer, conditions, query.cursor, on=on)
    if sort == "relevance" and not _is_name_cursor(query.cursor):
        ranked = _ranked(session, buyer, conditions, query.cursor)
        if ranked.items:
            exact = [row.id for row in ranked.items]
            guess = ranked.items[0].total < search.ENOUGH and not any(row.score == 0 for row in ranked.items)
            guessed = _guessed(session, conditions, exact) if guess and not query.cursor else []
            rows = _rows_with_guesses(session, buyer, exact, guessed, on=on)
            return replace(ranked, items=rows, total=ranked.items[0].total + len(guessed))
    page = _by_columns(session, buyer, conditions, sort, query.cursor, on=on)
    if query.cursor or not _may_be_misspelt(conditions, page):
        return page
    exact = [row.id for row in page.items]
    guessed = _guessed(session, conditions, exact)
    rows = [*page.items, *_rows_with_guesses(session, buyer, [], guessed, on=on)]
    return replace(page, items=rows, total=len(rows))


def _sort_of(query: ProductQuery, conditions: Conditions) -> str:
    sort = query.sort if query.sort in SORTS else "relevance"
    if sort != "relevance":
        return sort
    if conditions.words.is_prefix:
        return "sku"
    return "relevance" if conditions.words else "name"


def _hits(conditions: Sequence[ColumnElement[bool]]) -> Any:
    """Ids of the hits, up to one beyond the limit of exact totals."""
    return select(Product.id).where(*conditions).limit(COUNT_LIMIT + 1)


def _counted(conditions: Sequence[ColumnElement[bool]]) -> Any:
    """The number of hits as a column."""
    return select(func.count()).select_from(_hits(conditions).subquery()).scalar_subquery().label("total")


def _count(session: Session, conditions: Conditions) -> int:
    [(total,)] = read_rows(session, select(_counted(conditions.all())))
    return int(total)


@lru_cache(maxsize=4)
def _plain(shows_ended: bool, has_category: bool) -> Any:
    """What most lists are: everything, or one category without any below it. Built once."""
    conditions: list[ColumnElement[bool]] = []
    if has_category:
        conditions.append(Product.category_id == bindparam("category_id", type_=BigInt))
    if not shows_ended:
        conditions.append(Product.life_cycle != "ended")
    return _CARD.add_columns(_counted(conditions)).where(*conditions)


def _ranked(session: Session, buyer: Buyer | None, conditions: Conditions, cursor: str | None) -> Page[Any]:
    """Ids of a page with score and total, counted and ranked in one statement.

    Empty where there are no hits, or too many: beyond a thousand they are not worth ranking one by one.
    """
    hits = _hits(conditions.all()).cte("hits")
    total = select(func.count()).select_from(hits).scalar_subquery()
    score = search.relevance(session, conditions.words, buyer)
    return paginate(
        session,
        select(Product.id, Product.name_key, score.label("score"), total.label("total"))
        .join(hits, hits.c.id == Product.id)
        .where(total <= COUNT_LIMIT),
        sort=[SortKey(score), SortKey(Product.name_key), SortKey(Product.id)],
        read_keys=lambda row: (row.score, row.name_key, row.id),
        cursor=_checked(cursor, (int, str, int)),
    )


def _by_columns(
    session: Session, buyer: Buyer | None, conditions: Conditions, sort: str, cursor: str | None, *, on: date
) -> Page[ProductRow]:
    column, kind = {
        "relevance": (Product.name_key, str),
        "name": (Product.name_key, str),
        "sku": (Product.sku_key, str),
        "newest": (Product.created_at, datetime),
    }[sort]
    statement: Any
    given, total, plain = None, None, conditions.plain()
    if plain is not None:
        statement = _plain(plain[0], plain[1] is not None)
        given = {} if plain[1] is None else {"category_id": plain[1]}
    elif conditions.walks_as_is():
        statement = _CARD.add_columns(_counted(conditions.all())).where(*conditions.all())
    else:
        total = _count(session, conditions)
        if not total:
            return Page(items=[], total=0)
        statement = _CARD.where(*(conditions.walking() if total > COUNT_LIMIT else conditions.all()))
    descending = sort == "newest"
    page = paginate(
        session,
        statement,
        sort=[SortKey(column, descending), SortKey(Product.id, descending)],
        read_keys=lambda row: (getattr(row, column.key), row.id),
        cursor=_checked(cursor, (kind, int)),
        given=given,
    )
    if total is None:
        total = page.items[0].total if page.items else _count(session, conditions) if cursor else 0
    return replace(page, items=_product_rows(session, buyer, page.items, on=on), total=total)


def _is_name_cursor(cursor: str | None) -> bool:
    """Whether it continues a list that was too long to rank."""
    try:
        return bool(cursor) and len(decode_cursor(cursor or "", 2)[0]) == 2
    except InvalidInput:
        return False


def _may_be_misspelt(conditions: Conditions, page: Page[ProductRow]) -> bool:
    """Few hits, and none of them goes by exactly the number that was typed."""
    words = conditions.words
    if not words or words.is_prefix or (page.total or 0) >= search.ENOUGH:
        return False
    numbers = {code_key(code) for row in page.items for code in (row.sku, row.mpn) if code}
    return words.code not in numbers and not (page.items and gtin_forms(words.code))


def _checked(cursor: str | None, kinds: tuple[type, ...]) -> str | None:
    """The cursor, once its values are of the sort's types and can be compared by the database."""
    if not cursor:
        return None
    values, _backwards, _index = decode_cursor(cursor, len(kinds))
    for value, kind in zip(values, kinds, strict=True):
        if type(value) is not kind or not _is_comparable(value):
            raise InvalidInput(_("This page's address is incomplete. Start from the first page."))
    return cursor


def _is_comparable(value: Any) -> bool:
    if isinstance(value, datetime):
        return value.tzinfo is not None
    if isinstance(value, Decimal):
        return value.is_finite()
    return not isinstance(value, str) or is_storable(value)


def rows_for(
    session: Session, buyer: Buyer | None, product_ids: Sequence[int], *, on: date
) -> list[ProductRow]:
    """The products in the order of their ids given, with prices; visibility is the caller's business."""
    if not product_ids:
        return []
    cards = {row.id: row for row in read_rows(session, _CARDS, {"product_ids": product_ids})}
    return _product_rows(session, buyer, [cards[key] for key in product_ids if key in cards], on=on)


def _product_rows(
    session: Session, buyer: Buyer | None, cards: Sequence[Any], *, on: date
) -> list[ProductRow]:
    ladders = winners_for_buyer(session, buyer, [card[0] for card in cards], on=on)
    successors = find_successors(session, {card.successor_id for card in cards} - {None})
    rows = []
    for card in cards:
        own = tuple(ladders.get(card[0], ()))
        rule = effective_rule(QuantityRule(card[12], card[13], card[14]), own)
        successor = successors.get(card.successor_id)
        rows.append(_row(*card[:12], rule, own, card.image_key, successor))
    return rows


def find_successors(session: Session, ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """SKU and name by id; no statement where nothing has a successor."""
    if not ids:
        return {}
    rows = read_rows(session, select(Product.id, Product.sku, Product.name).where(Product.id.in_(ids)))
    return {row.id: (row.sku, row.name) for row in rows}


def _guessed(session: Session, conditions: Conditions, exact: Sequence[int]) -> list[int]:
    """Ids of products that resemble the words, to fill the page behind the exact hits."""
    others = conditions.all(but=["text"])
    if exact:
        others.append(Product.id.not_in(exact))
    limit = search.ENOUGH - len(exact)
    return resembling_ids(session, conditions.words, conditions=others, limit=limit)


def _rows_with_guesses(
    session: Session, buyer: Buyer | None, exact: Sequence[int], guessed: Sequence[int], *, on: date
) -> list[ProductRow]:
    marked = frozenset(guessed)
    rows = rows_for(session, buyer, [*exact, *guessed], on=on)
    return [replace(row, approximate=True) if row.id in marked else row for row in rows]


def _by_price(
    session: Session,
    buyer: Buyer | None,
    conditions: Conditions,
    cursor: str | None,
    *,
    on: date,
) -> Page[ProductRow]:
    """By the unit price of the first quantity that may be ordered; price on request comes last."""
    total = _count(session, conditions)
    if total > COUNT_LIMIT:
        raise TooManyToSort(
            _("Up to 1,000 products can be sorted by price. Narrow the list down by category or words first.")
        )
    products = read_rows(session, select(Product.id, Product.name_key).where(*conditions.all()))
    ladders = winners_for_buyer(session, buyer, [row.id for row in products], on=on)
    keyed = []
    for row in products:
        own = ladders.get(row.id)
        price = own[0].steps[0].unit_price if own else Decimal(0)
        keyed.append((0 if own else 1, price, row.name_key, row.id))
    keyed.sort()
    window, first, before, after = _window(keyed, _checked(cursor, (int, Decimal, str, int)))
    return Page(
        items=rows_for(session, buyer, [key[3] for key in window], on=on),
        first_index=first + 1,
        next_cursor=encode_cursor(window[-1], backwards=False, index=first + len(window)) if after else None,
        previous_cursor=encode_cursor(window[0], backwards=True, index=first + 1) if before else None,
        total=total,
    )


def _window(
    keyed: list[tuple[int, Decimal, str, int]], cursor: str | None
) -> tuple[list[tuple[int, Decimal, str, int]], int, bool, bool]:
    """The page's keys, the place of its first, and whether there are pages before and after it."""
    first, last = 0, PAGE_SIZE
    if cursor:
        values, backwards, _index = decode_cursor(cursor, 4)
        border: Any = tuple(values)
        if backwards:
            last = sum(1 for key in keyed if key < border)
            first = max(0, last - PAGE_SIZE)
        else:
            first = sum(1 for key in keyed if key <= border)
            last = first + PAGE_SIZE
    window = keyed[first:last]
    return window, first, bool(window) and first > 0, bool(window) and last < len(keyed)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A product offered while a person types."""

    id: int
    sku: str
    name: str
    mpn: str | None
    category_slug: str


def suggest(
    session: Session, buyer: Buyer | None, text: str, *, on: date, limit: int = 8
) -> list[Suggestion]:
    """The best hits for what was typed so far, as list_products by relevance would order them."""
    words = search.parse_query(text)
    if not words:
        return []
    conditions = Conditions(session, buyer, ProductQuery(text=text), on=on)
    found = conditions.all()
    order: list[Any] = [Product.name_key, Product.id]
    if words.is_prefix:
        order = [Product.sku_key]
    elif _count(session, conditions) <= COUNT_LIMIT:
        order = [search.relevance(session, words, buyer), *order]
    else:
        found = conditions.walking()
    rows = read_rows(
        session,
        select(Product.id, Product.sku, Product.name, Product.mpn, Category.slug)
        .join(Category, Category.id == Product.category_id)
        .where(*found)
        .order_by(*order)
        .limit(limit),
    )
    return [Suggestion(*row) for row in rows]
