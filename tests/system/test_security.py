"""Cookies over https, addresses that lead away, uploads, exports, logs, limits, and what the tree holds."""

from __future__ import annotations

import csv
import io
import logging
import re
import struct
import subprocess
import tomllib
import zlib
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import create_app
from app.core.outbox import Job
from app.core.permissions import Role
from app.core.web.extensions import db, limiter
from app.domain.accounts.links import token_of
from app.domain.accounts.models import MailMessage, SingleUseLink
from app.domain.catalogue.models import Product, ProductMedia
from app.jobs.execution import sessions_of
from app.jobs.worker import Worker
from app.portal.sign_in.session import link_secrets
from tests.factories.accounts import PASSWORD, make_company, make_person, read, sign_in
from tests.factories.catalogue import make_agreement, make_product
from tests.factories.ordering import actor_for, make_vendor, place
from tests.system.hostile import CLASSES
from tests.system.servers import ROOT
from tests.system.world import picture


@pytest.fixture
def buyer(app: Flask, session: Session) -> FlaskClient:
    person = make_person(session, make_company(session), Role.RESELLER_ADMIN, email="mara@kettle.example")
    client = app.test_client()
    assert sign_in(client, person.email).status_code == 303
    return client


@pytest.fixture
def admin(app: Flask, session: Session) -> FlaskClient:
    person = make_person(session, None, Role.VENDOR_ADMIN, email="ida@larkspur.example")
    client = app.test_client()
    assert sign_in(client, person.email).status_code == 303
    return client


