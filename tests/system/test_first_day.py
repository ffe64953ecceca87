"""The first day of a vendor: set up in an empty place, data in by files, people in by their mails, a first
order, its export, a backup, the end of the server, and the same order elsewhere.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.factories.accounts import PASSWORD
from tests.smtp_server import SmtpServer, Taken, smtp_server
from tests.system.backup_stage import without_tables
from tests.system.servers import ROOT, environment, flask, serving
from tests.system.visits import Visit

pytestmark = pytest.mark.xdist_group("first day")

ADMIN, BUYER, RESELLER = "ada@fennel.example", "bo@kestrel.example", "kim@kestrel.example"
COMPANIES = """\
number,name,currency,tier,tax_code,tax_percent,branch,street,postcode,city,region,country,terms_days
K-1,Kestrel Systems,USD,gold,US-ME,5.5,Portland,1 Mill Lane,04101,Portland,ME,US,30
K-1,,,,,,Bangor,9 Quay Road,04401,Bangor,ME,US,14
M-2,Marten Supplies,USD,,US-VT,6,Stowe,3 Hill Street,05672,Stowe,VT,US,30
"""
CONTACTS = f"""email,name,company,role
{RESELLER},Kim Kestrel,K-1,reseller_admin
{BUYER},Bo Buyer,K-1,buyer
"""
PRODUCTS = """name,sku,price,category,brand,kind
Dock 24,FD-DOCK,189.00,Docks,Fennel,hardware
Cable 2 m,FD-CABLE,12.50,Cables,Fennel,hardware
Server on request,FD-SERVER,,Servers,Fennel,hardware
"""
PRICES = """sku,price,quantity,company
FD-DOCK,170.00,1,K-1
FD-DOCK,160.00,10,K-1
"""
STOCK = """warehouse,sku,quantity,reference
MAIN,FD-DOCK,6,First count
MAIN,FD-CABLE,500,First count
"""


class Day:
    """The instance and its people."""

    def __init__(self, url: str, data_dir: Path, mails: SmtpServer, folder: Path) -> None:
        self.url, self.data_dir, self.mails, self.folder = url, data_dir, mails, folder

    def flask(self, *arguments: str) -> str:
        """Standard output of a command that must succeed."""
        done = flask(self.url, self.data_dir, *arguments)
        assert done.returncode == 0, (arguments, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    def take_in(self, kind: str, rows: str, *options: str) -> dict[str, int]:
        """Import a file; the counts of its last line, without the seconds."""
        file = self.folder / f"{kind}.csv"
        file.write_text(rows)
        counts = json.loads(self.flask("import", kind, str(file), *options).splitlines()[-1])
        del counts["seconds"]
        return counts

    def mail_to(self, address: str, subject: str) -> Taken:
        """The mail, once it has come."""

        def found() -> list[Taken]:
            mails = [mail for mail in self.mails.taken if mail.recipient == address]
            return [mail for mail in mails if subject in str(mail.message["Subject"])]

        wait_for(lambda: bool(found()), f"{subject} to {address}")
        return found()[-1]

    @contextmanager
    def working(self) -> Iterator[subprocess.Popen[bytes]]:
        """The background worker."""
        with (self.folder / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "flask", "jobs", "work"],
                cwd=ROOT,
                env=environment(self.url, self.data_dir),
                stdout=log,
                stderr=log,
            )
            try:
                yield process
            finally:
                process.kill()  # whatever it was doing
                process.wait()


def wait_for(reached: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < end, f"not reached: {what}"
        time.sleep(0.1)


def text_of(mail: Taken) -> str:
    body = mail.message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def come_in(address: str, path: str) -> Visit:
    """Choose a password by a one-use link, which signs in; the link works once."""
    visit = Visit(address)
    assert visit.get(path).status == 200, path
    assert visit.post(path, password=PASSWORD).status == 303
    assert Visit(address).get(path).status == 410
    return visit


def path_in(text: str) -> str:
    found = re.search(r"(/invitation/[^\s\"<]+)", text)
    assert found, text
    return found[1]


def send(visit: Visit, path: str, **values: str) -> None:
    """Fill a form in and save it."""
    page = visit.get(path)
    assert page.status == 200, (path, page.status)
    kept = {
        name: html.unescape(value)
        for name, value in re.findall(r'type="hidden" name="([a-z_]+)" value="([^"]*)"', page.text)
    }
    found = re.findall(r'<input[^>]* name="version"[^>]*value="([^"]*)"', page.text)
    if found:
        kept["version"] = found[0]
    kept.pop("csrf_token", None)
    answer = visit.post(path, **{**kept, **values})
    assert answer.status == 303, (path, answer.status, re.findall(r"st-error[^>]*>([^<]+)", answer.text))


@pytest.fixture(params=["sqlite", "postgres"])
def day(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Day]:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    with without_tables(request.param, tmp_path) as url, smtp_server() as mails:
        yield Day(url, data_dir, mails, tmp_path)


def set_up(day: Day) -> str:
    """The vendor and the first administrator; the path of the link."""
    said = day.flask(
        *("setup", "--no-input", "--vendor", "Fennel", "--currency", "USD", "--timezone", "America/New_York"),
        *("--street", "5 Dock Street", "--city", "Portland", "--postcode", "04101", "--country", "US"),
        *("--order-prefix", "FN", "--alerts", "orders@fennel.example"),
        *("--admin-name", "Ada Finch", "--admin-email", ADMIN),
    )
    return path_in(said.splitlines()[-1])


def take_all_in(day: Day) -> None:
    made = {"updated": 0, "unchanged": 0, "rejected": 0}
    assert day.take_in("companies", COMPANIES) == {"rows": 3, "created": 3, **made}
    assert day.take_in("contacts", CONTACTS, "--invite") == {"rows": 2, "created": 2, **made}
    assert day.take_in("products", PRODUCTS) == {"rows": 3, "created": 3, **made}
    assert day.take_in("prices", PRICES) == {"rows": 2, "created": 2, **made}
    assert day.take_in("stock", STOCK) == {"rows": 2, "created": 2, **made}
    again = {"rows": 2, "created": 0, "updated": 0, "unchanged": 2, "rejected": 0}
    assert day.take_in("prices", PRICES) == again
    assert day.take_in("stock", STOCK) == again


def buy(buyer: Visit) -> str:
    """Two products in a cart, placed; the order's number."""
    buyer.get("/carts")
    cart = buyer.post("/carts", name="First order").location
    for code, quantity in (("FD-DOCK", "2"), ("FD-CABLE", "10")):
        buyer.get(cart)
        assert buyer.post(f"{cart}/lines", code=code, quantity=quantity).status == 303
    assert buyer.post(f"{cart}/lines", code="FD-SERVER", quantity="1").status == 422  # no price yet
    fields = buyer.checkout(int(cart.rpartition("/")[2]))
    answer = buyer.post(f"{cart}/checkout", **fields, po_number="PO-1")
    assert answer.status == 303, answer.text[-3000:]
    return answer.location.rpartition("/")[2]


