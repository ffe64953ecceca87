"""A person at a browser: signing in, going places, and noticing whatever a page does wrong."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

AXE = Axe()
#: Heights of the window by width: tall on a phone, so that no bar lies over what axe measures.
HEIGHTS = {1280: 900, 390: 2500}


def sign_in(page: Page, address: str, person: dict[str, str]) -> None:
    """Sign in by password, as a person does."""
    page.goto(address + "/sign-in")
    page.get_by_label("E-mail").fill(person["email"])
    page.get_by_label("Password", exact=True).fill(person["password"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)


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
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def _answered(self, response: Any) -> None:
        if response.status >= 500 or (response.status == 404 and "/static/" in response.url):
            self.complaints.append(f"{response.status} at {response.url}")

    def go(self, path: str) -> int:
        """Open an address of the instance; the answer's status."""
        answer = self.page.goto(self.address + path)
        return answer.status if answer else 0

    def shape(self) -> frozenset[str]:
        """What the page is made of: every kind of element with its classes and role, each once."""
        kinds = self.page.evaluate(
            "[...new Set([...document.querySelectorAll('body *')].map(e =>"
            " e.tagName + '.' + (e.getAttribute('class') || '') + '@' + (e.getAttribute('role') || '')))]"
        )
        return frozenset(kinds)

    def check_width(self) -> None:
        """No script or policy complaint and no sideways scrolling."""
        assert not self.complaints, (self.page.url, self.complaints)
        widths = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1], f"{self.page.url} scrolls sideways: {widths}"

    def check(self) -> None:
        """The above, and nothing that axe finds."""
        self.check_width()
        found = AXE.run(self.page).response["violations"]
        assert not found, (
            self.page.url,
            self.page.viewport_size,
            [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in found],
        )

    def check_at(self, width: int) -> None:
        """All of it with the window at that width."""
        self.page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        self.check()
