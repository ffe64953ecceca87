"""The vendor itself: set up once, before anybody can sign in."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import Conflict, InvalidInput
from app.core.permissions import Actor, Permission, Role, requires
from app.core.texts import _
from app.domain.accounts.models import Membership, Vendor
from app.domain.accounts.people import add_person
from app.domain.accounts.queries import VENDOR_ID, find_vendor
from app.domain.accounts.rules import PersonData, known_currency, normal_email, one_line


def known_timezone(name: str) -> str:
    """An IANA zone's name. :raises InvalidInput: there is no such zone."""
    try:
        return ZoneInfo(name.strip()).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = _("Enter a time zone's name, such as Europe/London.")
        raise InvalidInput(message, field="timezone") from error


@requires(Permission.STAFF_MANAGE)
def set_up_vendor(
    session: Session,
    actor: Actor,
    *,
    name: str,
    currency: str,
    timezone: str,
    alert_email: str | None = None,
    admin: PersonData,
    now: datetime,
) -> Membership:
    """The vendor of this instance, and the invitation of its first administrator.

    :raises Conflict: the instance is set up already. :raises InvalidInput: naming the value.
    """
    if find_vendor(session) is not None:
        raise Conflict(_("This instance is set up already."))
    vendor = Vendor(
        id=VENDOR_ID,
        name=one_line(name, field="name", maximum=200),
        currency=known_currency(currency),
        timezone=known_timezone(timezone),
        alert_email=normal_email(alert_email) if alert_email else None,
    )
    session.add(vendor)
    session.flush()
    audit.record(
        session,
        actor,
        "vendor.set_up",
        subject_type="vendor",
        subject_id=vendor.id,
        now=now,
        after={"name": vendor.name, "currency": vendor.currency, "timezone": vendor.timezone},
    )
    return add_person(session, actor, company_id=None, person=admin, role=Role.VENDOR_ADMIN, now=now)
