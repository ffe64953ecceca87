"""Checkout: the page, its own small steps, and placing."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from app.core import clock
from app.core.errors import Conflict, DomainError, InvalidInput, NotFound
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.accounts import actions as accounts
from app.domain.accounts.queries import list_branches, list_end_customers
from app.domain.accounts.rules import AddressData
from app.domain.ordering import actions
from app.domain.ordering.actions import Checkout
from app.domain.ordering.errors import CartClosed, LinesRefused, TotalChanged
from app.domain.ordering.queries import CartView, find_order_of_cart, get_cart_view
from app.portal import buying
from app.portal.carts.lines import cart_sums, delivery_note, line_cards
from app.portal.checkout.forms import OURS, THEIRS, CheckoutForm, row_number

blueprint = Blueprint("checkout", __name__, url_prefix="/carts/<int:cart_id>/checkout")

_TOTAL = re.compile(r"[0-9]{1,14}(\.[0-9]{1,4})?")
#: What the draft keeps with the cart.
KEPT = ("po_number", "reference", "ship_to", "end_customer_id", "notes")


def _form(**kwargs: Any) -> CheckoutForm:
    session, company_id = db.session(), buying.company_id()
    return CheckoutForm(
        branches=list_branches(session, company_id),
        customers=list_end_customers(session, company_id),
        on=buying.today(),
        **kwargs,
    )


@blueprint.get("")
@allow(Permission.ORDER_PLACE)
def show(cart_id: int) -> Any:
    """The page, filled in with what was entered before; a placed cart leads to its order."""
    try:
        view = _view(cart_id)
    except NotFound:
        number = find_order_of_cart(db.session(), cart_id)
        if number is None:
            raise
        return redirect(url_for("portal.orders.show", number=number))
    if not view.lines or view.problems:
        return redirect(url_for("portal.carts.show", cart_id=cart_id))
    return _page(view, _form(formdata=None, **_entries(view)))


def _view(cart_id: int) -> CartView:
    return get_cart_view(db.session(), company_id=buying.company_id(), cart_id=cart_id, on=buying.today())


def _entries(view: CartView) -> dict[str, Any]:
    """What the form starts with: the draft kept with the cart, and its branch."""
    draft = view.draft or {}
    entries = {name: draft.get(name, "") for name in KEPT}
    entries["ship_to"] = draft.get("ship_to") if draft.get("ship_to") in (OURS, THEIRS) else OURS
    entries["branch_id"] = str(view.branch_id)
    try:
        entries["requested_on"] = date.fromisoformat(draft.get("requested_on") or "")
    except ValueError:
        entries["requested_on"] = None
    return entries


def _page(
    view: CartView, form: CheckoutForm, *, refusal: DomainError | None = None, status: int = 200
) -> Any:
    branch = next((row for row in form.branches if str(row.id) == form.branch_id.data), None)
    customer = next((row for row in form.customers if str(row.id) == form.end_customer_id.data), None)
    page = render_template(
        "portal/checkout/show.html",
        cart=view,
        view=view,
        form=form,
        branches=form.branches,
        branch_cards={str(row.id): row.address for row in form.branches},
        ship_cards={
            OURS: branch.address if branch else "",
            THEIRS: f"{customer.name}, {customer.address}" if customer else _("Chosen below."),
        },
        lines=line_cards(view),
        sums=cart_sums(view),
        note=delivery_note(view),
        shown_total=view.shown_total,
        shown_lines=view.shown_lines,
        refusal=refusal,
    )
    return page, status


@blueprint.post("")
@allow(Permission.ORDER_PLACE)
def place(cart_id: int) -> Any:
    """Place the cart, or take one of the page's own steps; what was typed is kept in any case."""
    form, act = _form(), request.form.get("act", "place")
    try:
        if act == "reprice":
            return _reprice(cart_id, form)
        is_valid = form.validate_on_submit()
        if form.new_name.data and not form.new_name.errors:
            _add_customer(form)
        if act == "add_customer" or not is_valid:
            return _again(cart_id, form, status=200 if is_valid and not form.errors else 422)
        order = do(
            actions.place_order,
            cart_id=cart_id,
            shown_total=_shown_total(),
            shown_lines=request.form.get("shown_lines", "")[:400_000],
            checkout=_checkout(form),
            now=clock.now(),
        )
    except TotalChanged as changed:
        return _changed(cart_id, form, changed)
    except CartClosed as error:
        flash(error.message, "error")
        return redirect(url_for("portal.carts.index"), 303)
    except (InvalidInput, Conflict, LinesRefused) as error:
        return _refused(cart_id, form, error)
    flash(_("Order %(number)s is placed.", number=order.number), "success")
    return redirect(url_for("portal.orders.show", number=order.number), 303)


