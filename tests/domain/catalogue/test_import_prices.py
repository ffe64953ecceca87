"""Import of prices: whose they are, steps and days; the same file twice changes nothing; undone whole."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.adapters.spreadsheets import open_table
from app.core.database import run, writing
from app.core.imports import runs
from app.core.imports.engine import Hooks, ImportJob, Pace, plan_file
from app.core.imports.models import ImportChange
from app.core.imports.undo import undo_run
from app.core.imports.undoing import CannotUndo
from app.core.permissions import Actor
from app.core.tenancy import all_companies
from app.domain.accounts.models import Branch, Company
from app.domain.catalogue.import_prices import PricesKind
from app.domain.catalogue.models import PriceAgreement, PriceRow, Product
from tests.factories.accounts import make_company, make_vendor
from tests.factories.catalogue import make_product

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ACTOR = Actor.system("test")
KIND = PricesKind()


class Importer:
    """Takes price files as text and keeps why rows were refused."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session, self.folder = session, folder
        self.refused: list[str] = []

    def __call__(self, text: str, *, is_dry_run: bool = False, size: int = 2) -> tuple[int, tuple[int, ...]]:
        path = self.folder / "prices.csv"
        path.write_text(text)
        source = open_table(path)
        plan = plan_file(KIND, source, options={"currency": "USD"})
        run_id = run(
            self.session,
            runs.open_run,
            ACTOR,
            kind="prices",
            filename="prices.csv",
            options={},
            is_dry_run=is_dry_run,
            now=NOW,
        ).id
        begun = run(self.session, runs.begin_run, ACTOR, run_id=run_id, now=NOW)
        self.refused = []

        def keep(kept: int, rows: Any) -> None:
            self.refused += [row.verdict.code for row in rows]

        hooks = Hooks(clock=lambda: NOW, rejects=keep)
        job = ImportJob(self.session, ACTOR, KIND, begun, hooks=hooks, pace=Pace(size=size, gap_s=0))
        counts = job.work([(source, plan)])
        run(self.session, runs.end_run, ACTOR, run_id=run_id, state="done", now=NOW)
        return run_id, (counts.created, counts.updated, counts.unchanged, counts.rejected)

    def prices(self) -> list[tuple[Any, ...]]:
        self.session.rollback()
        with all_companies(self.session, reason="test"):
            rows = self.session.execute(
                select(PriceAgreement.number, Product.sku, PriceRow.min_quantity, PriceRow.unit_price)
                .join(PriceRow, PriceRow.agreement_id == PriceAgreement.id)
                .join(Product, Product.id == PriceRow.product_id)
                .order_by(PriceAgreement.id, Product.sku, PriceRow.min_quantity)
            )
            return [(*row[:3], f"{row[3]:.2f}") for row in rows]


@pytest.fixture
def take(session: Session, tmp_path: Path) -> Importer:
    make_vendor(session)
    company = make_company(session, "Meridian")
    with writing(session), all_companies(session, reason="test"):
        stored = session.get(Company, company.id)
        assert stored is not None
        stored.number, stored.currency = "M-1", "USD"
        session.add(Branch(company_id=company.id, name="Austin yard", country="US"))
        session.commit()
    make_product(session, "DOCK-24", mpn="LK-24")
    make_product(session, "HUB-7")
    return Importer(session, tmp_path)


FILE = """sku;price;quantity;tier;company;branch;agreement;valid_from;valid_until
DOCK-24;200,00;;;;;;;
DOCK-24;1.180,50;1;gold;;;;;
DOCK-24;170,00;10;gold;;;;;
LK-24;150,00;5;;M-1;;PA-2026;2026-01-01;2026-12-31
HUB-7;90,00;;;M-1;Austin Yard;;;
HUB-7;;;;M-1;Austin Yard;;;
"""


def test_prices_of_every_level_are_stored_once_and_taken_back_whole(take, session):
    first, counts = take(FILE)
    assert (counts, take.refused) == ((5, 0, 1, 0), [])
    with all_companies(session, reason="test"):
        branch = session.scalars(select(Branch.id).where(Branch.name == "Austin yard")).one()
        days = session.execute(
            select(PriceAgreement.starts_on, PriceAgreement.ends_on).where(PriceAgreement.number == "PA-2026")
        ).one()
    assert [f"{day}" for day in days] == ["2026-01-01", "2027-01-01"]
    assert take.prices() == [
        ("LIST-USD", "DOCK-24", 1, "200.00"),
        ("TIER-GOLD-USD", "DOCK-24", 1, "1180.50"),
        ("TIER-GOLD-USD", "DOCK-24", 10, "170.00"),
        ("PA-2026", "DOCK-24", 5, "150.00"),
        (f"BR-M-1-{branch}-USD", "HUB-7", 1, "90.00"),
    ]
    assert take(FILE)[1] == (0, 0, 6, 0)

    second, counts = take(FILE.replace("170,00", "165,00"))
    assert counts == (0, 1, 5, 0)
    with pytest.raises(CannotUndo, match="DOCK-24 was changed after this import"):
        run(session, undo_run, ACTOR, run_id=first, kind=KIND, now=NOW)
    assert len(take.prices()) == 5
    for run_id in (second, first):
        run(session, undo_run, ACTOR, run_id=run_id, kind=KIND, now=NOW)
    assert take.prices() == []
    with all_companies(session, reason="test"):
        assert session.scalars(select(PriceAgreement.id)).all() == []


def test_a_dry_run_says_what_would_change_and_stores_no_price(take, session):
    run_id, counts = take(FILE, is_dry_run=True)
    assert counts == (5, 0, 1, 0)
    assert take.prices() == []
    changes = session.execute(
        select(ImportChange.before, ImportChange.after).where(ImportChange.run_id == run_id)
    ).all()
    assert [change.before for change in changes] == [None] * 5
    assert changes[1].after == {"agreement": "TIER-GOLD-USD", "min_quantity": 1, "unit_price": "1180.5"}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("NONE;1,5;;;;;;;", "unknown_sku"),
        ("DOCK-24;-1;;;;;;;", "bad_price"),
        ("DOCK-24;1.5;;;;;;;", "bad_price"),
        ("DOCK-24;1,5;0;;;;;;", "bad_number"),
        ("DOCK-24;1,5;;;M-2;;;;", "unknown_company"),
        ("DOCK-24;1,5;;;M-1;Nowhere;;;", "unknown_branch"),
        ("DOCK-24;1,5;;;;Austin yard;;;", "bad_company"),
        ("DOCK-24;1,5;;gold;M-1;;;;", "bad_tier"),
        ("DOCK-24;1,5;;;M-1;;PA-2026;2026-02-01;", "other_agreement"),
        ("DOCK-24;1,5;;;M-1;;;2026-13-01;", "bad_date"),
        ("DOCK-24;1,5;;;M-1;;;2026-12-01;2026-11-01", "bad_valid_until"),
        ("DOCK-24;201,00;;;;;;;", "conflicting_row"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_with_its_reason(take, row, code):
    counts = take(FILE + row + "\n")[1]
    assert (counts, take.refused) == ((5, 0, 1, 1), [code])


def test_a_ladder_has_at_most_twenty_steps(take):
    rows = "".join(f"DOCK-24,{200 - number},{number}\n" for number in range(1, 23))
    assert take(f"sku,price,quantity\n{rows}")[1] == (20, 0, 0, 2)
    assert take.refused == ["too_many_steps", "too_many_steps"]
