"""The quantity ladder of a product in an agreement."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for

from app.console.agreements.forms import BLANK_STEPS, LadderForm
from app.console.agreements.routes import blueprint
from app.console.lists import given_text
from app.core import clock
from app.core.errors import InvalidInput
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.catalogue import queries
from app.domain.catalogue.agreement_choices import find_rule, get_ladder
from app.domain.catalogue.ladders import set_product_prices
from app.domain.catalogue.numbers import code_key
from app.domain.catalogue.product_reads import find_product_id
from app.domain.catalogue.quantities import QuantityRule


@blueprint.get("/<int:agreement_id>/product")
@allow(Permission.PRICE_MANAGE)
def find_product(agreement_id: int) -> Any:
    """To the ladder of the product with the SKU given."""
    queries.get_agreement(db.session(), agreement_id)
    sku = given_text("sku", maximum=60)
    product_id = find_product_id(db.session(), code_key(sku)) if sku else None
    if product_id is None:
        message = _("There is no product with the SKU %(sku)s.", sku=sku) if sku else _("Enter a SKU.")
        flash(message, "error")
        return redirect(url_for("console.agreements.show", agreement_id=agreement_id), 303)
    return redirect(
        url_for("console.agreements.ladder", agreement_id=agreement_id, product_id=product_id), 303
    )


@blueprint.route("/<int:agreement_id>/products/<int:product_id>", methods=["GET", "POST"])
@allow(Permission.PRICE_MANAGE)
def ladder(agreement_id: int, product_id: int) -> Any:
    """Steps and quantity rule of one product; without a step the agreement does not price it."""
    session = db.session()
    agreement = queries.get_agreement(session, agreement_id)
    product = queries.get_product(session, product_id)
    form = LadderForm() if request.method == "POST" else _stored(agreement_id, product_id)
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        steps = form.read_steps()
        try:
            if steps is not None:
                _save(form, agreement_id, product_id, steps)
        except InvalidInput as error:
            put_error(form, error)
            status = error.status
        else:
            if steps is not None:
                flash(_("The prices are saved."), "success")
                return redirect(url_for("console.agreements.show", agreement_id=agreement_id), 303)
        session = db.session()
        agreement = queries.get_agreement(session, agreement_id)
        product = queries.get_product(session, product_id)
    page = render_template("console/agreements/ladder.html", form=form, agreement=agreement, product=product)
    return page, status


def _stored(agreement_id: int, product_id: int) -> LadderForm:
    session = db.session()
    steps: list[dict[str, Any]] = [
        {"quantity": quantity, "price": price}
        for quantity, price in get_ladder(session, agreement_id, product_id)
    ]
    steps += [{} for _blank in range(BLANK_STEPS)]
    rule = find_rule(session, agreement_id, product_id)
    given = {"minimum": rule.minimum, "multiple": rule.multiple, "maximum": rule.maximum} if rule else {}
    return LadderForm(formdata=None, data={"steps": steps, **given})


def _save(form: LadderForm, agreement_id: int, product_id: int, steps: list[Any]) -> None:
    minimum, multiple, maximum = form.minimum.data, form.multiple.data, form.maximum.data
    rule = None
    if minimum is not None or multiple is not None or maximum is not None:
        rule = QuantityRule(minimum or 1, multiple or 1, maximum)
    do(
        set_product_prices,
        agreement_id=agreement_id,
        product_id=product_id,
        steps=steps,
        rule=rule,
        now=clock.now(),
    )
