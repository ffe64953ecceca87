"""The console's first page: work first, then what orders wait for, charts last."""

from __future__ import annotations

from flask import Blueprint, current_app, render_template

from app.console.days import today
from app.console.home.starting import list_starting
from app.console.home.work import list_queues, list_work
from app.console.mail.notice import mail_notice
from app.core import clock
from app.core.permissions import Permission, Role
from app.core.texts import N_, _
from app.core.web.door import allow, current_actor
from app.core.web.extensions import db
from app.domain.assets.queries import AssetFilters, list_units
from app.domain.ordering import desk

blueprint = Blueprint("home", __name__)

TITLES = {
    Role.VENDOR_SALES: N_("Sales desk"),
    Role.VENDOR_WAREHOUSE: N_("Warehouse"),
    Role.VENDOR_SUPPORT: N_("Support desk"),
    Role.VENDOR_FINANCE: N_("Finance desk"),
    Role.VENDOR_ADMIN: N_("Desk"),
}
#: What would be listed for the role if there were any.
BELONGS = {
    Role.VENDOR_SALES: N_("Orders to release and prices to answer appear here, the oldest first."),
    Role.VENDOR_WAREHOUSE: N_("Orders to ship, and receipts that are due or late, appear here."),
    Role.VENDOR_ADMIN: N_(
        "Orders to release and to ship, prices to answer, receipts due and failed jobs appear here."
    ),
}
OTHERWISE = N_("Nobody waits for your role. Orders and stock are a click away.")
WEEKS = 12
MOST_SHORTAGES = 6
MOST_ORDERS = 6
#: Units whose cover ends within so many days, for who helps with units.
MOST_UNITS, SOON_DAYS = 6, 90


@blueprint.get("")
@allow(Permission.ACCOUNT_USE)
def index() -> str:
    session, actor, now = db.session(), current_actor(), clock.now()
    day = today()
    may_read = actor.may(Permission.ORDER_READ)
    work = list_work(session, actor, today=day, now=now)
    by_week = desk.count_orders_by_week(session, weeks=WEEKS, now=now) if may_read else []
    return render_template(
        "console/home/index.html",
        empty_text=_(
            BELONGS.get(actor.role, N_("Nobody waits for your role. Orders and stock are a click away."))
        ),
        title=_(TITLES[actor.role]) if actor.role in TITLES else _("Home"),
        now=now,
        today=day,
        work=work,
        mail_notice=None if current_app.config["DEMO"] else mail_notice(session, actor),
        starting=list_starting(session, actor, now=now),
        ending=list_units(session, actor, AssetFilters(ends_within=SOON_DAYS, on=day), size=MOST_UNITS)
        if actor.role is Role.VENDOR_SUPPORT
        else None,
        late=sum(1 for one in work if one.late_days),
        queues=list_queues(session, actor, today=day),
        shortages=desk.list_shortages(session, limit=MOST_SHORTAGES) if may_read else [],
        latest=desk.list_latest_orders(session, limit=MOST_ORDERS) if may_read else [],
        by_week=by_week if any(by_week) else [],
        may_stock=actor.may(Permission.STOCK_READ),
    )
