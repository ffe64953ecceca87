"""Import of products: a verdict for every row, the same again a second time, whatever was killed between."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.adapters.spreadsheets import open_table
from app.core.audit import AuditEntry
from app.core.database import run, writing
from app.core.imports import runs
from app.core.imports.engine import Hooks, ImportJob, Pace, RejectedRow, plan_file
from app.core.imports.models import ImportRun
from app.core.imports.runs import AnotherRunActive, RunNotOpen
from app.core.imports.tables import UnreadableFile
from app.core.imports.verdicts import Counts
from app.core.permissions import Actor
from app.core.tenancy import TenantSession, all_companies
from app.domain.catalogue.imports import ProductsKind
from app.domain.catalogue.listing import ProductQuery, list_products
from app.domain.catalogue.models import (
    Attribute,
    Category,
    PriceAgreement,
    PriceRow,
    Product,
    ProductAttribute,
)
from app.domain.catalogue.naming import identity_of, sku_from
from tests.factories.accounts import make_vendor
from tests.factories.catalogue import TODAY, make_product

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ACTOR = Actor.system("test")
KIND = ProductsKind()
FILE = "desk-lamp.csv"


class Stop(Exception):
    """The run is killed between two batches."""


class Importer:
    """Runs imports of small files and keeps their rejected rows."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session, self.folder = session, folder
        self.rejected: list[tuple[int, str]] = []

    def plan(self, text: str, name: str = FILE, **options: Any) -> Any:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        source = open_table(path)
        return source, plan_file(KIND, source, options={"currency": "USD", **options})

    def open(self, *, is_dry_run: bool = False) -> int:
        return run(
            self.session,
            runs.open_run,
            ACTOR,
            kind="products",
            filename=FILE,
            options={},
            is_dry_run=is_dry_run,
            now=NOW,
        ).id

    def take(
        self, run_id: int, planned: Sequence[Any], *, size: int = 2, stop_after: int | None = None
    ) -> Counts:
        begun = run(self.session, runs.begin_run, ACTOR, run_id=run_id, now=NOW)
        self.rejected = []
        seen: list[int] = []

        def progress(counts: Counts, total: int) -> None:
            seen.append(counts.rows)
            if stop_after is not None and counts.rows >= stop_after:
                raise Stop

        def keep(kept: int, rows: Sequence[RejectedRow]) -> None:
            self.rejected += [(row.row.number, row.verdict.code) for row in rows]

        hooks = Hooks(clock=lambda: NOW, rejects=keep, progress=progress)
        pace = Pace(size=size, shortest_s=0, longest_s=1e9, gap_s=0)
        counts = ImportJob(self.session, ACTOR, KIND, begun, hooks=hooks, pace=pace).work(planned)
        run(self.session, runs.end_run, ACTOR, run_id=run_id, state="done", now=NOW)
        return counts

    def __call__(self, text: str, name: str = FILE, **given: Any) -> tuple[int, int, int, int]:
        """Import the text; gives created, updated, unchanged, rejected."""
        is_dry_run = given.pop("is_dry_run", False)
        counts = self.take(self.open(is_dry_run=is_dry_run), [self.plan(text, name, **given)])
        return counts.created, counts.updated, counts.unchanged, counts.rejected


@pytest.fixture
def importer(session: Session, tmp_path: Path) -> Importer:
    make_vendor(session)
    return Importer(session, tmp_path)


def rows(session: Session, statement: Any) -> list[tuple[Any, ...]]:
    session.rollback()
    with all_companies(session, reason="test"):
        return [tuple(row) for row in session.execute(statement)]


def prices(session: Session) -> list[tuple[str, str]]:
    found = rows(
        session,
        select(Product.name, PriceRow.unit_price)
        .join(PriceRow, PriceRow.product_id == Product.id)
        .order_by(Product.id),
    )
    return [(name, f"{price:.2f}") for name, price in found]


LAMPS = """name,price,colour,watts,dimmable
Desk lamp,19.90,Black,5,true
Desk lamp,,White,5,false
Desk lamp, 19.9 ,Black,5,true
Desk lamp,24,White,5,false
Desk lamp,25,White,5,false
Desk lamp,,Black,5,true
desk lamp,19.90,Black,5,true
"""