def _shown_total() -> Decimal:
    """The total the page showed. :raises InvalidInput: it was altered."""
    text = request.form.get("shown_total", "")
    if not _TOTAL.fullmatch(text) or not text.isascii():
        raise InvalidInput(_("The page is out of date. Look at the total and place the order again."))
    return Decimal(text)


def _checkout(form: CheckoutForm) -> Checkout:
    return Checkout(
        branch_id=row_number(form.branch_id.data) or 0,
        po_number=form.po_number.data or None,
        reference=form.reference.data or None,
        end_customer_id=row_number(form.end_customer_id.data),
        to_end_customer=form.ship_to.data == THEIRS,
        requested_on=form.requested_on.data,
        notes=form.notes.data,
    )


def _keep(cart_id: int, form: CheckoutForm) -> None:
    """Keep the entries with the cart, also across sign-outs."""
    draft = {name: "" if form[name].errors else form[name].data or "" for name in KEPT}
    draft["end_customer_id"] = str(row_number(form.end_customer_id.data) or "")
    draft["requested_on"] = form.requested_on.data.isoformat() if form.requested_on.data else ""
    do(
        actions.save_checkout_draft,
        cart_id=cart_id,
        branch_id=row_number(form.branch_id.data) or 0,
        draft=draft,
        now=clock.now(),
    )


def _reprice(cart_id: int, form: CheckoutForm) -> Any:
    """Price the cart for the chosen branch."""
    form.validate()
    _keep(cart_id, form)
    return redirect(url_for("portal.checkout.show", cart_id=cart_id), 303)


def _add_customer(form: CheckoutForm) -> None:
    """Add the new end customer and choose it. :raises Conflict: there is one of this name."""
    try:
        customer = do(
            accounts.create_end_customer,
            company_id=buying.company_id(),
            name=form.new_name.data,
            address=AddressData(**form.new_address()),
            now=clock.now(),
        )
    except (Conflict, InvalidInput) as error:
        error.field = f"new_{error.field}" if error.field else "new_name"
        raise
    form.take_customer(customer)


def _again(cart_id: int, form: CheckoutForm, *, status: int) -> Any:
    """The page anew with everything typed."""
    return _page(_view(cart_id), form, status=status)


def _refused(cart_id: int, form: CheckoutForm, error: DomainError) -> Any:
    """The page anew; a refusal stands beside its field, else above the page."""
    if error.field and error.field in form:
        put_error(form, error)
        return _page(_view(cart_id), form, status=error.status)
    return _page(_view(cart_id), form, refusal=error, status=error.status)


def _changed(cart_id: int, form: CheckoutForm, changed: TotalChanged) -> Any:
    """The total is another one now: which lines changed, and an offer to place at the new total."""
    view = get_cart_view(
        db.session(),
        company_id=buying.company_id(),
        cart_id=cart_id,
        on=buying.today(),
        branch_id=row_number(form.branch_id.data),
    )
    typed = {name: field.data or "" for name in (*KEPT, "branch_id") for field in (form[name],)}
    typed["requested_on"] = form.requested_on.data.isoformat() if form.requested_on.data else ""
    page = render_template(
        "portal/checkout/changed.html",
        cart=view,
        currency=view.currency,
        old_total=changed.shown,
        new_total=view.totals.total,
        changes=changed.changes,
        sums=cart_sums(view),
        typed=typed,
        shown_total=view.shown_total,
        shown_lines=view.shown_lines,
    )
    return page, changed.status
