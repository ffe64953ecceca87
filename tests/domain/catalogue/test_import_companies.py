"""Import of companies: a row per branch, rows that must agree, the rules of the form, taking it back."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.adapters.spreadsheets import open_table
from app.core.audit import AuditEntry
from app.core.database import run, writing
from app.core.errors import DomainError
from app.core.imports.engine import plan_file
from app.core.tenancy import all_companies
from app.domain.accounts.companies import update_company
from app.domain.accounts.models import Branch, Company
from app.domain.catalogue.import_companies import CompaniesKind
from app.domain.catalogue.models import TaxRate
from tests.factories.accounts import make_company, make_end_customer, read
from tests.factories.catalogue import make_tax_rate
from tests.factories.importing import ACTOR, NOW, Importing

FILE = (
    "number,name,currency,tier,tax_code,tax_percent,branch,city,country,terms_days\n"
    "K1,Kettle & Byte,USD,Gold,US-ME,5.5,Portland,Portland,US,45\n"
    "K1,,,,,,Bangor,Bangor,United States,\n"
    'K2,Blå Kaffe AS,nok,,NO-25,"25,00",,Oslo,no,\n'
    "K2,Blå Kaffe AS,NOK,,,,,,,\n"
    "K1,Kettle and Byte,,,,,Bangor,,,\n"
    "K1,Kettle & Byte,,,,,Bangor,Brewer,,\n"
)


@pytest.fixture
def importing(session: Session, tmp_path: Path) -> Importing:
    return Importing(session, tmp_path, CompaniesKind())


def branches(importing: Importing) -> list[tuple[str, str, str, str, int]]:
    columns = (Company.number, Branch.name, Branch.city, Branch.country, Branch.terms_days)
    importing.session.rollback()
    with all_companies(importing.session, reason="test"):
        found = importing.session.execute(
            select(*columns).join(Branch, Branch.company_id == Company.id).order_by(Branch.id)
        )
        return [tuple(row) for row in found]


COMPANIES = (Company.number, Company.name, Company.name_key, Company.currency, Company.tier, Company.version)


def test_rows_of_a_company_are_its_branches_and_the_same_file_again_changes_nothing(
    importing: Importing,
) -> None:
    assert importing(FILE) == (3, 0, 1, 2)
    assert importing.rejected == [(6, "conflicting_company"), (7, "conflicting_branch")]
    stored = importing.rows(*COMPANIES)
    assert stored == [
        ("K1", "Kettle & Byte", "kettle & byte", "USD", "gold", 1),
        ("K2", "Blå Kaffe AS", "blå kaffe as", "NOK", None, 1),
    ]
    assert branches(importing) == [
        ("K1", "Portland", "Portland", "US", 45),
        ("K1", "Bangor", "Bangor", "US", 30),
        ("K2", "Main branch", "Oslo", "NO", 30),
    ]
    assert importing.rows(TaxRate.code, TaxRate.rate_bps) == [("NO-25", 2500), ("US-ME", 550)]

    assert importing(FILE, size=7) == (0, 0, 4, 2)
    assert importing.changes() == []
    assert importing.rows(*COMPANIES) == stored


@pytest.mark.parametrize("size", [1, 7])
def test_a_dry_run_has_the_same_verdicts_and_stores_nothing(importing: Importing, size: int) -> None:
    assert importing(FILE, is_dry_run=True, size=size) == (3, 0, 1, 2)
    assert importing.rows(Company.number) == []
    assert importing.rows(AuditEntry.action) == [("import.ended",)]
    assert [(subject, table) for subject, table, _before, _after in importing.changes()][-1] == (
        "K2: Main branch",
        "branch",
    )


def test_a_later_row_says_more_of_a_company_and_what_is_empty_stays(importing: Importing) -> None:
    first = (
        "number,name,currency,tier,tax_code,tax_percent,country\nK1,Kettle,USD,,US-ME,0,US\nK1,,,silver,,,\n"
    )
    assert importing(first, size=9) == (1, 1, 0, 0)
    assert importing(first, size=1) == (0, 0, 2, 0)
    assert importing("number,name,tax_percent,terms_days,city\nK1,Kettle Ltd,6,14,Saco\n") == (0, 1, 0, 0)
    assert importing.changes() == [
        ("K1", "company", {"name": "Kettle"}, {"name": "Kettle Ltd"}),
        ("K1", "tax_rate", {"tax_percent": "0"}, {"tax_percent": "6"}),
        ("K1: Main branch", "branch", {"city": "", "terms_days": 30}, {"city": "Saco", "terms_days": 14}),
    ]
    assert importing.rows(*COMPANIES) == [("K1", "Kettle Ltd", "kettle ltd", "USD", "silver", 2)]
    importing.undo()
    assert importing.rows(*COMPANIES) == [("K1", "Kettle", "kettle", "USD", "silver", 2)]
    assert branches(importing) == [("K1", "Main branch", "", "US", 30)]
    assert importing.rows(TaxRate.rate_bps) == [(0,)]


def test_a_row_without_a_branch_speaks_of_the_first_one(importing: Importing) -> None:
    company = make_company(importing.session, branches=("Head office", "Shop"), number="K1")
    make_tax_rate(importing.session, company)
    text = "number,branch,city\nK1,,Saco\nK1,Shop,Bath\nK1,Head office,Saco\n"
    assert importing(text) == (0, 2, 1, 0)
    assert importing(text) == (0, 0, 3, 0)
    assert [(row[1], row[2]) for row in branches(importing)] == [("Head office", "Saco"), ("Shop", "Bath")]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("K9,,USD,US-ME,5,US,30", "missing_value"),
        ("K9,Kettle,USD,US-ME,,US,30", "missing_value"),
        ("K9,Kettle,USD,US-ME,5,,30", "missing_value"),
        (",Kettle,USD,US-ME,5,US,30", "missing_value"),
        ("K9,Kettle,EURO,US-ME,5,US,30", "bad_currency"),
        ("K9,Kettle,USD,US-ME,5.125,US,30", "bad_tax_percent"),
        ("K9,Kettle,USD,US-ME,101,US,30", "bad_tax_percent"),
        ("K9,Kettle,USD,US-ME,-5,US,30", "bad_tax_percent"),
        ("K9,Kettle,USD,US-ME,5,Atlantis,30", "bad_country"),
        ("K9,Kettle,USD,US-ME,5,US,366", "bad_number"),
        ("K9,Kettle,USD,US-ME,5,US,9223372036854775808", "bad_number"),
        ("K9,Kettle,USD,US-ME,5,US,1.5", "bad_number"),
        ("K9,Ket\u202etle,USD,US-ME,5,US,30", "bad_character"),
        (f"{'9' * 41},Kettle,USD,US-ME,5,US,30", "too_long"),
        ("K1,,EUR,,,,", "currency_fixed"),
    ],
)
def test_a_row_that_cannot_be_used_says_what_to_change(importing: Importing, row: str, code: str) -> None:
    make_company(importing.session, number="K1")
    text = f"number,name,currency,tax_code,tax_percent,country,terms_days\n{row}\n"
    assert importing(text) == (0, 0, 0, 1)
    assert importing.rejected == [(2, code)]
    assert importing.rows(func.count(Company.id)) == [(1,)]


def test_a_formula_is_kept_as_the_text_it_is(importing: Importing) -> None:
    row = '"=HYPERLINK(""http://x"")"'
    text = f"number,name,currency,tax_code,tax_percent,country\nK1,{row},USD,US-ME,5,US\n"
    assert importing(text) == (1, 0, 0, 0)
    assert importing.rows(Company.name) == [('=HYPERLINK("http://x")',)]


def test_branches_of_one_name_must_be_told_apart_first(importing: Importing) -> None:
    make_company(importing.session, branches=("Shop", "Shop"), number="K1")
    assert importing("number,branch,city\nK1,Shop,Bath\n") == (0, 0, 0, 1)
    assert importing.rejected == [(2, "several_branches")]


def test_a_company_that_was_merged_is_named_by_the_one_that_stayed(importing: Importing) -> None:
    stays = make_company(importing.session, number="K1")
    make_company(importing.session, number="K2", is_active=False, merged_into_id=stays.id)
    assert importing("number,name\nK2,Kettle\n") == (0, 0, 0, 1)
    assert importing.rejected == [(2, "merged_company")]
    assert importing.messages == ["The company K2 was merged into K1. Write K1."]


def test_a_new_company_is_taken_back_whole(importing: Importing) -> None:
    importing(FILE)
    importing.undo()
    for model in (Company, Branch, TaxRate):
        assert importing.rows(model.id) == []
    assert importing(FILE) == (3, 0, 1, 2)


def test_nothing_is_taken_back_while_something_refers_to_it(importing: Importing) -> None:
    importing(FILE)
    company = read(importing.session, select(Company).where(Company.number == "K1"))[0]
    make_end_customer(importing.session, company)
    with pytest.raises(DomainError, match="K1 is in use"):
        importing.undo()
    assert len(branches(importing)) == 3


def test_a_branch_that_was_renamed_since_is_not_taken_back(importing: Importing) -> None:
    make_company(importing.session, number="K1")
    assert importing("number,branch,country\nK1,Shop,US\n") == (1, 0, 0, 0)
    assert importing.changes()[0][3] == {"branch": "Shop", "terms_days": 30, "country": "US"}
    with writing(importing.session), all_companies(importing.session, reason="test"):
        importing.session.execute(update(Branch).where(Branch.name == "Shop").values(name="Store"))
        importing.session.commit()
    with pytest.raises(DomainError, match="changed after"):
        importing.undo()
    assert [row[1] for row in branches(importing)] == ["Main branch", "Store"]


def test_nothing_is_taken_back_that_somebody_changed_since(importing: Importing) -> None:
    make_company(importing.session, "Kettle", number="K1")
    importing("number,name\nK1,Kettle & Byte\n")
    company = read(importing.session, select(Company))[0]
    run(
        importing.session,
        update_company,
        ACTOR,
        company_id=company.id,
        version=company.version,
        name="Kettle Group",
        tier=None,
        tax_id=None,
        now=NOW,
    )
    with pytest.raises(DomainError, match="changed after"):
        importing.undo()
    assert importing.rows(Company.name) == [("Kettle Group",)]


def test_a_run_that_was_stopped_goes_on_where_it_was(importing: Importing) -> None:
    kind = CompaniesKind()
    items = _items(importing, FILE)
    full = kind.memories(items, {})
    halves = kind.memories(items[:3], {})
    assert {**halves, **kind.memories(items[3:], halves)} == full


def _items(importing: Importing, text: str) -> list:
    path = importing.folder / "rows.csv"
    path.write_text(text, encoding="utf-8")
    source = open_table(path)
    read_row = importing.kind.open(plan_file(importing.kind, source))
    return [read_row(row) for row in source.rows()]
