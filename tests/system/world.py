"""Two resellers with everything a reseller can have, the vendor's staff, and words that name their owner.

Every text a company owns holds a word of its own, `canary-a` or `canary-b`, so that a page that shows
one company the other's data is found by the word. `arguments` fills the address of any route from the
things of one company.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from flask import Flask, current_app
from PIL import Image
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app import create_app
from app.adapters.storage import LocalStore
from app.core.audit import AuditEntry
from app.core.database import writing
from app.core.imports.models import ImportMapping
from app.core.outbox import Job
from app.core.permissions import RESELLER_ROLES, VENDOR_ROLES, Actor, Role
from app.core.tenancy import all_companies
from app.core.web.extensions import db
from app.domain.accounts.models import (
    Branch,
    Company,
    CompanyExport,
    EndCustomer,
    MailMessage,
    Membership,
    ResellerRequest,
    SignInSession,
    User,
)
from app.domain.assets.models import AssetEvent
from app.domain.catalogue.models import (
    CrossReference,
    Product,
    ProductMedia,
)
from app.domain.ordering import actions as ordering
from app.domain.ordering.models import Order, OrderHold, OrderLine, PriceRequest
from app.jobs.execution import sessions_of
from app.jobs.worker import Worker
from tests.factories import accounts as people
from tests.factories import assets, catalogue
from tests.factories import ordering as orders
from tests.factories.accounts import NOW, PASSWORD, actor_for
from tests.system.scratch import Snapshot, scratch_database

DATABASES = ("sqlite", "postgres")
#: Roles of people who work for a reseller company.
COMPANY_ROLES = [*sorted(RESELLER_ROLES), Role.END_CUSTOMER_DESK]
STAFF_ROLES = sorted(VENDOR_ROLES)


@dataclass
class Party:
    """A reseller company and the keys of what it owns; `word` is in every text of it."""

    word: str
    company: Company
    emails: dict[Role, str] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Browser:
    """Sends the same cookie with every request, whatever an answer sets."""

    app: Flask
    cookie: str | None

    def open(self, path: str, method: str = "GET", **values: Any) -> TestResponse:
        headers = {**values.pop("headers", {})}
        if self.cookie:
            headers["Cookie"] = self.cookie
        client = self.app.test_client(use_cookies=False)
        return client.open(path, method=method, headers=headers, buffered=True, **values)

    def get(self, path: str, **values: Any) -> TestResponse:
        return self.open(path, **values)

    def post(self, path: str, **values: Any) -> TestResponse:
        return self.open(path, "POST", **values)


@dataclass
class World:
    """The application with both companies, the vendor's staff and the shared products."""

    app: Flask
    url: str
    a: Party
    b: Party
    staff: dict[Role, str]
    shared: dict[str, Any]
    browsers: dict[str, Browser]
    snapshot: Snapshot
    files: dict[Path, bytes]

    def restore(self) -> None:
        """Make every row and every stored file as it was."""
        self.snapshot.restore()
        store = Path(self.app.config["DATA_DIR"])
        for name, content in self.files.items():
            if not (store / name).exists():
                (store / name).parent.mkdir(parents=True, exist_ok=True)
                (store / name).write_bytes(content)

    def browser(self, party: Party | None, role: Role) -> Browser:
        """The browser of a company's person, or of the vendor's without a company."""
        return self.browsers[(party.emails if party else self.staff)[role]]

    def arguments(self, rule: Rule, party: Party, **others: Any) -> dict[str, Any]:
        """The arguments of a route's address, from the party's things and the shared ones."""
        area = rule.endpoint.rpartition(".")[0]
        known = {
            **self.shared,
            **party.keys,
            **self.shared.get(area, {}),
            **party.keys.get(area, {}),
            **others,
        }
        return {name: (rule.defaults or {}).get(name) or known[name] for name in rule.arguments}

    def path(self, rule: Rule, party: Party, **others: Any) -> str:
        """The route's address with the party's things in it."""
        with self.app.test_request_context():
            adapter = self.app.url_map.bind("127.0.0.1")
            path: str = adapter.build(
                rule.endpoint, self.arguments(rule, party, **others), force_external=False
            )
            return path


def rules_of(app: Flask) -> list[Rule]:
    """Every route but static files, in a fixed order."""
    found = [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]
    return sorted(found, key=lambda rule: (rule.endpoint, rule.rule))


