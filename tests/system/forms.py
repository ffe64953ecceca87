"""The forms of the pages as a browser sees them, filled in so that they would pass."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, quote, quote_from_bytes, urlsplit

from tests.system.world import Browser, World, picture, rules_of


@dataclass
class Form:
    """A form: where it goes, its fields with what stands in them, and which take numbers or files."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    numeric: set[str] = field(default_factory=set)
    fixed: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)

    def filled(self) -> dict[str, str]:
        """Field by field what is sent; the first of fields of the same name."""
        return {name: value or _guess(name) for name, value in reversed(self.fields)}


#: Entries for fields that are empty on the page, by the end of the field's name.
_ENTRIES = {
    "email": "new@canary-a.example", "quantity": "1", "price": "5.00", "sku": "SHARED-1", "code": "SHARED-1",
    "password": "a long and winding road 7", "currency": "USD", "country": "US", "starts_on": "2026-01-01",
    "due_on": "2099-01-01", "requested_on": "", "ends_on": "", "successor": "", "gtin": "", "cursor": "",
    "from": "", "to": "", "day": "", "valid_until": "2099-01-01", "counted": "3", "rate": "8.25", "tier": "",
    "parent": "", "branch": "", "category": "", "max_quantity": "", "warranty_months": "", "number": "N-1",
}  # fmt: skip


def _guess(name: str) -> str:
    for end, value in _ENTRIES.items():
        if name.endswith(end):
            return value
    return "entry"


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.page = page
        self.forms: list[Form] = []
        self.form: Form | None = None
        self.select: str | None = None
        self.area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = given.get("action") or self.page
            self.form = Form(action, given.get("method", "get").upper())
            self.forms.append(self.form)
        form = self._owner(given)
        name = given.get("name")
        if form is None:
            return
        if tag == "option" and self.select is not None:
            self._option(form, given)
        elif name and tag in ("input", "button"):
            self._input(form, name, given)
        elif name and tag == "select":
            self.select = name
            form.fields.append((name, ""))
            form.fixed.add(name)
        elif name and tag == "textarea":
            form.fields.append((name, ""))

    def _owner(self, given: dict[str, str]) -> Form | None:
        return self.form

    def _option(self, form: Form, given: dict[str, str]) -> None:
        at = max(i for i, (name, _) in enumerate(form.fields) if name == self.select)
        if "selected" in given or not form.fields[at][1]:
            form.fields[at] = (self.select or "", given.get("value", ""))

    def _input(self, form: Form, name: str, given: dict[str, str]) -> None:
        kind = given.get("type", "text" if given else "")
        if kind == "file":
            form.files.add(name)
            return
        if kind in ("checkbox", "radio") and "checked" not in given:
            return
        form.fields.append((name, given.get("value", "")))
        if given.get("inputmode") in ("numeric", "decimal") or kind == "number":
            form.numeric.add(name)
        if kind in ("hidden", "submit", "checkbox", "radio", "date"):
            form.fixed.add(name)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = None
        if tag == "select":
            self.select = None


@dataclass
class Site:
    """What a browser can send: forms that post, and addresses with parameters."""

    posts: dict[tuple[str, tuple[str, ...]], Form]
    gets: dict[tuple[str, str], dict[str, str]]
    pages: dict[str, str]


def walk(here: World, browser: Browser, *, limit: int = 160) -> Site:
    """Read every page that can be reached and collect its forms and parameters, one for each route."""
    waiting = [here.path(rule, here.a) for rule in rules_of(here.app) if "GET" in (rule.methods or ())]
    site = Site({}, {}, {})
    seen = {urlsplit(path).path for path in waiting}
    while waiting and len(site.pages) < limit:
        path = waiting.pop(0)
        answer = browser.get(path)
        if answer.mimetype != "text/html" or answer.status_code != 200:
            continue
        site.pages[path] = answer.text
        reader = _Reader(path)
        reader.feed(answer.text)
        for form in reader.forms:
            _keep(here, site, form)
        for found in re.findall(r'(?:href|hx-get)="(/[^"#]*)"', answer.text):
            target = found.replace("&amp;", "&")
            _keep_parameters(here, site, target, parse_qsl(urlsplit(target).query, keep_blank_values=True))
            if urlsplit(target).path not in seen and not target.startswith("/static"):
                seen.add(urlsplit(target).path)
                waiting.append(target)
    return site


def endpoint_of(here: World, path: str, method: str) -> str:
    endpoint, _ = here.app.url_map.bind("127.0.0.1").match(urlsplit(path).path, method=method)
    return str(endpoint)


def _keep(here: World, site: Site, form: Form) -> None:
    if form.method == "GET":
        _keep_parameters(here, site, form.action, form.fields)
        return
    key = (endpoint_of(here, form.action, "POST"), tuple(sorted({name for name, _ in form.fields})))
    site.posts.setdefault(key, form)


def _keep_parameters(here: World, site: Site, target: str, fields: list[tuple[str, str]]) -> None:
    path = urlsplit(target).path
    try:
        endpoint = endpoint_of(here, path, "GET")
    except Exception:
        return
    for name, _ in fields:
        site.gets.setdefault((endpoint, name), {"path": path, **dict(fields)})


def post(browser: Browser, form: Form, values: dict[str, str | bytes], **headers: str) -> Any:
    """Send the form as a browser would; bytes are sent as they are."""
    if form.files:
        content = picture()
        data: dict[str, Any] = {
            name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            for name, value in values.items()
        }
        data.update({name: (io.BytesIO(content), "picture.png") for name in form.files})
        return browser.post(form.action, data=data, headers=headers)
    body = "&".join(f"{quote(name)}={encoded(value)}" for name, value in values.items())
    return browser.post(
        form.action, data=body, content_type="application/x-www-form-urlencoded", headers=headers
    )


def encoded(value: str | bytes) -> str:
    """A value as it stands in a form's body or an address."""
    return quote_from_bytes(value) if isinstance(value, bytes) else quote(value)
