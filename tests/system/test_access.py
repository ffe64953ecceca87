"""Who may enter each route, and that nobody meets another company's things on any of them."""

from __future__ import annotations

import base64
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, String, select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app.core.audit import AuditEntry
from app.core.database import Base
from app.core.permissions import ROLE_PERMISSIONS, Role
from app.core.tenancy import all_companies, tenant_tables
from app.core.web.extensions import db
from tests.system.access_table import ACCESS, PUBLIC, VIEW_AS_POSTS, VIEW_AS_READS
from tests.system.world import COMPANY_ROLES, DATABASES, STAFF_ROLES, Browser, Party, World, rules_of, world

#: Written by looking: when the visitor was last there, what was refused.
NOTES = {"audit_entry", "sign_in_session"}
#: The request's number and the token against forged forms differ from answer to answer.
VARIES = re.compile(rb"[0-9a-f]{32}|(?<=content=\")[\w.-]{60,}|(?<=value=\")[\w.-]{60,}")


@pytest.fixture(
    scope="module",
    params=[pytest.param(kind, marks=pytest.mark.xdist_group(f"access {kind}")) for kind in DATABASES],
)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        pytest.MonkeyPatch.context() as patch,
        world(request.param, tmp_path_factory.mktemp("world"), patch) as made,
    ):
        yield made


@pytest.fixture
def here(built: World) -> Iterator[World]:
    """The world as it was made."""
    yield built
    built.restore()


def requests_of(app: Any) -> list[tuple[Rule, str]]:
    """Every route with each of its methods."""
    return [
        (rule, method)
        for rule in rules_of(app)
        for method in sorted(set(rule.methods or ()) - {"OPTIONS", "HEAD"})
    ]


def is_to_sign_in(answer: TestResponse) -> bool:
    return answer.status_code in (302, 303) and answer.headers["Location"].startswith("/sign-in")


def was_let_in(answer: TestResponse) -> bool:
    leaves = answer.request.path == "/sign-out" and answer.status_code == 303
    return leaves or (answer.status_code in (200, 302, 303, 409, 422) and not is_to_sign_in(answer))


def was_refused(answer: TestResponse) -> bool:
    return answer.status_code in (403, 404)


#: Routes that everybody may enter, asked here for the approver's things, which do not exist for others.
SOMEBODY_ELSES = {"account.end_session", "account.switch"}


class TestTable:
    def test_every_route_has_a_row_and_every_row_a_route(self, here: World) -> None:
        assert {rule.endpoint for rule in rules_of(here.app)} == set(ACCESS) | PUBLIC

    def test_other_methods_are_not_possible(self, here: World) -> None:
        for rule in rules_of(here.app):
            path = here.path(rule, here.a)
            for method in {"PUT", "DELETE", "TRACE"} - set(rule.methods or ()):
                answer = here.browser(here.a, Role.BUYER).open(path, method)
                assert answer.status_code in (404, 405), (method, path)


