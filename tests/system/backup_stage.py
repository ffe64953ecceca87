"""An instance with orders to come and pictures, and empty places for copies of it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.orm import Session

from app.adapters import postgres_programs
from app.adapters.backups import BackupError
from app.adapters.storage import LocalStore
from app.core.database import configure_engine, writing
from app.core.permissions import Actor, Role
from app.core.revisions import newest_revision
from app.core.tenancy import TenantSession, all_companies
from app.domain.accounts.models import Company
from app.domain.catalogue.models import Product, ProductMedia
from app.domain.ordering.models import Order
from app.jobs import backups
from tests.factories import catalogue
from tests.factories.accounts import actor_for, make_company, make_person, make_vendor, read
from tests.factories.ordering import settle, stock_in
from tests.system.scratch import create_schema
from tools.check_migrations import empty_database
from tools.postgres import PostgresUnavailable, programs

BUYERS = 3
SECRET = "planted-secret-of-the-instance-0001"


@contextmanager
def without_tables(kind: str, folder: Path) -> Iterator[str]:
    """The address of a database without tables; of an embedded one there is no file yet."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'data' / 'sellthru.db'}"
        return
    server = os.environ.get("TEST_POSTGRES_URL")
    if not server:
        pytest.skip("TEST_POSTGRES_URL is not set; `make test` starts a PostgreSQL by itself")
    with empty_database(server) as url:
        with opened(url) as engine, engine.connect() as connection:
            need_programs(postgres_programs.server_major(connection))
        yield url


def need_programs(server: int) -> None:
    """Skip where no pg_dump is new enough; the pip package of `make test`'s server brings its own."""
    try:
        os.environ.setdefault("PG_BIN", str(programs()))
    except PostgresUnavailable:
        os.environ.setdefault("PG_BIN", "")
    try:
        postgres_programs.pg_dump_for(server)
    except BackupError as error:
        pytest.skip(str(error))


@contextmanager
def opened(url: str) -> Iterator[Any]:
    engine = create_engine(url)
    configure_engine(engine)
    yield engine
    engine.dispose()


@dataclass
class Instance:
    """A database with its folder, and a session beside whatever works on it."""

    url: str
    folder: Path
    session: Session
    place: backups.Place
    buyers: list[str]
    product: Product
    company: Company
    #: The first buyer, to act without a browser.
    buyer: Actor

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def orders(self) -> int:
        found = int(read(self.session, select(func.count()).select_from(Order))[0])
        settle(self.session)
        return found


@contextmanager
def instance(kind: str, folder: Path, *, products: int = 50, buyers: int = BUYERS) -> Iterator[Instance]:
    """A vendor with a reseller, products in stock, uploads and a secret."""
    (folder / "data").mkdir(parents=True)
    with without_tables(kind, folder) as url, opened(url) as engine:
        create_schema(url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:r)"), {"r": newest_revision()})
        with TenantSession(bind=engine) as session:
            (folder / "data" / "secret_key").write_text(SECRET)
            (folder / "data" / "mail_password").write_text("kept apart")
            place = backups.Place(folder / "data", engine, SECRET)
            made = Instance(url, folder, session, place, *fill(session, products, buyers))
            for _ in range(5):
                add_upload(made)
            yield made


def fill(session: Session, products: int, people: int) -> tuple[list[str], Product, Company, Actor]:
    make_vendor(session)
    company = make_company(session)
    emails = [f"buyer{n}@kettle.example" for n in range(people)]
    people_made = [make_person(session, company, Role.BUYER, email=email) for email in emails]
    product = catalogue.make_product(session)
    catalogue.make_agreement(session, prices={product: [(1, "10.00")]})
    stock_in(session, product, 900_000)
    with writing(session), all_companies(session, reason="test data"):
        rows = [
            {"sku": f"BULK-{n}", "sku_key": f"BULK{n}", "name": f"Part {n}", "name_key": f"part {n}"}
            for n in range(products)
        ]
        shared = {
            column.name: getattr(product, column.name)
            for column in Product.__table__.columns
            if column.name not in {"id", "sku", "sku_key", "name", "name_key", "gtin", "identity"}
        }
        session.execute(Product.__table__.insert(), [{**shared, **row} for row in rows])
        session.commit()
    return emails, product, company, actor_for(session, people_made[0], company)


def add_upload(made: Instance, session: Session | None = None) -> None:
    """A picture's file, then the row that names it."""
    session = session or made.session
    content = os.urandom(2000)
    key = LocalStore(made.data / "uploads").save(io.BytesIO(content), extension=".png")
    with writing(session), all_companies(session, reason="test data"):
        session.add(
            ProductMedia(
                product_id=made.product.id,
                kind="image",
                storage_key=key,
                filename="part.png",
                content_type="image/png",
                size_bytes=len(content),
            )
        )
        session.commit()
    settle(session)


@contextmanager
def nowhere(made: Instance, folder: Path) -> Iterator[backups.Place]:
    """An empty place of the same kind of database."""
    (folder / "data").mkdir(parents=True)
    kind = "sqlite" if made.url.startswith("sqlite") else "postgres"
    with without_tables(kind, folder) as url, opened(url) as engine:
        yield backups.Place(folder / "data", engine, None)