def test_every_row_of_a_first_run_has_its_verdict_and_the_second_run_changes_nothing(importer, session):
    assert importer(LAMPS) == (3, 1, 2, 1)
    assert importer.rejected == [(6, "conflicting_price")]
    assert prices(session) == [("Desk lamp", "19.90"), ("Desk lamp", "24.00"), ("desk lamp", "19.90")]
    stored = rows(session, select(Product.id, Product.sku, Product.updated_at, Product.version))

    assert importer(LAMPS) == (0, 0, 6, 1)
    assert importer.rejected == [(6, "conflicting_price")]
    assert rows(session, select(Product.id, Product.sku, Product.updated_at, Product.version)) == stored


def test_a_dry_run_gives_the_same_verdicts_and_stores_nothing(importer, session):
    assert importer(LAMPS, is_dry_run=True) == (3, 1, 2, 1)
    assert rows(session, select(func.count()).select_from(Product)) == [(0,)]
    assert rows(session, select(func.count()).select_from(Category)) == [(0,)]
    importer(LAMPS)
    assert importer(LAMPS, is_dry_run=True) == (0, 0, 6, 1)


def test_an_earlier_runs_price_is_replaced_and_an_empty_one_erases_nothing(importer, session):
    importer("name,price\nLamp,10\nRug,5\n")
    assert importer("name,price\nLamp,12\nLamp,10\nRug,\n") == (0, 1, 1, 1)
    assert importer.rejected == [(3, "conflicting_price")]
    assert prices(session) == [("Lamp", "12.00"), ("Rug", "5.00")]
    [(before, after)] = rows(
        session,
        select(AuditEntry.before, AuditEntry.after)
        .where(AuditEntry.action == "products.imported")
        .order_by(AuditEntry.id.desc())
        .limit(1),
    )
    [sku] = before
    assert (before[sku], after[sku], after["created"]) == ({"price": "10"}, {"price": "12"}, 0)


def test_category_attributes_and_list_agreement_are_made_as_needed(importer, session):
    importer(LAMPS)
    assert rows(session, select(Category.name, Category.slug)) == [("Desk lamp", "desk-lamp")]
    assert rows(
        session, select(Attribute.name, Attribute.code, Attribute.data_type).order_by(Attribute.id)
    ) == [
        ("Colour", "colour", "text"),
        ("Watts", "watts", "number"),
        ("Dimmable", "dimmable", "boolean"),
    ]
    assert rows(
        session,
        select(
            PriceAgreement.number, PriceAgreement.level, PriceAgreement.currency, PriceAgreement.starts_on
        ),
    ) == [("LIST-USD", "list", "USD", TODAY)]
    numbers = select(ProductAttribute.number_value).where(ProductAttribute.text_value == "5").distinct()
    assert rows(session, numbers) == [(5.0,)]
    first = rows(session, select(Product.summary, Product.kind, Product.brand).order_by(Product.id))[0]
    assert first == ("Black · Watts 5 · Dimmable", "hardware", None)


def test_what_is_imported_is_found_by_search_at_once(importer, session):
    importer(LAMPS)
    session.rollback()
    with all_companies(session, reason="test"):
        page = list_products(session, None, query=ProductQuery(text="desk lam"), on=TODAY)
    assert len(page.items) == 3


def test_the_sku_comes_from_the_identity_and_is_longer_where_it_is_taken(importer, session):
    identity = identity_of("desk-lamp", "Lamp", {"colour": "Red"})
    short = sku_from("desk-lamp", identity)
    assert short.startswith("DEL-")
    assert len(short) == 12
    make_product(session, sku=short.lower())
    importer("name,colour\nLamp,Red\n")
    assert rows(session, select(Product.sku).where(Product.identity == identity)) == [
        (sku_from("desk-lamp", identity, length=10),)
    ]
    assert importer("name,colour\nLamp,Red\n") == (0, 0, 1, 0)


def test_the_order_of_columns_and_a_derived_price_do_not_make_another_product(importer):
    assert importer("name,capacity,price_per_gb,price\nDisk,2,0.05,10\n") == (1, 0, 0, 0)
    assert importer("price,name,price_per_gb,capacity\n10,Disk,0.07,2\n") == (0, 0, 1, 0)
    assert importer("name,capacity,price\nDisk,2,10\nDisk,4,10\nDISK,2,10\n") == (2, 0, 1, 0)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (",5", "no_name"),
        ("x" * 301 + ",5", "too_long"),
        ("Lamp,1e9", "bad_price"),
        ("Lamp,-1", "bad_price"),
        ("Lamp,$5", "bad_price"),
        ('Lamp,"1,234"', "bad_price"),
        ("Lamp,\u0661\u0662", "bad_price"),
        ("Lamp,1.23456", "bad_price"),
        ("Lamp,9223372036854775808", "bad_price"),
        ("La\x00mp,5", "bad_character"),
        ("La\u202emp,5", "bad_character"),
        ("Lamp", "wrong_cell_count"),
        ("Lamp,5,6", "wrong_cell_count"),
    ],
)
def test_a_row_that_cannot_be_used_is_rejected_and_the_others_stored(importer, session, row, code):
    assert importer(f"name,price\nGood,1\n{row}\nBetter,2\n") == (2, 0, 0, 1)
    assert importer.rejected == [(3, code)]
    assert prices(session) == [("Good", "1.00"), ("Better", "2.00")]


