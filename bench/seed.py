"""Made-up data for measurements: products with five price rows each, stock, one buying company."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, insert, select, text
from sqlalchemy.orm import Session

from app.core.database import writing
from app.core.tenancy import TenantSession, all_companies
from app.domain.accounts.models import Branch, Company, Vendor
from app.domain.catalogue import search
from app.domain.catalogue.models import (
    Attribute,
    Category,
    PriceAgreement,
    PriceRow,
    Product,
    ProductAttribute,
)
from app.domain.catalogue.numbers import code_key, name_key
from app.domain.inventory.models import StockLevel, Warehouse

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)
BATCH = 2000

BRANDS = [
    "Lattice", "Quill", "Norvane", "Tarn", "Ostrel", "Brightforge", "Kessock", "Veldt", "Marram", "Pinion",
    "Corvane", "Halden", "Ibex", "Juniper Row", "Lodestar", "Mosswell", "Nettle", "Orrery", "Pallas", "Quoin",
]  # fmt: skip
SERIES = [
    "Alder", "Basalt", "Cirrus", "Drift", "Ember", "Fathom", "Glint", "Hollow", "Iris", "Jetty", "Krill",
    "Lumen", "Meridian", "Nimbus", "Opal", "Prism", "Quartz", "Ridge", "Slate", "Thicket", "Umber", "Vesper",
    "Willow", "Xenon", "Yarrow", "Zephyr",
]  # fmt: skip
#: Parent -> leaf categories with the noun their products are called by.
TREE = {
    "Storage": {"Internal drives": "SSD", "Hard drives": "HDD", "Enclosures": "Enclosure"},
    "Components": {"Memory": "DIMM", "Graphics cards": "Graphics card", "Power supplies": "Power supply"},
    "Networking": {"Switches": "Switch", "Routers": "Router", "Access points": "Access point"},
    "Peripherals": {"Keyboards": "Keyboard", "Mice": "Mouse", "Monitors": "Monitor"},
}
CAPACITIES = ["256 GB", "512 GB", "1 TB", "2 TB", "4 TB", "8 TB"]
COLOURS = ["black", "white", "silver", "grey"]
INTERFACES = ["PCIe 4.0", "PCIe 5.0", "SATA", "USB-C", "Ethernet"]


@dataclass(frozen=True)
class Seeded:
    """Where the seeded data can be found again."""

    company_id: int
    branch_id: int
    #: Leaf category slug -> id.
    categories: dict[str, int]
    parent_slugs: tuple[str, ...]
    #: A few SKUs spread over the range.
    skus: tuple[str, ...]
    product_ids: range


def seed(engine: Engine, *, products: int, chance: int = 7) -> Seeded:
    """Fill an empty schema; the same `products` and `chance` give the same rows on both databases."""
    dice = random.Random(chance)
    with TenantSession(bind=engine) as session, all_companies(session, reason="benchmark data"):
        with writing(session):
            company, branch = _company(session)
            leaves, attributes = _tree(session)
            agreements = _agreements(session, company)
            warehouses = [Warehouse(code=f"W{n}", name=f"Warehouse {n}", position=n) for n in (1, 2)]
            session.add_all(warehouses)
            session.commit()
            for batch in _batches(dice, products, leaves):
                _insert_batch(session, dice, batch, attributes, agreements, [w.id for w in warehouses])
                session.commit()
        seeded = Seeded(
            company_id=company.id,
            branch_id=branch.id,
            categories={leaf.slug: leaf.id for leaf, _noun in leaves},
            parent_slugs=tuple(slug_of(name) for name in TREE),
            skus=tuple(sku_of(1 + n * (products - 1) // 49) for n in range(50)),
            product_ids=range(1, products + 1),
        )
    _settle(engine)
    return seeded


def slug_of(name: str) -> str:
    return name.lower().replace(" ", "-")


def sku_of(number: int) -> str:
    return f"LRK-{number:06d}"


#: Tables that this file fills.
FILLED = tuple(
    model.__tablename__
    for model in (Attribute, Category, PriceAgreement, PriceRow, Product, ProductAttribute, StockLevel)
)


def _settle(engine: Engine) -> None:
    """What the servers do by themselves in quiet hours: statistics, and merging of the indexes' pieces."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            highest = "SELECT setval(pg_get_serial_sequence('product', 'id'), max(id)) FROM product"
            connection.execute(text(highest))
            # Not the tables of orders: known to be empty, they would be read from end to end by the checks
            # of foreign keys, which plan once a connection. The server itself looks at tables with rows only.
            for table in (*FILLED, "product_search"):
                connection.execute(text(f"VACUUM ANALYZE {table}"))
        else:
            connection.execute(text("INSERT INTO product_search(product_search) VALUES ('optimize')"))


def _company(session: Session) -> tuple[Company, Branch]:
    if session.get(Vendor, 1) is None:
        session.add(Vendor(id=1, name="Larkspur", currency="USD", timezone="UTC"))
    company = Company(
        name="Kettle & Byte",
        name_key="kettle & byte",
        number="1001",
        currency="USD",
        tier="gold",
        created_at=NOW,
    )
    session.add(company)
    session.flush()
    branch = Branch(company_id=company.id, name="Main branch", street="1 Mill Lane", city="Portland")
    session.add(branch)
    session.flush()
    return company, branch