@contextmanager
def world(kind: str, folder: Path, monkeypatch: Any) -> Iterator[World]:
    """A world on a database of its own."""
    monkeypatch.setenv("DATA_DIR", str(folder / "data"))
    with scratch_database(kind, folder) as url:
        app = create_app(
            {
                "SQLALCHEMY_DATABASE_URI": url,
                "TESTING": True,
                "PROPAGATE_EXCEPTIONS": False,
                "WTF_CSRF_ENABLED": False,
                "RATELIMIT_ENABLED": False,
            }
        )
        made = None
        try:
            with app.app_context():
                shared, parties, staff = _fill(db.session())
            _by_web(app, shared, staff)
            _deliver(app)
            with app.app_context():
                _complete(db.session(), shared, parties)
            browsers = _browsers(app, parties, staff)
            made = Snapshot(url)
            yield World(app, url, parties[0], parties[1], staff, shared, browsers, made, _stored(app))
        finally:
            if made is not None:
                made.close()
            with app.app_context():
                for engine in db.engines.values():
                    engine.dispose()


def _fill(session: Session) -> tuple[dict[str, Any], list[Party], dict[Role, str]]:
    people.make_vendor(session, name="Larkspur", is_demo=True)
    staff = {role: f"{role.value}@larkspur.example" for role in STAFF_ROLES}
    for role, email in staff.items():
        people.make_person(session, None, role, email=email, name=f"Staff {role.value}")
    shared = _shared(session)
    parties = [_party(session, letter, shared) for letter in "ab"]
    for party, other in (parties, parties[::-1]):
        _hide(session, party, other)
    sales = actor_for(session, _user(session, staff[Role.VENDOR_SALES]), None)
    for party in parties:
        _trade(session, party, shared, sales)
    return shared, parties, staff


def _user(session: Session, email: str) -> User:
    with all_companies(session, reason="test data"):
        return session.scalars(select(User).where(User.email == email)).one()


def _shared(session: Session) -> dict[str, Any]:
    """Products that both companies see: with a price and stock, on request, a bundle of the two."""
    category = catalogue.make_category(session, "Internal drives")
    attribute = catalogue.make_attribute(session, category)
    priced = catalogue.make_product(
        session, "SHARED-1", "Shared drive", category=category, attributes={attribute: "2"},
        references=["REF-1"], mpn="MPN-1", brand="Quill", gtin="4006381333931",
    )  # fmt: skip
    asked = catalogue.make_product(session, "SHARED-2", "Drive on request", category=category)
    catalogue.make_product(session, "SHARED-3", "Drive bundle", category=category, kind="bundle")
    agreement = catalogue.make_agreement(session, prices={priced: [(1, "10.00"), (10, "9.00")]})
    warehouse = orders.make_warehouse(session, "MAIN")
    orders.stock_in(session, priced, 500, warehouse=warehouse)
    receipt = orders.make_receipt(session, priced, 7, (NOW + timedelta(days=9)).date(), warehouse=warehouse)
    return {
        "priced": priced, "asked": asked, "product_id": priced.id, "sku": priced.sku, "list": agreement,
        "category_id": category.id, "attribute_id": attribute.id, "warehouse_id": warehouse.id,
        "receipt_id": receipt.id,
    }  # fmt: skip


def _party(session: Session, letter: str, shared: dict[str, Any]) -> Party:
    word = f"canary-{letter}"
    company = people.make_company(
        session, f"{word} company", number=f"{word}-no", tier=f"{word}-tier", tax_id=f"{word}-tax",
        branches=(f"{word} first branch", f"{word} second branch"),
    )  # fmt: skip
    address = {name: f"{word} {name}" for name in ("street", "city", "region")} | {"postcode": f"{word}-zip"}
    with writing(session), all_companies(session, reason="test data"):
        session.execute(update(Branch).where(Branch.company_id == company.id).values(**address))
        session.commit()
    customer = people.make_end_customer(session, company, f"{word} customer")
    with writing(session), all_companies(session, reason="test data"):
        session.execute(update(EndCustomer).where(EndCustomer.id == customer.id).values(**address))
        session.commit()
    party = Party(word, company)
    for role in COMPANY_ROLES:
        party.emails[role] = f"{role.value}@{word}.example"
        people.make_person(session, company, role, email=party.emails[role], name=f"{word} {role.value}")
    _set_desk(session, party, customer.id)
    people.make_person(
        session, company, Role.RESELLER_ADMIN, email=f"gone@{word}.example", name=f"{word} gone"
    )
    own = catalogue.make_product(
        session, f"{word}-sku", f"{word} product", brand=f"{word}-brand", kind="hardware_serial"
    )
    party.keys = {
        "company_id": company.id, "branch_id": company.branches[0].id, "end_customer_id": customer.id,
        "own": own,
    }  # fmt: skip
    return party


