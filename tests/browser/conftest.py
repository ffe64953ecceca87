"""A demo instance served by gunicorn, and the system's Chromium; left out where there is no Chromium."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.system.servers import flask, serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium on this machine"))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Address, database and passwords by role of a freshly loaded demo on SQLite."""
    folder = tmp_path_factory.mktemp("demo")
    url = f"sqlite:///{folder / 'sellthru.db'}"
    for command in (["db", "upgrade"], ["demo", "load"]):
        result = flask(url, folder, *command, DEMO="1")
        assert result.returncode == 0, result.stderr[-3000:]
    people = {row["role"]: row for row in json.loads((folder / "demo-passwords.json").read_text())}
    with serving(url, folder, threads=8, DEMO="1") as address:
        yield {"address": address, "database_url": url, "folder": folder, "people": people}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Visitor:
    """A page that notices what a browser complains about."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        page.on("response", self._answered)

    def _heard(self, message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def _answered(self, response: Any) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status} at {response.url}")

    def go(self, path: str) -> None:
        self.page.goto(self.address + path)

    def check(self) -> None:
        """No script or policy complaint, no sideways scrolling, nothing that axe finds."""
        assert not self.complaints, self.complaints
        widths = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1], f"{self.page.url} scrolls sideways: {widths}"
        found = Axe().run(self.page).response["violations"]
        assert not found, (
            self.page.url,
            [(v["id"], [n["html"][:160] for n in v["nodes"][:3]]) for v in found],
        )


@pytest.fixture
def visit(demo: dict[str, Any], browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Open a browser for a role at a width: `visit("buyer", 390)`; None for a stranger."""
    contexts = []

    def open_for(role: str | None, width: int = 1280) -> Visitor:
        context = browser.new_context(
            viewport={"width": width, "height": 900 if width > 600 else 844},
            reduced_motion="reduce",
            has_touch=width <= 600,
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        visitor = Visitor(context.new_page(), demo["address"])
        if role is not None:
            person = demo["people"][role]
            visitor.go("/sign-in")
            visitor.page.get_by_label("E-mail").fill(person["email"])
            visitor.page.get_by_label("Password", exact=True).fill(person["password"])
            visitor.page.get_by_role("button", name="Sign in").click()
            visitor.page.wait_for_url(lambda address: "/sign-in" not in address)
        return visitor

    yield open_for
    for context in contexts:
        context.close()
