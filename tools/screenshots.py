"""Make the README's pictures: a fresh demo of its own, signed in as each role, drawn by Chromium.

The pictures go to docs/images/. A page that does not answer 200 stops the run.
"""

import argparse
import json
import os
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from tools.run import HOST, Demo, RunError
from tools.test import find_chromium

ROOT = Path(__file__).resolve().parent.parent
DESKTOP, PHONE = (1280, 820), (390, 844)


@dataclass(frozen=True)
class Shot:
    """One picture: its file's name, who is signed in (None: nobody), and the address.

    From there the link whose name has `followed` in it is taken, and the why of the row `opened` is unfolded.
    """

    name: str
    role: str | None
    path: str
    size: tuple[int, int] = DESKTOP
    scheme: Literal["light", "dark"] = "light"
    followed: str | None = None
    opened: str | None = None


SHOTS = (
    Shot("home", "buyer", "/home"),
    Shot("catalogue", "buyer", "/catalogue?category=internal-drives&brand=Tarnel", opened="SSD-N2-2T"),
    Shot("checkout", "buyer", "/carts/current", followed="Check out"),
    Shot("order", "buyer", "/orders?q=KB-0360", followed="SO-"),
    Shot("console", "vendor_sales", "/console"),
    Shot("console-orders", "vendor_sales", "/console/orders"),
    Shot("console-stock", "vendor_warehouse", "/console/stock"),
    Shot("catalogue-dark", "buyer", "/catalogue?category=storage", scheme="dark"),
    Shot("home-phone", "buyer", "/home", PHONE),
    Shot("catalogue-phone", "buyer", "/catalogue?category=storage", PHONE),
    Shot("order-phone", "buyer", "/orders?q=KB-0360", PHONE, followed="SO-"),
)


def read_sign_ins(data_dir: str) -> dict[str, tuple[str, str]]:
    """{role: (e-mail, password)} that `flask demo load` keeps in DATA_DIR."""
    people = json.loads((Path(data_dir) / "demo-passwords.json").read_text(encoding="utf-8"))
    return {person["role"]: (person["email"], person["password"]) for person in people}


def free_port() -> int:
    """A port of the kernel's choice."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def sign_in(page: Page, address: str, mail: str, password: str) -> None:
    """Sign in as a person would."""
    page.goto(f"{address}/sign-in")
    page.get_by_label("E-mail").fill(mail)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state("networkidle")
    if page.locator("input[type=password]").count():
        raise RunError(f"{mail} could not sign in.")


class Studio:
    """A browser that keeps each person's sign-in from picture to picture."""

    def __init__(self, browser: Browser, address: str, sign_ins: dict[str, tuple[str, str]]) -> None:
        self._browser = browser
        self._address = address
        self._sign_ins = sign_ins
        self._states: dict[str, StorageState] = {}

    def _state(self, role: str | None) -> StorageState | None:
        if role is None:
            return None
        if role not in self._sign_ins:
            known = ", ".join(sorted(self._sign_ins))
            raise RunError(f"The demo has no sign-in for {role!r}; it has {known}.")
        if role not in self._states:
            context = self._browser.new_context()
            sign_in(context.new_page(), self._address, *self._sign_ins[role])
            self._states[role] = context.storage_state()
            context.close()
        return self._states[role]

    def take(self, shot: Shot, file: Path) -> None:
        """Draw one page into its file.

        :raises RunError: the page does not answer 200.
        """
        width, height = shot.size
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=shot.scheme,
            locale="en-GB",
            reduced_motion="reduce",
            storage_state=self._state(shot.role),
        )
        try:
            page = context.new_page()
            answer = page.goto(self._address + shot.path, wait_until="networkidle")
            if answer is None or answer.status != 200:
                raise RunError(f"{shot.path} answered {answer.status if answer else 'nothing'}.")
            if shot.followed:
                page.locator("main").get_by_role("link", name=shot.followed).first.click()
                page.wait_for_load_state("networkidle")
            if shot.opened:
                why = page.locator("tr", has_text=shot.opened).locator(".st-why")
                why.locator("summary").click()
                why.get_by_role("heading").wait_for()
            page.screenshot(path=file)
        finally:
            context.close()


def run(shots: list[Shot], *, to: Path, data_dir: str) -> None:
    """Start a demo on `data_dir` and take the pictures.

    :raises RunError: where the demo or a page is not there.
    """
    chromium = find_chromium(os.environ)
    if chromium is None:
        raise RunError(
            "Chromium was not found; install it (apt install chromium) or name it: TEST_CHROMIUM=…"
        )
    environment = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "BASE_URL")}
    demo = Demo(port=free_port(), jobs="embedded", environment={**environment, "DATA_DIR": data_dir})
    try:
        demo.step("The migration", "flask", "db", "upgrade")
        demo.step("Loading demo data", "flask", "demo", "load", keep=True)
        sign_ins = read_sign_ins(data_dir)
        demo.serve()
        demo.wait_until_ready()
        with sync_playwright() as playwright:
            arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
            studio = Studio(browser, f"http://{HOST}:{demo.port}", sign_ins)
            for shot in shots:
                studio.take(shot, to / f"{shot.name}.png")
                print(to / f"{shot.name}.png", flush=True)
            browser.close()
    finally:
        demo.stop()


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit 1 with a sentence where a page cannot be drawn."""
    parser = argparse.ArgumentParser(description="Make the README's pictures.")
    parser.add_argument("names", nargs="*", help="only these pictures; all where none is named")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "images", help="folder of the pictures")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - {shot.name for shot in SHOTS})
    if unknown:
        parser.error(f"unknown picture {', '.join(unknown)}; there are {', '.join(s.name for s in SHOTS)}")
    shots = [shot for shot in SHOTS if not options.names or shot.name in options.names]
    options.to.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="sellthru-screenshots-") as data_dir:
            run(shots, to=options.to.resolve(), data_dir=data_dir)
    except RunError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