def _set_desk(session: Session, party: Party, customer_id: int) -> None:
    with writing(session), all_companies(session, reason="test data"):
        session.execute(
            update(Membership)
            .where(Membership.company_id == party.company.id, Membership.role == Role.END_CUSTOMER_DESK.value)
            .values(end_customer_id=customer_id)
        )
        session.commit()


def _hide(session: Session, party: Party, other: Party) -> None:
    """Each company has a product that the other one never sees."""
    listing = catalogue.make_listing(
        session, party.company, product=other.keys["own"], reason=f"{party.word} listing"
    )
    with writing(session), all_companies(session, reason="test data"):
        session.execute(
            update(Company).where(Company.id == party.company.id).values(visibility_mode="all_except")
        )
        session.commit()
    party.keys["listing_id"] = listing.id


def _trade(session: Session, party: Party, shared: dict[str, Any], sales: Actor) -> None:
    word, company = party.word, party.company
    priced, own = shared["priced"], party.keys["own"]
    agreement = catalogue.make_agreement(
        session, company=company, number=f"{word}-agreement", name=f"{word} prices",
        order_discount_bps=200, prices={priced: [(1, "8.00")], own: [(1, "5.00")]},
    )  # fmt: skip
    tier = catalogue.make_agreement(
        session, "tier", tier=f"{word}-tier", number=f"{word}-tier-list", name=f"{word} tier list",
        prices={priced: [(1, "9.50")]},
    )  # fmt: skip
    catalogue.make_quantity_rule(session, agreement, own, min_quantity=1, multiple=1)
    catalogue.make_tax_rate(session, company, code=f"{word}-vat")
    number = catalogue.make_customer_number(session, company, priced, f"{word}-part")
    orders.stock_in(session, own, 50)
    buyer = actor_for(session, _user(session, party.emails[Role.BUYER]), company)
    checkout = {
        "po_number": f"{word}-po", "reference": f"{word} reference", "notes": f"{word} notes",
        "end_customer_id": party.keys["end_customer_id"], "to_end_customer": True,
    }  # fmt: skip
    order = orders.place(session, buyer, company, {priced: 2, own: 1}, **checkout)
    cancelled = orders.place(session, buyer, company, {priced: 3}, **checkout)
    orders.done(
        session, ordering.cancel_order, buyer, order_id=cancelled.id, reason=f"{word} cancelled", now=NOW
    )
    orders.hold(session, cancelled, f"{word} hold")
    cart = orders.make_cart(session, company, {priced: 4, own: 1}, name=f"{word} cart")
    party.keys.update(
        agreement_id=agreement.id, tier_id=tier.id, number_id=number.id, order_id=order.id, cart_id=cart.id,
        number=order.number, cancelled_number=cancelled.number,
    )  # fmt: skip
    _ship(session, party, shared, buyer)
    _ask(session, party, shared, buyer, sales)
    _own_unit(session, party)


def _ship(session: Session, party: Party, shared: dict[str, Any], buyer: Actor) -> None:
    """An order that has shipped, with a word of its own on the parcel."""
    word, own = party.word, party.keys["own"]
    order = orders.place(session, buyer, party.company, {own: 1}, po_number=f"{word}-sent")
    line = orders.lines_of(session, order)[0]
    shipment = orders.done(
        session, ordering.ship_order, Actor.system("shipping"), order_id=order.id, now=NOW,
        warehouse_id=shared["warehouse_id"], lines={line.id: (1, f'"{word}-sent"')},
        carrier=f"{word} freight", tracking=f"{word}-tracking", note=f"{word} parcel",
    )  # fmt: skip
    party.keys["console.shipping"] = {"number": shipment.number}
    party.keys["order_number"] = party.keys["number"]


def _ask(session: Session, party: Party, shared: dict[str, Any], buyer: Actor, sales: Actor) -> None:
    """A request that is open, and one that was answered."""
    word = party.word
    answered = orders.done(
        session, ordering.ask_price, buyer, quantity=5, product_id=shared["asked"].id,
        note=f"{word} first note", now=NOW,
    )  # fmt: skip
    orders.done(
        session, ordering.answer_price_request, sales, request_id=answered.id, unit_price=7,
        valid_until=(NOW + timedelta(days=30)).date(), answer=f"{word} answer", now=NOW,
    )  # fmt: skip
    asked = orders.done(
        session, ordering.ask_price, buyer, quantity=6, product_id=shared["asked"].id,
        note=f"{word} second note", now=NOW,
    )  # fmt: skip
    party.keys["request_id"] = asked.id