class TestRoles:
    """Each route with each method by everybody: entered as the table says, else refused without a trace."""

    def check(
        self, here: World, browser: Browser, party: Party, may_enter: Callable[[Rule, str], bool]
    ) -> None:
        before, refused = here.snapshot.prints(), []
        for rule, method in requests_of(here.app):
            path = here.path(rule, party)
            if rule.endpoint in PUBLIC:
                continue
            if not may_enter(rule, method):
                answer = browser.open(path, method)
                assert was_refused(answer), (method, path, answer.status_code)
                refused.append(path)
        assert refused
        assert here.snapshot.changed(before, but=NOTES) == set()
        for rule, method in requests_of(here.app):
            if rule.endpoint not in PUBLIC and may_enter(rule, method):
                answer = browser.open(here.path(rule, party), method)
                assert was_let_in(answer), (method, rule.rule, answer.status_code)
                if method != "GET" and answer.status_code < 400:
                    here.restore()

    @pytest.mark.parametrize("role", COMPANY_ROLES)
    def test_a_companys_person_enters_what_the_role_allows(self, here: World, role: Role) -> None:
        party = here.a

        def may_enter(rule: Rule, method: str) -> bool:
            return role in ACCESS[rule.endpoint] and rule.endpoint not in SOMEBODY_ELSES

        self.check(here, here.browser(party, role), party, may_enter)

    @pytest.mark.parametrize("role", STAFF_ROLES)
    def test_staff_enter_what_the_role_allows(self, here: World, role: Role) -> None:
        def may_enter(rule: Rule, method: str) -> bool:
            return role in ACCESS[rule.endpoint] and rule.endpoint not in SOMEBODY_ELSES

        self.check(here, here.browser(None, role), here.a, may_enter)

    def test_staff_who_view_as_a_company_read_and_post_nothing(self, here: World) -> None:
        def may_enter(rule: Rule, method: str) -> bool:
            allowed = VIEW_AS_READS if method == "GET" else VIEW_AS_POSTS
            return rule.endpoint in allowed

        self.check(here, here.browsers["view_as"], here.a, may_enter)

    @pytest.mark.parametrize("who", ["stranger", "disabled", "ended"])
    def test_whoever_is_not_signed_in_is_sent_to_sign_in(self, here: World, who: str) -> None:
        before = here.snapshot.prints()
        for rule, method in requests_of(here.app):
            if rule.endpoint not in PUBLIC:
                path = here.path(rule, here.a)
                answer = here.browsers[who].open(path, method)
                assert is_to_sign_in(answer), (method, path, answer.status_code)
                part = here.browsers[who].open(path, method, headers={"HX-Request": "true"})
                assert part.status_code == 401, (method, path)
                assert part.data == b""
        assert here.snapshot.changed(before) == set()

    def test_a_desk_sees_nothing_of_the_companys_orders(self, here: World) -> None:
        desk = here.browser(here.a, Role.END_CUSTOMER_DESK)
        home = desk.get("/home")
        assert home.status_code == 200
        for word in (here.a.keys["number"], here.a.keys["cancelled_number"], "SHARED-1"):
            assert word not in home.text
        for path in (
            "/orders",
            f"/orders/{here.a.keys['number']}",
            "/carts",
            "/catalogue",
        ):
            assert desk.get(path).status_code == 403
        found = desk.get("/search?q=SHARED-1")
        assert found.status_code == 200
        assert "SHARED" not in found.text.replace("SHARED-1”", "").replace('value="SHARED-1"', "")


#: What names a thing of one company in the address of a portal page.
OWNED = {
    "branch_id", "cart_id", "end_customer_id", "key", "line_id", "membership_id", "number", "request_id",
    "session_id", "sku",
}  # fmt: skip
#: Taking out a line that is gone already is no fault; what is answered, by argument.
GONE_IS_DONE = {"portal.carts.remove_line": {"line_id": 303}}
MISSING = {"number": "SO-26-99999", "sku": "NOTHING-9", "key": "f" * 32 + ".jpg"}


