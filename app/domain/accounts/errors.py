"""Refusals of the accounts."""

from __future__ import annotations

from app.core.errors import Conflict, DomainError
from app.core.texts import _


class LinkUnusable(DomainError):
    """The invitation or reset link is unknown, used, replaced or too old."""

    code = "link_unusable"
    status = 410

    def __init__(self, message: str | None = None) -> None:
        super().__init__(
            message or _("This link is incomplete. Open it again from the mail, or ask for a new one.")
        )


class LastAdministrator(Conflict):
    """Nobody would be left who manages the people."""

    code = "last_administrator"

    def __init__(self) -> None:
        super().__init__(
            _("This is the last administrator. Make somebody else an administrator first."), field="role"
        )


class AlreadyMember(Conflict):
    """The person is in the list already."""

    code = "already_member"

    def __init__(self) -> None:
        super().__init__(
            _("This person is in the list already. Change the role there, or let the person in again."),
            field="email",
        )
