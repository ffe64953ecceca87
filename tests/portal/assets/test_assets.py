"""Units of a company: the list, one unit's page, a serial typed anywhere, the desks' home, tenancy."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from app.core import clock
from app.core.database import writing
from app.core.permissions import Role
from app.core.tenancy import all_companies
from app.domain.accounts.models import Membership
from app.domain.assets.models import AssetEvent
from tests.factories import accounts
from tests.factories.accounts import NOW
from tests.factories.assets import make_unit
from tests.portal.shop import Shop, statements, text_of

CANARY = "S3X-CANARY-77"


def desk_of(shop: Shop, end_customer_id: int) -> FlaskClient:
    """A browser of somebody at an end customer's desk."""
    user = accounts.make_user(shop.session, f"desk{end_customer_id}@people.example", name="R. Quill")
    member = accounts.make_member(shop.session, user, shop.company, Role.END_CUSTOMER_DESK)
    with writing(shop.session), all_companies(shop.session, reason="test data"):
        changed = update(Membership).where(Membership.id == member.id)
        shop.session.execute(changed.values(end_customer_id=end_customer_id))
        shop.session.commit()
    client = shop.app.test_client()
    assert accounts.sign_in(client, user.email).status_code == 303
    return client


def today() -> date:
    return clock.now().date()


def test_a_units_page_tells_its_cover_the_rule_and_its_life(shop: Shop) -> None:
    unit = make_unit(
        shop.session, shop.company, shop.cpu, "S3X2540A018734", price_paid=Decimal("738.69"), currency="USD"
    )
    page = text_of(shop.buyer.get(f"/assets/{unit}"))
    left = (date(2028, 11, 9) - today()).days
    for words in (
        "S3X2540A018734",
        "Covered until 9 Nov 2028",
        f"{left} days left.",
        "36 months from 2025-11-10 end on 2028-11-09",
        "Lifeline",
        "Shipped",
        "DN-26-00042",
        "738.69",
    ):
        assert words in page, words


def test_cover_that_ends_soon_has_ended_or_was_never_there_is_said(shop: Shop) -> None:
    soon = make_unit(
        shop.session, shop.company, shop.cpu, "A1", shipped=today() - timedelta(days=360), months=12
    )
    over = make_unit(shop.session, shop.company, shop.cpu, "A2", shipped=date(2020, 2, 29), months=12)
    none = make_unit(shop.session, shop.company, shop.cpu, "A3", months=0)
    assert "Cover ends soon" in text_of(shop.buyer.get(f"/assets/{soon}"))
    assert "Cover ended on 28 Feb 2021" in text_of(shop.buyer.get(f"/assets/{over}"))
    assert "No cover is known for this unit." in text_of(shop.buyer.get(f"/assets/{none}"))


def test_the_price_is_for_buyers_of_the_company_that_paid_it(shop: Shop) -> None:
    bought = make_unit(
        shop.session,
        shop.company,
        shop.cpu,
        "B1",
        price_paid=Decimal("738.69"),
        currency="USD",
        invoice_number="INV-25-20114",
    )
    handed_on = make_unit(
        shop.session,
        shop.company,
        shop.cpu,
        "B2",
        sold_to_id=shop.other.id,
        price_paid=Decimal("611.11"),
        currency="USD",
        invoice_number="INV-25-30000",
    )
    assert "INV-25-20114" in text_of(shop.buyer.get(f"/assets/{bought}"))
    support = text_of(shop.client(Role.RESELLER_SUPPORT).get(f"/assets/{bought}"))
    assert "738.69" not in support
    assert "INV-25-20114" not in support
    other = text_of(shop.buyer.get(f"/assets/{handed_on}"))
    assert "611.11" not in other
    assert "INV-25-30000" not in other


def test_another_companys_units_are_nowhere(shop: Shop) -> None:
    unit = make_unit(shop.session, shop.other, shop.cpu, CANARY)
    assert shop.buyer.get(f"/assets/{unit}").status_code == 404
    for path in ("/assets", "/assets?ends=365", f"/assets?q={CANARY}", "/home"):
        assert "CANARY" not in text_of(shop.buyer.get(path)).replace(f"“{CANARY}”", "")
    assert shop.buyer.get("/search", query_string={"q": CANARY}).status_code == 200
    assert "Did you mean" not in text_of(shop.buyer.get("/search", query_string={"q": CANARY}))
    assert CANARY.encode() not in shop.buyer.post("/assets/export.csv").data


def test_a_desk_sees_its_end_customers_units_alone(shop: Shop) -> None:
    ours = accounts.make_end_customer(shop.session, shop.company, "Quillfeather Studios")
    theirs = accounts.make_end_customer(shop.session, shop.company, "Somebody Else")
    mine = make_unit(shop.session, shop.company, shop.cpu, "D1", end_customer_id=ours.id)
    other = make_unit(shop.session, shop.company, shop.cpu, CANARY, end_customer_id=theirs.id)
    loose = make_unit(shop.session, shop.company, shop.cpu, "LOOSE-CANARY")
    with writing(shop.session), all_companies(shop.session, reason="test data"):
        about = {"asset_id": mine, "kind": "ticket", "company_id": shop.company.id}
        shop.session.add(AssetEvent(**about, at=NOW, reference="ST-CANARY"))
        shop.session.commit()
    desk = desk_of(shop, ours.id)
    assert "ST-CANARY" in text_of(shop.buyer.get(f"/assets/{mine}"))
    page = text_of(desk.get(f"/assets/{mine}"))
    assert "D1" in page
    assert "CANARY" not in page
    assert desk.get(f"/assets/{other}").status_code == 404
    assert desk.get(f"/assets/{loose}").status_code == 404
    assert desk.get("/search?q=d1").location == f"/assets/{mine}"
    for path in ("/home", "/assets", f"/assets?customer={theirs.id}", "/assets?customer=none"):
        assert "CANARY" not in text_of(desk.get(path)), path
    assert "No unit found" in text_of(desk.get("/search", query_string={"q": CANARY}))
    exported = desk.post("/assets/export.csv").data
    assert b"D1" in exported
    assert b"CANARY" not in exported


