"""What is still to do until resellers can order and nothing is wrong: the same as `flask doctor` says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from flask import current_app, url_for
from sqlalchemy.orm import Session

from app.adapters import machine_checks as checks
from app.core.findings import Finding, Level
from app.core.permissions import Actor, Permission
from app.core.texts import N_, _
from app.domain.ordering.readiness import list_steps, read_facts

#: Where a finding is seen to: icon, endpoint, what its button says. What is done on the server has no page.
PLACES = {
    "legal_address": ("building", "console.settings.company", N_("Enter")),
    "tax_id": ("receipt", "console.settings.company", N_("Enter")),
    "alert_email": ("bell", "console.settings.company", N_("Enter")),
    "logo": ("photo", "console.settings.branding", N_("Upload")),
    "mail": ("send", "console.settings.mail", N_("Set up")),
    "mails": ("mail", "console.mail.index", N_("Look")),
    "admins": ("users", "console.people.index", N_("Invite")),
    "products": ("layout-grid", "console.imports.index", N_("Import")),
    "prices": ("tag", "console.agreements.index", N_("Enter")),
    "companies": ("building-store", "console.companies.new", N_("Create")),
    "company_people": ("user-plus", "console.companies.index", N_("Invite")),
    "stock": ("building-warehouse", "console.stock.index", N_("Count in")),
    "worker": ("list-check", "console.jobs.index", N_("Look")),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing still to do; without `href` it is done on the server."""

    title: str
    sub: str
    icon: str
    is_wrong: bool
    href: str | None = None
    act: str = ""


@dataclass(frozen=True, slots=True)
class Starting:
    """The list, and how many of the steps a vendor begins with are done."""

    steps: list[Step] = field(default_factory=list)
    done: int = 0
    total: int = 0


def list_starting(session: Session, actor: Actor, *, now: datetime) -> Starting:
    """What is open, what is wrong first; nothing for other roles, and nothing in a demo.

    Failed jobs are left to the work they are listed as beside it.
    """
    facts = read_facts(session) if actor.may(Permission.STAFF_MANAGE) else None
    if facts is None:
        return Starting()
    config = current_app.config
    found = [
        checks.check_secret(config),
        checks.check_base_url(config),
        checks.check_storage(config, tries_it=False),
        checks.check_disk(config),
        checks.check_worker(session, config, now=now),
        *checks.check_mail(session, config, now=now, asks_server=False),
        checks.check_clock(session, now=now),
        *list_steps(facts),
    ]
    still = [finding for finding in found if not finding.is_ok]
    return Starting(
        steps=[_step(finding) for finding in sorted(still, key=lambda one: one.level is not Level.PROBLEM)],
        done=len(found) - len(still),
        total=len(found),
    )


def _step(finding: Finding) -> Step:
    icon, endpoint, act = PLACES.get(finding.key, ("settings", None, ""))
    is_wrong = finding.level is Level.PROBLEM
    return Step(
        title=finding.text,
        sub=finding.remedy,
        icon="alert-triangle" if is_wrong else icon,
        is_wrong=is_wrong,
        href=url_for(endpoint) if endpoint else None,
        act=_(act) if act else "",
    )
