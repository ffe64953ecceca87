"""Errors named for the fact. Each door renders them: beside the field, as an alert, or as problem+json."""

from __future__ import annotations

from typing import Any, ClassVar

from app.core.texts import _


class DomainError(Exception):
    """A refusal a person can act on.

    `code` is stable and machine readable, `message` says what to change, `details` are JSON values,
    `field` names the form field the message belongs beside, `status` is the HTTP status.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 422

    def __init__(self, message: str, *, field: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.details = details


class NotFound(DomainError):
    """It does not exist, or belongs to somebody else: the reader is told the same."""

    code = "not_found"
    status = 404

    def __init__(self, what: str | None = None, **details: Any) -> None:
        super().__init__(what or _("There is nothing here by that number."), **details)


class PermissionDenied(DomainError):
    """The actor's role does not hold the permission the action asks for."""

    code = "permission_denied"
    status = 403

    def __init__(self, permission: str, **details: Any) -> None:
        super().__init__(
            _("Your role does not allow this. Ask your administrator for a role that does."),
            permission=permission,
            **details,
        )
        self.permission = permission


class InvalidInput(DomainError):
    """A value cannot be used; the message says what would be."""

    code = "invalid_input"
    status = 422


class IllegalMove(DomainError):
    """The event is not possible in the present state."""

    code = "illegal_move"
    status = 409


class StaleEdit(DomainError):
    """Somebody else saved the row since it was shown."""

    code = "stale_edit"
    status = 409

    def __init__(self, message: str | None = None, **details: Any) -> None:
        super().__init__(
            message
            or _("Somebody else changed this since you opened it. Look at the new values and save again."),
            **details,
        )


class Conflict(DomainError):
    """The request contradicts what is already stored."""

    code = "conflict"
    status = 409


class TooManyRequests(DomainError):
    """A rate limit is reached; `retry_after_s` says when to try again."""

    code = "too_many_requests"
    status = 429


class ProgrammingFault(RuntimeError):
    """A rule of the house was broken by code, never by a person: this is a 500 and a bug."""


class ScopeMissing(ProgrammingFault):
    """A statement touched company-owned rows outside a scope."""


class ScopeViolated(ProgrammingFault):
    """A row of another company was about to be read or written."""


class WriteOutsideRun(ProgrammingFault):
    """A write was tried outside `core.database.run`."""


class PermissionUndeclared(ProgrammingFault):
    """An action without `@requires`, or a route without `@allow`, was reached."""
