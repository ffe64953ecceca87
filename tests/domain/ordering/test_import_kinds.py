"""What every kind of import for a first day keeps to: few statements whatever the rows, and templates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.adapters.import_files import template_csv
from app.domain.inventory.models import Warehouse
from app.domain.ordering.import_kinds import KINDS
from app.domain.ordering.import_receipts import ReceiptsKind
from tests.domain.catalogue.statements import counted
from tests.factories.accounts import make_company
from tests.factories.catalogue import make_product
from tests.factories.importing import NOW, Importing
from tests.factories.ordering import make_warehouse

ROWS: dict[str, tuple[str, Callable[[int], str]]] = {
    "companies": (
        "number,name,currency,tax_code,tax_percent,branch,country",
        lambda n: f"K{n},Firm {n},USD,US-ME,5,Main,US\nK{n},,,,,Second,US",
    ),
    "contacts": ("email,name,company,role", lambda n: f"p{n}@firm.example,Person {n},C{n % 3},buyer"),
    "numbers": ("sku,number,company", lambda n: f"S{n},A-{n},\nS{n},B-{n},C{n % 3}"),
    "stock": ("warehouse,sku,quantity", lambda n: f"MAIN,S{n},{n + 1}"),
    "receipts": ("warehouse,sku,quantity,due_on,reference", lambda n: f"MAIN,S{n},5,2026-12-01,PO-{n}"),
    "visibility": ("company,mode,sku", lambda n: f"C{n % 3},only_listed,S{n}"),
}


@pytest.fixture
def place(session: Session) -> Warehouse:
    for number in range(3):
        make_company(session, f"Company {number}", number=f"C{number}")
    for number in range(40):
        make_product(session, sku=f"S{number}")
    return make_warehouse(session, "MAIN")


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_batch_costs_the_same_statements_whatever_its_rows(
    session: Session, place: Warehouse, tmp_path: Path, name: str
) -> None:
    kind = ReceiptsKind(lambda: NOW) if name == "receipts" else KINDS[name]
    importing = Importing(session, tmp_path, kind)
    header, row = ROWS[name]
    options = {"invite": True} if name == "contacts" else {}
    engine = session.get_bind()
    sent = []
    for first, last in ((0, 10), (10, 40)):
        text = "\n".join([header, *(row(number) for number in range(first, last)), ""])
        with counted(engine.engine) as statements:
            created, _updated, _unchanged, rejected = importing(text, size=400, **options)
        assert (created >= last - first, rejected) == (True, 0)
        sent.append(len(statements))
    assert sent[1] <= sent[0]


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_template_that_is_sent_as_it_is_stores_nothing(session: Session, tmp_path: Path, name: str) -> None:
    importing = Importing(session, tmp_path, KINDS[name])
    assert importing(template_csv(KINDS[name])) == (0, 0, 0, 0)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_the_example_of_a_template_can_be_read(session: Session, tmp_path: Path, name: str) -> None:
    kind = KINDS[name]
    header = ",".join(field.code for field in kind.fields)
    cells = ",".join(f'"{field.example.replace("EXAMPLE", "Sample")}"' for field in kind.fields)
    importing = Importing(session, tmp_path, kind)
    importing(f"{header}\n{cells}\n")
    wrong = {"unknown_sku", "unknown_company", "unknown_warehouse"}
    assert {code for _row, code in importing.rejected} <= wrong
