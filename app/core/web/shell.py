"""The frame around a page as values: navigation by role, the person, the cart, the phone's tabs.

Each area gives its navigation as data; only routes that exist and that the role may enter are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Flask, current_app, g, has_request_context, request
from flask_login import current_user
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from app.core.permissions import Actor, Permission
from app.core.texts import _
from app.core.web.fragments import fragments, hole
from app.core.web.language import current_texts
from app.core.web.stems import address_of


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
    count: int | str | None = None
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
    id: int | str
    label: str
    current: bool


@dataclass(frozen=True, slots=True)
class VendorMark:
    """The vendor's name, accent `#rrggbb` and logo, as far as they are set."""

    name: str
    accent: str | None = None
    logo_key: str | None = None


@dataclass(frozen=True, slots=True)
class MarkAddresses:
    """Where the accent's style sheet and the logo are."""

    css_href: str | None = None
    logo_href: str | None = None


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
    vendor_logo_href: str | None = None
    #: Of the forms in the frame; filled in when it is drawn.
    csrf_token: str = ""


#: An area's rooms and the phone's tabs.
Drawn = tuple[tuple[NavGroup, ...], tuple[NavItem, ...]]
MOST_DRAWN = 1000


@dataclass
class _Frame:
    """What the areas told us, kept on the application."""

    areas: dict[str, Navigation] = field(default_factory=dict)
    counts: dict[str, Callable[[Any], Mapping[str, int]]] = field(default_factory=dict)
    vendor: Callable[[], VendorMark] = lambda: VendorMark("Sellthru")
    mark_addresses: Callable[[str | None, str | None], MarkAddresses] = lambda _accent, _logo: MarkAddresses()
    #: Drawn navigations by all that they depend on.
    drawn: dict[Hashable, Drawn] = field(default_factory=dict)


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


def set_vendor_source(app: Flask, source: Callable[[], VendorMark]) -> None:
    """Where pages without a signed-in person get the vendor's name, accent and logo."""
    _frame(app).vendor = source


def set_mark_addresses(app: Flask, addresses: Callable[[str | None, str | None], MarkAddresses]) -> None:
    """Who knows the addresses of an accent's style sheet and of a logo."""
    _frame(app).mark_addresses = addresses


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
                return address_of(entry.endpoint)
    return _href("account.index") or "/"


def _is_open(entry: NavEntry, actor: Actor) -> bool:
    return entry.endpoint in current_app.view_functions and actor.may(entry.permission)


def _href(endpoint: str | None) -> str | None:
    if endpoint is None or endpoint not in current_app.view_functions:
        return None
    return address_of(endpoint)


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
        href=address_of(entry.endpoint),
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
    above = [entry for entry in room if request.path.startswith(address_of(entry.endpoint) + "/")]
    return next((entry.endpoint for entry in above or room), None)


def _navigation(area: str, actor: Actor, counts: Mapping[str, int]) -> Drawn:
    """The rooms for whoever may enter the same, on the same page with the same numbers beside them."""
    frame, navigation = _frame(), _frame().areas[area]
    entries = [entry for section in navigation.sections for entry in section.entries]
    current = _current_entry([entry for entry in entries if _is_open(entry, actor)])
    place = (request.root_path, current_texts(), current)
    key = (area, actor.permissions, place, tuple(counts.items()))
    drawn = frame.drawn.get(key)
    if drawn is None:
        if len(frame.drawn) >= MOST_DRAWN:
            frame.drawn.clear()
        drawn = frame.drawn[key] = _drawn(navigation, actor, counts, current)
    return drawn


def _drawn(navigation: Navigation, actor: Actor, counts: Mapping[str, int], current: str | None) -> Drawn:
    groups = []
    for section in navigation.sections:
        items = tuple(_item(entry, counts, current) for entry in section.entries if _is_open(entry, actor))
        if items:
            groups.append(NavGroup(caption=_(section.caption) if section.caption else None, items=items))
    tabs = tuple(_item(entry, counts, current) for entry in navigation.tabs if _is_open(entry, actor))
    return tuple(groups), (*tabs[:4], NavItem(label=_("More"), href="#menu", icon="menu-2"))


def _public_frame(demo: bool) -> Shell:
    mark = _frame().vendor()
    places = _frame().mark_addresses(mark.accent, mark.logo_key)
    return Shell(
        vendor_name=mark.name,
        area="public",
        demo=demo,
        vendor_css_href=places.css_href,
        vendor_logo_href=places.logo_href,
    )


def build() -> Shell:
    """The frame of the present request."""
    demo = bool(current_app.config["DEMO"])
    # The visitor itself: the proxy would look it up at every attribute.
    visitor = current_user._get_current_object() if has_request_context() else None
    if visitor is not None and not visitor.is_authenticated:
        visitor = None
    if visitor is None:
        return _public_frame(demo)
    places = _frame().mark_addresses(visitor.vendor_mark.accent, visitor.vendor_mark.logo_key)
    actor: Actor = visitor.actor
    area = area_of(actor)
    navigation = _frame().areas[area]
    counter = _frame().counts.get(area)
    counts = counter(visitor) if counter else {}
    groups, tabs = _navigation(area, actor, counts)
    cart_href = _href(navigation.cart_endpoint) if actor.may(Permission.CART_READ) else None
    return Shell(
        vendor_name=visitor.vendor_name,
        vendor_css_href=places.css_href,
        vendor_logo_href=places.logo_href,
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


@dataclass
class _Outline:
    """A frame with holes for what differs from one person and moment to the next, and what fills them."""

    texts: list[object] = field(default_factory=list)

    def cut(self, text: object) -> str:
        """The hole that stands for a text."""
        self.texts.append(text)
        return hole(len(self.texts) - 1)

    def of(self, shell: Shell) -> Shell:
        """The frame with its holes; what decides how it looks is left."""
        person = shell.person
        return replace(
            shell,
            csrf_token=self.cut(generate_csrf()),
            vendor_name=self.cut(shell.vendor_name),
            person=person
            and Person(*map(self.cut, (person.name, person.initials, person.company, person.email))),
            nav=tuple(self._group(group) for group in shell.nav),
            memberships=tuple(
                replace(choice, id=self.cut(choice.id), label=self.cut(choice.label))
                for choice in shell.memberships
            ),
            cart=None,
            search_value="",
            viewing_as=None,
        )

    def _group(self, group: NavGroup) -> NavGroup:
        if not any(item.count for item in group.items):
            return group
        return replace(
            group,
            items=tuple(
                replace(item, count=self.cut(item.count)) if item.count else item for item in group.items
            ),
        )


def _frame_part(macro: Any) -> Markup:
    """A part of the frame: of what its macro draws, only what differs is written anew."""
    outline: tuple[Shell, list[object]] | None = g.get("shell_outline")
    if outline is None:
        cutter = _Outline()
        outline = g.shell_outline = (cutter.of(_shell()), cutter.texts)
    return fragments().fill(macro, [outline])


def register(app: Flask) -> None:
    """Give every template its `shell`, and `frame_part(macro)`, which draws a part of the frame from it."""
    _frame(app)
    app.context_processor(lambda: {"shell": _shell()})
    app.jinja_env.globals["frame_part"] = _frame_part
