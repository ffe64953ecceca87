"""The frame around a page as values: navigation by role, the person, the cart, the phone's tabs.

Each area gives its navigation as data; only routes that exist and that the role may enter are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, current_app, g, has_request_context, request, url_for
from flask_login import current_user

from app.core.permissions import Actor, Permission
from app.core.texts import _


@dataclass(frozen=True, slots=True)
class NavEntry:
    """A room of an area: its name (translated when drawn), endpoint, icon, and who may enter.

    `count` names the number shown beside it; `is_waiting` draws that number as work for the reader.
    """

    label: str
    endpoint: str
    icon: str
    permission: Permission
    count: str | None = None
    is_waiting: bool = False


@dataclass(frozen=True, slots=True)
class NavSection:
    """Entries under a quiet caption; the first section has none."""

    caption: str | None
    entries: tuple[NavEntry, ...]


@dataclass(frozen=True, slots=True)
class Navigation:
    """An area's rooms, its phone tabs and its search. The first endpoint that exists is its home."""

    sections: tuple[NavSection, ...]
    tabs: tuple[NavEntry, ...]
    search_endpoint: str | None = None
    cart_endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class NavItem:
    label: str
    href: str
    icon: str
    count: int | None = None
    waiting: bool = False
    current: bool = False


@dataclass(frozen=True, slots=True)
class NavGroup:
    caption: str | None
    items: tuple[NavItem, ...]


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    initials: str
    company: str
    email: str


@dataclass(frozen=True, slots=True)
class CartMark:
    href: str
    count: int


@dataclass(frozen=True, slots=True)
class MembershipChoice:
    id: int
    label: str
    current: bool


@dataclass(frozen=True, slots=True)
class Shell:
    """What the frame's templates read."""

    vendor_name: str
    #: portal | console | public
    area: str
    demo: bool
    nav: tuple[NavGroup, ...] = ()
    tabs: tuple[NavItem, ...] = ()
    person: Person | None = None
    cart: CartMark | None = None
    home_href: str = "/"
    search_href: str | None = None
    search_value: str = ""
    memberships: tuple[MembershipChoice, ...] = ()
    switch_href: str | None = None
    viewing_as: str | None = None
    end_view_as_href: str | None = None
    sign_out_href: str | None = None
    account_href: str | None = None
    vendor_css_href: str | None = None


@dataclass
class _Frame:
    """What the areas told us, kept on the application."""

    areas: dict[str, Navigation] = field(default_factory=dict)
    counts: dict[str, Callable[[Any], Mapping[str, int]]] = field(default_factory=dict)
    vendor_name: Callable[[], str] = lambda: "Sellthru"


def _frame(app: Flask | None = None) -> _Frame:
    extensions = (app or current_app).extensions
    frame: _Frame = extensions.setdefault("shell", _Frame())
    return frame


def add_area(
    app: Flask,
    area: str,
    navigation: Navigation,
    *,
    counts: Callable[[Any], Mapping[str, int]] | None = None,
) -> None:
    """Give an area its navigation, and the numbers beside its rooms for the signed-in visitor."""
    _frame(app).areas[area] = navigation
    if counts is not None:
        _frame(app).counts[area] = counts


def set_vendor_name_source(app: Flask, source: Callable[[], str]) -> None:
    """Where pages without a signed-in person get the vendor's name."""
    _frame(app).vendor_name = source


def area_of(actor: Actor | None) -> str:
    """portal, console, or public for a stranger."""
    if actor is None:
        return "public"
    return "console" if actor.is_vendor else "portal"


def home_of(actor: Actor) -> str:
    """Address of the first room of the actor's area that exists and that the role may enter."""
    navigation = _frame().areas.get(area_of(actor))
    for section in navigation.sections if navigation else ():
        for entry in section.entries:
            if _is_open(entry, actor):
                return url_for(entry.endpoint)
    return _href("account.index") or "/"


def _is_open(entry: NavEntry, actor: Actor) -> bool:
    return entry.endpoint in current_app.view_functions and actor.may(entry.permission)


