"""The use cases of ordering, under one name for the doors."""

from app.domain.ordering.backorders import release_order
from app.domain.ordering.cancelling import cancel_line, cancel_line_for, cancel_order, cancel_order_for
from app.domain.ordering.carts import (
    add_to_cart,
    create_cart,
    discard_cart,
    remove_line,
    rename_cart,
    restore_cart,
    save_checkout_draft,
    set_line_quantity,
    use_cart,
)
from app.domain.ordering.closing import close_company, reopen_company
from app.domain.ordering.merging import merge_companies, sweep_merged
from app.domain.ordering.placing import Checkout, place_order
from app.domain.ordering.price_requests import (
    answer_price_request,
    ask_price,
    decline_price_request,
    withdraw_price_request,
)
from app.domain.ordering.reordering import reorder
from app.domain.ordering.reversing import reverse_shipment
from app.domain.ordering.shipping import ship_order
from app.domain.ordering.stock import (
    close_receipt,
    correct_stock,
    count_stock,
    expect_receipt,
    receive_stock,
)

__all__ = [
    "Checkout",
    "add_to_cart",
    "answer_price_request",
    "ask_price",
    "cancel_line",
    "cancel_line_for",
    "cancel_order",
    "cancel_order_for",
    "close_company",
    "close_receipt",
    "correct_stock",
    "count_stock",
    "create_cart",
    "decline_price_request",
    "discard_cart",
    "expect_receipt",
    "merge_companies",
    "place_order",
    "receive_stock",
    "release_order",
    "remove_line",
    "rename_cart",
    "reopen_company",
    "reorder",
    "restore_cart",
    "reverse_shipment",
    "save_checkout_draft",
    "set_line_quantity",
    "ship_order",
    "sweep_merged",
    "use_cart",
    "withdraw_price_request",
]