class TestCookie:
    def test_over_https_the_cookie_is_for_this_host_alone(
        self, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: Session
    ) -> None:
        monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("BASE_URL", "https://portal.larkspur.example")
        app = create_app(
            {"SQLALCHEMY_DATABASE_URI": database_url, "WTF_CSRF_ENABLED": False, "RATELIMIT_ENABLED": False}
        )
        person = make_person(session, make_company(session), email="mara@kettle.example")
        client = app.test_client()
        answer = client.post(
            "/sign-in",
            data={"email": person.email, "password": PASSWORD},
            base_url="https://portal.larkspur.example",
        )
        assert answer.status_code == 303
        (cookie,) = answer.headers.getlist("Set-Cookie")
        name, *parts = [part.strip() for part in cookie.split(";")]
        assert name.startswith("__Host-sellthru=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(parts)
        assert not any(part.lower().startswith("domain") for part in parts)
        assert client.get("/sign-in", base_url="https://127.0.0.1").status_code == 400
        with app.app_context():
            db.engine.dispose()


class TestAddressesThatLeadAway:
    @pytest.mark.parametrize("target", [text.decode() for text in CLASSES["addresses"]])
    def test_no_answer_leads_to_another_host(self, buyer: FlaskClient, session: Session, target: str) -> None:
        product = make_product(session)
        make_agreement(session, prices={product: [(1, "1.00")]})
        for answer in (
            buyer.post(
                "/sign-in", data={"email": "mara@kettle.example", "password": PASSWORD, "next": target}
            ),
            buyer.post(f"/catalogue/add/{product.sku}", data={"quantity": "1", "next": target}),
            buyer.get("/sign-in", query_string={"next": target}),
        ):
            where = answer.headers.get("Location", "/")
            assert re.fullmatch(r"/(?![/\\]).*", where), where
            assert "evil.example" not in where
            assert not re.search(r'(?:href|action)="[^"]*evil\.example', answer.text)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kB that unfolds to width x height pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    row = b"\0" * (width // 8 + 1)
    packer, rows = zlib.compressobj(9), b""
    for _ in range(height):
        rows += packer.compress(row)
    rows += packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


# Large uploads lie in files of their own until the request is forgotten.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestUploads:
    def send(self, admin: FlaskClient, product: Product, name: str, content: bytes) -> Any:
        return admin.post(
            f"/console/products/{product.id}/media",
            data={"file": (io.BytesIO(content), name), "alt_text": ""},
        )

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.svg", SVG),
            ("a.png", SVG),
            ("a.html", b"<script>alert(1)</script>"),
            ("a.png", b"<html><script>alert(1)</script>"),
            ("a.py", b"import os"),
            ("a.pdf", b"MZ\x90\x00"),
            ("a.png", b"%PDF-1.7"),
            ("a.png.exe", picture()),
            ("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 50),
            ("a.jpg", b"\xff\xd8\xff" + b"x" * 100),
            ("a.png", b""),
            ("a.pdf", b"%PDF-" + b"x" * (10 * 1024 * 1024)),
            ("a.png", bomb(9_000, 9_000)),
            ("a.png", bomb(20_000, 20_000)),
        ],
        ids=lambda value: str(value)[:12],
    )
    def test_what_is_no_picture_or_too_much_is_refused_and_not_kept(
        self, app: Flask, admin: FlaskClient, session: Session, name: str, content: bytes
    ) -> None:
        product = make_product(session)
        answer = self.send(admin, product, name, content)
        assert answer.status_code == 422
        assert read(session, select(ProductMedia)) == []
        kept = [p for p in (Path(app.config["DATA_DIR"]) / "uploads").rglob("*") if p.is_file()]
        assert kept == []

    def test_a_request_larger_than_allowed_is_refused(self, admin: FlaskClient, session: Session) -> None:
        answer = self.send(admin, make_product(session), "a.png", b"x" * (26 * 1024 * 1024))
        assert answer.status_code == 413

    def test_a_picture_that_is_also_a_page_loses_the_page(
        self, app: Flask, admin: FlaskClient, session: Session
    ) -> None:
        both = picture() + b"<script>alert(1)</script>"
        assert self.send(admin, make_product(session), "a.png", both).status_code == 303
        (medium,) = read(session, select(ProductMedia))
        shown = admin.get(f"/console/products/media/{medium.storage_key}")
        assert shown.mimetype.startswith("image/")
        assert b"<script>" not in shown.data
        assert "sandbox" in shown.headers["Content-Security-Policy"]

    @pytest.mark.parametrize(
        "name",
        [
            *("../../etc/a.pdf", "a%22b.pdf", "\u202efdp.exe.pdf", "NUL.pdf", "Größe 10%.pdf"),
            *("a;b=c.pdf", "..\\x.pdf"),
        ],
    )
    def test_a_name_of_an_upload_cannot_leave_its_header_or_its_folder(
        self, app: Flask, admin: FlaskClient, session: Session, name: str
    ) -> None:
        assert self.send(admin, make_product(session), name, b"%PDF-1.4 x").status_code == 303
        (medium,) = read(session, select(ProductMedia))
        answer = admin.get(f"/console/products/media/{medium.storage_key}")
        header = answer.headers["Content-Disposition"]
        assert re.fullmatch(r"attachment; filename=\"[^\"/\\]*\"; filename\*=UTF-8''[\w.%~-]+", header), (
            header
        )
        assert "%E2%80%AE" not in header
        answer.close()
        store = Path(app.config["DATA_DIR"]) / "uploads"
        kept = [path.name for path in store.rglob("*") if path.is_file()]
        assert kept == [medium.storage_key]
        assert re.fullmatch(r"[0-9a-f]{32}\.pdf", kept[0])


class TestExports:
    def test_no_cell_of_an_export_is_a_formula(
        self, app: Flask, admin: FlaskClient, session: Session
    ) -> None:
        company = make_company(session, "Quill")
        person = make_person(session, company, Role.RESELLER_ADMIN, email="q@quill.example")
        product = make_product(session, name="=1+1")
        make_agreement(session, prices={product: [(1, "1.00")]})
        actor = actor_for(session, person, company)
        place(session, actor, company, {product: 1}, po_number="=cmd|' /C calc'!A0", reference="@SUM(A1)")
        client = app.test_client()
        sign_in(client, person.email)
        # Read to their ends one by one: each is written while it is read.
        for answer in (
            client.post("/orders/export", data={"kind": "csv"}, buffered=True),
            admin.post("/console/orders/export.csv", buffered=True),
            admin.post("/console/stock/export.csv", buffered=True),
        ):
            assert answer.status_code == 200, answer.request.path
            rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
            assert len(rows) >= 1
            for row in rows:
                for cell in row:
                    assert not re.match(r"[=+@\t\r]|-(?![0-9.]+$)", cell), cell


INSIDE = (
    "/.git/config", "/.git/HEAD", "/.env", "/instance/secret_key", "/config.py", "/static/../config.py",
    "/static/%2e%2e/config.py", "/static/..%2f..%2fconfig.py", "/static/", "/static", "/console/debug",
    "/debug", "/openapi.json", "/docs", "/server-status", "/admin", "/backup.sql", "/sellthru.db",
    "/?__debugger__=yes&cmd=resource&f=debugger.js", "/robots.txt.bak", "/phpinfo.php",
)  # fmt: skip


class TestLogs:
    def test_passwords_and_links_stand_in_no_log_job_or_mail(
        self, app: Flask, buyer: FlaskClient, session: Session, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        secret = "velvet anchor umbrella 41"
        client = app.test_client()
        client.post("/sign-in", data={"email": "mara@kettle.example", "password": secret})
        client.post("/forgot", data={"email": "mara@kettle.example"})
        entries = {"name": "Nils", "email": "nils@kettle.example", "role": "buyer", "end_customer": ""}
        assert buyer.post("/company/people", data=entries).status_code == 303
        buyer.post("/account/password", data={"current": secret, "password": secret, "new_password": secret})
        worker = Worker(sessions_of(app))
        while worker.run_one() is not None:
            pass
        tokens = self.tokens(app, session)
        assert len(tokens) == 2
        for token in tokens:
            for path in ("/reset/", "/invitation/"):
                client.post(path + token, data={"password": secret, "again": secret, "repeat": secret})
        written = caplog.text + "".join(str(job.payload) for job in read(session, select(Job)))
        written += "".join(mail.text_body + mail.html_body for mail in read(session, select(MailMessage)))
        for word in (secret, PASSWORD, *tokens):
            assert word not in written

    def tokens(self, app: Flask, session: Session) -> list[str]:
        with app.app_context():
            secrets = link_secrets()
        return [token_of(link, secrets[0]) for link in read(session, select(SingleUseLink))]

    def test_a_hostile_request_adds_no_line_to_the_log(
        self, app: Flask, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        client = app.test_client()
        agent = "evil\x1b[31m agent"
        email = "x@y.example\r\nERROR sellthru: forged"
        client.post("/sign-in", data={"email": email, "password": "x"}, headers={"User-Agent": agent})
        client.get("/%0d%0aERROR%20sellthru:%20forged", headers={"User-Agent": agent})
        for record in caplog.records:
            message = record.getMessage()
            assert "forged" not in message
            assert "\x1b" not in message

    @pytest.mark.parametrize("path", INSIDE)
    def test_nothing_of_the_inside_is_served(self, app: Flask, path: str) -> None:
        answer = app.test_client().get(path)
        assert answer.status_code in (302, 308, 404), path
        assert answer.status_code == 404 or "/sign-in" in answer.headers["Location"] or path == "/static"


def test_without_its_store_the_limit_lets_nobody_in(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: Session
) -> None:
    pytest.importorskip("redis")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    person = make_person(session, make_company(session))
    app = create_app(
        {
            "SQLALCHEMY_DATABASE_URI": database_url,
            "TESTING": True,
            "PROPAGATE_EXCEPTIONS": False,
            "WTF_CSRF_ENABLED": False,
            "RATELIMIT_ENABLED": True,
            "RATELIMIT_STORAGE_URI": "redis://127.0.0.1:1/0",
        }
    )
    try:
        answer = sign_in(app.test_client(), person.email)
        assert answer.status_code in (500, 503)
        assert "Set-Cookie" not in answer.headers or "_user_id" not in answer.headers["Set-Cookie"]
        assert "redis" not in answer.text.lower()
    finally:
        with app.app_context():
            db.engine.dispose()
        # The limiter is one for all applications of this process.
        create_app({"SQLALCHEMY_DATABASE_URI": "sqlite://", "RATELIMIT_STORAGE_URI": "memory://"})
        assert limiter.enabled


class TestTree:
    @pytest.fixture
    def files(self) -> list[Path]:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if listed.returncode:
            pytest.skip("this is no git checkout")
        return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]

    def test_no_secret_is_in_the_tree(self, files: list[Path]) -> None:
        patterns = re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|xox[baprs]-[0-9]"
            r"|sk_live_[A-Za-z0-9]{10}|(?i:secret_key|api_key|password)\s*=\s*[\"'][A-Za-z0-9+/]{24,}[\"']"
            r"|[a-z]+://[A-Za-z0-9]+:(?!guest@)[A-Za-z0-9]{8,}@"
        )
        found = []
        for path in files:
            if path.suffix in (".png", ".jpg", ".woff2", ".ico") or path == Path(__file__):
                continue
            hit = patterns.search(path.read_text(encoding="utf-8", errors="replace"))
            if hit:
                found.append(f"{path.relative_to(ROOT)}: {hit[0][:30]}")
        assert found == []

    def test_neither_databases_nor_uploads_nor_third_party_files_are_in_the_tree(
        self, files: list[Path]
    ) -> None:
        names = [str(path.relative_to(ROOT)) for path in files]
        assert [
            name for name in names if re.match(r"instance/|node_modules/|static/vendor/|\.venv/", name)
        ] == []
        assert [name for name in names if name.endswith((".db", ".sqlite", ".pem", ".key", ".env"))] == []

    def test_banned_calls_are_checked_by_the_linter_and_excused_nowhere(self) -> None:
        lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
        assert "S" in lint["select"]
        assert [rule for rule in lint["ignore"] if rule.startswith("S") and rule[1].isdigit()] == []
        assert not any(pattern.startswith("app") for pattern in lint["per-file-ignores"])
        # eval, exec, pickle, marshal, shell, yaml.load, unverified TLS, weak templates
        banned = re.compile(r"noqa:[^\n]*\bS(102|301|302|307|501|506|602|604|605|609|611|701)\b")
        excused = [path for path in (ROOT / "app").rglob("*.py") if banned.search(path.read_text())]
        assert excused == []


@pytest.fixture(autouse=True)
def vendor(session: Session) -> None:
    make_vendor(session)
