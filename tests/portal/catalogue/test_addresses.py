"""Addresses of products, as lists write them by the hundred."""

from __future__ import annotations

import pytest
from flask import Flask, url_for

from app.portal.catalogue.addresses import Links


@pytest.mark.parametrize(
    ("sku", "expected"),
    [
        ("LRK-1", "/catalogue/product/LRK-1"),
        ("A B/C?#%\u00e9", "/catalogue/product/A%20B/C%3F%23%25%C3%A9"),
        ("a+b&c=d;e:@", "/catalogue/product/a+b&c=d;e:@"),
        ('x"<z>', "/catalogue/product/x%22%3Cz%3E"),
        ("-", "/catalogue/product/-"),
    ],
)
def test_a_products_address_is_the_routers(app: Flask, sku: str, expected: str) -> None:
    with app.test_request_context("/"):
        assert Links().product + Links.quoted(sku) == expected
        assert url_for("portal.catalogue.product", sku=sku) == expected
