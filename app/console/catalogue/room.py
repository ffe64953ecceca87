"""The room of the catalogue, which its pages add their routes to, and what they share."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, current_app, redirect, url_for
from werkzeug.wrappers import Response

from app.adapters.storage import LocalStore
from app.core.texts import N_, _
from app.core.web.extensions import db
from app.domain.catalogue.models import Product
from app.domain.catalogue.queries import get_product

blueprint = Blueprint("catalogue", __name__, url_prefix="/products")

KINDS = {
    "hardware": N_("Hardware"),
    "hardware_serial": N_("Hardware with serial numbers"),
    "service": N_("Service"),
    "extended_warranty": N_("Extended warranty"),
    "bundle": N_("Bundle"),
}
LIFE_CYCLES = {
    "announced": N_("Announced"),
    "active": N_("Active"),
    "last_orders": N_("Last orders"),
    "ended": N_("Ended"),
}


def choices(words: dict[str, str]) -> list[tuple[str, str]]:
    """Words with their names in the reader's language."""
    return [(value, _(label)) for value, label in words.items()]


def store() -> LocalStore:
    """Where pictures and datasheets are kept."""
    return LocalStore(Path(current_app.config["DATA_DIR"]) / "uploads")


def product_of(product_id: int) -> Product:
    """:raises NotFound: no such product."""
    return get_product(db.session(), product_id)


def to_product(product_id: int) -> Response:
    """Back to the product's page after something was done."""
    return redirect(url_for("console.catalogue.show", sku=product_of(product_id).sku), 303)
