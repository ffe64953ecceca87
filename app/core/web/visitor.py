"""The signed-in visitor of a request, and the cookie that brings the server-side session's token."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Protocol

from flask import Flask, g, request, session
from flask_login import UserMixin, current_user, login_user, logout_user

from app.core.permissions import Actor
from app.core.web.extensions import login_manager
from app.core.web.shell import MembershipChoice, VendorMark


class SignedIn(Protocol):
    """What the accounts know of a session token."""

    @property
    def session_id(self) -> int: ...
    @property
    def actor(self) -> Actor: ...
    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def vendor_name(self) -> str: ...
    @property
    def vendor_accent(self) -> str | None: ...
    @property
    def vendor_logo_key(self) -> str | None: ...
    @property
    def company_name(self) -> str | None: ...
    @property
    def viewing_as(self) -> str | None: ...
    @property
    def last_seen_at(self) -> datetime: ...
    @property
    def membership_count(self) -> int: ...
    @property
    def extras(self) -> Any: ...


class Visitor(UserMixin):  # type: ignore[misc]  # Flask-Login carries no types
    """Flask-Login's user: everything comes from the one read of the session's token."""

    def __init__(
        self,
        token: str,
        signed_in: SignedIn,
        choices: Callable[[SignedIn], Iterable[MembershipChoice]],
    ) -> None:
        self.token = token
        self.actor = signed_in.actor
        self.session_id = signed_in.session_id
        self.name = signed_in.name
        self.email = signed_in.email
        self.vendor_name = signed_in.vendor_name
        self.vendor_mark = VendorMark(
            signed_in.vendor_name, signed_in.vendor_accent, signed_in.vendor_logo_key
        )
        self.company_name = signed_in.company_name
        self.viewing_as = signed_in.viewing_as
        self.extras = signed_in.extras
        self._signed_in = signed_in
        self._choices = choices

    def get_id(self) -> str:
        return self.token

    def memberships(self) -> list[MembershipChoice]:
        """Whom the person may work for, where that is more than one; not asked for while viewing as."""
        if self._signed_in.membership_count < 2 or self.viewing_as:
            return []
        return list(self._choices(self._signed_in))


class _Bearer(UserMixin):  # type: ignore[misc]  # Flask-Login carries no types
    def __init__(self, token: str) -> None:
        self.token = token

    def get_id(self) -> str:
        return self.token


def enter(token: str) -> None:
    """Give the browser a session's token. Whatever its cookie held before is dropped."""
    session.clear()
    login_user(_Bearer(token))
    # Who that is is read when it is asked for.
    g.pop("_login_user", None)


def leave() -> None:
    """Take the token out of the browser's cookie."""
    logout_user()
    session.clear()


def current_visitor() -> Any:
    """The signed-in visitor; None for a stranger."""
    visitor = current_user._get_current_object()
    return visitor if visitor.is_authenticated else None


def address_and_agent() -> tuple[str | None, str | None]:
    """Where the request comes from, for the list of a person's sessions."""
    agent = "".join(character for character in request.user_agent.string if character.isprintable())
    return request.remote_addr, agent or None


def register(app: Flask, load: Callable[[str], Visitor | None]) -> None:
    """Let `load` find the visitor of a token. Flask-Login's remember-me cookie is never given out."""
    # The server-side session is what protects; a change of address or browser is no sign of theft.
    login_manager.session_protection = None

    @login_manager.user_loader  # type: ignore[untyped-decorator]  # Flask-Login carries no types
    def find_visitor(token: str) -> Visitor | None:
        return load(token) if isinstance(token, str) and len(token) <= 100 else None

    @app.before_request
    def forget_frame() -> None:
        g.pop("shell", None)
        g.pop("shell_outline", None)
