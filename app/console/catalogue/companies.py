"""What one company sees of the catalogue, and its own part numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, render_template, url_for
from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import RadioField

from app.console.catalogue.forms import tree_choices
from app.console.catalogue.room import blueprint
from app.console.days import today
from app.console.fields import ChoiceField, DayField, whole_key
from app.core import clock
from app.core.errors import Conflict, DomainError, InvalidInput, NotFound
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.core.web.fields import TextField, WholeNumberField, put_error
from app.domain.accounts.queries import get_company
from app.domain.catalogue import actions
from app.domain.catalogue.actions import Listing
from app.domain.catalogue.numbers import code_key
from app.domain.catalogue.product_reads import find_product_id
from app.domain.catalogue.queries import category_tree, list_customer_numbers, list_visibility


class ModeForm(FlaskForm):
    """Which products the company sees."""

    mode = RadioField(
        lazy("The company sees"),
        choices=lambda: [
            ("all", lazy("every product")),
            ("only_listed", lazy("only what is listed below")),
            ("all_except", lazy("everything but what is listed below")),
        ],
    )
    version = WholeNumberField(lazy("Version"), maximum=2_000_000_000)


class ListingForm(FlaskForm):
    """A product by its SKU, or a category with all below it."""

    sku = TextField(lazy("SKU of a product"), maximum=60, required=False)
    category_id = ChoiceField(lazy("or a category"), coerce=whole_key)
    starts_on = DayField(lazy("From"), required=False)
    ends_on = DayField(lazy("Until before"), required=False)
    reason = TextField(lazy("Reason"), maximum=200, required=False)
    version = WholeNumberField(lazy("Version"), maximum=2_000_000_000)


class NumberForm(FlaskForm):
    """A company's own number for a product."""

    code = TextField(lazy("The company's number"), maximum=80)
    sku = TextField(lazy("SKU"), maximum=60)


@blueprint.get("/companies/<int:company_id>/visibility")
@allow(Permission.CATALOGUE_MANAGE)
def visibility(company_id: int) -> str:
    """Mode and listings."""
    return _visibility_page(company_id)


def _visibility_page(
    company_id: int, *, mode: ModeForm | None = None, listing: ListingForm | None = None
) -> str:
    session = db.session()
    company = get_company(session, company_id)
    if mode is None:
        mode = ModeForm(formdata=None, mode=company.visibility_mode, version=company.version)
    listing = listing or ListingForm(formdata=None, category_id=0, version=company.version)
    listing.category_id.choices = _category_choices()
    return render_template(
        "console/catalogue/visibility.html",
        company=company,
        mode=mode,
        listing=listing,
        listings=list_visibility(session, company_id),
    )


def _category_choices() -> list[tuple[int, str]]:
    return [(0, _("None")), *tree_choices(category_tree(db.session(), None, on=today()))]


def _stored(company_id: int, *, but: int | None = None) -> list[Listing]:
    return [
        Listing(row.product_id, row.category_id, row.starts_on, row.ends_on, row.reason)
        for row in list_visibility(db.session(), company_id)
        if row.id != but
    ]


def _set(company_id: int, version: int | None, mode: str, listings: Sequence[Listing]) -> None:
    do(
        actions.set_visibility,
        company_id=company_id,
        version=version or 0,
        mode=mode,
        listings=listings,
        now=clock.now(),
    )


def _to_visibility(company_id: int) -> Any:
    flash(_("What the company sees is saved."), "success")
    return redirect(url_for("console.catalogue.visibility", company_id=company_id), 303)


@blueprint.post("/companies/<int:company_id>/visibility")
@allow(Permission.CATALOGUE_MANAGE)
def set_mode(company_id: int) -> Any:
    """Every product, only the listed ones, or all but those."""
    get_company(db.session(), company_id)
    form, status = ModeForm(), 422
    if form.validate_on_submit():
        try:
            _set(company_id, form.version.data, form.mode.data, _stored(company_id))
        except (Conflict, InvalidInput) as error:
            put_error(form, error)
            status = error.status
        else:
            return _to_visibility(company_id)
    return _visibility_page(company_id, mode=form), status


@blueprint.post("/companies/<int:company_id>/visibility/listings")
@allow(Permission.CATALOGUE_MANAGE)
def add_listing(company_id: int) -> Any:
    """List one more product or category."""
    company = get_company(db.session(), company_id)
    form, status = ListingForm(), 422
    form.category_id.choices = _category_choices()
    if form.validate_on_submit():
        try:
            listings = [*_stored(company_id), _listing(form)]
            _set(company_id, form.version.data, company.visibility_mode, listings)
        except (Conflict, InvalidInput, NotFound) as error:
            put_error(form, error)
            status = error.status
        else:
            return _to_visibility(company_id)
    return _visibility_page(company_id, listing=form), status


def _listing(form: ListingForm) -> Listing:
    product_id = None
    if form.sku.data:
        product_id = _product_id(form.sku.data)
    category_id = form.category_id.data or None
    if (product_id is None) == (category_id is None):
        raise InvalidInput(_("Enter either a SKU or a category."), field="sku")
    return Listing(product_id, category_id, form.starts_on.data, form.ends_on.data, form.reason.data or "")


def _product_id(sku: str) -> int:
    found = find_product_id(db.session(), code_key(sku))
    if found is None:
        raise InvalidInput(_("There is no product with the SKU %(sku)s.", sku=sku), field="sku")
    return found


@blueprint.post("/companies/<int:company_id>/visibility/listings/<int:listing_id>/remove")
@allow(Permission.CATALOGUE_MANAGE)
def remove_listing(company_id: int, listing_id: int) -> Any:
    """Take a product or category off the list."""
    company = get_company(db.session(), company_id)
    mode, version = company.visibility_mode, company.version
    if listing_id not in {row.id for row in list_visibility(db.session(), company_id)}:
        raise NotFound()
    _set(company_id, version, mode, _stored(company_id, but=listing_id))
    return _to_visibility(company_id)


@blueprint.route("/companies/<int:company_id>/numbers", methods=["GET", "POST"])
@allow(Permission.CATALOGUE_MANAGE)
def numbers(company_id: int) -> Any:
    """The company's own part numbers, and one more."""
    get_company(db.session(), company_id)
    form = NumberForm()
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            do(
                actions.add_customer_part_number,
                company_id=company_id,
                product_id=_product_id(form.sku.data),
                code=form.code.data,
                now=clock.now(),
            )
        except DomainError as error:
            put_error(form, error)
            status = error.status
        else:
            flash(_("%(code)s finds %(sku)s now.", code=form.code.data, sku=form.sku.data), "success")
            return redirect(url_for("console.catalogue.numbers", company_id=company_id), 303)
    session = db.session()
    page = render_template(
        "console/catalogue/numbers.html",
        company=get_company(session, company_id),
        form=form,
        rows=list_customer_numbers(session, company_id),
    )
    return page, status


@blueprint.post("/companies/<int:company_id>/numbers/<int:number_id>/remove")
@allow(Permission.CATALOGUE_MANAGE)
def remove_number(company_id: int, number_id: int) -> Any:
    """Take one of the company's numbers away."""
    if number_id not in {row.id for row in list_customer_numbers(db.session(), company_id)}:
        raise NotFound()
    do(actions.remove_customer_part_number, number_id=number_id, now=clock.now())
    flash(_("The number is taken away."), "success")
    return redirect(url_for("console.catalogue.numbers", company_id=company_id), 303)
