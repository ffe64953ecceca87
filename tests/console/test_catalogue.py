"""Staff keep products, categories, pictures, agreements, and what companies see."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import func, select

from app.core.audit import AuditEntry
from app.core.permissions import Role
from app.core.tenancy import all_companies
from app.core.web.extensions import db
from app.domain.accounts.models import Company
from app.domain.catalogue.models import (
    Attribute,
    BundlePart,
    Category,
    CustomerPartNumber,
    PriceAgreement,
    PriceRow,
    Product,
    ProductAttribute,
    ProductMedia,
    VisibilityListing,
)
from app.domain.catalogue.search import parse_query
from tests.factories.accounts import make_company, make_person, sign_in
from tests.factories.catalogue import make_agreement, make_attribute, make_category, make_product

PRODUCT = {
    "sku": "LMP-1",
    "name": "Desk lamp",
    "kind": "hardware",
    "life_cycle": "active",
    "unit": "piece",
    "min_quantity": "1",
    "multiple": "1",
    "tax_class": "standard",
    "is_backorderable": "y",
}


@pytest.fixture
def staff(app: Flask) -> FlaskClient:
    with app.app_context():
        make_person(db.session(), None, Role.VENDOR_SALES, email="sal@larkspur.example")
    client = app.test_client()
    sign_in(client, "sal@larkspur.example")
    return client


def read(app: Flask, statement: Any) -> list[Any]:
    """Rows of a statement over all companies."""
    with app.app_context(), all_companies(db.session(), reason="test"):
        return [tuple(row) for row in db.session().execute(statement)]


def category_id(app: Flask, name: str = "Lamps") -> int:
    with app.app_context():
        return make_category(db.session(), name).id


def png(width: int = 40, height: int = 30, colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_product_is_added_with_its_values_and_found_by_search(app, staff):
    category = category_id(app)
    data = {**PRODUCT, "category_id": category, "gtin": "4006381333931", "mpn": "AB-12"}
    answer = staff.post("/console/products/new", data=data)
    assert (answer.status_code, answer.location) == (303, "/console/products/sku/LMP-1")
    assert read(app, select(Product.sku_key, Product.mpn_key, Product.gtin, Product.version)) == [
        ("LMP-1", "AB-12", "4006381333931", 1)
    ]
    assert parse_query("ab-12").terms == ("ab-12",)
    assert "Desk lamp" in staff.get("/console/products?q=b-12").text
    assert "on request" in staff.get("/console/products").text
    assert read(app, select(AuditEntry.action).where(AuditEntry.subject_type == "product")) == [
        ("product.created",)
    ]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sku": " lmp-0 "}, "belongs to Old lamp already"),
        ({"gtin": "4006381333932"}, "check digit"),
        ({"min_quantity": "10", "multiple": "6"}, "must be a multiple of 6"),
        ({"min_quantity": "6", "max_quantity": "5"}, "at least the minimum"),
        ({"multiple": "4", "min_quantity": "4", "max_quantity": "10"}, "must be a multiple of 4"),
        ({"min_quantity": "1e9"}, "digits only"),
        ({"min_quantity": "\u0661\u0662"}, "digits only"),
        ({"successor_sku": "LMP-1"}, "its own successor"),
        ({"successor_sku": "NOPE"}, "no product with the SKU NOPE"),
        ({"category_id": "999"}, "Choose one from the list"),
        ({"kind": "spaceship"}, "Choose one from the list"),
        ({"name": "x" * 301}, "300 characters"),
    ],
)
def test_a_product_that_contradicts_itself_is_refused_beside_the_field(app, staff, changed, message):
    category = category_id(app)
    with app.app_context():
        make_product(db.session(), sku="LMP-0", name="Old lamp")
    answer = staff.post("/console/products/new", data={**PRODUCT, "category_id": category, **changed})
    assert answer.status_code in (409, 422)
    assert message in answer.text
    assert 'value="Desk lamp"' in answer.text or changed.get("name")
    assert read(app, select(Product.sku)) == [("LMP-0",)]


def test_a_change_is_kept_with_its_attributes_and_a_stale_one_refused(app, staff):
    with app.app_context():
        session = db.session()
        category = make_category(session, "Lamps")
        power = make_attribute(session, category, "Power", data_type="number", unit="W").id
        colour = make_attribute(session, category, "Colour").id
        product = make_product(session, sku="LMP-1", name="Desk lamp", category=category)
        product_id, version, category_key = product.id, product.version, category.id
    data = {**PRODUCT, "category_id": category_key, "name": "Desk lamp 2", "version": version}
    values = {f"attribute_{power}": "5.5", f"attribute_{colour}": "Black"}
    address = f"/console/products/{product_id}/edit"

    refused = staff.post(address, data={**data, f"attribute_{power}": "five"})
    assert refused.status_code == 422
    assert "Enter a number such as 2.5" in refused.text
    assert 'value="five"' in refused.text

    assert staff.post(address, data={**data, **values}).status_code == 303
    assert read(app, select(Product.name, Product.summary)) == [("Desk lamp 2", "5.5 W · Black")]
    assert read(app, select(ProductAttribute.text_value, ProductAttribute.number_value)) == [
        ("5.5", 5.5),
        ("Black", None),
    ]
    stale = staff.post(address, data={**data, "name": "Desk lamp 3"})
    assert stale.status_code == 409
    assert "Somebody else changed this" in stale.text
    assert read(app, select(Product.name)) == [("Desk lamp 2",)]


def test_successors_may_not_go_round_in_a_circle(app, staff):
    with app.app_context():
        session = db.session()
        first = make_product(session, sku="A")
        second = make_product(session, sku="B", successor_id=first.id)
        make_product(session, sku="C", successor_id=second.id)
        data = {**PRODUCT, "sku": "A", "category_id": first.category_id, "version": first.version}
        address = f"/console/products/{first.id}/edit"
    answer = staff.post(address, data={**data, "successor_sku": "c"})
    assert answer.status_code == 422
    assert "go round in a circle" in answer.text


def test_a_bundle_has_parts_that_are_no_bundles(app, staff):
    with app.app_context():
        session = db.session()
        bundle = make_product(session, sku="SET", kind="bundle")
        make_product(session, sku="OTHER-SET", kind="bundle")
        make_product(session, sku="BULB")
        make_product(session, sku="CABLE")
        address = f"/console/products/{bundle.id}/parts"
    good = {"sku-0": "bulb", "quantity-0": "2", "required-0": "1", "sku-1": "CABLE", "quantity-1": "1"}
    assert staff.post(address, data=good).status_code == 303
    stored = select(Product.sku, BundlePart.quantity, BundlePart.is_required).join(
        Product, Product.id == BundlePart.part_id
    )
    expected = [("BULB", 2, True), ("CABLE", 1, False)]
    assert read(app, stored.order_by(BundlePart.position)) == expected
    for bad, message in (
        ({"sku-0": "OTHER-SET", "quantity-0": "1"}, "is a bundle"),
        (
            {"sku-0": "BULB", "quantity-0": "1", "sku-1": "bulb", "quantity-1": "1"},
            "stands in the list twice",
        ),
        ({"sku-0": "BULB", "quantity-0": "-1"}, "BULB: Enter a quantity"),
        ({"sku-0": "GONE", "quantity-0": "1"}, "no product with the SKU GONE"),
    ):
        answer = staff.post(address, data=bad)
        assert answer.status_code == 422
        assert message in answer.text
    assert read(app, stored.order_by(BundlePart.position)) == expected


def test_a_picture_is_written_anew_and_shown_to_staff(app, staff):
    with app.app_context():
        product_id = make_product(db.session(), sku="LMP-1").id
    sent = {
        "file": (io.BytesIO(png(2000, 1000) + b"<script>"), "../../lamp.png"),
        "alt_text": "A red lamp",
    }
    answer = staff.post(f"/console/products/{product_id}/media", data=sent)
    assert answer.status_code == 303
    [(key, name, kind)] = read(
        app, select(ProductMedia.storage_key, ProductMedia.filename, ProductMedia.content_type)
    )
    assert (name, kind) == ("lamp.jpg", "image/jpeg")
    with staff.get(f"/console/products/media/{key}") as full:
        assert full.content_type == "image/jpeg"
        assert full.headers["Content-Disposition"].startswith("inline")
        assert full.headers["X-Content-Type-Options"] == "nosniff"
        assert Image.open(io.BytesIO(full.data)).size == (1600, 800)
        assert b"<script>" not in full.data
    with staff.get(f"/console/products/media/{key}?size=160") as small:
        assert Image.open(io.BytesIO(small.data)).size == (160, 80)
    assert staff.get("/console/products/media/..%2fsecret_key").status_code == 404
    assert staff.get(f"/console/products/media/{'0' * 32}.jpg").status_code == 404


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("lamp.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG drawings are not taken"),
        ("lamp.heic", b"\0\0\0\x18ftypheic", "HEIC pictures are not taken"),
        ("lamp.png", b"GIF89a....", "is not the PNG its extension says"),
        ("lamp.png", b"\x89PNG\r\n\x1a\nrest", "is damaged"),
        ("lamp.pdf", png(), "is not the PDF its extension says"),
        ("lamp.exe", b"MZ", "is not taken here"),
        ("lamp.png", b"", "is empty"),
    ],
)
def test_a_file_that_is_no_picture_is_refused_and_nothing_kept(app, staff, tmp_path, name, content, message):
    with app.app_context():
        product_id = make_product(db.session(), sku="LMP-1").id
    sent = {"file": (io.BytesIO(content), name), "alt_text": ""}
    answer = staff.post(f"/console/products/{product_id}/media", data=sent)
    assert answer.status_code == 422
    assert message in answer.text
    assert read(app, select(func.count()).select_from(ProductMedia)) == [(0,)]
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file() and "uploads" in path.parts]


def test_a_datasheet_is_handed_out_as_a_download_in_a_sandbox(app, staff):
    with app.app_context():
        product_id = make_product(db.session(), sku="LMP-1").id
    sent = {"file": (io.BytesIO(b"%PDF-1.7\n%EOF"), "Übersicht\u202e.pdf"), "alt_text": ""}
    assert staff.post(f"/console/products/{product_id}/media", data=sent).status_code == 303
    [(key, medium_id)] = read(app, select(ProductMedia.storage_key, ProductMedia.id))
    with staff.get(f"/console/products/media/{key}") as answer:
        assert answer.headers["Content-Disposition"] == (
            "attachment; filename=\"Ubersicht.pdf\"; filename*=UTF-8''%C3%9Cbersicht.pdf"
        )
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert staff.post(f"/console/products/{product_id}/media/{medium_id}/remove").status_code == 303
    assert staff.get(f"/console/products/media/{key}").status_code == 404


def test_a_category_moves_with_its_subtree_and_never_into_itself(app, staff):
    staff.post("/console/products/categories/new", data={"name": "Audio", "parent_id": 0, "position": 1})
    [(audio,)] = read(app, select(Category.id))
    staff.post("/console/products/categories/new", data={"name": "Cables", "parent_id": audio, "position": 0})
    staff.post("/console/products/categories/new", data={"name": "House", "parent_id": 0, "position": 0})
    rows = dict(read(app, select(Category.slug, Category.id)))
    data = {"name": "Sound", "parent_id": rows["house"], "position": 1}
    assert staff.post(f"/console/products/categories/{audio}", data=data).status_code == 303
    house, cables = rows["house"], rows["cables"]
    assert dict(read(app, select(Category.slug, Category.path))) == {
        "house": f"/{house}/",
        "audio": f"/{house}/{audio}/",
        "cables": f"/{house}/{audio}/{cables}/",
    }
    looped = staff.post(
        f"/console/products/categories/{audio}", data={"name": "Sound", "parent_id": cables, "position": 1}
    )
    assert looped.status_code == 422
    attribute = {"name": "Length", "data_type": "number", "unit": "m", "position": 0, "is_facet": "y"}
    address = f"/console/products/categories/{cables}/attributes"
    assert staff.post(address, data=attribute).status_code == 303
    assert read(app, select(Attribute.code, Attribute.data_type, Attribute.unit)) == [
        ("length", "number", "m")
    ]
    again = staff.post(address, data=attribute)
    assert again.status_code == 409
    assert "has an attribute of that name" in again.text
    assert "House" in staff.get("/console/products/categories").text


def test_an_agreement_is_made_for_a_company_and_a_product_priced_in_it(app, staff):
    with app.app_context():
        company = make_company(db.session())
        company_id = company.id
        product_id = make_product(db.session(), sku="LMP-1").id
    page = staff.get(f"/console/price-agreements/new?company={company_id}")
    assert page.status_code == 200
    data = {
        "number": "PL-1",
        "name": "Kettle prices",
        "level": "company",
        "company_id": company_id,
        "branch_id": 0,
        "currency": "USD",
        "starts_on": "2026-11-24",
        "discount_percent": "2.5",
        "discount_from": "1000",
    }
    assert staff.post("/console/price-agreements/new", data=data).status_code == 303
    [(agreement_id, bps)] = read(app, select(PriceAgreement.id, PriceAgreement.order_discount_bps))
    assert bps == 250
    found = staff.get(f"/console/price-agreements/{agreement_id}/product?sku=lmp-1")
    address = f"/console/price-agreements/{agreement_id}/products/{product_id}"
    assert (found.status_code, found.location) == (303, address)
    assert staff.get(address).status_code == 200
    steps = {
        "steps-0-quantity": "1",
        "steps-0-price": "19.90",
        "steps-1-quantity": "10",
        "steps-1-price": "18",
    }
    half = staff.post(address, data={**steps, "steps-2-quantity": "20"})
    assert half.status_code == 422
    assert "empty the step" in half.text
    assert staff.post(address, data={**steps, "minimum": "5", "multiple": "5"}).status_code == 303
    rows = [
        (quantity, str(price))
        for quantity, price in read(app, select(PriceRow.min_quantity, PriceRow.unit_price))
    ]
    assert sorted(rows) == [(1, "19.9"), (10, "18")]
    assert "from 5 in 5" in staff.get(f"/console/price-agreements/{agreement_id}").text
    assert "Kettle prices" in staff.get("/console/products/sku/LMP-1").text
    assert "Kettle prices" in staff.get(f"/console/price-agreements?company={company_id}&q=kettle").text
    wrong = staff.post("/console/price-agreements/new", data={**data, "number": "PL-2", "currency": "EUR"})
    assert wrong.status_code == 422
    assert "trades in USD" in wrong.text


def test_an_agreement_is_changed_with_its_version(app, staff):
    with app.app_context():
        agreement = make_agreement(db.session(), "list")
        agreement_id, version = agreement.id, agreement.version
    data = {"name": "Old list", "starts_on": "2026-01-01", "ends_on": "2027-01-01", "version": version}
    address = f"/console/price-agreements/{agreement_id}/edit"
    assert staff.get(address).status_code == 200
    assert staff.post(address, data=data).status_code == 303
    assert read(app, select(PriceAgreement.name, PriceAgreement.is_active)) == [("Old list", False)]
    assert staff.post(address, data=data).status_code == 409


def test_what_a_company_sees_is_listed_by_product_and_category(app, staff):
    with app.app_context():
        company = make_company(db.session())
        company_id, version = company.id, company.version
        product_id = make_product(db.session(), sku="LMP-1").id
    address = f"/console/products/companies/{company_id}/visibility"
    assert staff.get(address).status_code == 200
    assert staff.post(address, data={"mode": "only_listed", "version": version}).status_code == 303
    listing = {"sku": "lmp-1", "category_id": 0, "starts_on": "2026-12-01", "version": version + 1}
    assert staff.post(f"{address}/listings", data=listing).status_code == 303
    assert read(app, select(Company.visibility_mode)) == [("only_listed",)]
    [(listing_id, stored)] = read(app, select(VisibilityListing.id, VisibilityListing.product_id))
    assert stored == product_id
    stale = staff.post(f"{address}/listings", data=listing)
    assert stale.status_code == 409
    neither = staff.post(f"{address}/listings", data={"category_id": 0, "version": version + 2})
    assert "either a SKU or a category" in neither.text
    assert staff.post(f"{address}/listings/{listing_id}/remove").status_code == 303
    assert read(app, select(func.count()).select_from(VisibilityListing)) == [(0,)]


def test_a_company_has_numbers_of_its_own(app, staff):
    with app.app_context():
        company_id = make_company(db.session()).id
        make_product(db.session(), sku="LMP-1")
    address = f"/console/products/companies/{company_id}/numbers"
    assert staff.post(address, data={"code": "K-77", "sku": "LMP-1"}).status_code == 303
    assert staff.post(address, data={"code": "k-77", "sku": "LMP-1"}).status_code == 409
    assert "no product with the SKU X" in staff.post(address, data={"code": "K-78", "sku": "X"}).text
    [(number_id, code)] = read(app, select(CustomerPartNumber.id, CustomerPartNumber.code))
    assert code == "K-77"
    assert "K-77" in staff.get(address).text
    assert staff.post(f"{address}/{number_id}/remove").status_code == 303
    assert read(app, select(func.count()).select_from(CustomerPartNumber)) == [(0,)]


def test_other_numbers_find_a_product(app, staff):
    with app.app_context():
        product_id = make_product(db.session(), sku="LMP-1").id
    data = {"code": "OLD-7", "kind": "superseded"}
    assert staff.post(f"/console/products/{product_id}/references", data=data).status_code == 303
    assert staff.post(f"/console/products/{product_id}/references", data=data).status_code == 409
    page = staff.get("/console/products/sku/LMP-1").text
    assert "OLD-7" in page
    assert "superseded" in page


def test_warehouse_staff_read_products_and_change_none(app):
    with app.app_context():
        make_person(db.session(), None, Role.VENDOR_WAREHOUSE, email="wen@larkspur.example")
        product_id = make_product(db.session(), sku="LMP-1").id
    client = app.test_client()
    sign_in(client, "wen@larkspur.example")
    assert client.get("/console/products").status_code == 200
    assert client.get("/console/products/sku/LMP-1").status_code == 200
    assert client.get(f"/console/products/{product_id}/edit").status_code == 403
    assert client.get("/console/price-agreements").status_code == 403
    assert client.get("/console/products/sku/NOPE").status_code == 404