def test_from_an_empty_place_to_the_first_order_and_back_from_a_backup(day: Day, tmp_path: Path) -> None:
    link = set_up(day)
    refused = flask(day.url, day.data_dir, "demo", "load")
    assert refused.returncode != 0
    assert "Fennel" in refused.stderr + refused.stdout

    with serving(day.url, day.data_dir) as address, day.working():
        admin = come_in(address, link)
        send(admin, "/console/settings/address", base_url="https://portal.fennel.example")
        send(
            admin,
            "/console/settings/mail",
            host="127.0.0.1",
            port=str(day.mails.port),
            security="none",
            sender="portal@fennel.example",
        )
        send(admin, "/console/stock/warehouses/new", code="MAIN", name="Main", position="1", is_active="y")
        take_all_in(day)

        invitation = day.mail_to(BUYER, "Fennel")
        buyer = come_in(address, path_in(text_of(invitation)))
        number = buy(buyer)
        assert re.fullmatch(r"FN-\d\d-00001", number)
        assert number in text_of(day.mail_to(BUYER, number))
        assert number in text_of(day.mail_to("orders@fennel.example", number))
        shown = admin.get(f"/console/orders/{number}").text
        assert "Kestrel Systems" in shown

        exported = list(csv.DictReader(io.StringIO(day.flask("orders", "export"))))
        archive = tmp_path / "day.backup"
        day.flask("backup", str(archive))

    elsewhere = tmp_path / "elsewhere"
    kind = "sqlite" if day.url.startswith("sqlite") else "postgres"
    with without_tables(kind, elsewhere) as url:
        other = Day(url, elsewhere / "data", day.mails, tmp_path)
        other.flask("restore", str(archive))
        assert list(csv.DictReader(io.StringIO(other.flask("orders", "export")))) == exported
        with serving(url, other.data_dir) as address:
            again = Visit(address).sign_in(BUYER)
            assert "FD-DOCK" in again.get(f"/orders/{number}").text
            assert "FD-DOCK" in again.get("/catalogue/product/FD-DOCK").text
