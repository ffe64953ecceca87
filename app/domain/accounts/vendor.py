"""The vendor itself: set up once, before anybody can sign in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.errors import Conflict
from app.core.permissions import Actor, Permission, Role, requires
from app.core.sequences import begin_range
from app.core.texts import _
from app.domain.accounts.models import Membership, User, Vendor
from app.domain.accounts.people import add_person
from app.domain.accounts.queries import VENDOR_ID, find_vendor
from app.domain.accounts.rules import PersonData
from app.domain.accounts.vendor_rules import VendorData, clean_vendor, order_range


@requires(Permission.STAFF_MANAGE)
def set_up_vendor(
    session: Session,
    actor: Actor,
    *,
    vendor: VendorData,
    logo_key: str | None = None,
    admin: PersonData,
    now: datetime,
) -> Membership:
    """The vendor of this instance, and the invitation of its first administrator.

    :raises Conflict: the instance is set up already, or has people. :raises InvalidInput: naming the value.
    """
    if find_vendor(session) is not None or session.execute(select(User.id).limit(1)).first():
        raise Conflict(_("This instance is set up already."))
    data = clean_vendor(vendor)
    row = Vendor(
        id=VENDOR_ID,
        name=data.name,
        legal_name=data.legal_name,
        street=data.address.street,
        postcode=data.address.postcode,
        city=data.address.city,
        region=data.address.region,
        country=data.address.country,
        tax_id=data.tax_id,
        currency=data.currency,
        timezone=data.timezone,
        language=data.language,
        order_prefix=data.order_prefix,
        request_prefix=data.request_prefix,
        company_prefix=data.company_prefix,
        accent=data.accent,
        alert_email=data.alert_email,
        logo_key=logo_key,
    )
    session.add(row)
    session.flush()
    name = order_range(clock.business_date(now, data.timezone))
    begin_range(session, name, first=data.next_number)
    audit.record(
        session,
        actor,
        "vendor.set_up",
        subject_type="vendor",
        subject_id=row.id,
        now=now,
        after={
            "name": row.name,
            "currency": row.currency,
            "timezone": row.timezone,
            "order_prefix": row.order_prefix,
            "next_number": data.next_number,
        },
    )
    return add_person(session, actor, company_id=None, person=admin, role=Role.VENDOR_ADMIN, now=now)
