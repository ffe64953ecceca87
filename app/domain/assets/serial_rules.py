"""How serials of products are checked: the rule of a product, else of the nearest category above it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import Conflict, InvalidInput, NotFound, StaleEdit
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.domain.assets import masks
from app.domain.assets.models import SerialRule
from app.domain.assets.serials import Check, Result, SerialVerdict, check_serial
from app.domain.catalogue.models import Category, Product

SUBJECT = "serial_rule"


@dataclass(frozen=True, slots=True)
class Rule:
    """Mask and check of a product's serials; both None where any serial will do."""

    mask: str | None = None
    check: Check | None = None

    def judge(self, raw: str) -> SerialVerdict:
        """What is to be said of a typed or scanned serial."""
        return check_serial(raw, mask=self.mask, check=self.check)


NO_RULE = Rule()


def rule_for(session: Session, product_ids: Collection[int]) -> dict[int, Rule]:
    """The rule of each product: its own, else that of the nearest category above it, else none."""
    if not product_ids:
        return {}
    own: dict[int, Rule] = {}
    by_category: dict[int, Rule] = {}
    for row in session.execute(
        select(SerialRule.product_id, SerialRule.category_id, SerialRule.mask, SerialRule.check_digit).where(
            or_(SerialRule.product_id.in_(product_ids), SerialRule.category_id.is_not(None))
        )
    ):
        rule = Rule(row.mask, Check(row.check_digit) if row.check_digit else None)
        if row.product_id is not None:
            own[row.product_id] = rule
        else:
            by_category[row.category_id] = rule
    found = {product_id: own.get(product_id, NO_RULE) for product_id in product_ids}
    if not by_category:
        return found
    paths = session.execute(
        select(Product.id, Category.path)
        .join(Category, Category.id == Product.category_id)
        .where(Product.id.in_([product_id for product_id in product_ids if product_id not in own]))
    )
    for product_id, path in paths:
        found[product_id] = _nearest(path, by_category)
    return found


def _nearest(path: str, by_category: dict[int, Rule]) -> Rule:
    for part in reversed([part for part in path.split("/") if part]):
        rule = by_category.get(int(part))
        if rule is not None:
            return rule
    return NO_RULE


def list_rules(session: Session) -> Sequence[Any]:
    """Every rule with what it stands for: categories first, then products by SKU."""
    return session.execute(
        select(
            SerialRule.id,
            SerialRule.mask,
            SerialRule.check_digit,
            Category.name.label("category_name"),
            Product.sku,
            Product.name.label("product_name"),
        )
        .outerjoin(Category, Category.id == SerialRule.category_id)
        .outerjoin(Product, Product.id == SerialRule.product_id)
        .order_by(SerialRule.category_id.is_(None), Category.path, Product.sku_key)
    ).all()


def get_rule(session: Session, rule_id: int) -> Any:
    """A rule with what it stands for. :raises NotFound: no such rule."""
    row = session.execute(
        select(
            SerialRule.id,
            SerialRule.mask,
            SerialRule.check_digit,
            SerialRule.version,
            SerialRule.category_id,
            SerialRule.product_id,
            Product.sku,
        )
        .outerjoin(Product, Product.id == SerialRule.product_id)
        .where(SerialRule.id == rule_id)
    ).one_or_none()
    if row is None:
        raise NotFound(_("There is no such rule."))
    return row


def clean_rule(mask: str, check: str) -> Rule:
    """Mask and check as they are kept.

    :raises InvalidInput: one of them cannot be used, or both are empty.
    """
    kept = mask.strip() or None
    if kept is not None and not masks.is_mask(kept):
        message = _(
            "A mask has 1 to 64 characters without blanks: A for a letter, 9 for a digit, X for either,"
            " anything else stands for itself."
        )
        raise InvalidInput(message, field="mask")
    if check and check not in set(Check):
        raise InvalidInput(_("There is no such check. Choose one of the list."), field="check_digit")
    if kept is None and not check:
        raise InvalidInput(_("Enter a mask or choose a check."), field="mask")
    return Rule(kept, Check(check) if check else None)


@requires(Permission.ASSET_MANAGE)
def save_rule(
    session: Session,
    actor: Actor,
    *,
    rule_id: int | None,
    version: int,
    rule: Rule,
    product_id: int | None,
    category_id: int | None,
    now: datetime,
) -> int:
    """Add a rule or change what one asks for; gives its id.

    :raises Conflict: product or category has a rule already.
    :raises StaleEdit: somebody saved it since `version` was shown.
    """
    values = {"mask": rule.mask, "check_digit": rule.check.value if rule.check else None}
    if rule_id is None:
        added = SerialRule(product_id=product_id, category_id=category_id, **values)
        try:
            with session.begin_nested():
                session.add(added)
        except IntegrityError as error:
            message = _("There is a rule for this already. Change that one.")
            raise Conflict(message, field="subject") from error
        about = {"product_id": product_id, "category_id": category_id}
        _record(session, actor, "serial_rule.created", added.id, None, {**about, **values}, now)
        return added.id
    kept = get_rule(session, rule_id)
    before = {name: getattr(kept, name) for name in values}
    saved: Any = session.execute(
        update(SerialRule)
        .where(SerialRule.id == rule_id, SerialRule.version == version)
        .values(**values, version=version + 1)
    )
    if saved.rowcount != 1:
        raise StaleEdit()
    if before != values:
        _record(session, actor, "serial_rule.changed", rule_id, before, values, now)
    return rule_id


@requires(Permission.ASSET_MANAGE)
def delete_rule(session: Session, actor: Actor, *, rule_id: int, now: datetime) -> None:
    """Take a rule away; serials of its products are then checked by the next wider one."""
    rule = session.get(SerialRule, rule_id)
    if rule is None:
        raise NotFound(_("There is no such rule."))
    about = {"product_id": rule.product_id, "category_id": rule.category_id}
    before = {**about, "mask": rule.mask, "check_digit": rule.check_digit}
    session.delete(rule)
    _record(session, actor, "serial_rule.deleted", rule_id, before, None, now)


def _record(
    session: Session,
    actor: Actor,
    action: str,
    rule_id: int,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    now: datetime,
) -> None:
    audit.record(
        session,
        actor,
        action,
        subject_type=SUBJECT,
        subject_id=rule_id,
        now=now,
        before=before or {},
        after=after or {},
    )


def fault_text(verdict: SerialVerdict) -> str:
    """Why a serial is refused or looked at twice, and what to change; empty where it is fine."""
    if verdict.result is Result.OK:
        return ""
    said = {
        "bad_character": _("The serial has a blank or a character that is not plain. Type it again."),
        "bad_mask": _("The serial does not have the form of this product's serials."),
        "bad_length": _("The serial has not as many digits as its kind has. Count them again."),
        "bad_check_digit": _("The check digit is wrong, so one of the characters is. Type it again."),
        "bad_gs1": _("The scanned code cannot be read as GS1. Scan it again, or type the serial alone."),
        "look_alike": _("A letter O or I may be a digit 0 or 1. Compare with the label."),
        "too_long": _("A serial has at most 64 characters."),
    }
    text = said.get(verdict.code or "", _("The serial cannot be used."))
    if verdict.suggestions:
        text += " " + _("Is it %(serial)s?", serial=", ".join(verdict.suggestions))
    return text
