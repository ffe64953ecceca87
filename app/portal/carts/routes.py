"""Carts: list, page, lines, quick add, putting away and bringing back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from markupsafe import Markup

from app.core import clock
from app.core.errors import Conflict, DomainError, InvalidInput, NotFound
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, current_actor, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.ordering import actions
from app.domain.ordering.queries import CartView, find_order_of_cart, get_cart_view, list_carts
from app.portal import buying
from app.portal.carts.answers import QuickAnswer, answer_to
from app.portal.carts.forms import NameForm, QuantityForm, QuickAddForm
from app.portal.carts.lines import Trouble, cart_sums, delivery_note, line_cards

blueprint = Blueprint("carts", __name__, url_prefix="/carts")


@blueprint.get("")
@allow(Permission.CART_READ)
def index() -> str:
    """The company's open carts."""
    return _index_page(NameForm(formdata=None))


def _index_page(form: NameForm) -> str:
    return render_template(
        "portal/carts/index.html",
        carts=list_carts(db.session()),
        current_id=buying.cart_id(),
        form=form,
        may_buy=current_actor().may(Permission.CART_MANAGE),
    )


@blueprint.post("")
@allow(Permission.CART_MANAGE)
def create() -> Any:
    """Open a cart; it is the present one from now on."""
    form = NameForm()
    if form.validate_on_submit():
        try:
            cart = do(
                actions.create_cart,
                name=form.name.data,
                branch_id=buying.current_buyer().branch_id,
                now=clock.now(),
            )
            return redirect(url_for("portal.carts.show", cart_id=cart.id), 303)
        except InvalidInput as error:
            put_error(form, error)
    return _index_page(form), 422


@blueprint.get("/current")
@allow(Permission.CART_READ)
def current() -> Any:
    """The present cart, or the list where none is open."""
    cart_id = buying.cart_id()
    if cart_id is None:
        return redirect(url_for("portal.carts.index"))
    return redirect(url_for("portal.carts.show", cart_id=cart_id))


@blueprint.get("/<int:cart_id>")
@allow(Permission.CART_READ)
def show(cart_id: int) -> Any:
    """A cart; one that was placed leads to its order."""
    try:
        view = _view(cart_id)
    except NotFound:
        number = find_order_of_cart(db.session(), cart_id)
        if number is None:
            raise
        return redirect(url_for("portal.orders.show", number=number))
    return _page(view)


def _view(cart_id: int) -> CartView:
    return get_cart_view(db.session(), company_id=buying.company_id(), cart_id=cart_id, on=buying.today())


def _page(
    view: CartView,
    *,
    quick: QuickAddForm | None = None,
    answer: QuickAnswer | None = None,
    trouble: Trouble | None = None,
    name_form: NameForm | None = None,
    changed_id: int | None = None,
    status: int = 200,
) -> Any:
    """The cart's page, or for htmx its lines and sums alone."""
    part = "lines.html" if request.headers.get("HX-Request") else "show.html"
    page = render_template(
        f"portal/carts/{part}",
        cart=view,
        view=view,
        lines=line_cards(view, trouble),
        sums=cart_sums(view),
        note=delivery_note(view),
        quick=quick or QuickAddForm(formdata=None),
        answer=answer,
        name_form=name_form or NameForm(formdata=None, name=view.name),
        changed_id=changed_id,
        is_current=view.id == buying.cart_id(),
        may_buy=current_actor().may(Permission.CART_MANAGE),
    )
    return page, status


def _answer(cart_id: int, **shown: Any) -> Any:
    """After a change: the lines anew for htmx, else the cart's address."""
    if request.headers.get("HX-Request"):
        return _page(_view(cart_id), **shown)
    return redirect(url_for("portal.carts.show", cart_id=cart_id), 303)


