"""Shipping: what is to go by warehouse, shipping an order with its serials, shipments and packing slips."""

from app.console.shipping import shipments
from app.console.shipping.routes import blueprint

shipments.register(blueprint)

__all__ = ["blueprint"]
