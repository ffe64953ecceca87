"""How serials are checked: the rules, one rule, and a box to try it before it is saved."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for

from app.console.assets.forms import CHECKS, RuleForm
from app.console.assets.routes import blueprint
from app.console.catalogue.forms import tree_choices
from app.console.days import today
from app.console.lists import KEY
from app.core import clock
from app.core.errors import Conflict, InvalidInput, StaleEdit
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.assets import serial_rules
from app.domain.assets.serials import SerialVerdict
from app.domain.catalogue.import_lookups import products_by_sku
from app.domain.catalogue.numbers import code_key
from app.domain.catalogue.queries import category_tree


@blueprint.get("/rules")
@allow(Permission.ASSET_MANAGE)
def rules() -> str:
    """Every rule with what it stands for."""
    return render_template(
        "console/assets/rules.html", rules=serial_rules.list_rules(db.session()), checks=CHECKS
    )


@blueprint.route("/rules/new", methods=["GET", "POST"], defaults={"rule_id": None})
@blueprint.route(f"/rules/<{KEY}:rule_id>", methods=["GET", "POST"])
@allow(Permission.ASSET_MANAGE)
def rule(rule_id: int | None) -> Any:
    """Add or change a rule; `try` judges the serial by what is typed and saves nothing."""
    session = db.session()
    kept = serial_rules.get_rule(session, rule_id) if rule_id is not None else None
    form = RuleForm(formdata=None, data=_values(kept)) if request.method == "GET" else RuleForm()
    form.offer(tree_choices(category_tree(session, None, on=today())))
    if request.method == "GET":
        return _page(form, kept)
    if kept is not None:
        form.category_id.data, form.sku.data = kept.category_id or 0, kept.sku
    if not form.validate():
        return _page(form, kept), 422
    try:
        typed = serial_rules.clean_rule(form.mask.data or "", form.check_digit.data or "")
        if request.form.get("act") == "try":
            return _page(form, kept, typed.judge(form.serial.data or ""))
        _save(form, rule_id, typed)
    except (Conflict, InvalidInput, StaleEdit) as error:
        put_error(form, error)
        return _page(form, kept), error.status
    flash(_("The rule is saved; serials are checked by it from now on."), "success")
    return redirect(url_for("console.assets.rules"), 303)


def _values(kept: Any) -> dict[str, Any]:
    if kept is None:
        return {"category_id": 0, "version": 1}
    return {
        "sku": kept.sku,
        "category_id": kept.category_id or 0,
        "mask": kept.mask,
        "check_digit": kept.check_digit or "",
        "version": kept.version,
    }


def _save(form: RuleForm, rule_id: int | None, typed: serial_rules.Rule) -> None:
    product_id, category_id = None, form.category_id.data or None
    if rule_id is None and category_id is None:
        key = code_key(form.sku.data or "")
        product = products_by_sku(db.session(), [key]).get(key) if key else None
        if product is None:
            message = _("There is no product with this SKU. Correct it, or choose a category.")
            raise InvalidInput(message, field="sku")
        product_id = product.id
    do(
        serial_rules.save_rule,
        rule_id=rule_id,
        version=form.version.data or 0,
        rule=typed,
        product_id=product_id,
        category_id=category_id,
        now=clock.now(),
    )


def _page(form: RuleForm, kept: Any, verdict: SerialVerdict | None = None) -> str:
    return render_template(
        "console/assets/rule.html",
        form=form,
        kept=kept,
        verdict=verdict,
        fault=serial_rules.fault_text(verdict) if verdict else "",
    )


@blueprint.post(f"/rules/<{KEY}:rule_id>/delete")
@allow(Permission.ASSET_MANAGE)
def delete_rule(rule_id: int) -> Any:
    """Take a rule away."""
    do(serial_rules.delete_rule, rule_id=rule_id, now=clock.now())
    flash(_("The rule is gone."), "success")
    return redirect(url_for("console.assets.rules"), 303)
