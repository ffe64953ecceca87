"""List of agreements, a new one, one with its prices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from app.console.agreements.forms import AgreementForm, NewAgreementForm
from app.console.days import today
from app.console.lists import given_choice, given_number, given_text, total_text
from app.core import clock
from app.core.errors import Conflict, InvalidInput
from app.core.permissions import Permission
from app.core.texts import N_, _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.accounts.queries import get_company, get_vendor
from app.domain.catalogue import actions, queries
from app.domain.catalogue.agreement_choices import branch_choices, company_choices
from app.domain.catalogue.models import PriceAgreement

blueprint = Blueprint("agreements", __name__, url_prefix="/price-agreements")

LEVEL_NAMES = {"list": N_("List"), "tier": N_("Tier"), "company": N_("Company"), "branch": N_("Branch")}


@blueprint.get("")
@allow(Permission.PRICE_MANAGE)
def index() -> Any:
    """Agreements, the newest first."""
    session, page, error, company = db.session(), None, None, None
    args: dict[str, Any] = {}
    try:
        text, level = given_text("q"), given_choice("level", LEVEL_NAMES)
        company_id = given_number("company")
        args = {k: v for k, v in (("q", text), ("level", level), ("company", company_id)) if v}
        company = get_company(session, company_id) if company_id else None
        page = queries.list_agreements(
            session, text=text or "", level=level, company_id=company_id, cursor=request.args.get("cursor")
        )
    except InvalidInput as refusal:
        error = refusal
    body = render_template(
        "console/agreements/index.html",
        page=page,
        args=args,
        company=company,
        error=error,
        total=total_text(page) if page else None,
        levels=LEVEL_NAMES,
    )
    return (body, error.status) if error else body


@blueprint.route("/new", methods=["GET", "POST"])
@allow(Permission.PRICE_MANAGE)
def new() -> Any:
    """A new agreement; `?company=` proposes one for that company."""
    form = NewAgreementForm()
    _offer(form)
    if request.method == "GET":
        _propose(form)
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            agreement = _create(form)
        except (Conflict, InvalidInput) as error:
            _put(form, error)
            status = error.status
        else:
            flash(_("%(number)s is added. Enter its prices.", number=agreement.number), "success")
            return redirect(url_for("console.agreements.show", agreement_id=agreement.id), 303)
    return render_template("console/agreements/new.html", form=form), status


def _offer(form: NewAgreementForm) -> None:
    session = db.session()
    form.company_id.choices = [(0, _("None")), *company_choices(session)]
    form.branch_id.choices = [(0, _("None")), *branch_choices(session)]


def _propose(form: NewAgreementForm) -> None:
    session = db.session()
    form.starts_on.data = today()
    form.currency.data = get_vendor(session).currency
    form.company_id.data = form.branch_id.data = 0
    company_id = given_number("company")
    if company_id:
        company = get_company(session, company_id)
        form.level.data, form.company_id.data = "company", company.id
        form.currency.data = company.currency


def _create(form: NewAgreementForm) -> PriceAgreement:
    level = form.level.data
    return do(
        actions.create_agreement,
        number=form.number.data,
        level=level,
        currency=form.currency.data,
        tier=form.tier.data if level == "tier" else None,
        company_id=(form.company_id.data or None) if level == "company" else None,
        branch_id=(form.branch_id.data or None) if level == "branch" else None,
        **form.values(),
        now=clock.now(),
    )


def _put(form: Any, error: Conflict | InvalidInput) -> None:
    names = {"order_discount_bps": "discount_percent", "order_discount_from": "discount_from"}
    error.field = names.get(error.field or "", error.field)
    put_error(form, error)


@blueprint.get("/<int:agreement_id>")
@allow(Permission.PRICE_MANAGE)
def show(agreement_id: int) -> Any:
    """An agreement and the products it prices."""
    session = db.session()
    agreement = queries.get_agreement(session, agreement_id)
    text, error, page = None, None, None
    try:
        text = given_text("q")
        page = queries.list_agreement_rows(
            session, agreement_id, text=text or "", cursor=request.args.get("cursor")
        )
    except InvalidInput as refusal:
        error = refusal
    body = render_template(
        "console/agreements/show.html",
        agreement=agreement,
        page=page,
        text=text or "",
        error=error,
        levels=LEVEL_NAMES,
        company=get_company(session, agreement.company_id) if agreement.company_id else None,
        discount=Decimal(agreement.order_discount_bps) / 10_000,
    )
    return (body, error.status) if error else body


@blueprint.route("/<int:agreement_id>/edit", methods=["GET", "POST"])
@allow(Permission.PRICE_MANAGE)
def edit(agreement_id: int) -> Any:
    """Name, dates, discount, and whether it is in force."""
    agreement = queries.get_agreement(db.session(), agreement_id)
    given = {"discount_percent": Decimal(agreement.order_discount_bps) / 100}
    form = AgreementForm(obj=agreement, **given, discount_from=agreement.order_discount_from)
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            do(
                actions.update_agreement,
                agreement_id=agreement_id,
                version=form.version.data,
                is_active=form.is_active.data,
                **form.values(),
                now=clock.now(),
            )
        except (Conflict, InvalidInput) as error:
            _put(form, error)
            status, agreement = error.status, queries.get_agreement(db.session(), agreement_id)
        else:
            flash(_("The agreement is saved."), "success")
            return redirect(url_for("console.agreements.show", agreement_id=agreement_id), 303)
    return render_template("console/agreements/edit.html", form=form, agreement=agreement), status
