"""Search by words and by any part of a part number, the same on both databases.

Every term of a query is a substring of the product's normalised text: name, SKU, manufacturer part
number, GTIN, brand and cross-references, and the numbers once more without separators. SQLite finds
terms by an FTS5 trigram index, PostgreSQL by an indexed array of trigrams and a recheck. The tables are
made here, not from models; their names begin with `product_search`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    MetaData,
    String,
    Text,
    and_,
    case,
    column,
    delete,
    event,
    func,
    insert,
    literal,
    or_,
    select,
    table,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from app.core.database import Base, BigInt
from app.domain.catalogue.buyers import Buyer
from app.domain.catalogue.models import CrossReference, CustomerPartNumber, Product
from app.domain.catalogue.numbers import code_key, normalise, without_separators

#: A query is cut to this many characters and terms.
MAX_CHARACTERS = 200
MAX_TERMS = 12
#: Fewer hits than this are followed by products that resemble the query.
ENOUGH = 24
_BATCH = 2000

_sqlite_table = table(
    "product_search", column("rowid", BigInt), column("text", Text), column("product_search")
)
_postgres_table = table(
    "product_search", column("product_id", BigInt), column("text", Text), column("trigrams", ARRAY(Text))
)


def create_search(connection: Connection) -> None:
    """Make the search table; for the migration and for a fresh schema."""
    if connection.dialect.name == "sqlite":
        # Text is folded before it is stored, so the tokenizer must not fold in its own way.
        connection.exec_driver_sql(
            "CREATE VIRTUAL TABLE product_search USING fts5(text, tokenize = 'trigram case_sensitive 1')"
        )
        return
    connection.exec_driver_sql(
        'CREATE TABLE product_search (product_id bigint PRIMARY KEY, text text COLLATE "C" NOT NULL,'
        ' trigrams text[] COLLATE "C" NOT NULL)'
    )
    connection.exec_driver_sql(
        "CREATE INDEX product_search_trigrams ON product_search USING gin (trigrams)"
        " WITH (gin_pending_list_limit = 1024)"
    )


def drop_search(connection: Connection) -> None:
    """Take the search table away."""
    connection.exec_driver_sql("DROP TABLE IF EXISTS product_search")


@event.listens_for(Base.metadata, "after_create")
def _create_with_schema(target: MetaData, connection: Connection, tables: Any = None, **_: Any) -> None:
    if any(made.name == "product" for made in tables or ()):
        create_search(connection)


@event.listens_for(Base.metadata, "before_drop")
def _drop_with_schema(target: MetaData, connection: Connection, **_: Any) -> None:
    drop_search(connection)


def is_sqlite(session: Session) -> bool:
    """Whether the session works on SQLite; otherwise it is PostgreSQL."""
    return session.get_bind().dialect.name == "sqlite"


# --- what is stored ---------------------------------------------------------------------------------


def search_text(*, name: str, brand: str | None, codes: Iterable[str | None]) -> str:
    """A product's text as it is searched: a blank around every word, so that ` ssd` is where one begins."""
    parts = [normalise(name)]
    if brand:
        parts.append(normalise(brand))
    for code in codes:
        if code:
            plain = normalise(code)
            bare = without_separators(plain)
            parts.append(plain)
            if bare and bare != plain:
                parts.append(bare)
    return f" {' '.join(dict.fromkeys(parts))} "


def trigrams(text: str) -> list[str]:
    """The distinct runs of three characters, sorted; those across the border of two words are left out."""
    found = {text[i : i + 3] for i in range(len(text) - 2)}
    return sorted(run for run in found if run[1] != " ")


def index_products(session: Session, product_ids: Collection[int], *, are_new: bool = False) -> None:
    """(Re)build the search rows of the products, in the present transaction.

    Called after products, their brand or their cross-references were written. `are_new` says that
    none of them has a row yet, which spares imports a deletion.
    """
    session.flush()
    ids = sorted(set(product_ids))
    for start in range(0, len(ids), _BATCH):
        batch = ids[start : start + _BATCH]
        if not are_new:
            remove(session, batch)
        _insert(session, batch)


def _insert(session: Session, ids: Sequence[int]) -> None:
    references: dict[int, list[str]] = {}
    for product_id, code in session.execute(
        select(CrossReference.product_id, CrossReference.code)
        .where(CrossReference.product_id.in_(ids))
        .order_by(CrossReference.id)
    ):
        references.setdefault(product_id, []).append(code)
    products = session.execute(
        select(Product.id, Product.name, Product.brand, Product.sku, Product.mpn, Product.gtin).where(
            Product.id.in_(ids)
        )
    )
    texts = [
        (row.id, search_text(name=row.name, brand=row.brand, codes=[row.sku, row.mpn, row.gtin, *extra]))
        for row in products
        for extra in [references.get(row.id, [])]
    ]
    store_texts(session, texts)


def store_texts(session: Session, texts: Sequence[tuple[int, str]]) -> None:
    """Add search rows of (product id, search_text); for callers that hold the products' values anyway."""
    if not texts:
        return
    if is_sqlite(session):
        session.execute(
            insert(_sqlite_table), [{"rowid": product_id, "text": text} for product_id, text in texts]
        )
    else:
        session.execute(
            insert(_postgres_table),
            [{"product_id": key, "text": text, "trigrams": trigrams(text)} for key, text in texts],
        )


