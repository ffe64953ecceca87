"""The tree of categories, and the attributes of one."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for

from app.console.catalogue.forms import AttributeForm, CategoryForm
from app.console.catalogue.room import blueprint
from app.console.days import today
from app.core import clock
from app.core.errors import Conflict, InvalidInput
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.catalogue import categories as actions
from app.domain.catalogue.categories import AttributeData, count_products, get_category, list_attributes
from app.domain.catalogue.models import Category
from app.domain.catalogue.queries import category_tree


@blueprint.get("/categories")
@allow(Permission.CATALOGUE_MANAGE)
def list_categories() -> str:
    """The whole tree with numbers of products."""
    session = db.session()
    tree = category_tree(session, None, on=today())
    return render_template("console/catalogue/categories.html", tree=tree, products=count_products(session))


@blueprint.route("/categories/new", methods=["GET", "POST"])
@allow(Permission.CATALOGUE_MANAGE)
def new_category() -> Any:
    """A new category."""
    form = CategoryForm()
    form.offer(category_tree(db.session(), None, on=today()))
    if request.method == "GET":
        form.parent_id.data = 0
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            saved = _save(form, None)
        except (Conflict, InvalidInput) as error:
            put_error(form, error)
            status = error.status
        else:
            flash(_("%(name)s is added.", name=saved.name), "success")
            return redirect(url_for("console.catalogue.category", category_id=saved.id), 303)
    return render_template("console/catalogue/category.html", form=form, category=None), status


def _save(form: CategoryForm, category_id: int | None) -> Category:
    return do(
        actions.save_category,
        category_id=category_id,
        name=form.name.data,
        parent_id=form.parent_id.data or None,
        position=form.position.data,
        now=clock.now(),
    )


@blueprint.route("/categories/<int:category_id>", methods=["GET", "POST"])
@allow(Permission.CATALOGUE_MANAGE)
def category(category_id: int) -> Any:
    """Name and place of a category, and its attributes."""
    found = get_category(db.session(), category_id)
    form = CategoryForm(obj=found)
    if request.method == "GET":
        form.parent_id.data = found.parent_id or 0
    form.offer(category_tree(db.session(), None, on=today()), but_below=found.path)
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            _save(form, category_id)
        except (Conflict, InvalidInput) as error:
            put_error(form, error)
            status = error.status
        else:
            flash(_("The category is saved."), "success")
            return redirect(url_for("console.catalogue.category", category_id=category_id), 303)
    return _page(category_id, form=form), status


def _page(category_id: int, *, form: CategoryForm, attribute: AttributeForm | None = None) -> str:
    session = db.session()
    attributes = list_attributes(session, category_id)
    return render_template(
        "console/catalogue/category.html",
        form=form,
        category=get_category(session, category_id),
        attributes=attributes,
        attribute=attribute or AttributeForm(formdata=None, position=len(attributes)),
    )


@blueprint.route("/categories/<int:category_id>/attributes", methods=["POST"])
@allow(Permission.CATALOGUE_MANAGE)
def add_attribute(category_id: int) -> Any:
    """A new attribute of the category."""
    found, form, status = get_category(db.session(), category_id), AttributeForm(), 422
    if form.validate_on_submit():
        try:
            _save_attribute(category_id, None, form)
        except (Conflict, InvalidInput) as error:
            put_error(form, error)
            status = error.status
        else:
            flash(_("%(name)s is added.", name=form.name.data), "success")
            return redirect(url_for("console.catalogue.category", category_id=category_id), 303)
    found = get_category(db.session(), category_id)
    plain = CategoryForm(formdata=None, obj=found)
    plain.parent_id.data = found.parent_id or 0
    plain.offer(category_tree(db.session(), None, on=today()), but_below=found.path)
    return _page(category_id, form=plain, attribute=form), status


@blueprint.route("/categories/<int:category_id>/attributes/<int:attribute_id>", methods=["GET", "POST"])
@allow(Permission.CATALOGUE_MANAGE)
def attribute(category_id: int, attribute_id: int) -> Any:
    """Change an attribute."""
    found = actions.get_attribute(db.session(), category_id, attribute_id)
    form = AttributeForm(obj=found)
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            _save_attribute(category_id, attribute_id, form)
        except (Conflict, InvalidInput) as error:
            put_error(form, error)
            status = error.status
        else:
            flash(_("%(name)s is saved.", name=form.name.data), "success")
            return redirect(url_for("console.catalogue.category", category_id=category_id), 303)
    parent = get_category(db.session(), category_id)
    return render_template("console/catalogue/attribute.html", form=form, category=parent), status


def _save_attribute(category_id: int, attribute_id: int | None, form: AttributeForm) -> None:
    data = AttributeData(
        id=attribute_id,
        name=form.name.data,
        data_type=form.data_type.data,
        unit=form.unit.data or "",
        is_facet=form.is_facet.data,
        position=form.position.data,
    )
    do(actions.save_attribute, category_id=category_id, data=data, now=clock.now())
