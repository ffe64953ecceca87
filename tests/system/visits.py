"""People at real servers: urllib with a cookie, a token in each form, and no redirect followed unasked."""

from __future__ import annotations

import html
import re
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Any

from tests.factories.accounts import PASSWORD


@dataclass(frozen=True)
class Answer:
    """Status, where it leads, and the page."""

    status: int
    location: str
    text: str


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class Visit:
    """One person's browser at a server."""

    def __init__(self, address: str) -> None:
        self.address = address
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self.opener = urllib.request.build_opener(_Stay, cookies)
        self.token = ""

    def ask(self, path: str, data: dict[str, str] | None = None) -> Answer:
        body = urllib.parse.urlencode(data).encode() if data is not None else None
        request = urllib.request.Request(self.address + path, data=body)
        try:
            with self.opener.open(request, timeout=120) as answer:
                return self._read(answer.status, answer)
        except urllib.error.HTTPError as error:
            with error:
                return self._read(error.code, error)

    def _read(self, status: int, answer: Any) -> Answer:
        page = Answer(status, answer.headers.get("Location", ""), answer.read().decode("utf-8", "replace"))
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
        if found:
            self.token = found[1]
        return page

    def get(self, path: str) -> Answer:
        return self.ask(path)

    def post(self, path: str, **data: str) -> Answer:
        return self.ask(path, {"csrf_token": self.token, **data})

    def sign_in(self, email: str) -> Visit:
        self.get("/sign-in")
        answer = self.post("/sign-in", email=email, password=PASSWORD)
        assert answer.status == 303, (answer.status, answer.text[:500])
        assert self.get("/home").status == 200
        return self

    def checkout(self, cart_id: int) -> dict[str, str]:
        """The checkout's form as the page gives it."""
        answer = self.get(f"/carts/{cart_id}/checkout")
        assert answer.status == 200, (answer.status, answer.location)
        return checkout_form(answer.text)


def checkout_form(page: str) -> dict[str, str]:
    """What the checkout's page sends when the button is pressed."""
    fields = {"act": "place", "ship_to": "branch"}
    for name in ("branch_id", "shown_total", "shown_lines"):
        found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', page)
        assert found, name
        fields[name] = html.unescape(found[1])
    return fields


def all_at_once(tasks: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each task returned or raised; all begin at the same moment."""
    barrier = threading.Barrier(len(tasks))
    results: list[Any] = [None] * len(tasks)

    def work(place: int) -> None:
        barrier.wait()
        try:
            results[place] = tasks[place]()
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