def _href(endpoint: str | None, **values: Any) -> str | None:
    if endpoint is None or endpoint not in current_app.view_functions:
        return None
    return url_for(endpoint, **values)


def initials_of(name: str) -> str:
    """First letters of the first and last word: Mara Vint is MV."""
    words = [word for word in name.split() if word[0].isalnum()]
    picked = words[:1] + (words[-1:] if len(words) > 1 else [])
    return "".join(word[0] for word in picked).upper() or "?"


def _room_of(endpoint: str) -> str:
    """The blueprint an endpoint lies in: all pages of a room mark its entry."""
    return endpoint.rpartition(".")[0]


def _item(entry: NavEntry, counts: Mapping[str, int], current: str | None) -> NavItem:
    return NavItem(
        label=_(entry.label),
        href=url_for(entry.endpoint),
        icon=entry.icon,
        count=counts.get(entry.count) if entry.count else None,
        waiting=entry.is_waiting,
        current=entry.endpoint == current,
    )


def _current_entry(entries: Sequence[NavEntry]) -> str | None:
    """The entry of the page shown: itself, else the one of its room whose address leads to it."""
    here = request.endpoint or ""
    if any(entry.endpoint == here for entry in entries):
        return here
    room = [entry for entry in entries if _room_of(here) and _room_of(entry.endpoint) == _room_of(here)]
    above = [entry for entry in room if request.path.startswith(url_for(entry.endpoint) + "/")]
    return next((entry.endpoint for entry in above or room), None)


def _navigation(
    navigation: Navigation, actor: Actor, counts: Mapping[str, int]
) -> tuple[tuple[NavGroup, ...], tuple[NavItem, ...]]:
    entries = [entry for section in navigation.sections for entry in section.entries]
    current = _current_entry([entry for entry in entries if _is_open(entry, actor)])
    groups = []
    for section in navigation.sections:
        items = tuple(_item(entry, counts, current) for entry in section.entries if _is_open(entry, actor))
        if items:
            groups.append(NavGroup(caption=_(section.caption) if section.caption else None, items=items))
    tabs = tuple(_item(entry, counts, current) for entry in navigation.tabs if _is_open(entry, actor))
    return tuple(groups), (*tabs[:4], NavItem(label=_("More"), href="#menu", icon="menu-2"))


def build() -> Shell:
    """The frame of the present request."""
    demo = bool(current_app.config["DEMO"])
    visitor = current_user if has_request_context() and current_user.is_authenticated else None
    if visitor is None:
        return Shell(vendor_name=_frame().vendor_name(), area="public", demo=demo)
    actor: Actor = visitor.actor
    area = area_of(actor)
    navigation = _frame().areas[area]
    counter = _frame().counts.get(area)
    counts = counter(visitor) if counter else {}
    groups, tabs = _navigation(navigation, actor, counts)
    cart_href = _href(navigation.cart_endpoint) if actor.may(Permission.CART_READ) else None
    return Shell(
        vendor_name=visitor.vendor_name,
        area=area,
        demo=demo,
        nav=groups,
        tabs=tabs,
        person=Person(
            name=visitor.name,
            initials=initials_of(visitor.name),
            company=visitor.company_name or visitor.vendor_name,
            email=visitor.email,
        ),
        cart=CartMark(cart_href, counts.get("cart", 0)) if cart_href else None,
        home_href=home_of(actor),
        search_href=_href(navigation.search_endpoint) if actor.may(Permission.CATALOGUE_READ) else None,
        search_value=request.args.get("q", ""),
        memberships=tuple(visitor.memberships()),
        switch_href=_href("account.switch"),
        viewing_as=visitor.viewing_as,
        end_view_as_href=_href("account.end_view_as"),
        sign_out_href=_href("sign_in.sign_out"),
        account_href=_href("account.index"),
    )


def _shell() -> Shell:
    shell: Shell | None = g.get("shell")
    if shell is None:
        shell = g.shell = build()
    return shell


def register(app: Flask) -> None:
    """Give every template its `shell`."""
    _frame(app)
    app.context_processor(lambda: {"shell": _shell()})
