"""Asking for a price where there is none, reading the answer, taking a request back."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import select

from app.core.permissions import Actor, Role
from app.domain.ordering import actions
from app.domain.ordering.models import PriceRequest
from tests.factories.accounts import read
from tests.factories.ordering import NOW, done
from tests.portal.shop import Shop, text_of

GPU = {"sku": "GPU-1", "quantity": "12", "note": "For a render room"}


def requests(shop: Shop) -> list[PriceRequest]:
    return read(shop.session, select(PriceRequest).order_by(PriceRequest.id))


def test_without_requests_the_list_says_what_belongs_there(shop: Shop) -> None:
    assert "No price requests" in text_of(shop.buyer.get("/price-requests"))


def test_asking_leads_to_the_list(shop: Shop) -> None:
    form = shop.buyer.get("/price-requests/new?sku=GPU-1&quantity=12").text
    assert 'value="GPU-1"' in form
    assert "Heron 4 GPU" in form
    answer = shop.buyer.post("/price-requests/new", data=GPU, follow_redirects=True)
    page = text_of(answer)
    made = requests(shop)[0]
    assert (made.quantity, made.note, made.state) == (12, "For a render room", "open")
    for words in (made.number, "Heron 4 GPU", "Asked", "Mara Vint", "is sent"):
        assert words in page


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"sku": "NOPE"}, "No product goes by"),
        ({"sku": ""}, "Fill this in."),
        ({"sku": "SSD-1"}, "It has a price for you"),
        ({"quantity": "0"}, "Enter a quantity from 1"),
        ({"quantity": "-1"}, "Enter a quantity from 1"),
        ({"quantity": "9223372036854775808"}, "Enter a quantity from 1"),
        ({"quantity": "1e9"}, "Enter a quantity from 1"),
        ({"quantity": "١٢"}, "Enter a quantity from 1"),
        ({"note": "x" * 501}, "Shorten this to 500 characters."),
    ],
)
def test_a_wrong_entry_is_kept_and_answered(shop: Shop, entry: dict[str, str], message: str) -> None:
    answer = shop.buyer.post("/price-requests/new", data={**GPU, **entry})
    assert answer.status_code in (409, 422)
    assert message in text_of(answer)
    assert f'value="{entry.get("quantity", "12")}"' in answer.text
    assert requests(shop) == []


def test_an_answer_stands_in_the_list_and_on_the_home_page(shop: Shop) -> None:
    shop.buyer.post("/price-requests/new", data=GPU)
    done(
        shop.session,
        actions.answer_price_request,
        Actor.system("sales"),
        request_id=requests(shop)[0].id,
        unit_price=Decimal("412.50"),
        valid_until=date(2099, 12, 31),
        answer="From 10 on.",
        now=NOW,
    )
    page = text_of(shop.buyer.get("/price-requests?state=answered"))
    for words in ("412.50 USD each", "until 31 Dec 2099", "From 10 on."):
        assert words in page
    assert "Withdraw the request" not in page
    assert "Use the price for Heron 4 GPU" in text_of(shop.buyer.get("/home"))


def test_an_open_request_is_taken_back_once(shop: Shop) -> None:
    shop.buyer.post("/price-requests/new", data=GPU)
    address = f"/price-requests/{requests(shop)[0].id}/withdraw"
    assert "is withdrawn" in text_of(shop.buyer.post(address, follow_redirects=True))
    assert requests(shop)[0].state == "withdrawn"
    again = shop.buyer.post(address, follow_redirects=True)
    assert "withdrew this request" in text_of(again)


def test_another_companys_request_does_not_exist(shop: Shop) -> None:
    other = shop.client(Role.BUYER, shop.other)
    assert other.post("/price-requests/new", data=GPU).status_code == 303
    made = requests(shop)[0]
    assert made.number not in text_of(shop.buyer.get("/price-requests"))
    assert shop.buyer.post(f"/price-requests/{made.id}/withdraw").status_code == 404
    assert requests(shop)[0].state == "open"


def test_those_who_do_not_buy_do_not_ask(shop: Shop) -> None:
    for role in (Role.RESELLER_FINANCE, Role.RESELLER_SUPPORT, Role.END_CUSTOMER_DESK):
        client = shop.client(role)
        assert client.get("/price-requests").status_code == 403
        assert client.post("/price-requests/new", data=GPU).status_code == 403
    assert requests(shop) == []
