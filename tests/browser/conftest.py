"""A demo instance with its worker, and the system's Chromium; left out where there is no Chromium."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.visitor import Visitor, sign_in
from tests.system.servers import ROOT, environment, flask, serving
from tools.test import find_chromium

CHROMIUM = find_chromium(os.environ)
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
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium on this machine"))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Address, database and passwords by role of a freshly loaded demo on SQLite, with its worker."""
    folder = tmp_path_factory.mktemp("demo")
    url = f"sqlite:///{folder / 'sellthru.db'}"
    for command in (["db", "upgrade"], ["demo", "load"]):
        result = flask(url, folder, *command, DEMO="1")
        assert result.returncode == 0, result.stderr[-3000:]
    people = {row["role"]: row for row in json.loads((folder / "demo-passwords.json").read_text())}
    with serving(url, folder, threads=8, DEMO="1") as address, working(url, folder, address, DEMO="1"):
        yield {"address": address, "database_url": url, "folder": folder, "people": people}


class working:
    """The demo's worker, for as long as it is needed."""

    def __init__(self, url: str, folder: Path, address: str, **extra: str) -> None:
        self._log = (folder / "worker.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "flask", "jobs", "work"],
            cwd=ROOT,
            env=environment(url, folder, BASE_URL=address, **extra),
            stdout=self._log,
            stderr=self._log,
        )

    def __enter__(self) -> None:
        assert self._process.poll() is None

    def __exit__(self, *_error: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def signed_in(demo: dict[str, Any], browser: Browser) -> Callable[[str], Any]:
    """Cookies of a role's one sign-in, made when first asked for: signing in is limited and slow."""
    states: dict[str, Any] = {}

    def state_of(role: str) -> Any:
        if role not in states:
            context = browser.new_context()
            sign_in(context.new_page(), demo["address"], demo["people"][role])
            states[role] = context.storage_state()
            context.close()
        return states[role]

    return state_of


@pytest.fixture
def visit(
    demo: dict[str, Any], browser: Browser, signed_in: Callable[[str], Any]
) -> Iterator[Callable[..., Visitor]]:
    """Open a browser for a role: `visit("buyer", 390, dark=True)`; None for a stranger.

    `fresh` signs in anew, for tests that sign out; `script=False` switches JavaScript off.
    """
    contexts = []

    def open_for(
        role: str | None, width: int = 1280, *, dark: bool = False, script: bool = True, fresh: bool = False
    ) -> Visitor:
        context = browser.new_context(
            viewport={"width": width, "height": 900 if width > 600 else 844},
            reduced_motion="reduce",
            has_touch=width <= 600,
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            storage_state=signed_in(role) if role is not None and not fresh else None,
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        visitor = Visitor(context.new_page(), demo["address"])
        if role is not None and fresh:
            sign_in(visitor.page, demo["address"], demo["people"][role])
        return visitor

    yield open_for
    for context in contexts:
        context.close()