class TestForeignThings:
    """What belongs to the other company is answered as what does not exist, byte for byte."""

    def things(self, here: World) -> Iterator[tuple[Rule, str, str, str, str]]:
        """Route, method, the argument that changes, its address with the other company's thing and with one
        that is missing."""
        theirs = {
            **here.b.keys, "sku": here.b.keys["own"].sku, "key": self.hidden_picture(here),
            "session_id": here.b.keys["session_id"],
        }  # fmt: skip
        for rule, method in requests_of(here.app):
            if rule.endpoint.startswith(("portal.", "account.")):
                for name in sorted(OWNED & rule.arguments):
                    missing = MISSING.get(name, 987_654_321)
                    foreign = here.path(rule, here.a, **{name: theirs[name]})
                    yield rule, method, name, foreign, here.path(rule, here.a, **{name: missing})

    def hidden_picture(self, here: World) -> str:
        from app.domain.catalogue.models import ProductMedia

        with here.app.app_context(), all_companies(db.session(), reason="test"):
            media = select(ProductMedia.storage_key).where(ProductMedia.product_id == here.b.keys["own"].id)
            return str(db.session().scalars(media).one())

    def test_a_foreign_thing_is_the_same_as_a_missing_one(self, here: World) -> None:
        admin = here.browser(here.a, Role.RESELLER_ADMIN)
        before, count = here.snapshot.prints(), 0
        for rule, method, name, foreign, missing in self.things(here):
            entries = {"data": self.entries(rule)} if method == "POST" else {}
            theirs, nothing = admin.open(foreign, method, **entries), admin.open(missing, method, **entries)
            wanted = GONE_IS_DONE.get(rule.endpoint, {}).get(name, 404)
            assert (theirs.status_code, nothing.status_code) == (wanted, wanted), (method, foreign)
            assert self.plain(theirs, foreign) == self.plain(nothing, missing), (method, foreign)
            count += 1
            if wanted == 303:
                here.restore()
        assert count > 30
        assert here.snapshot.changed(before, but=NOTES) == set()

    def entries(self, rule: Rule) -> dict[str, str]:
        """Entries that would pass, so that the thing is looked for."""
        return {
            "quantity": "1", "code": "SHARED-1", "name": "A name", "role": "buyer", "reason": "none",
            "street": "1 Mill Lane", "postcode": "04101", "city": "Portland", "region": "ME", "country": "US",
            "version": "1", "cart_id": "", "note": "",
        }  # fmt: skip

    def plain(self, answer: TestResponse, path: str) -> bytes:
        return VARIES.sub(b"", answer.data).replace(path.encode(), b"")

    def test_a_thing_of_one_company_is_not_found_below_another_in_the_console(self, here: World) -> None:
        sales = here.browser(None, Role.VENDOR_SALES)
        before, count = here.snapshot.prints(), 0
        for rule, method in requests_of(here.app):
            inner = rule.arguments - {"company_id"} - set(rule.defaults or ())
            if rule.endpoint.startswith("console.") and "company_id" in rule.arguments and inner:
                path = here.path(rule, here.b, company_id=here.a.company.id)
                answer = sales.open(path, method, data=self.entries(rule) if method == "POST" else None)
                assert answer.status_code == 404, (method, path)
                count += 1
        assert count >= 8
        assert here.snapshot.changed(before, but=NOTES) == set()

    def test_foreign_things_in_forms_are_refused(self, here: World) -> None:
        admin = here.browser(here.a, Role.RESELLER_ADMIN)
        b, before = here.b.keys, here.snapshot.prints()
        cart = here.a.keys["cart_id"]
        page = admin.get(f"/carts/{cart}/checkout").text
        shown = {
            name: found[1]
            for name in ("shown_total", "shown_lines")
            if (found := re.search(rf'name="{name}" value="([^"]*)"', page))
        }
        assert set(shown) == {"shown_total", "shown_lines"}
        good = {"branch_id": str(here.a.keys["branch_id"]), "ship_to": "branch", **shown}
        invitation = {"name": "N", "email": "n@canary-a.example", "role": "end_customer_desk"}
        for path, entries in (
            (f"/carts/{cart}/checkout", {**good, "branch_id": str(b["branch_id"])}),
            (f"/carts/{cart}/checkout", {**good, "end_customer_id": str(b["end_customer_id"])}),
            ("/company/people", {**invitation, "end_customer": str(b["end_customer_id"])}),
            (f"/carts/{cart}/lines", {"code": b["own"].sku, "quantity": "1"}),
            (f"/carts/{cart}/lines", {"code": "canary-b-part", "quantity": "1"}),
            ("/price-requests/new", {"sku": b["own"].sku, "quantity": "1"}),
            ("/account/switch", {"membership_id": str(b["membership_id"])}),
        ):
            answer = admin.post(path, data=entries)
            assert answer.status_code in (403, 404, 422), (path, entries, answer.status_code)
        assert here.snapshot.changed(before, but=NOTES) == set()


#: One role of each set of permissions.
DIFFERENT = list({ROLE_PERMISSIONS[role]: role for role in COMPANY_ROLES}.values())