def _own_unit(session: Session, party: Party) -> None:
    """A unit that stands with the company's end customer."""
    word = party.word
    party.keys["asset_id"] = assets.make_unit(
        session, party.company, party.keys["own"], f"{word}-serial", price_paid=Decimal("5.55"),
        currency="USD", invoice_number=f"{word}-invoice", end_customer_id=party.keys["end_customer_id"],
    )  # fmt: skip
    with writing(session), all_companies(session, reason="test data"):
        session.add(
            AssetEvent(
                asset_id=party.keys["asset_id"], kind="registered", at=NOW, company_id=party.company.id,
                reference=f"{word}-registration", actor_name=f"{word} registrar",
            )
        )  # fmt: skip
        session.commit()


def picture() -> bytes:
    """A small PNG."""
    content = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(content, "PNG")
    return content.getvalue()


def _by_web(app: Flask, shared: dict[str, Any], staff: dict[Role, str]) -> None:
    """A picture of each product and an import's files, as the vendor's administrator sends them."""
    client = app.test_client()
    client.post("/sign-in", data={"email": staff[Role.VENDOR_ADMIN], "password": PASSWORD})
    with app.app_context(), all_companies(db.session(), reason="test"):
        ids = list(db.session().scalars(select(Product.id)))
    for product_id in ids:
        answer = client.post(
            f"/console/products/{product_id}/media",
            data={"file": (io.BytesIO(picture()), "drive.png"), "alt_text": "a drive"},
        )
        assert answer.status_code == 303, answer.text
    table = b"sku,name,price\nNEW-1,New drive,12.50\n,nameless,1e9\n"
    answer = client.post(
        "/console/imports/new/products",
        data={"files": (io.BytesIO(table), "parts.csv"), "currency": "USD", "mapping": ""},
    )
    assert answer.status_code == 303, answer.text
    found = re.search(r"/imports/(\d+)", answer.headers["Location"])
    assert found
    shared["run_id"] = int(found[1])
    page = client.get(f"/console/imports/{found[1]}").text
    targets = {
        name: chosen
        for name, options in re.findall(r'<select[^>]*name="([^"]*)"(.*?)</select>', page, re.DOTALL)
        for chosen in re.findall(r'value="([^"]*)" selected', options)
    }
    answer = client.post(f"/console/imports/{found[1]}/start", data=targets)
    assert answer.status_code == 303, answer.text


def _deliver(app: Flask) -> None:
    """Do every job that waits: mails are rendered."""
    worker = Worker(sessions_of(app))
    while worker.run_one() is not None:
        pass


def _stored(app: Flask) -> dict[Path, bytes]:
    folder = Path(app.config["DATA_DIR"])
    return {
        path.relative_to(folder): path.read_bytes()
        for path in (folder / "uploads").rglob("*")
        if path.is_file()
    }


def _signed_in(app: Flask, email: str) -> Browser:
    answer = app.test_client().post("/sign-in", data={"email": email, "password": PASSWORD})
    assert answer.status_code == 303, email
    return Browser(app, answer.headers["Set-Cookie"].partition(";")[0])


def _browsers(app: Flask, parties: list[Party], staff: dict[Role, str]) -> dict[str, Browser]:
    """Everybody's browser by address, and those of a stranger, a disabled person, an ended session, and of
    staff who view as the first company."""
    emails = [*staff.values(), *(email for party in parties for email in party.emails.values())]
    made = {email: _signed_in(app, email) for email in emails}
    made["stranger"] = Browser(app, None)
    made["view_as"] = _signed_in(app, staff[Role.VENDOR_SUPPORT])
    answer = made["view_as"].post(f"/console/companies/{parties[0].company.id}/view-as")
    assert answer.status_code == 303
    made["view_as"] = Browser(app, answer.headers["Set-Cookie"].partition(";")[0])
    made["ended"] = _signed_in(app, parties[0].emails[Role.RESELLER_ADMIN])
    assert made["ended"].post("/sign-out").status_code == 303
    made["disabled"] = _signed_in(app, "gone@canary-a.example")
    with app.app_context(), writing(db.session()), all_companies(db.session(), reason="test data"):
        db.session().execute(
            update(User).where(User.email == "gone@canary-a.example").values(is_disabled=True)
        )
        db.session().commit()
    return made


