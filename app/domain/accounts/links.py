"""Single-use links: a MAC over purpose, id and nonce. Neither the database nor the mail log holds one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from app.core.texts import _
from app.domain.accounts.errors import LinkUnusable
from app.domain.accounts.models import SingleUseLink


class Purpose(StrEnum):
    """What a link lets its holder do."""

    INVITATION = "invitation"
    RESET = "reset"
    #: Shows that the address in a request to become a reseller is the contact's own.
    CONFIRMATION = "confirmation"
    #: Lets the contact of such a request answer what was asked.
    ANSWER = "answer"


LIFETIMES = {
    Purpose.INVITATION: timedelta(days=7),
    Purpose.RESET: timedelta(hours=1),
    Purpose.CONFIRMATION: timedelta(days=3),
    Purpose.ANSWER: timedelta(days=30),
}
#: Where the web door answers each purpose; the token follows.
PATHS = {
    Purpose.INVITATION: "/invitation/",
    Purpose.RESET: "/reset/",
    Purpose.CONFIRMATION: "/become-a-reseller/confirm/",
    Purpose.ANSWER: "/become-a-reseller/answer/",
}


def make_link(
    session: Session,
    *,
    purpose: Purpose,
    user_id: int | None = None,
    request_id: int | None = None,
    now: datetime,
) -> SingleUseLink:
    """A new link, which voids the older ones of the purpose of the same person or request."""
    void_links(session, purpose=purpose, user_id=user_id, request_id=request_id, now=now)
    link = SingleUseLink(
        purpose=purpose.value,
        user_id=user_id,
        request_id=request_id,
        nonce=secrets.token_hex(16),
        created_at=now,
        expires_at=now + LIFETIMES[purpose],
    )
    session.add(link)
    session.flush()
    return link


def make_links(
    session: Session, *, purpose: Purpose, user_ids: Collection[int], now: datetime
) -> dict[int, int]:
    """Ids of new links by person, which void each person's older ones of the purpose."""
    if not user_ids:
        return {}
    session.execute(
        update(SingleUseLink)
        .where(
            SingleUseLink.user_id.in_(user_ids),
            SingleUseLink.purpose == purpose.value,
            SingleUseLink.used_at.is_(None),
            SingleUseLink.voided_at.is_(None),
        )
        .values(voided_at=now)
        .execution_options(synchronize_session=False)
    )
    values = {"purpose": purpose.value, "created_at": now, "expires_at": now + LIFETIMES[purpose]}
    made = session.execute(
        insert(SingleUseLink).returning(SingleUseLink.user_id, SingleUseLink.id),
        [{**values, "user_id": user_id, "nonce": secrets.token_hex(16)} for user_id in user_ids],
    )
    return {row.user_id: row.id for row in made}


def void_links(
    session: Session,
    *,
    purpose: Purpose,
    user_id: int | None = None,
    request_id: int | None = None,
    now: datetime,
) -> None:
    """Void the open links of the purpose of a person or a request."""
    owner = (
        SingleUseLink.user_id == user_id if user_id is not None else SingleUseLink.request_id == request_id
    )
    session.execute(
        update(SingleUseLink)
        .where(
            owner,
            SingleUseLink.purpose == purpose.value,
            SingleUseLink.used_at.is_(None),
            SingleUseLink.voided_at.is_(None),
        )
        .values(voided_at=now)
        .execution_options(synchronize_session=False)
    )


def _mac(link: SingleUseLink, secret: bytes) -> str:
    message = f"sellthru link\n{link.purpose}\n{link.id}\n{link.nonce}".encode()
    digest = hmac.new(secret, message, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def token_of(link: SingleUseLink, secret: bytes) -> str:
    """The token of a link under the instance's secret."""
    return f"{link.id}.{_mac(link, secret)}"


def address_of(link: SingleUseLink, *, secret: bytes, base_url: str) -> str:
    """The link as it stands in a mail."""
    return base_url.rstrip("/") + PATHS[Purpose(link.purpose)] + token_of(link, secret)


def get_link(
    session: Session, token: str, *, purpose: Purpose, secrets_: Sequence[bytes], now: datetime
) -> SingleUseLink:
    """The usable link of a token made under any of `secrets_` (the present one and those before it).

    :raises LinkUnusable: not made here, for another purpose, used, replaced or too old.
    """
    number, _dot, mac = token.partition(".")
    if not (re.fullmatch("[1-9][0-9]{0,17}", number) and mac.isascii()):
        raise LinkUnusable()
    link = session.get(SingleUseLink, int(number))
    if link is None or link.purpose != purpose.value:
        raise LinkUnusable()
    if not any(hmac.compare_digest(_mac(link, secret), mac) for secret in secrets_):
        raise LinkUnusable()
    if link.used_at is not None:
        raise LinkUnusable(_("This link has been used. Sign in, or ask for a new link."))
    if link.voided_at is not None:
        raise LinkUnusable(_("A newer link was sent. Use the one in the latest mail."))
    if link.expires_at <= now:
        raise LinkUnusable(_("This link is too old. Ask for a new one."))
    return link


def use_link(session: Session, link: SingleUseLink, *, now: datetime) -> None:
    """Use a link up; of two simultaneous uses one is refused. :raises LinkUnusable:"""
    used: Any = session.execute(
        update(SingleUseLink)
        .where(
            SingleUseLink.id == link.id,
            SingleUseLink.used_at.is_(None),
            SingleUseLink.voided_at.is_(None),
            SingleUseLink.expires_at > now,
        )
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    if used.rowcount != 1:
        raise LinkUnusable(_("This link has been used. Sign in, or ask for a new link."))