def remove(session: Session, product_ids: Collection[int]) -> None:
    """Take the products out of the search, in the present transaction."""
    key = key_of(session)
    if product_ids:
        session.execute(delete(table_of(session)).where(key.in_(list(product_ids))))


def table_of(session: Session) -> Any:
    return _sqlite_table if is_sqlite(session) else _postgres_table


def key_of(session: Session) -> Any:
    return _sqlite_table.c.rowid if is_sqlite(session) else _postgres_table.c.product_id


# --- what is asked ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Query:
    """What a person typed, as text and nothing else: quotes, operators, % and _ have no meaning."""

    text: str
    terms: tuple[str, ...]

    @property
    def is_prefix(self) -> bool:
        """One or two characters are the beginning of a SKU."""
        return 0 < len(self.text) <= 2

    @property
    def code(self) -> str:
        """The whole query as a number."""
        return code_key(self.text)

    def __bool__(self) -> bool:
        return bool(self.text)


def parse_query(text: str) -> Query:
    """Normalise a query and cut it to 200 characters and 12 terms."""
    plain = normalise(text[: 4 * MAX_CHARACTERS])[:MAX_CHARACTERS].strip()
    terms = tuple(dict.fromkeys(plain.split()))[:MAX_TERMS]
    return Query(plain, terms)


def contains(session: Session, text: Any, part: str) -> ColumnElement[bool]:
    """Whether `text` contains `part`, character for character."""
    find = func.instr if is_sqlite(session) else func.strpos
    return find(text, literal(part, String), type_=Integer) > 0


def begins(expression: Any, start: str) -> ColumnElement[bool]:
    """Whether `expression` begins with `start`, character for character."""
    return func.substr(expression, 1, len(start)) == start


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _matching_texts(session: Session, query: Query) -> Any:
    """Ids of products whose indexed text contains every term."""
    long = [term for term in query.terms if len(term) >= 3]
    short = [term for term in query.terms if len(term) < 3]
    if is_sqlite(session):
        statement = select(_sqlite_table.c.rowid)
        if long:
            phrases = " ".join(quoted(term) for term in long)
            statement = statement.where(_sqlite_table.c.product_search.op("MATCH")(phrases))
        recheck = short
        text: Any = _sqlite_table.c.text
    else:
        statement = select(_postgres_table.c.product_id)
        wanted = sorted({term[i : i + 3] for term in long for i in range(len(term) - 2)})
        if wanted:
            statement = statement.where(_postgres_table.c.trigrams.contains(wanted))
        # A term of three characters is its own trigram.
        recheck = short + [term for term in long if len(term) > 3]
        text = _postgres_table.c.text
    return statement.where(*(contains(session, text, term) for term in recheck))


def _own_numbers(session: Session, query: Query, company_id: int) -> Any:
    """Ids of products that a number of the company's own finds."""
    statement = select(CustomerPartNumber.product_id).where(CustomerPartNumber.company_id == company_id)
    key = CustomerPartNumber.code_key
    if query.is_prefix:
        return statement.where(begins(key, query.code))
    return statement.where(*(contains(session, key, code_key(term)) for term in query.terms))


def _sku_prefix(query: Query) -> ColumnElement[bool]:
    # A range, so that the index on sku_key answers it; U+10FFFF sorts behind every character in use.
    code = query.code
    return and_(Product.sku_key >= code, Product.sku_key < code + "\U0010ffff")


def owner_of_numbers(buyer: Buyer | None) -> int | None:
    """The company whose own part numbers are looked through."""
    return buyer.company_id if buyer is not None and buyer.has_own_numbers else None


def matches(
    session: Session, query: Query, buyer: Buyer | None, *, all_at_once: bool = False
) -> ColumnElement[bool]:
    """Condition on Product: words, part numbers or the buyer's own numbers find it.

    `all_at_once` has the hits found before anything else. Without it PostgreSQL may walk an index of
    products asking for each whether it is a hit, which is slow where the hits lie at its end.
    """
    company_id = owner_of_numbers(buyer)
    if query.is_prefix:
        prefix = _sku_prefix(query)
        return (
            prefix
            if company_id is None
            else or_(prefix, Product.id.in_(_own_numbers(session, query, company_id)))
        )
    texts = _matching_texts(session, query)
    if company_id is not None:
        texts = union_all(texts, _own_numbers(session, query, company_id))
    if all_at_once and not is_sqlite(session):
        found = texts.cte("found").prefix_with("MATERIALIZED")
        texts = select(found.c.product_id)
    return Product.id.in_(texts)


def relevance(session: Session, query: Query, buyer: Buyer | None) -> ColumnElement[int]:
    """How well a product fits, 0 best.

    0 a number of it is the query; 1 its SKU or part number begins with the query; 2 its name does;
    3 every term begins a word of its name; 4 otherwise.
    """
    code = query.code
    exact = [Product.sku_key == code, Product.mpn_key == code, Product.gtin == code]
    company_id = owner_of_numbers(buyer)
    if company_id is not None:
        own = select(CustomerPartNumber.product_id).where(
            CustomerPartNumber.company_id == company_id, CustomerPartNumber.code_key == code
        )
        exact.append(Product.id.in_(own))
    spaced = literal(" ", String).concat(Product.name_key)
    word_starts = [contains(session, spaced, f" {term}") for term in query.terms]
    return case(
        (or_(*exact), 0),
        (or_(begins(Product.sku_key, code), begins(Product.mpn_key, code)), 1),
        (begins(Product.name_key, query.text), 2),
        (and_(*word_starts), 3),
        else_=4,
    )
