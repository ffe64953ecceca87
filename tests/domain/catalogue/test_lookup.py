"""Numbers of any kind to products."""

from __future__ import annotations

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.core.tenancy import company_scope
from app.domain.catalogue.buyers import get_buyer
from app.domain.catalogue.lookup import look_up_codes
from tests.domain.catalogue.statements import counted
from tests.factories import catalogue as make
from tests.factories.accounts import make_company
from tests.factories.catalogue import TODAY


def sources(
    session: Session, codes: list[str], company_id: int | None = None
) -> dict[str, list[tuple[str, str]]]:
    if company_id is None:
        found = look_up_codes(session, None, codes, on=TODAY)
    else:
        with company_scope(session, company_id):
            buyer = get_buyer(session, company_id=company_id)
            found = look_up_codes(session, buyer, codes, on=TODAY)
    return {code: [(match.sku, match.source) for match in matches] for code, matches in found.items()}


def test_every_kind_of_number_finds_its_product(session: Session) -> None:
    product = make.make_product(
        session, "AB-12", mpn="MZ-V9", gtin="012345678905", references=["ALT-7", "OLD-1"]
    )
    company = make_company(session)
    make.make_customer_number(session, company, product, "kb 10")
    codes = [" ab-12", "mz-v9", "012345678905", "0012345678905", "alt-7", "KB 10", "AB12", ""]
    assert sources(session, codes, company.id) == {
        " ab-12": [("AB-12", "sku")],
        "mz-v9": [("AB-12", "mpn")],
        "012345678905": [("AB-12", "gtin")],
        "0012345678905": [("AB-12", "gtin")],
        "alt-7": [("AB-12", "cross_reference")],
        "KB 10": [("AB-12", "customer")],
        "AB12": [],
        "": [],
    }


def test_several_products_of_one_number_are_all_returned_best_kind_first(session: Session) -> None:
    make.make_product(session, "S-1", mpn="X1", references=["X1"])
    make.make_product(session, "S-2", mpn="X1")
    make.make_product(session, "X1")
    assert sources(session, ["x1"]) == {"x1": [("X1", "sku"), ("S-1", "mpn"), ("S-2", "mpn")]}


def test_another_companys_number_finds_nothing(session: Session) -> None:
    product = make.make_product(session, "S-1")
    company, other = make_company(session), make_company(session, "Other")
    make.make_customer_number(session, other, product, "THEIRS")
    make.make_customer_number(session, company, product, "OURS")
    assert sources(session, ["THEIRS", "OURS"], company.id) == {"THEIRS": [], "OURS": [("S-1", "customer")]}


def test_hostile_numbers_are_only_numbers(session: Session) -> None:
    make.make_product(session, "S-1")
    codes = ["%", "S_1", "' OR 1=1 --", "S\x00-1", "\ud800", "😀", "S-1" * 5000]
    found = sources(session, codes)
    assert found["S\x00-1"] == [("S-1", "sku")]
    assert [found[code] for code in codes if code != "S\x00-1"] == [[]] * 6


def test_a_thousand_numbers_take_as_many_statements_as_one(engine: Engine, session: Session) -> None:
    make.make_product(session, "S-1", gtin="012345678905")
    counts = []
    for codes in (["012345678905"], ["012345678905", *(f"S-{number}" for number in range(1000))]):
        with counted(engine) as statements:
            look_up_codes(session, None, codes, on=TODAY)
        counts.append(len(statements))
    assert counts == [4, 4]
