"""Parts of a bundle, and other numbers of a product."""

from __future__ import annotations

from typing import Any

from flask import flash, render_template, request

from app.console.catalogue.forms import ReferenceForm
from app.console.catalogue.room import blueprint, product_of, to_product
from app.console.catalogue.routes import product_page
from app.core import clock
from app.core.errors import Conflict, InvalidInput
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.core.web.fields import find_control_character, put_error
from app.domain.catalogue import actions
from app.domain.catalogue.product_parts import MAX_PARTS, PartData, list_bundle_parts, set_bundle_parts
from app.domain.catalogue.quantities import parse_quantity

BLANK_ROWS = 4


@blueprint.route("/<int:product_id>/parts", methods=["GET", "POST"])
@allow(Permission.CATALOGUE_MANAGE)
def bundle(product_id: int) -> Any:
    """The parts of a bundle as rows; a row without a SKU is no part."""
    product = product_of(product_id)
    rows = [
        {"sku": part.sku, "name": part.name, "quantity": str(part.quantity), "is_required": part.is_required}
        for part in list_bundle_parts(db.session(), product_id)
    ]
    error, status = None, 200
    if request.method == "POST":
        rows = _typed_rows()
        try:
            do(set_bundle_parts, bundle_id=product_id, parts=_parts(rows), now=clock.now())
        except InvalidInput as refusal:
            error, status, product = refusal, refusal.status, product_of(product_id)
        else:
            flash(_("The parts are saved."), "success")
            return to_product(product_id)
    blank = [{"sku": "", "name": "", "quantity": "", "is_required": True}] * BLANK_ROWS
    page = render_template(
        "console/catalogue/parts.html", product=product, rows=[*rows, *blank][:MAX_PARTS], error=error
    )
    return page, status


def _typed_rows() -> list[dict[str, Any]]:
    rows = []
    for number in range(MAX_PARTS + BLANK_ROWS):
        sku = request.form.get(f"sku-{number}", "").strip()[:80]
        if sku:
            quantity = request.form.get(f"quantity-{number}", "").strip()[:20]
            is_required = request.form.get(f"required-{number}") == "1"
            rows.append({"sku": sku, "name": "", "quantity": quantity, "is_required": is_required})
    return rows


def _parts(rows: list[dict[str, Any]]) -> list[PartData]:
    parts = []
    for row in rows:
        if find_control_character(row["sku"]):
            raise InvalidInput(_("A SKU has a character that cannot be seen. Type it again."), field="parts")
        try:
            quantity = parse_quantity(row["quantity"])
        except InvalidInput as error:
            raise InvalidInput(f"{row['sku']}: {error.message}", field="parts") from error
        parts.append(PartData(row["sku"], quantity, row["is_required"]))
    return parts


@blueprint.post("/<int:product_id>/references")
@allow(Permission.CATALOGUE_MANAGE)
def add_reference(product_id: int) -> Any:
    """Let another number find the product."""
    product_of(product_id)
    form, status = ReferenceForm(), 422
    if form.validate_on_submit():
        try:
            do(
                actions.add_cross_reference,
                product_id=product_id,
                code=form.code.data,
                kind=form.kind.data,
                now=clock.now(),
            )
        except (Conflict, InvalidInput) as error:
            put_error(form, error)
            status = error.status
        else:
            flash(_("%(code)s finds the product now.", code=form.code.data), "success")
            return to_product(product_id)
    return product_page(product_of(product_id).sku, reference=form), status


@blueprint.post("/<int:product_id>/references/<int:reference_id>/remove")
@allow(Permission.CATALOGUE_MANAGE)
def remove_reference(product_id: int, reference_id: int) -> Any:
    """Take another number away."""
    product_of(product_id)
    do(actions.remove_cross_reference, reference_id=reference_id, now=clock.now())
    flash(_("The number is taken away."), "success")
    return to_product(product_id)
