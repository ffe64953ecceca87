"""The web door: every route declares who may enter, runs actions in one transaction, and sets the scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from flask import current_app, g, redirect, request, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.exceptions import UnsupportedMediaType
from werkzeug.wrappers import Response

from app.core import audit, clock
from app.core.database import run, writing
from app.core.errors import NotFound, PermissionDenied, PermissionUndeclared
from app.core.permissions import Actor, Permission
from app.core.tenancy import Scope, all_companies, set_scope
from app.core.web.extensions import db

P = ParamSpec("P")
R = TypeVar("R")
View = TypeVar("View", bound=Callable[..., Any])

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def allow(permission: Permission, *, view_as_may_post: bool = False) -> Callable[[View], View]:
    """Let signed-in people with `permission` enter a route."""

    def declare(view: View) -> View:
        marked: Any = view
        marked.door = ("permission", permission, view_as_may_post)
        return view

    return declare


def public(reason: str) -> Callable[[View], View]:
    """Let everybody enter a route, and say why."""

    def declare(view: View) -> View:
        marked: Any = view
        marked.door = ("public", reason, False)
        return view

    return declare


def door_of(endpoint: str) -> tuple[str, Any, bool] | None:
    """What a route declared: kind, permission or reason, and whether view-as may post."""
    view = current_app.view_functions.get(endpoint)
    declared: tuple[str, Any, bool] | None = getattr(view, "door", None)
    return declared


def current_actor() -> Actor:
    """The signed-in actor. :raises PermissionDenied: nobody is signed in."""
    actor: Actor | None = g.get("actor")
    if actor is None:
        raise PermissionDenied(Permission.ACCOUNT_USE.value)
    return actor


def do(action: Callable[Concatenate[Session, Actor, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run an action for the signed-in actor in a transaction of its own."""
    return run(db.session(), action, current_actor(), *args, **kwargs)


def guard() -> Response | None:
    """Before each request: refuse routes that declare nothing, send strangers to sign in, set the scope."""
    endpoint = request.endpoint
    if endpoint is None or endpoint == "static":
        return None
    declared = door_of(endpoint)
    if declared is None:
        raise PermissionUndeclared(f"route {endpoint} has neither @allow nor @public")
    actor = current_user.actor if current_user.is_authenticated else None
    g.actor = actor
    if request.is_json and (request.blueprint or "").split(".")[0] != "api":
        # Flask-WTF would read it as the form, with values that are no text.
        raise UnsupportedMediaType()
    if any("\0" in str(value) for value in (request.view_args or {}).values()):
        # No name of anything has it, and PostgreSQL does not even compare it.
        raise NotFound()
    kind, permission, view_as_may_post = declared
    if kind == "public":
        return None
    if actor is None:
        return _to_sign_in()
    _enter(actor, permission, view_as_may_post)
    return None


def _enter(actor: Actor, permission: Permission, view_as_may_post: bool) -> None:
    area = (request.blueprint or "").split(".")[0]
    if (area == "console" and not actor.is_vendor) or (area == "portal" and actor.is_vendor):
        audit_refusal(PermissionDenied(f"{area}:enter"))
        raise NotFound()
    if actor.real_user_id is not None and request.method not in SAFE_METHODS and not view_as_may_post:
        raise PermissionDenied("view_as:write")
    actor.require(permission)
    if actor.company_id is not None:
        set_scope(db.session(), Scope(actor.company_id))
    elif area == "console":
        set_scope(db.session(), Scope(None, "vendor staff in the console"))


def _to_sign_in() -> Response:
    target = request.full_path.rstrip("?") if request.method in SAFE_METHODS else None
    address = url_for("sign_in.sign_in", next=target)
    if request.headers.get("HX-Request"):
        response = current_app.make_response(("", 401))
        response.headers["HX-Redirect"] = address
        return response
    return redirect(address)


def audit_refusal(error: PermissionDenied) -> None:
    """Write the audit row of a refusal in a transaction of its own."""
    actor: Actor | None = g.get("actor")
    session = db.session()
    session.rollback()
    with writing(session), all_companies(session, reason="audit of a refusal"):
        audit.record(
            session,
            actor or Actor(name="anonymous", permissions=frozenset()),
            "access.refused",
            subject_type="route",
            subject_id=None,
            now=clock.now(),
            after={"endpoint": request.endpoint, "permission": error.permission, "method": request.method},
        )
        session.commit()
