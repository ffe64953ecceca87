"""What a product costs under an agreement, as one decision: its ladder and its quantity rule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from app.core.permissions import Actor, Permission, requires
from app.domain.catalogue.agreement_choices import find_rule
from app.domain.catalogue.agreements import set_agreement_quantity_rule, set_price_ladder
from app.domain.catalogue.quantities import QuantityRule


@requires(Permission.PRICE_MANAGE)
def set_product_prices(
    session: Session,
    actor: Actor,
    *,
    agreement_id: int,
    product_id: int,
    steps: Sequence[tuple[int, Decimal]],
    rule: QuantityRule | None,
    now: datetime,
) -> None:
    """Replace a product's ladder and quantity rule under an agreement, both or neither.

    :raises LadderRefused: see `check_ladder`. :raises QuantityRuleRefused: see `check_rule`.
    """
    set_price_ladder(session, actor, agreement_id=agreement_id, product_id=product_id, steps=steps, now=now)
    if rule != find_rule(session, agreement_id, product_id):
        set_agreement_quantity_rule(
            session, actor, agreement_id=agreement_id, product_id=product_id, rule=rule, now=now
        )
