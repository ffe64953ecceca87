"""The list of companies, a new one, and what concerns a company as a whole."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import flash, redirect, render_template, url_for

from app.console.companies.forms import CompanyEditForm, CompanyForm, TaxForm
from app.console.companies.room import blueprint, company_page
from app.console.days import today
from app.console.lists import given_choice, given_text, total_text
from app.core import clock
from app.core.errors import Conflict, InvalidInput
from app.core.permissions import Permission
from app.core.texts import N_, _
from app.core.web import visitor
from app.core.web.door import allow, current_actor, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.accounts import actions, queries
from app.domain.accounts.models import Company
from app.domain.accounts.rules import AddressData, BranchData, PersonData
from app.domain.catalogue import actions as catalogue_actions
from app.domain.catalogue.companies import TaxData, open_company
from app.domain.catalogue.queries import list_tax_rates
from app.domain.catalogue.readiness import is_ready

#: Narrower lists of companies.
STATES = {"unready": N_("Not ready to order"), "closed": N_("Closed")}


@blueprint.get("")
@allow(Permission.COMPANY_READ)
def index() -> str:
    """Companies by name."""
    text, cursor = given_text("q"), given_text("cursor", maximum=1000)
    state = given_choice("state", STATES)
    ready = is_ready(today())
    page = queries.list_companies(
        db.session(),
        text=text,
        cursor=cursor,
        is_active={"unready": True, "closed": False}.get(state or ""),
        also=[ready.label("is_ready"), Company.merged_into_id],
        condition={"unready": ~ready, "closed": Company.merged_into_id.is_(None)}.get(state or ""),
    )
    return render_template(
        "console/companies/index.html",
        page=page,
        text=text or "",
        state=state,
        chips=_chips(text, state),
        total=total_text(page),
        may_create=current_actor().may(Permission.COMPANY_MANAGE),
    )


def _chips(text: str | None, state: str | None) -> list[dict[str, Any]]:
    choices = [(None, _("All")), *((one, _(label)) for one, label in STATES.items())]
    return [
        {
            "label": label,
            "href": url_for("console.companies.index", q=text, state=one),
            "current": one == state,
        }
        for one, label in choices
    ]


@blueprint.route("/new", methods=["GET", "POST"])
@allow(Permission.COMPANY_MANAGE)
def new() -> Any:
    """A new company with currency, first branch, tax rate and first user."""
    form = CompanyForm()
    if not form.validate_on_submit():
        page = render_template("console/companies/new.html", form=form)
        return page, 422 if form.errors else 200
    try:
        company = do(open_company, **_values(form), now=clock.now())
    except (Conflict, InvalidInput) as error:
        _put(form, error)
        return render_template("console/companies/new.html", form=form), error.status
    flash(_("%(name)s is added.", name=company.name), "success")
    return redirect(url_for("console.companies.show", company_id=company.id), 303)


def _values(form: CompanyForm) -> dict[str, Any]:
    person = None
    if form.user_name.data or form.user_email.data:
        person = PersonData(name=form.user_name.data, email=form.user_email.data)
    return {
        "name": form.name.data,
        "number": form.number.data,
        "currency": form.currency.data,
        "tier": form.tier.data,
        "tax_id": form.tax_id.data,
        "branch": BranchData(
            name=form.branch_name.data,
            address=AddressData(**form.address_values()),
            terms_days=form.terms_days.data,
        ),
        "tax": TaxData(code=form.tax_code.data, rate_bps=form.rate_bps()),
        "first_user": person,
    }


def _put(form: CompanyForm, error: Conflict | InvalidInput) -> None:
    if error.field == "email":
        error.field = "user_email"
    elif error.field == "name" and form.name.data and not form.user_name.data:
        error.field = "user_name"
    elif error.field in ("code", "rate_bps"):
        error.field = {"code": "tax_code", "rate_bps": "tax_percent"}[error.field]
    put_error(form, error)


@blueprint.get("/<int:company_id>")
@allow(Permission.COMPANY_READ)
def show(company_id: int) -> Any:
    """One company; one that was merged leads to the company that stayed."""
    stays_id = queries.get_company(db.session(), company_id).merged_into_id
    if stays_id is not None:
        return redirect(url_for("console.companies.show", company_id=stays_id), 302)
    return company_page(company_id)


@blueprint.route("/<int:company_id>/edit", methods=["GET", "POST"])
@allow(Permission.COMPANY_MANAGE)
def edit(company_id: int) -> Any:
    """Name, tier, tax number."""
    company = queries.get_company(db.session(), company_id)
    form = CompanyEditForm(obj=company)
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            do(
                actions.update_company,
                company_id=company_id,
                version=form.version.data or 0,
                name=form.name.data,
                tier=form.tier.data,
                tax_id=form.tax_id.data,
                now=clock.now(),
            )
        except (Conflict, InvalidInput) as error:
            put_error(form, error)
            company, status = queries.get_company(db.session(), company_id), error.status
        else:
            flash(_("The company is saved."), "success")
            return redirect(url_for("console.companies.show", company_id=company_id), 303)
    return render_template("console/companies/edit.html", form=form, company=company), status


@blueprint.route("/<int:company_id>/tax", methods=["GET", "POST"])
@allow(Permission.PRICE_MANAGE)
def tax(company_id: int) -> Any:
    """The rate of the standard tax class."""
    company = queries.get_company(db.session(), company_id)
    present = next(
        (row for row in list_tax_rates(db.session(), company_id) if row.tax_class == "standard"), None
    )
    given = {"tax_code": present.code, "tax_percent": Decimal(present.rate_bps) / 100} if present else {}
    form = TaxForm(data=given)
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            do(
                catalogue_actions.set_tax_rate,
                company_id=company_id,
                code=form.tax_code.data,
                rate_bps=form.rate_bps(),
                now=clock.now(),
            )
        except (Conflict, InvalidInput) as error:
            form.tax_code.errors = [*form.tax_code.errors, error.message]
            company, status = queries.get_company(db.session(), company_id), error.status
        else:
            flash(_("The tax rate is saved; it applies to new orders."), "success")
            return redirect(url_for("console.companies.show", company_id=company_id), 303)
    return render_template("console/companies/tax.html", form=form, company=company), status


@blueprint.post("/<int:company_id>/view-as")
@allow(Permission.VIEW_AS)
def view_as(company_id: int) -> Any:
    """See the portal through the company's eyes, reading only."""
    session_id = visitor.current_visitor().session_id
    try:
        token = do(actions.start_view_as, session_id=session_id, company_id=company_id, now=clock.now())
    except Conflict as error:
        return company_page(company_id, error=error)
    visitor.enter(token)
    return redirect(url_for("sign_in.start"), 303)
