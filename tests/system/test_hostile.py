"""Whatever is typed, in whatever field: never our fault, never stored as something else, never markup."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import String, Text, create_engine, text

from app.core.database import Base
from app.core.permissions import Role
from app.jobs.execution import sessions_of
from app.jobs.worker import Worker
from tests.system import forms
from tests.system.forms import Form, Site
from tests.system.hostile import CLASSES
from tests.system.scratch import Snapshot
from tests.system.world import DATABASES, Browser, World, rules_of, world

#: On PostgreSQL, what its driver and server might stumble over that SQLite does not.
OF_POSTGRES = ("quotes", "nul", "numbers", "not utf-8", "10 kB")
PROBE = "Quinzx probe"
#: The numbers that fields have taken for others, and what is a number.
NUMBERS = CLASSES["numbers"][1:18]
PLAIN = re.compile(rb"[0-9]+(\.[0-9]+)?")


@pytest.fixture(
    scope="module",
    params=[pytest.param(kind, marks=pytest.mark.xdist_group(f"hostile {kind}")) for kind in DATABASES],
)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        pytest.MonkeyPatch.context() as patch,
        world(request.param, tmp_path_factory.mktemp("world"), patch) as made,
    ):
        yield made


@pytest.fixture
def here(built: World) -> Iterator[World]:
    yield built
    built.restore()


@pytest.fixture(scope="module")
def sites(built: World) -> dict[str, tuple[Browser, Site]]:
    """What the reseller's and the vendor's administrator, who may do most, can send."""
    made = {}
    for side, browser in (
        ("portal", built.browser(built.a, Role.RESELLER_ADMIN)),
        ("console", built.browser(None, Role.VENDOR_ADMIN)),
    ):
        made[side] = (browser, forms.walk(built, browser))
    return made


def strings(here: World) -> list[bytes]:
    """One string of each class."""
    names = CLASSES if here.snapshot.is_sqlite else OF_POSTGRES
    return [CLASSES[name][0] for name in names]


def stored_texts(here: World) -> set[str]:
    """Every text in the database."""
    engine = create_engine(here.url)
    found: set[str] = set()
    with engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            columns = [f'"{c.name}"' for c in table.columns if isinstance(c.type, String)]
            if columns and table.name not in ("audit_entry", "job"):
                for row in connection.execute(text(f'SELECT {", ".join(columns)} FROM "{table.name}"')):
                    found.update(value for value in row if value)
    engine.dispose()
    return found


def written(value: bytes) -> str:
    """What a field keeps: decoded once, line ends as one character, without spaces around."""
    return value.decode().replace("\r\n", "\n").strip()


def stores(texts: set[str], value: str) -> bool:
    folded = value.casefold()
    return value in texts or any(stored.casefold() == folded for stored in texts)


def test_the_corpus_is_large_enough() -> None:
    assert sum(map(len, CLASSES.values())) >= 2000


class TestForms:
    """Every field of every form with each string, while the other fields are as they should be."""

    @pytest.mark.parametrize("side", ["portal", "console"])
    def test_no_entry_fails_us_or_is_stored_as_another(
        self, here: World, sites: dict[str, Any], side: str
    ) -> None:
        browser, site = sites[side]
        assert len(site.posts) > 15
        faults: list[str] = []
        for (endpoint, _), form in site.posts.items():
            for name in dict.fromkeys(name for name, _ in form.fields):
                if name != "csrf_token":
                    faults += self.try_field(here, browser, endpoint, form, name)
        assert faults == [], "\n".join(faults)

    @pytest.mark.soak
    @pytest.mark.parametrize("side", ["portal", "console"])
    def test_every_string_of_the_corpus_meets_every_field(
        self, here: World, sites: dict[str, Any], side: str
    ) -> None:
        """The fields of a form at once, each with another string: the test above has them one by one."""
        browser, site = sites[side]
        corpus = [one for texts in CLASSES.values() for one in texts]
        faults: list[str] = []
        for (endpoint, _), form in site.posts.items():
            names = [name for name, _ in form.fields if name not in (*form.fixed, "csrf_token")]
            kept = [name for name in dict.fromkeys(names) if self.keeps(here, browser, form, name)]
            for start in range(len(corpus) if names else 0):
                given = {name: corpus[(start + 37 * at) % len(corpus)] for at, name in enumerate(names)}
                answer = forms.post(browser, form, {**form.filled(), **given})
                where = f"{endpoint} {start} {answer.status_code}"
                if answer.status_code >= 500:
                    faults.append(where)
                if answer.status_code == 303:
                    changed = [name for name in kept if not self.is_unchanged(here, given[name])]
                    faults += [f"{where} {name} was stored as another" for name in changed]
                if answer.status_code < 400:
                    here.restore()
        assert faults == [], "\n".join(faults)

    def try_field(self, here: World, browser: Browser, endpoint: str, form: Form, name: str) -> list[str]:
        faults: list[str] = []
        is_kept = name not in form.fixed and self.keeps(here, browser, form, name)
        for value in strings(here) + (NUMBERS if name in form.numeric else []):
            answer = forms.post(browser, form, {**form.filled(), name: value})
            where = f"{endpoint} {name} {value[:40]!r} {answer.status_code}"
            if answer.status_code >= 500:
                faults.append(where)
            if answer.status_code < 400:
                if is_kept and answer.status_code == 303 and not self.is_unchanged(here, value):
                    faults.append(f"{where} was stored as another")
                if name in form.numeric and value.strip() and not PLAIN.fullmatch(value.strip()):
                    faults.append(f"{where} is no number")
                here.restore()
        return faults

    def keeps(self, here: World, browser: Browser, form: Form, name: str) -> bool:
        """Whether a plain word in this field is stored as it is."""
        answer = forms.post(browser, form, {**form.filled(), name: PROBE})
        is_kept = answer.status_code == 303 and stores(stored_texts(here), PROBE)
        if answer.status_code < 400:
            here.restore()
        return is_kept

    def is_unchanged(self, here: World, value: bytes) -> bool:
        try:
            wanted = written(value)
        except UnicodeDecodeError:
            return False
        return not wanted or stores(stored_texts(here), wanted)

    @pytest.mark.parametrize("side", ["portal", "console"])
    def test_missing_double_and_altered_fields_fail_nothing(
        self, here: World, sites: dict[str, Any], side: str
    ) -> None:
        browser, site = sites[side]
        for (endpoint, _), form in site.posts.items():
            filled = form.filled()
            tries: list[dict[str, Any]] = [{}]
            tries += [{k: v for k, v in filled.items() if k != name} for name in filled]
            tries += [{**filled, name: "999999999999"} for name in form.fixed if name in filled]
            for values in tries:
                answer = forms.post(browser, form, values)
                assert answer.status_code < 500, (endpoint, values)
                if answer.status_code < 400:
                    here.restore()
            twice = "&".join(f"{k}={forms.encoded(v)}&{k}=zzz" for k, v in filled.items())
            for body, kind in (
                (twice, "application/x-www-form-urlencoded"),
                ("[1]", "application/json"),
                ('{"quantity": true, "name": [1], "version": null}', "application/json"),
                ("<a/>", "text/xml"),
                ("--x\r\nbroken", "multipart/form-data; boundary=x"),
                ("--x\r\nbroken", "multipart/form-data"),
            ):
                answer = browser.post(form.action, data=body, content_type=kind)
                assert answer.status_code < 500, (endpoint, body)
                if answer.status_code < 400:
                    here.restore()

    @pytest.mark.parametrize("side", ["portal", "console"])
    def test_fields_nobody_asked_for_change_nothing(
        self, here: World, sites: dict[str, Any], side: str
    ) -> None:
        browser, site = sites[side]
        extra = {
            "company_id": str(here.b.company.id), "user_id": "1", "role": "vendor_admin", "is_admin": "1",
            "unit_price": "0.01", "price": "0.01", "net": "0.01", "total": "0.01", "discount": "99",
            "state": "released", "is_active": "1", "is_disabled": "", "placed_by_id": "1", "id": "1",
            "currency": "EUR", "visibility_mode": "all", "password_hash": "x", "agreement_id": "1",
        }  # fmt: skip
        for (endpoint, _), form in site.posts.items():
            filled = form.filled()
            added = {name: value for name, value in extra.items() if name not in filled}
            plain = self.outcome(here, browser, form, filled)
            more = self.outcome(here, browser, form, {**filled, **added})
            assert plain == more, endpoint

    def outcome(
        self, here: World, browser: Browser, form: Form, values: dict[str, Any]
    ) -> tuple[int, dict[str, list[tuple[Any, ...]]]]:
        """The status, and the rows that are new, without numbers and moments."""
        answer = forms.post(browser, form, values)
        rows = {} if answer.status_code >= 400 else rows_of(here)
        if answer.status_code < 400:
            here.restore()
        return answer.status_code, rows


#: Differ from one request to the next: keys, moments, random names.
VARYING = re.compile(
    r"(^id$|_at$|^at$|_hash$|nonce|message_id|request_id|token|run_at|seen|storage_key|rejects_key|link_id|options"
    r"|payload|lease)"
)


def rows_of(here: World) -> dict[str, list[tuple[Any, ...]]]:
    engine, found = create_engine(here.url), {}
    with engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            columns = [f'"{c.name}"' for c in table.columns if not VARYING.search(c.name)]
            if columns and table.name not in ("audit_entry", "audit_seal", "worker_beat"):
                rows = connection.execute(text(f'SELECT {", ".join(columns)} FROM "{table.name}"'))
                found[table.name] = sorted(map(repr, rows))
    engine.dispose()
    return found  # type: ignore[return-value]


class TestAddresses:
    @pytest.mark.parametrize("side", ["portal", "console"])
    def test_no_parameter_fails_us(self, here: World, sites: dict[str, Any], side: str) -> None:
        browser, site = sites[side]
        assert len(site.gets) > 8
        faults = []
        for (endpoint, name), given in site.gets.items():
            for value in strings(here):
                if len(value) > 20_000:
                    continue  # no server takes an address of that length
                others = {k: v for k, v in given.items() if k not in ("path", name)}
                query = "&".join(f"{k}={forms.encoded(v)}" for k, v in [*others.items(), (name, value)])
                for target in (f"{given['path']}?{query}", f"{given['path']}?{name}={forms.encoded(value)}"):
                    answer = browser.get(target)
                    if answer.status_code >= 500:
                        faults.append(f"{endpoint} {name} {value[:40]!r}")
                    assert "<script>alert(1)" not in answer.text
                    assert "<img src=x" not in answer.text
        assert faults == []

    def test_no_part_of_an_address_fails_us(self, here: World) -> None:
        company = here.browser(here.a, Role.RESELLER_ADMIN)
        staff = here.browser(None, Role.VENDOR_ADMIN)
        for rule in rules_of(here.app):
            browser = staff if rule.endpoint.startswith("console.") else company
            for name in rule.arguments - set(rule.defaults or {}):
                mark = "987654321" if name.endswith("_id") else "zqzqzq"
                path = here.path(rule, here.a, **{name: mark})
                for value in strings(here):
                    if len(value) > 20_000:
                        continue
                    target = path.replace(mark, forms.encoded(value))
                    for method in sorted({"GET", "POST"} & set(rule.methods or ())):
                        answer = browser.open(target, method)
                        assert answer.status_code < 500, (rule.rule, value[:40])

    def test_no_header_fails_us(self, here: World) -> None:
        browser = here.browser(here.a, Role.BUYER)
        names = (
            "User-Agent", "X-Request-Id", "Referer", "Accept-Language", "Accept", "Range", "If-None-Match",
            "If-Modified-Since", "HX-Request", "HX-Current-URL", "X-Forwarded-For", "Origin", "Content-Type",
        )  # fmt: skip
        for name in names:
            for value in strings(here):
                if b"\r" in value or b"\n" in value or b"\0" in value or len(value) > 20_000:
                    continue
                for path in (
                    "/home",
                    "/catalogue/product/SHARED-1",
                    f"/catalogue/media/{here.shared['key']}",
                ):
                    answer = browser.get(path, headers={name: value.decode("latin-1")})
                    assert answer.status_code < 500, (name, value[:40])
        for value in strings(here):
            cookie = "sellthru=" + value.decode("latin-1").replace("\r", "").replace("\n", "")[:4000]
            answer = Browser(here.app, cookie).get("/home")
            assert answer.status_code in (302, 400), value[:40]


MARKUP = "<b>zq{{7*7}}\"'"
RAW = ("<b>zq", "zq49", 'zq{{7*7}}"')
#: Columns whose values are codes of ours, never typed by anybody.
CODES = re.compile(
    r"(_key$|^path$|^slug$|^state$|^kind$|^level$|^machine$|_state$|^source$|^purpose$|_hash$|^nonce$|_mode$|^role$"
    r"|^life_cycle$|^currency$|country|timezone|^event$|^data_type$|^template$|^message_id$|content_type|digest"
    r"|tax_rounding|price_source|^identity$|^tax_class$|order_prefix|alert_email|^email$|^recipient$|_body$|^action$"
    r"|lease_owner|process|request_id|subject_type|^tier$|^worker$|^address$|^unit$|gtin)"
)


class TestMarkup:
    """Markup stands in every text of the database, and no page or mail shows it as markup."""

    def plant(self, here: World) -> int:
        engine, count = create_engine(here.url), 0
        with engine.begin() as connection:
            for table in Base.metadata.sorted_tables:
                keys = [c.name for c in table.primary_key.columns]
                for column in table.columns:
                    room = getattr(column.type, "length", None) or 1000
                    fits = isinstance(column.type, String | Text) and room >= len(MARKUP) + 6
                    if not fits or CODES.search(column.name) or column.name in keys:
                        continue
                    rows = connection.execute(
                        text(
                            f'SELECT {", ".join(keys)} FROM "{table.name}" WHERE "{column.name}" IS NOT NULL'
                        )
                    ).all()
                    for row in rows:
                        where = " AND ".join(f'"{key}" = :{key}' for key in keys)
                        value = f"{MARKUP}{count}"
                        connection.execute(
                            text(f'UPDATE "{table.name}" SET "{column.name}" = :value WHERE {where}'),
                            {"value": value, **dict(zip(keys, row, strict=True))},
                        )
                        count += 1
        engine.dispose()
        return count

    def test_no_page_shows_stored_markup_as_markup(self, here: World) -> None:
        assert self.plant(here) > 100
        shown = 0
        for browser in (
            here.browser(here.a, Role.RESELLER_ADMIN),
            here.browser(None, Role.VENDOR_ADMIN),
            here.browsers["view_as"],
        ):
            for path, page in forms.walk(here, browser).pages.items():
                for raw in RAW:
                    assert raw not in page, (path, page[max(0, page.find(raw) - 200) : page.find(raw) + 60])
                shown += page.count("&lt;b&gt;zq")
        assert shown > 200

    def test_no_mail_shows_what_was_typed_as_markup(self, here: World) -> None:
        self.plant(here)
        admin, staff = here.browser(here.a, Role.RESELLER_ADMIN), here.browser(None, Role.VENDOR_ADMIN)
        answer = admin.post(
            "/company/people",
            data={"name": MARKUP, "email": "m@canary-a.example", "role": "buyer", "end_customer": ""},
        )
        assert answer.status_code == 303
        assert admin.post("/price-requests/new", data={"sku": "", "quantity": "1"}).status_code == 422
        request = f"/console/price-requests/{here.a.keys['request_id']}"
        page = staff.get(request).text
        version = re.search(r'name="version"[^>]*value="(\d+)"', page)
        answer = staff.post(
            f"{request}/decline",
            data={"answer": MARKUP, "reason": MARKUP, "version": version[1] if version else ""},
        )
        assert answer.status_code == 303, answer.text
        worker = Worker(sessions_of(here.app))
        while worker.run_one() is not None:
            pass
        engine = create_engine(here.url)
        with engine.connect() as connection:
            mails = connection.execute(
                text("SELECT subject, html_body FROM mail_message ORDER BY id DESC LIMIT 2")
            ).all()
        engine.dispose()
        escaped = 0
        for subject, body in mails:
            assert "\n" not in subject
            for raw in RAW:
                assert raw not in body
            escaped += body.count("&lt;b&gt;zq")
        assert escaped > 0


def test_the_snapshot_tells_a_changed_row(tmp_path: Any) -> None:
    from tests.system.scratch import create_schema

    path = tmp_path / "one.db"
    create_schema(f"sqlite:///{path}")
    kept = Snapshot(f"sqlite:///{path}")
    with sqlite3.connect(path) as live:
        live.execute("INSERT INTO category (name, slug, path, position) VALUES ('A', 'a', '/1/', 0)")
    live.close()
    assert kept.changed(kept.first) == {"category"}
    kept.restore()
    assert kept.changed(kept.first) == set()
    kept.close()
