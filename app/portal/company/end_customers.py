"""The company's end customers."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, url_for

from app.core import clock
from app.core.errors import Conflict, InvalidInput
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, current_actor, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.accounts import actions, queries
from app.domain.accounts.rules import AddressData
from app.portal.company.forms import EndCustomerForm
from app.portal.company.room import blueprint, own_company_id


@blueprint.get("/end-customers")
@allow(Permission.ORDER_READ)
def end_customers() -> str:
    """The company's end customers."""
    return render_template(
        "portal/company/end_customers.html",
        customers=queries.list_end_customers(db.session(), own_company_id(), also_closed=True),
        may_manage=current_actor().may(Permission.MEMBER_MANAGE),
    )


def _form_page(form: EndCustomerForm, customer: Any = None, status: int = 200) -> Any:
    return render_template("portal/company/end_customer.html", form=form, customer=customer), status


@blueprint.route("/end-customers/new", methods=["GET", "POST"])
@allow(Permission.MEMBER_MANAGE)
def new_end_customer() -> Any:
    """Add an end customer."""
    form = EndCustomerForm()
    if not form.validate_on_submit():
        return _form_page(form, status=422 if form.errors else 200)
    try:
        do(
            actions.create_end_customer,
            company_id=own_company_id(),
            name=form.name.data,
            address=AddressData(**form.address_values()),
            now=clock.now(),
        )
    except (Conflict, InvalidInput) as error:
        put_error(form, error)
        return _form_page(form, status=error.status)
    flash(_("The end customer is added."), "success")
    return redirect(url_for("portal.company.end_customers"), 303)


@blueprint.route("/end-customers/<int:end_customer_id>", methods=["GET", "POST"])
@allow(Permission.MEMBER_MANAGE)
def end_customer(end_customer_id: int) -> Any:
    """Change an end customer, or put it away."""
    row = queries.get_end_customer(db.session(), end_customer_id)
    form = EndCustomerForm(obj=row)
    if not form.validate_on_submit():
        return _form_page(form, row, 422 if form.errors else 200)
    try:
        do(
            actions.update_end_customer,
            end_customer_id=end_customer_id,
            name=form.name.data,
            address=AddressData(**form.address_values()),
            is_active=form.is_active.data,
            now=clock.now(),
        )
    except (Conflict, InvalidInput) as error:
        put_error(form, error)
        return _form_page(form, queries.get_end_customer(db.session(), end_customer_id), error.status)
    flash(_("The end customer is saved."), "success")
    return redirect(url_for("portal.company.end_customers"), 303)
