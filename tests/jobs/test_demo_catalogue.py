"""The demo's catalogue loads once, and shows one of everything."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from stdnum import ean

from app.core.tenancy import all_companies, company_scope
from app.domain.catalogue.buyers import Buyer, get_buyer
from app.domain.catalogue.filters import ProductQuery
from app.domain.catalogue.listing import list_products
from app.domain.catalogue.models import PriceRow, Product
from app.domain.catalogue.prices import order_discount_for
from app.domain.catalogue.pricing import Price, resolve_price
from app.domain.catalogue.queries import category_tree, get_product_page
from app.jobs.demo_catalogue import load, make_gtin
from app.jobs.demo_people import KETTLE, MARROW, QUILL
from tests.factories.accounts import make_company
from tests.factories.catalogue import NOW, TODAY


def load_demo(session: Session) -> dict[str, Buyer]:
    companies = {
        KETTLE: make_company(session, number=KETTLE, tier="gold", branches=("Portland", "Lidham")),
        QUILL: make_company(session, "Quillfeather Systems", number=QUILL, tier="silver"),
        MARROW: make_company(session, "Marrow Lane IT", number=MARROW),
    }
    load(session, NOW)
    buyers = {}
    for number, company in companies.items():
        with company_scope(session, company.id):
            buyers[number] = get_buyer(session, company_id=company.id, branch_id=company.branches[-1].id)
    return buyers


def test_a_second_load_changes_nothing(session: Session) -> None:
    load_demo(session)
    counts = [select(func.count()).select_from(model) for model in (Product, PriceRow)]
    with all_companies(session, reason="test"):
        first = [session.scalar(count) for count in counts]
        session.rollback()
        load(session, NOW)
        assert [session.scalar(count) for count in counts] == first
    assert first[0] == 69


def test_the_demo_has_one_of_everything(session: Session) -> None:
    buyers = load_demo(session)
    kettle = buyers[KETTLE]
    assert kettle.company_id is not None
    with company_scope(session, kettle.company_id):
        page = get_product_page(session, kettle, "ssd-n2-2t", on=TODAY)
        price = resolve_price(page.ladders, quantity=10)
        old = get_product_page(session, kettle, "SSD-EK4-1T", on=TODAY)
        bundle = get_product_page(session, kettle, "SET-DESK-24", on=TODAY)
        on_request = get_product_page(session, kettle, "SW-AV-48X", on=TODAY)
        discount = order_discount_for(session, kettle, on=TODAY)
        by_own_number = list_products(session, kettle, query=ProductQuery(text="kb-10021"), on=TODAY)
        kinds = Counter(session.scalars(select(Product.kind)))
    assert isinstance(price, Price)
    assert (price.unit_price, price.ladder.agreement.level) == (Decimal("124.90"), "branch")
    assert [ladder.agreement.level for ladder in page.ladders] == ["branch", "company", "tier", "list"]
    assert (page.rule.minimum, page.rule.multiple) == (10, 10)
    assert page.own_numbers == ("KB-10021",)
    assert page.references == (("TNN2-2000-R0", "superseded"),)
    assert ean.is_valid(page.product.gtin)
    assert (old.product.life_cycle, old.successor) == ("ended", ("SSD-EK5-1T", "Ostrel Ember K5 1 TB"))
    assert [(part.sku, part.is_required) for part in bundle.parts] == [
        ("DOK-HB-1", True),
        ("MON-VL-24", True),
        ("KB-RV-US", True),
        ("MS-RV", False),
    ]
    assert on_request.ladders == ()
    assert discount is not None
    assert (discount.bps, discount.from_amount) == (200, Decimal(5000))
    assert [row.sku for row in by_own_number.items][:1] == ["SSD-N2-2T"]
    assert set(kinds) == {"hardware", "hardware_serial", "service", "extended_warranty", "bundle"}


def test_two_resellers_see_parts_of_it(session: Session) -> None:
    buyers = load_demo(session)
    seen = {}
    for number in (QUILL, MARROW):
        company_id = buyers[number].company_id
        assert company_id is not None
        with company_scope(session, company_id):
            seen[number] = [node.name for node in category_tree(session, buyers[number], on=TODAY)]
    assert seen[QUILL] == [
        "Storage",
        "Internal drives",
        "Hard drives",
        "External drives",
        "Networking",
        "Switches",
        "Access points",
        "Peripherals",
        "Docks",
        "Services",
        "Installation and support",
        "Extended warranty",
    ]
    assert "Monitors" not in seen[MARROW]
    assert "Docks" in seen[MARROW]


def test_a_made_up_gtin_has_its_check_digit() -> None:
    # 2 0 0 0 0 0 0 0 0 0 0 1: 2 x 1 + 1 x 3 = 5, and 5 more make 10.
    assert make_gtin(1) == "2000000000015"