@pytest.mark.parametrize(
    "typed",
    [
        "s3x2540a018734",
        " S3X2540A018734\r\n",
        "(01)09521234543213(21)S3X2540A018734",
        "]d2010952123454321321S3X2540A018734\x1d10LOT-7",
    ],
)
def test_a_serial_typed_anywhere_opens_its_unit(shop: Shop, typed: str) -> None:
    unit = make_unit(shop.session, shop.company, shop.cpu, "S3X2540A018734")
    for role in (Role.BUYER, Role.RESELLER_SUPPORT):
        answer = shop.client(role).get("/search", query_string={"q": typed})
        assert answer.location == f"/assets/{unit}"


def test_one_serial_of_two_brands_gives_a_chooser(shop: Shop) -> None:
    make_unit(shop.session, shop.company, shop.cpu, "SAME-1")
    make_unit(shop.session, shop.company, shop.ssd, "SAME-1", brand_key="quill")
    page = text_of(shop.buyer.get("/search?q=same-1"))
    assert "Which unit is it?" in page
    assert "Gannet 9 CPU" in page
    assert "Quill N2 2 TB" in page


def test_a_look_alike_is_suggested_and_never_taken(shop: Shop) -> None:
    make_unit(shop.session, shop.company, shop.cpu, "S0I1")
    answer = shop.buyer.get("/search?q=SO11")
    assert answer.status_code == 200
    assert "Did you mean one of these units?" in text_of(answer)
    assert "S0I1" in text_of(answer)


def test_the_list_is_narrowed_and_leaves_as_files(shop: Shop) -> None:
    customer = accounts.make_end_customer(shop.session, shop.company, "Quillfeather Studios")
    make_unit(shop.session, shop.company, shop.cpu, "L1", end_customer_id=customer.id)
    make_unit(shop.session, shop.company, shop.ssd, "L2", shipped=today() - timedelta(days=350), months=12)
    make_unit(
        shop.session, shop.company, shop.ssd, "L3", shipped=date(2020, 1, 1), months=12, state="scrapped"
    )
    found = {
        "q=cpu-1": "L1",
        "q=quill": "L2 L3",
        "q=l3": "L3",
        f"customer={customer.id}": "L1",
        "customer=none": "L2 L3",
        "ends=30": "L2",
        "ends=ended": "L3",
        "state=scrapped": "L3",
    }
    for query, serials in found.items():
        page = text_of(shop.buyer.get(f"/assets?{query}"))
        shown = [serial for serial in ("L1", "L2", "L3") if serial in page]
        assert " ".join(shown) == serials, query
    rows = shop.buyer.post("/assets/export.csv?ends=30").get_data(as_text=True).splitlines()
    assert [row.split(",")[0] for row in rows] == ["serial", "L2"]
    assert shop.buyer.post("/assets/export.xlsx?state=scrapped").data[:2] == b"PK"


def test_a_filter_that_cannot_be_used_is_refused_and_no_units_is_said(shop: Shop) -> None:
    assert "No units yet" in text_of(shop.buyer.get("/assets"))
    for query in ("ends=7", "state=gone", "customer=x", "q=a%00", "cursor=zzz"):
        assert shop.buyer.get(f"/assets?{query}").status_code == 422, query
    make_unit(shop.session, shop.company, shop.cpu, "L1")
    assert "No unit matches" in text_of(shop.buyer.get("/assets?q=nothing-like-it"))


def test_support_begins_with_a_serial_and_what_ends_soon(shop: Shop) -> None:
    support = shop.client(Role.RESELLER_SUPPORT)
    assert "Type or scan a serial number" in text_of(support.get("/home"))
    make_unit(shop.session, shop.company, shop.cpu, "E1", shipped=today() - timedelta(days=350), months=12)
    page = text_of(support.get("/home"))
    assert "Cover ends soon" in page
    assert "E1" in page


def test_pages_of_units_cost_few_statements_whatever_they_hold(shop: Shop) -> None:
    unit = make_unit(shop.session, shop.company, shop.cpu, "N0")
    counts = []
    for more in (0, 20):
        for n in range(more):
            make_unit(shop.session, shop.company, shop.cpu, f"N1-{n}", parent_id=unit)
        with statements(shop.app) as seen:
            assert shop.buyer.get("/assets").status_code == 200
        listed = len(seen)
        with statements(shop.app) as seen:
            assert shop.buyer.get(f"/assets/{unit}").status_code == 200
        counts.append((listed, len(seen)))
    assert counts[0] == counts[1]
    assert counts[0][0] <= 7
    assert counts[0][1] <= 7