class TestCanaries:
    """Every text of a company holds its word; the other company never reads it, in whatever form."""

    def test_every_text_column_of_a_company_holds_its_word(self, here: World) -> None:
        without = set()
        with here.app.app_context(), all_companies(db.session(), reason="test"):
            for table in tenant_tables():
                for column in table.columns:
                    if isinstance(column.type, String | JSON):
                        values = str(list(db.session().scalars(select(column)))).lower()
                        if not ("canary-a" in values and "canary-b" in values):
                            without.add(f"{table.name}.{column.name}")
        assert without == {
            # Codes of ours, not words of theirs.
            "asset.country", "asset.currency", "asset.source", "asset.state", "asset_event.data",
            "asset_event.kind", "audit_entry.action", "audit_entry.request_id", "audit_entry.subject_type",
            "branch.country",
            "company.currency", "company.visibility_mode", "company_export.state",
            "company_export.storage_key", "end_customer.country", "exported_order.by_name",
            "mail_message.message_id", "mail_message.state", "mail_message.template", "membership.role",
            "order_hold.kind", "order_line.price_source", "price_agreement.currency", "price_agreement.level",
            "price_request.number", "price_request.state", "sales_order.currency", "sales_order.number",
            "shipment.entry_key", "shipment.number", "shipment.shipped_by",
            "sales_order.source", "sales_order.state", "sales_order.tax_rounding", "state_change.event",
            "state_change.from_state", "state_change.machine", "state_change.to_state", "tax_rate.tax_class",
        }  # fmt: skip

    @pytest.mark.parametrize("role", [*DIFFERENT, "view_as"])
    def test_nobody_of_one_company_reads_a_word_of_the_other(self, here: World, role: Role | str) -> None:
        a, browser = here.a, here.browsers["view_as"]
        if role != "view_as":
            browser = here.browser(a, Role(role))
        seen = Crawl(here, browser)
        seen.walk()
        for word in ("canary-b", "SO-26-00003", "SHARED-1", ""):
            seen.look_for(word)
        text = "\n".join(seen.texts.values()).lower()
        assert "canary-b" not in text, seen.where("canary-b")
        # The control: the own words are read, so the reading works.
        assert "canary-a" in text

    def test_the_own_words_are_read_in_every_form(self, here: World) -> None:
        seen = Crawl(here, here.browser(here.a, Role.RESELLER_ADMIN))
        seen.walk()
        assert {"text/html", "text/csv", "application/pdf", "image/jpeg"} <= seen.kinds
        assert any("spreadsheet" in kind for kind in seen.kinds)
        text = "\n".join(seen.texts.values()).lower()
        for word in (
            "company", "first branch", "customer", "cart", "po", "reference", "notes", "part", "agreement",
            "product", "second note", "buyer",
        ):  # fmt: skip
            assert re.search(rf"canary-a[ -]{word}", text), word

    def test_staff_read_both_companies(self, here: World) -> None:
        seen = Crawl(here, here.browser(None, Role.VENDOR_ADMIN))
        seen.walk(limit=150)
        text = "\n".join(seen.texts.values()).lower()
        assert "canary-a" in text
        assert "canary-b" in text


def words_of(answer: TestResponse) -> str:
    """The text of an answer, whatever it is written as."""
    if answer.mimetype == "application/pdf":
        return pdf_text(answer.data)
    if "spreadsheet" in answer.mimetype:
        with zipfile.ZipFile(io.BytesIO(answer.data)) as book:
            return "\n".join(book.read(name).decode("utf-8", "replace") for name in book.namelist())
    return answer.data.decode("utf-8", "replace")


def pdf_text(content: bytes) -> str:
    """The pieces of text in a PDF's streams."""
    pieces: list[bytes] = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL):
        plain = zlib.decompress(base64.a85decode(b"<~" + stream.strip(), adobe=True))
        pieces += re.findall(rb"\((.*?)(?<!\\)\) Tj", plain)
    return b" ".join(pieces).decode("latin-1")


SEARCHES = (
    "/search?q={}", "/catalogue?q={}", "/catalogue/suggest?q={}", "/catalogue/facets?q={}", "/orders?q={}",
)  # fmt: skip


