"""The columns of a price file, with the example and explanation of its template."""

from __future__ import annotations

from app.core.imports.mapping import Field
from app.core.texts import N_

FIELDS = (
    Field(
        "sku",
        N_("SKU or part number"),
        is_required=True,
        aliases=("product", "part_number", "mpn", "article_number", "item_number", "stock_code"),
        example="EXAMPLE-SKU",
        help=N_("The product's SKU, or the manufacturer's part number where only one product has it."),
    ),
    Field(
        "price",
        N_("Unit price"),
        is_required=True,
        aliases=("unit_price", "net_price", "amount", "list_price"),
        example="1234.50",
        help=N_("What one piece costs from the quantity on. An empty cell changes nothing."),
    ),
    Field(
        "quantity",
        N_("From quantity"),
        aliases=("from_quantity", "min_quantity", "minimum_quantity", "scale", "from"),
        example="10",
        help=N_("The price holds from this quantity on; empty is 1. A step per line."),
    ),
    Field(
        "level",
        N_("Level"),
        aliases=("scope", "agreement_level", "price_level"),
        example="company",
        help=N_("list, tier, company or branch; empty: told by which of the next columns are filled."),
    ),
    Field(
        "tier",
        N_("Tier"),
        aliases=("price_tier", "group", "customer_group"),
        help=N_("The tier whose companies get the price, such as gold."),
    ),
    Field(
        "company",
        N_("Company number"),
        aliases=("company_number", "customer_number", "customer", "reseller"),
        example="EXAMPLE-1",
        help=N_("The company that gets the price. It must be there and trade in the currency."),
    ),
    Field(
        "branch",
        N_("Branch"),
        aliases=("branch_name", "site"),
        help=N_("The name of the company's branch, where only this branch gets the price."),
    ),
    Field(
        "currency",
        N_("Currency"),
        example="USD",
        help=N_("Three letters; empty is the currency chosen for the file."),
    ),
    Field(
        "agreement",
        N_("Agreement number"),
        aliases=("agreement_number", "price_list", "contract"),
        help=N_("A price agreement by its number; a new one is made. Empty: the open one, or a new one."),
    ),
    Field(
        "valid_from",
        N_("Valid from"),
        aliases=("starts_on", "start", "from_date", "valid_since"),
        example="2026-01-01",
        help=N_("First day, as 2026-01-31. Empty: the agreement that is open, else from today."),
    ),
    Field(
        "valid_until",
        N_("Valid until"),
        aliases=("valid_to", "until", "to_date", "expires"),
        example="2026-12-31",
        help=N_("Last day. Empty: without an end."),
    ),
)