SKUS = """sku,name,price,category,brand,mpn,gtin,moq,multiple,watts
L-1,Desk lamp,19.90,Lamps > Desk,Glim,AB-12,4006381333931,10,5,5
l-1,Desk lamp,19.90,Lamps > Desk,Glim,AB-12,4006381333931,10,5,5
L-1,Desk lamp new,19.90,Lamps > Desk,Glim,AB-12,4006381333931,10,5,5
L-2,Floor lamp,,Lamps,Glim,,4006381333932,1,1,9
L-3,Spot,5,Lamps,Glim,,,7,5,9
"""


def test_a_file_with_skus_knows_its_products_by_them(importer, session):
    assert importer(SKUS) == (1, 0, 1, 3)
    assert importer.rejected == [(4, "conflicting_row"), (5, "bad_gtin"), (6, "bad_quantity_rule")]
    assert rows(
        session,
        select(
            Product.sku, Product.brand, Product.mpn_key, Product.gtin, Product.min_quantity, Product.identity
        ),
    ) == [("L-1", "Glim", "AB-12", "4006381333931", 10, None)]
    assert rows(session, select(Category.slug).order_by(Category.id)) == [("lamps",), ("lamps-desk",)]
    assert importer(SKUS) == (0, 0, 2, 3)


def test_a_changed_field_of_a_sku_is_an_update_and_an_empty_one_changes_nothing(importer, session):
    importer(SKUS)
    changed = "sku,name,brand,watts,mpn\nL-1,Desk lamp 2,,7,\n"
    assert importer(changed, "other.csv") == (0, 1, 0, 0)
    assert rows(session, select(Product.name, Product.brand, Product.mpn, Product.version)) == [
        ("Desk lamp 2", "Glim", "AB-12", 2)
    ]
    assert rows(session, select(ProductAttribute.text_value)) == [("7",)]
    assert importer(changed, "other.csv") == (0, 0, 1, 0)
    session.rollback()
    with all_companies(session, reason="test"):
        found = list_products(session, None, query=ProductQuery(text="lamp 2"), on=TODAY)
    assert [item.name for item in found.items] == ["Desk lamp 2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("invoice,name,quantity\n1,Lamp,2\n", "belongs to orders"),
        ("name,warehouse,on_hand\nLamp,A,2\n", "belongs to stock"),
        ("title of it,price\nLamp,2\n", "has no column for: Name"),
        ("name,product,price\nLamp,x,2\n", None),
    ],
)
def test_another_kinds_columns_are_refused_before_anything_is_stored(importer, session, text, message):
    if message is None:
        importer.plan(text)
        return
    with pytest.raises(UnreadableFile, match=message):
        importer.plan(text)
    assert rows(session, select(func.count()).select_from(ImportRun)) == [(0,)]


def test_a_run_killed_half_way_goes_on_where_its_last_batch_ended(importer, session):
    run_id, planned = importer.open(), [importer.plan(LAMPS)]
    with pytest.raises(Stop):
        importer.take(run_id, planned, stop_after=4)
    assert rows(session, select(ImportRun.rows_done, ImportRun.state)) == [(4, "running")]
    counts = importer.take(run_id, planned)
    assert (counts.created, counts.updated, counts.unchanged, counts.rejected) == (3, 1, 2, 1)
    assert importer.rejected == [(6, "conflicting_price")]
    assert prices(session) == [("Desk lamp", "19.90"), ("Desk lamp", "24.00"), ("desk lamp", "19.90")]


def test_a_file_repeated_after_a_kill_ends_as_if_nothing_had_happened(importer, session):
    with pytest.raises(Stop):
        importer.take(importer.open(), [importer.plan(LAMPS)], stop_after=2)
    assert prices(session) == [("Desk lamp", "19.90")]
    # The run of before was this process's own; a dead process's is put aside like this.
    with writing(session):
        session.execute(select(ImportRun)).scalar_one().lease_until = None
        session.commit()
    assert importer(LAMPS) == (1, 1, 4, 1)
    assert prices(session) == [("Desk lamp", "19.90"), ("Desk lamp", "24.00"), ("desk lamp", "19.90")]
    assert rows(session, select(ImportRun.state).order_by(ImportRun.id)) == [("failed",), ("done",)]


