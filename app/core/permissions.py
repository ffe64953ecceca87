"""Permissions and roles as data, and the actor who holds them. Default deny."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy.orm import Session

from app.core.errors import PermissionDenied

P = ParamSpec("P")
R = TypeVar("R")


class Permission(StrEnum):
    """What may be done, as `resource:verb`."""

    ACCOUNT_USE = "account:use"
    CATALOGUE_READ = "catalogue:read"
    CATALOGUE_MANAGE = "catalogue:manage"
    PRICE_READ = "price:read"
    PRICE_MANAGE = "price:manage"
    PRICE_REQUEST_CREATE = "price_request:create"
    PRICE_REQUEST_ANSWER = "price_request:answer"
    CART_READ = "cart:read"
    CART_MANAGE = "cart:manage"
    ORDER_READ = "order:read"
    ORDER_PLACE = "order:place"
    ORDER_CANCEL = "order:cancel"
    ORDER_RELEASE = "order:release"
    ORDER_MANAGE = "order:manage"
    ORDER_REPLAY = "order:replay"
    STOCK_READ = "stock:read"
    STOCK_MANAGE = "stock:manage"
    SHIPMENT_MANAGE = "shipment:manage"
    ASSET_READ = "asset:read"
    ASSET_MANAGE = "asset:manage"
    COMPANY_READ = "company:read"
    COMPANY_MANAGE = "company:manage"
    MEMBER_READ = "member:read"
    MEMBER_MANAGE = "member:manage"
    STAFF_MANAGE = "staff:manage"
    IMPORT_RUN = "import:run"
    JOB_READ = "job:read"
    JOB_REPLAY = "job:replay"
    JOB_WORK = "job:work"
    MAIL_READ = "mail:read"
    MAIL_SEND = "mail:send"
    SETTINGS_MANAGE = "settings:manage"
    AUDIT_READ = "audit:read"
    VIEW_AS = "view_as:start"


class Role(StrEnum):
    """Roles of memberships: reseller side, end customer's desk, vendor side."""

    BUYER = "buyer"
    APPROVER = "approver"
    RESELLER_ADMIN = "reseller_admin"
    RESELLER_FINANCE = "reseller_finance"
    RESELLER_SUPPORT = "reseller_support"
    END_CUSTOMER_DESK = "end_customer_desk"
    VENDOR_SALES = "vendor_sales"
    VENDOR_WAREHOUSE = "vendor_warehouse"
    VENDOR_SUPPORT = "vendor_support"
    VENDOR_FINANCE = "vendor_finance"
    VENDOR_ADMIN = "vendor_admin"


