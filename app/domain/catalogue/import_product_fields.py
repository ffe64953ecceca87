"""The columns of a product file, with the example and explanation of its template."""

from __future__ import annotations

from app.core.imports.mapping import Field
from app.core.texts import N_

FIELDS = (
    Field(
        "name",
        N_("Name"),
        is_required=True,
        aliases=("product_name", "product", "title"),
        example="EXAMPLE Docking station",
        help=N_("What lists and documents call the product."),
    ),
    Field(
        "sku",
        N_("SKU"),
        aliases=("stock_code", "stockcode", "article_number", "item_number", "item_no"),
        example="EXAMPLE-SKU",
        help=N_("Your number. Without it the product is known by category, name and attributes."),
    ),
    Field(
        "price",
        N_("List price"),
        aliases=("list_price", "unit_price", "price_usd", "price_eur", "msrp"),
        example="189.00",
        help=N_("For one piece. Empty is price on request, and never erases a price."),
    ),
    Field(
        "category",
        N_("Category"),
        aliases=("category_path", "product_category"),
        example="Accessories > Docking stations",
        help=N_("Levels parted by >. New ones are made; empty is the file's name."),
    ),
    Field(
        "brand",
        N_("Brand"),
        aliases=("manufacturer", "vendor", "make"),
        example="Larkspur",
        help=N_("The maker's name."),
    ),
    Field(
        "mpn",
        N_("Manufacturer part number"),
        aliases=("part_number", "manufacturer_part_number", "part_no"),
        example="LK-DS-24",
        help=N_("The maker's own number."),
    ),
    Field(
        "gtin",
        N_("GTIN"),
        aliases=("ean", "upc", "barcode", "gtin_13", "ean_13"),
        example="4006381333931",
        help=N_("8, 12, 13 or 14 digits with a right check digit."),
    ),
    Field(
        "description",
        N_("Description"),
        aliases=("long_description",),
        example="Two screens and 96 W by one cable.",
        help=N_("Text of the product page."),
    ),
    Field(
        "kind",
        N_("Kind"),
        aliases=("product_kind",),
        example="hardware_serial",
        help=N_("hardware_serial, hardware, service, extended_warranty or bundle; empty is hardware."),
    ),
    Field(
        "life_cycle",
        N_("Life cycle"),
        aliases=("lifecycle", "life_cycle_state"),
        example="active",
        help=N_("announced, active, last_orders or ended; empty is active."),
    ),
    Field(
        "unit",
        N_("Unit of measure"),
        aliases=("unit_of_measure", "uom"),
        example="piece",
        help=N_("What a quantity counts; empty is piece."),
    ),
    Field(
        "min_quantity",
        N_("Minimum quantity"),
        aliases=("min", "moq", "minimum", "minimum_quantity"),
        example="1",
        help=N_("The least one may order; empty is 1."),
    ),
    Field(
        "multiple",
        N_("Multiple"),
        aliases=("quantity_multiple", "order_multiple"),
        example="1",
        help=N_("Quantities are multiples of it; empty is 1."),
    ),
    Field(
        "max_quantity",
        N_("Maximum quantity"),
        aliases=("max", "maximum", "maximum_quantity"),
        example="100",
        help=N_("The most one may order; empty is no limit."),
    ),
    Field(
        "warranty_months",
        N_("Warranty in months"),
        aliases=("warranty",),
        example="36",
        help=N_("Whole months; empty is none said."),
    ),
    Field(
        "is_backorderable",
        N_("Backorder allowed"),
        aliases=("backorder", "backorderable"),
        example="yes",
        help=N_("yes or no: whether more may be ordered than is in stock; empty is yes."),
    ),
)