@blueprint.post("/<int:cart_id>/lines")
@allow(Permission.CART_MANAGE)
def add_line(cart_id: int) -> Any:
    """Quick add: any number a product goes by, and how many."""
    form = QuickAddForm()
    if not form.validate_on_submit():
        return _page(_view(cart_id), quick=form, status=422)
    try:
        do(
            actions.add_to_cart,
            cart_id=cart_id,
            code=form.code.data,
            quantity=form.quantity.data,
            now=clock.now(),
        )
    except InvalidInput as error:
        view = _view(cart_id)
        answer = answer_to(error, view, code=form.code.data, quantity=form.quantity.data)
        return _page(view, quick=form, answer=answer, status=error.status)
    except Conflict as error:
        return _closed(cart_id, error)
    return _answer(cart_id)


@blueprint.post("/<int:cart_id>/lines/<int:line_id>")
@allow(Permission.CART_MANAGE)
def set_quantity(cart_id: int, line_id: int) -> Any:
    """Set a line's quantity; what was typed stays where it is refused."""
    form = QuantityForm()
    try:
        if not form.validate_on_submit():
            raise InvalidInput(_("Enter a quantity from 1 to 999999, digits only."), field="quantity")
        do(
            actions.set_line_quantity,
            cart_id=cart_id,
            line_id=line_id,
            quantity=form.quantity.data,
            now=clock.now(),
        )
    except InvalidInput as error:
        trouble = Trouble(line_id, form.quantity.data or "", error)
        return _page(_view(cart_id), trouble=trouble, status=error.status)
    except Conflict as error:
        return _closed(cart_id, error)
    return _answer(cart_id, changed_id=line_id)


@blueprint.post("/<int:cart_id>/lines/<int:line_id>/remove")
@allow(Permission.CART_MANAGE)
def remove_line(cart_id: int, line_id: int) -> Any:
    """Take a line out."""
    try:
        do(actions.remove_line, cart_id=cart_id, line_id=line_id, now=clock.now())
    except Conflict as error:
        return _closed(cart_id, error)
    return _answer(cart_id)


def _closed(cart_id: int, error: DomainError) -> Any:
    """The cart was placed or put away meanwhile: say so where it leads now."""
    if request.headers.get("HX-Request"):
        raise error
    flash(error.message, "error")
    number = find_order_of_cart(db.session(), cart_id)
    if number is not None:
        return redirect(url_for("portal.orders.show", number=number), 303)
    return redirect(url_for("portal.carts.index"), 303)


@blueprint.post("/<int:cart_id>/rename")
@allow(Permission.CART_MANAGE)
def rename(cart_id: int) -> Any:
    """Give the cart another name."""
    form = NameForm()
    try:
        if form.validate_on_submit():
            do(actions.rename_cart, cart_id=cart_id, name=form.name.data, now=clock.now())
            return redirect(url_for("portal.carts.show", cart_id=cart_id), 303)
    except InvalidInput as error:
        put_error(form, error)
    except Conflict as error:
        return _closed(cart_id, error)
    return _page(_view(cart_id), name_form=form, status=422)


@blueprint.post("/<int:cart_id>/use")
@allow(Permission.CART_MANAGE)
def use(cart_id: int) -> Any:
    """Put into this cart from now on."""
    try:
        do(actions.use_cart, cart_id=cart_id, now=clock.now())
    except Conflict as error:
        return _closed(cart_id, error)
    return redirect(url_for("portal.carts.show", cart_id=cart_id), 303)


@blueprint.post("/<int:cart_id>/discard")
@allow(Permission.CART_MANAGE)
def discard(cart_id: int) -> Any:
    """Put the cart away; the answer offers to bring it back."""
    try:
        cart = do(actions.discard_cart, cart_id=cart_id, now=clock.now())
    except Conflict as error:
        return _closed(cart_id, error)
    undo = render_template("portal/carts/undo.html", cart=cart)
    flash(Markup("{} {}").format(_("“%(cart)s” is put away.", cart=cart.name), Markup(undo)), "success")  # noqa: S704
    return redirect(url_for("portal.carts.index"), 303)


@blueprint.post("/<int:cart_id>/restore")
@allow(Permission.CART_MANAGE)
def restore(cart_id: int) -> Any:
    """Bring a cart back that was put away."""
    try:
        do(actions.restore_cart, cart_id=cart_id, now=clock.now())
    except Conflict as error:
        return _closed(cart_id, error)
    return redirect(url_for("portal.carts.show", cart_id=cart_id), 303)