_READ_SHOP = frozenset(
    {
        Permission.ACCOUNT_USE,
        Permission.CATALOGUE_READ,
        Permission.PRICE_READ,
        Permission.CART_READ,
        Permission.ORDER_READ,
        Permission.STOCK_READ,
        Permission.ASSET_READ,
    }
)
_BUY = _READ_SHOP | {
    Permission.CART_MANAGE,
    Permission.ORDER_PLACE,
    Permission.ORDER_CANCEL,
    Permission.PRICE_REQUEST_CREATE,
}
_READ_VENDOR = frozenset(
    {
        Permission.ACCOUNT_USE,
        Permission.CATALOGUE_READ,
        Permission.PRICE_READ,
        Permission.ORDER_READ,
        Permission.STOCK_READ,
        Permission.ASSET_READ,
        Permission.COMPANY_READ,
    }
)
_SALES = _READ_VENDOR | {
    Permission.CATALOGUE_MANAGE,
    Permission.PRICE_MANAGE,
    Permission.PRICE_REQUEST_ANSWER,
    Permission.ORDER_RELEASE,
    Permission.ORDER_MANAGE,
    Permission.COMPANY_MANAGE,
    Permission.IMPORT_RUN,
    Permission.VIEW_AS,
}
_WAREHOUSE = _READ_VENDOR | {Permission.SHIPMENT_MANAGE, Permission.STOCK_MANAGE, Permission.IMPORT_RUN}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.BUYER: _BUY,
    Role.APPROVER: _BUY,
    Role.RESELLER_ADMIN: _BUY | {Permission.MEMBER_READ, Permission.MEMBER_MANAGE},
    Role.RESELLER_FINANCE: _READ_SHOP,
    Role.RESELLER_SUPPORT: frozenset(
        {
            Permission.ACCOUNT_USE,
            Permission.CATALOGUE_READ,
            Permission.ORDER_READ,
            Permission.STOCK_READ,
            Permission.ASSET_READ,
        }
    ),
    Role.END_CUSTOMER_DESK: frozenset({Permission.ACCOUNT_USE, Permission.ASSET_READ}),
    Role.VENDOR_SALES: _SALES,
    Role.VENDOR_WAREHOUSE: _WAREHOUSE,
    Role.VENDOR_SUPPORT: _READ_VENDOR | {Permission.VIEW_AS, Permission.ASSET_MANAGE},
    Role.VENDOR_FINANCE: _READ_VENDOR,
    Role.VENDOR_ADMIN: _SALES
    | _WAREHOUSE
    | {
        Permission.ASSET_MANAGE,
        Permission.STAFF_MANAGE,
        Permission.JOB_READ,
        Permission.JOB_REPLAY,
        Permission.MAIL_READ,
        Permission.MAIL_SEND,
        Permission.SETTINGS_MANAGE,
        Permission.AUDIT_READ,
        Permission.MEMBER_READ,
        Permission.MEMBER_MANAGE,
    },
}

VENDOR_ROLES = frozenset(role for role in Role if role.value.startswith("vendor_"))
RESELLER_ROLES = frozenset(Role) - VENDOR_ROLES - {Role.END_CUSTOMER_DESK}

#: What a vendor's person holds while looking through a reseller's eyes: reading, nothing else.
VIEW_AS_PERMISSIONS = _READ_SHOP | {Permission.MEMBER_READ}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, for whom, and with which permissions.

    `company_id` is None for the vendor's own staff and for jobs. `real_user_id` is set while a vendor's
    person views as a reseller: then `user_id` is that person as well and only reading is allowed.
    """

    name: str
    permissions: frozenset[Permission]
    user_id: int | None = None
    membership_id: int | None = None
    role: Role | None = None
    company_id: int | None = None
    end_customer_id: int | None = None
    real_user_id: int | None = None
    request_id: str | None = None

    @property
    def is_vendor(self) -> bool:
        return self.company_id is None

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """:raises PermissionDenied: when the actor lacks `permission`."""
        if permission not in self.permissions:
            raise PermissionDenied(permission.value)

    @classmethod
    def system(cls, name: str) -> Actor:
        """A job or a command on the server: every permission, no company."""
        return cls(name=name, permissions=frozenset(Permission))


def requires(
    permission: Permission,
) -> Callable[[Callable[Concatenate[Session, Actor, P], R]], Callable[Concatenate[Session, Actor, P], R]]:
    """Declare what an action asks of its actor; `core.database.run` refuses an action without it."""

    def declare(
        action: Callable[Concatenate[Session, Actor, P], R],
    ) -> Callable[Concatenate[Session, Actor, P], R]:
        @functools.wraps(action)
        def checked(session: Session, actor: Actor, *args: P.args, **kwargs: P.kwargs) -> R:
            actor.require(permission)
            return action(session, actor, *args, **kwargs)

        # functools' own wrapper type hides the positional-only shape from the checker.
        marked: Any = checked
        marked.required_permission = permission
        return cast("Callable[Concatenate[Session, Actor, P], R]", marked)

    return declare


def required_permission(action: Callable[..., Any]) -> Permission | None:
    """The permission an action declared, or None."""
    found = getattr(action, "required_permission", None)
    return found if isinstance(found, Permission) else None
