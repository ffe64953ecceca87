"""Refusals of ordering, named for the fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.core.errors import Conflict, DomainError, InvalidInput
from app.core.texts import _


class LineRefused(InvalidInput):
    """A product cannot be ordered in that quantity; `code` of the verdict is in the details."""

    code = "line_refused"

    def __init__(self, message: str, *, verdict: str, suggestions: Sequence[int] = ()) -> None:
        super().__init__(message, field="quantity", verdict=verdict, suggestions=list(suggestions))


class UnknownCode(InvalidInput):
    """Nothing the buyer may see goes by that number."""

    code = "unknown_code"


class AmbiguousCode(InvalidInput):
    """Several products go by that number; `skus` names them."""

    code = "ambiguous_code"


class HasPrice(Conflict):
    """The product can be ordered at a price, so there is none to ask for."""

    code = "has_price"


class CartClosed(Conflict):
    """The cart was placed or put away."""

    code = "cart_closed"


class CartEmpty(InvalidInput):
    """There is nothing to order in the cart."""

    code = "cart_empty"


@dataclass(frozen=True, slots=True)
class LineChange:
    """What is different from what was shown: the old and the new price and amount of a line."""

    sku: str
    name: str
    was_quantity: int | None
    quantity: int | None
    was_price: Decimal | None
    price: Decimal | None


class TotalChanged(Conflict):
    """The order would cost something else than was shown; nothing was placed."""

    code = "total_changed"

    def __init__(self, *, shown: Decimal, total: Decimal, changes: Sequence[LineChange]) -> None:
        super().__init__(
            _("Prices or quantities changed since you looked. See the new total and place again."),
            shown=str(shown),
            total=str(total),
        )
        self.shown = shown
        self.total = total
        self.changes = tuple(changes)


class LinesRefused(DomainError):
    """Some lines of the cart cannot be ordered as they are; nothing was placed."""

    code = "lines_refused"
    status = 422

    def __init__(self, refused: Sequence[Any]) -> None:
        first = refused[0]
        super().__init__(
            _(
                "%(count)s of the lines cannot be ordered: %(sku)s: %(reason)s",
                count=len(refused),
                sku=first.sku,
                reason=first.verdict.message,
            ),
            skus=[line.sku for line in refused],
        )


class NotCancellable(Conflict):
    """Nothing is left to cancel, or it is already on its way."""

    code = "not_cancellable"


class NotReleasable(Conflict):
    """The order waits for stock, or for a hold to be cleared."""

    code = "not_releasable"


class StockTooLow(Conflict):
    """Fewer units would be left than are already set aside for orders."""

    code = "stock_too_low"