def _complete(session: Session, shared: dict[str, Any], parties: list[Party]) -> None:
    """The texts that no page can enter yet, and the keys that stories left behind."""
    with writing(session), all_companies(session, reason="test data"):
        for party in parties:
            _complete_party(session, party)
        session.execute(insert(ImportMapping).values(kind="products", name="usual", columns={"sku": "sku"}))
        dead = Job(
            message_id="0" * 36, kind="mail.render", payload={}, state="dead", attempts=8, run_at=NOW,
            created_at=NOW, last_error="planted",
        )  # fmt: skip
        session.add(dead)
        shared["console.applications"] = {"request_id": _asked(session)}
        session.commit()
        shared["job_id"] = dead.id
        shared["rule_id"] = assets.make_rule(session, shared["priced"].id)
        shared["reference_id"] = session.scalar(select(func.min(CrossReference.id)))
        medium = session.scalars(
            select(ProductMedia).where(ProductMedia.product_id == shared["product_id"])
        ).one()
        shared["medium_id"], shared["key"] = medium.id, medium.storage_key
        shared["console.imports"] = {"name": "products", "extension": "csv"}
        shared["colour"] = "4a48c4"
        shared["token"], shared["step"] = "0" * 40, "answer"
        session.rollback()
        session.expunge_all()


def _asked(session: Session) -> int:
    """A firm that asks to become a reseller; it belongs to nobody yet."""
    asked = ResellerRequest(
        state="open", company_name="Newcomer", street="1 New Street", postcode="1", city="Newtown", region="",
        country="US", contact_name="Nell Newman", email="nell@newcomer.example", phone="1", message="We sell",
        created_at=NOW, confirmed_at=NOW,
    )  # fmt: skip
    session.add(asked)
    session.flush()
    return asked.id


def _complete_party(session: Session, party: Party) -> None:
    word, company_id = party.word, party.company.id
    session.execute(
        update(Order).where(Order.id == party.keys["order_id"]).values(external_reference=f"{word}-external")
    )
    mails = update(MailMessage).where(MailMessage.company_id == company_id)
    session.execute(mails.values(answer=f"{word} answer"))
    session.execute(
        update(OrderHold).where(OrderHold.company_id == company_id).values(
            opened_by=f"{word} opener", cleared_by=f"{word} clearer", cleared_at=NOW
        )
    )  # fmt: skip
    cart = party.keys["cart_id"]
    session.execute(
        update(orders.Cart).where(orders.Cart.id == cart).values(draft={"po_number": f"{word} draft"})
    )
    session.execute(
        update(PriceRequest).where(PriceRequest.company_id == company_id, PriceRequest.answer != "").values(
            answered_by_name=f"{word} answerer"
        )
    )  # fmt: skip
    lines = session.scalars(select(OrderLine.id).where(OrderLine.order_id == party.keys["order_id"]))
    party.keys["portal.orders"] = party.keys["console.orders"] = {"line_id": min(lines)}
    party.keys["line_id"] = session.scalar(
        select(func.min(orders.CartLine.id)).where(orders.CartLine.cart_id == cart)
    )
    gone = session.scalars(select(User.id).where(User.email == f"gone@{word}.example")).one()
    members = session.execute(
        select(Membership.role, Membership.id, Membership.user_id).where(Membership.company_id == company_id)
    )
    by_role = {row.role: row for row in members if row.user_id != gone}
    party.keys["membership_id"] = by_role[Role.APPROVER].id
    staff = select(func.min(Membership.id)).where(Membership.role == Role.VENDOR_SUPPORT)
    party.keys["console.people"] = {"membership_id": session.scalar(staff)}
    party.keys["user_id"] = by_role[Role.APPROVER].user_id
    party.keys["mail_id"] = session.scalar(
        select(func.min(MailMessage.id)).where(MailMessage.company_id == company_id)
    )
    party.keys["entry_id"] = session.scalar(
        select(func.min(AuditEntry.id)).where(AuditEntry.company_id == company_id)
    )
    for by_vendor, area in ((False, "portal.company"), (True, "console.companies")):
        archive = CompanyExport(
            company_id=company_id, by_vendor=by_vendor, state="ready", asked_by_name=f"{word} asker",
            storage_key=_archive(word), size=9, created_at=NOW, expires_at=NOW + timedelta(days=3650),
        )  # fmt: skip
        session.add(archive)
        session.flush()
        party.keys[area] = {"export_id": archive.id}
    party.keys["session_id"] = _other_session(session, gone, by_role[Role.APPROVER].id, word)


def _archive(word: str) -> str:
    """A file of the store with the company's word in it."""
    store = LocalStore(Path(current_app.config["DATA_DIR"]) / "uploads")
    return store.save(io.BytesIO(f"{word} archive".encode()), extension=".zip")


def _other_session(session: Session, user_id: int, membership_id: int, word: str) -> int:
    """A session of somebody else of the company in another browser."""
    row = SignInSession(
        token_hash=word.ljust(64, "0"), user_id=user_id, membership_id=membership_id, created_at=NOW,
        last_seen_at=NOW, address="192.0.2.7", user_agent=f"{word} browser",
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row.id