def _tree(session: Session) -> tuple[list[tuple[Category, str]], dict[int, list[Attribute]]]:
    leaves: list[tuple[Category, str]] = []
    attributes: dict[int, list[Attribute]] = {}
    for position, (parent_name, children) in enumerate(TREE.items()):
        parent = Category(name=parent_name, slug=slug_of(parent_name), position=position)
        session.add(parent)
        session.flush()
        parent.path = f"/{parent.id}/"
        for child_position, (name, noun) in enumerate(children.items()):
            leaf = Category(name=name, slug=slug_of(name), parent_id=parent.id, position=child_position)
            session.add(leaf)
            session.flush()
            leaf.path = f"{parent.path}{leaf.id}/"
            leaves.append((leaf, noun))
            attributes[leaf.id] = [
                Attribute(category_id=leaf.id, code=code, name=code.capitalize(), position=place)
                for place, code in enumerate(("capacity", "interface", "colour"))
            ]
            session.add_all(attributes[leaf.id])
    session.flush()
    return leaves, attributes


def _agreements(session: Session, company: Company) -> list[PriceAgreement]:
    agreements = [
        PriceAgreement(number="PL-2026-Q4", name="List", level="list"),
        PriceAgreement(number="GOLD-2026", name="Gold", level="tier", tier="gold"),
        PriceAgreement(number="KB-2026", name="Kettle", level="company", company_id=company.id),
    ]
    for agreement in agreements:
        agreement.currency, agreement.starts_on = "USD", date(2026, 1, 1)
    session.add_all(agreements)
    session.flush()
    return agreements


def _batches(
    dice: random.Random, products: int, leaves: Sequence[tuple[Category, str]]
) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for number in range(1, products + 1):
        # Categories are never alike in size: every fifth product is of the first.
        leaf, noun = leaves[0 if number % 5 == 0 else number % len(leaves)]
        batch.append(_product(dice, number, leaf, noun))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _product(dice: random.Random, number: int, leaf: Category, noun: str) -> dict[str, Any]:
    brand, series = dice.choice(BRANDS), dice.choice(SERIES)
    capacity, interface = dice.choice(CAPACITIES), dice.choice(INTERFACES)
    name = f"{brand} {series} {dice.randrange(100, 999)}{dice.choice('ABCDEFG')} {noun} {capacity}"
    sku, mpn = sku_of(number), f"{brand[:2].upper()}{dice.randrange(16**7):07X}-{number % 97:02d}"
    return {
        "id": number,
        "sku": sku,
        "sku_key": code_key(sku),
        "mpn": mpn,
        "mpn_key": code_key(mpn),
        "name": name,
        "name_key": name_key(name),
        "brand": brand,
        "category_id": leaf.id,
        "kind": "hardware",
        "life_cycle": "ended" if number % 50 == 0 else "active",
        "description": f"{name} with {interface}. " * 6,
        "summary": f"{capacity} - {interface}",
        "unit": "piece",
        "min_quantity": 1,
        "multiple": dice.choice((1, 1, 1, 5, 10)),
        "warranty_months": dice.choice((12, 24, 36, 60)),
        "is_backorderable": True,
        "tax_class": "standard",
        "created_at": NOW - timedelta(minutes=number),
        "updated_at": NOW,
        "version": 1,
        "values": (capacity, interface, dice.choice(COLOURS)),
    }


def _insert_batch(
    session: Session,
    dice: random.Random,
    batch: list[dict[str, Any]],
    attributes: dict[int, list[Attribute]],
    agreements: Sequence[PriceAgreement],
    warehouse_ids: Sequence[int],
) -> None:
    rows = [{key: value for key, value in product.items() if key != "values"} for product in batch]
    session.execute(insert(Product), rows)
    session.execute(
        insert(ProductAttribute),
        [
            {"product_id": product["id"], "attribute_id": attribute.id, "text_value": value}
            for product in batch
            for attribute, value in zip(attributes[product["category_id"]], product["values"], strict=True)
        ],
    )
    session.execute(insert(PriceRow), _price_rows(dice, batch, agreements))
    session.execute(
        insert(StockLevel),
        [
            {
                "product_id": product["id"],
                "warehouse_id": warehouse_id,
                # Enough for every measured order.
                "on_hand": 1_000_000 if product["id"] % 10 else 0,
                "allocated": 0,
            }
            for product in batch
            for warehouse_id in warehouse_ids
        ],
    )
    search.store_texts(
        session,
        [
            (
                product["id"],
                search.search_text(
                    name=product["name"], brand=product["brand"], codes=[product["sku"], product["mpn"]]
                ),
            )
            for product in batch
        ],
    )


def _price_rows(
    dice: random.Random, batch: list[dict[str, Any]], agreements: Sequence[PriceAgreement]
) -> list[dict[str, Any]]:
    """Two steps of the list, two of the tier, one of the company's own agreement."""
    listed, tier, own = (agreement.id for agreement in agreements)
    rows = []
    for product in batch:
        price = Decimal(dice.randrange(500, 50_000)) / 100
        for agreement_id, quantity, share in (
            (listed, 1, "1"),
            (listed, 50, "0.95"),
            (tier, 1, "0.9"),
            (tier, 50, "0.85"),
            (own, 1, "0.8"),
        ):
            unit_price = (price * Decimal(share)).quantize(Decimal("0.01"))
            rows.append(
                {
                    "agreement_id": agreement_id,
                    "product_id": product["id"],
                    "min_quantity": quantity,
                    "unit_price": unit_price,
                }
            )
    return rows


def main() -> None:
    """`python -m bench.seed DATABASE_URL PRODUCTS`: an empty database is made and filled."""
    import sys

    from sqlalchemy import create_engine

    import app.models  # noqa: F401
    from app.core.database import Base, configure_engine

    engine = create_engine(sys.argv[1])
    configure_engine(engine)
    Base.metadata.create_all(engine)
    print(seed(engine, products=int(sys.argv[2])))
    with engine.connect() as connection:
        print(connection.execute(select(Product.id).order_by(Product.id.desc()).limit(1)).scalar())


if __name__ == "__main__":
    main()