def test_a_second_import_is_refused_while_the_first_one_stores(importer, session):
    first, second = importer.open(), importer.open()
    run(session, runs.begin_run, ACTOR, run_id=first, now=NOW)
    with pytest.raises(AnotherRunActive, match="is being imported at present"):
        run(session, runs.begin_run, ACTOR, run_id=second, now=NOW)
    dry = importer.open(is_dry_run=True)
    assert run(session, runs.begin_run, ACTOR, run_id=dry, now=NOW).state == "running"


def test_of_two_imports_that_start_at_once_one_takes_all_its_rows(importer, engine: Engine, tmp_path):
    text = "name,price\n" + "".join(f"Lamp {n},{n}\n" for n in range(1, 60))
    planned = [importer.plan(text)]
    ids = [importer.open(), importer.open()]
    outcomes: list[Any] = []
    barrier = threading.Barrier(2)

    def start(run_id: int) -> None:
        with TenantSession(bind=engine) as session:
            own = Importer(session, tmp_path)
            barrier.wait()
            try:
                outcomes.append(own.take(run_id, planned, size=5).created)
            except AnotherRunActive:
                outcomes.append("refused")

    threads = [threading.Thread(target=start, args=(run_id,)) for run_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) in (["59", "refused"], ["0", "59"])
    assert rows(importer.session, select(func.count()).select_from(PriceRow)) == [(59,)]


def test_a_cancelled_run_stops_and_keeps_whole_batches(importer, session, engine):
    run_id, planned = importer.open(), [importer.plan(LAMPS)]
    begun = run(session, runs.begin_run, ACTOR, run_id=run_id, now=NOW)

    def cancel(counts: Counts, total: int) -> None:
        if counts.rows == 2:
            with TenantSession(bind=engine) as other:
                run(other, runs.cancel_run, ACTOR, run_id=run_id, now=NOW)

    hooks = Hooks(clock=lambda: NOW, progress=cancel)
    job = ImportJob(session, ACTOR, KIND, begun, hooks=hooks, pace=Pace(size=2, shortest_s=0, gap_s=0))
    with pytest.raises(RunNotOpen):
        job.work(planned)
    assert rows(session, select(ImportRun.state, ImportRun.rows_done)) == [("cancelled", 2)]
    assert rows(session, select(func.count()).select_from(Product)) == [(2,)]


class FailingKind(ProductsKind):
    """Fails once a batch is written, before it is committed."""

    def store(self, *arguments: Any, **values: Any) -> None:
        super().store(*arguments, **values)
        raise Stop


def test_a_batch_that_fails_leaves_nothing_of_itself(importer, session):
    run_id, planned = importer.open(), [importer.plan(LAMPS)]
    begun = run(session, runs.begin_run, ACTOR, run_id=run_id, now=NOW)
    with pytest.raises(Stop):
        ImportJob(session, ACTOR, FailingKind(), begun, hooks=Hooks(clock=lambda: NOW)).work(planned)
    assert rows(session, select(ImportRun.rows_done)) == [(0,)]
    for model in (Product, Category, PriceAgreement, PriceRow, ProductAttribute):
        assert rows(session, select(func.count()).select_from(model)) == [(0,)]


@pytest.mark.soak
@pytest.mark.skipif(not os.environ.get("SELLTHRU_DATA"), reason="SELLTHRU_DATA names no folder of real files")
def test_the_real_parts_give_their_figures_twice(importer, session):
    folder = Path(os.environ["SELLTHRU_DATA"]) / "pc-parts"
    planned = []
    for path in sorted(folder.glob("*.csv")):
        source = open_table(path)
        planned.append((source, plan_file(KIND, source, options={"currency": "USD"})))
    first = importer.take(importer.open(), planned, size=400)
    assert first == Counts(created=60_667, updated=99, unchanged=3_554, rejected=455)
    second = importer.take(importer.open(), planned, size=400)
    assert second == Counts(created=0, updated=0, unchanged=64_320, rejected=455)
    assert rows(session, select(func.count()).select_from(Product)) == [(60_667,)]
    assert Decimal(0) < rows(session, select(func.min(PriceRow.unit_price)))[0][0]
