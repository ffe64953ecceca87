"""Make and change a product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, render_template, request

from app.console.catalogue.forms import ProductForm, tree_choices
from app.console.catalogue.room import blueprint, product_of, to_product
from app.console.days import today
from app.core import clock
from app.core.errors import Conflict, InvalidInput
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.catalogue.models import Product
from app.domain.catalogue.product_reads import list_values, sku_of
from app.domain.catalogue.products import ProductData, save_product
from app.domain.catalogue.queries import category_tree


def _form(product: Product | None) -> ProductForm:
    session = db.session()
    successor = {"successor_sku": sku_of(session, product.successor_id)} if product is not None else {}
    form = ProductForm(obj=product, **successor)
    form.category_id.choices = tree_choices(category_tree(session, None, on=today()))
    return form


def _given(values: Sequence[Any]) -> dict[int, str]:
    return {
        value.id: request.form[f"attribute_{value.id}"]
        for value in values
        if f"attribute_{value.id}" in request.form
    }


def _save(form: ProductForm, product_id: int | None, attributes: dict[int, str]) -> Product:
    names = ("sku", "name", "category_id", "mpn", "gtin", "brand", "kind", "life_cycle", "successor_sku")
    names += ("description", "unit", "min_quantity", "multiple", "max_quantity", "warranty_months")
    data = ProductData(**{name: form[name].data for name in (*names, "is_backorderable", "tax_class")})
    return do(
        save_product,
        product_id=product_id,
        version=form.version.data,
        data=data,
        attributes=attributes,
        now=clock.now(),
    )


@blueprint.route("/new", methods=["GET", "POST"])
@allow(Permission.CATALOGUE_MANAGE)
def new() -> Any:
    """A new product; its attributes are filled in afterwards, when its category is known."""
    form = _form(None)
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            product = _save(form, None, {})
        except (Conflict, InvalidInput) as error:
            put_error(form, error)
            status = error.status
        else:
            flash(_("%(sku)s is added.", sku=product.sku), "success")
            return to_product(product.id)
    return render_template("console/catalogue/edit.html", form=form, product=None, values=[]), status


@blueprint.route("/<int:product_id>/edit", methods=["GET", "POST"])
@allow(Permission.CATALOGUE_MANAGE)
def edit(product_id: int) -> Any:
    """Everything a product says of itself, and its attributes' values."""
    product = product_of(product_id)
    values = list_values(db.session(), product_id)
    form, status, errors = _form(product), 422 if request.method == "POST" else 200, {}
    if form.validate_on_submit():
        try:
            saved = _save(form, product_id, _given(values))
        except (Conflict, InvalidInput) as error:
            status = error.status
            if error.field and error.field.startswith("attribute_"):
                errors[error.field] = error.message
                form.form_errors.append(_("Look at the attributes below."))
            else:
                put_error(form, error)
            product = product_of(product_id)
        else:
            flash(_("%(sku)s is saved.", sku=saved.sku), "success")
            return to_product(saved.id)
    page = render_template(
        "console/catalogue/edit.html",
        form=form,
        product=product,
        values=[_shown(value, errors) for value in values],
    )
    return page, status


def _shown(value: Any, errors: dict[str, str]) -> dict[str, Any]:
    name = f"attribute_{value.id}"
    typed = request.form.get(name)
    return {
        "name": name,
        "label": value.name,
        "type": value.data_type,
        "unit": value.unit,
        "value": typed if typed is not None else value.value or "",
        "error": errors.get(name),
    }
