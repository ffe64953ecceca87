"""The columns of another kind are named; those of a kind's own are never doubted."""

from __future__ import annotations

import pytest

from app.core.imports.engine import check_kind
from app.core.imports.tables import UnreadableFile
from app.core.imports.templates import template_rows
from app.domain.ordering.import_kinds import KINDS

TABLES = [kind for kind in KINDS.values() if not kind.reads_archives]
#: Headers of published part lists.
PARTS = (
    ["name", "price", "type", "psu", "side_panel", "external_volume", "internal_35_bays", "color"],
    ["name", "price", "capacity", "price_per_gb", "type", "cache", "form_factor", "interface"],
    ["name", "price", "level", "channel_wattage", "frequency_response"],
)


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind.name)
@pytest.mark.parametrize("other", TABLES, ids=lambda kind: kind.name)
def test_a_template_is_taken_as_its_own_kind_alone(kind, other):
    header = template_rows(other)[0]
    if kind is other:
        check_kind("file.csv", kind, header, TABLES)
    else:
        with pytest.raises(UnreadableFile, match="does not look like"):
            check_kind("file.csv", kind, header, TABLES)


@pytest.mark.parametrize("header", PARTS)
def test_part_lists_are_products(header):
    check_kind("parts.csv", KINDS["products"], header, TABLES)


def test_columns_that_no_kind_knows_are_left_to_the_mapping():
    check_kind("lampen.csv", KINDS["products"], ["bezeichnung", "preis"], TABLES)


def test_a_price_list_may_name_its_products():
    check_kind("list.csv", KINDS["prices"], ["name", "price", "sku", "brand"], TABLES)