class Crawl:
    """Follows every link a browser finds, asks for each page's fragments, and takes every export."""

    def __init__(self, here: World, browser: Browser) -> None:
        self.here, self.browser = here, browser
        self.texts: dict[str, str] = {}
        self.kinds: set[str] = set()

    def ask(self, path: str, method: str = "GET", **values: Any) -> str:
        answer = self.browser.open(path, method, **values)
        assert answer.status_code < 500 or path == "/readyz", (method, path)
        # What the reader typed comes back on every search page and says nothing.
        typed = path.partition("?")[2]
        key = f"{method} {path} {values.get('headers', '')}{values.get('data', '')}"
        text = words_of(answer)
        self.texts[key] = "" if "canary-b" in typed else text + str(answer.headers)
        self.kinds.add(answer.mimetype)
        return text

    def walk(self, limit: int = 400) -> None:
        waiting = [
            self.here.path(rule, self.here.a)
            for rule, method in requests_of(self.here.app)
            if method == "GET"
        ]
        seen = set(waiting)
        while waiting and len(self.texts) < limit:
            path = waiting.pop(0)
            page = self.ask(path)
            self.ask(path, headers={"HX-Request": "true"})
            for found in re.findall(r'(?:href|src|hx-get)="(/[^"#]*)"', page):
                target = found.replace("&amp;", "&")
                if target not in seen and not target.startswith(("/static", "/sign-out")):
                    seen.add(target)
                    waiting.append(target)
        for kind in ("csv", "xlsx"):
            self.ask("/orders/export", "POST", data={"format": kind, "kind": kind})
            for rule in self.here.app.url_map.iter_rules():
                if rule.endpoint.startswith("portal.exports.") and rule.rule.endswith(kind):
                    assert self.ask(rule.rule, "POST")

    def look_for(self, word: str) -> None:
        """Search for a word everywhere; what comes back besides the word itself is looked through."""
        for search in SEARCHES:
            page = self.browser.get(search.format(word)).data.decode()
            # The word as it was typed is in the box and in the message; what was found has more to it.
            rest = re.sub(r"canary-b(?![ -])", "", page.lower())
            self.texts[f"search {search} {word}"] = rest

    def where(self, word: str) -> list[tuple[str, str]]:
        found = []
        for key, text in self.texts.items():
            at = text.lower().find(word)
            if at >= 0:
                found.append((key, text[max(0, at - 80) : at + 80]))
        return found[:5]


class TestRefusalsAreKept:
    @pytest.mark.parametrize(
        ("who", "path", "method"),
        [
            (Role.BUYER, "/company/people", "GET"),
            (Role.END_CUSTOMER_DESK, "/orders", "GET"),
            (Role.RESELLER_FINANCE, "/carts", "POST"),
            (Role.BUYER, "/console/orders", "GET"),
            (Role.VENDOR_FINANCE, "/console/stock/count", "POST"),
            ("view_as", "/carts", "POST"),
        ],
    )
    def test_a_refusal_is_one_row_with_who_for_whom_and_what(
        self, here: World, who: Role | str, path: str, method: str
    ) -> None:
        with here.app.app_context(), all_companies(db.session(), reason="test"):
            last = max(db.session().scalars(select(AuditEntry.id)))
        if who == "view_as":
            browser, company = here.browsers["view_as"], here.a.company.id
        elif str(who).startswith("vendor"):
            browser, company = here.browser(None, Role(who)), None
        else:
            browser, company = here.browser(here.a, Role(who)), here.a.company.id
        answer = browser.open(path, method)
        assert was_refused(answer)
        with here.app.app_context(), all_companies(db.session(), reason="test"):
            (row,) = db.session().scalars(select(AuditEntry).where(AuditEntry.id > last))
            assert row.action == "access.refused"
            assert row.company_id == company
            assert row.actor_user_id is not None
            assert (row.real_user_id is not None) == (who == "view_as")
            assert row.after is not None
            assert row.after["method"] == method
            assert row.after["endpoint"]


class TestLooking:
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    @pytest.mark.parametrize("side", ["company", "vendor"])
    def test_reading_changes_no_row(self, here: World, method: str, side: str) -> None:
        own = (here.a, Role.RESELLER_ADMIN) if side == "company" else (None, Role.VENDOR_ADMIN)
        browser = here.browser(*own)
        browsers = [browser, here.browsers["stranger"], here.browsers["view_as"]]
        before = here.snapshot.prints()
        for rule in rules_of(here.app):
            if "GET" in (rule.methods or ()):
                for one in browsers:
                    answer = one.open(here.path(rule, here.a), method)
                    assert answer.status_code < 500 or rule.rule == "/readyz", rule.rule
                    if method == "HEAD":
                        assert answer.data == b""
        assert here.snapshot.changed(before, but=NOTES) == set()

    def test_no_table_is_left_out_of_the_prints(self, here: World) -> None:
        assert set(here.snapshot.first) == set(Base.metadata.tables)


def test_files_of_the_store_are_not_below_the_static_folder(built: World) -> None:
    assert (
        not Path(built.app.static_folder or "")
        .resolve()
        .is_relative_to(Path(built.app.config["DATA_DIR"]).resolve())
    )
