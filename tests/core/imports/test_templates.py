"""A template's example and explanation are passed over, and nothing else is."""

from __future__ import annotations

import pytest

from app.core.imports.tables import SourceRow
from app.core.imports.templates import finder, template_rows
from app.domain.ordering.import_kinds import KINDS

TABLES = [kind for kind in KINDS.values() if not kind.reads_archives]


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind.name)
def test_every_template_explains_each_column_and_marks_its_example(kind):
    header, (example, helps) = template_rows(kind)
    assert len(set(header)) == len(example) == len(helps)
    assert any("EXAMPLE" in cell for cell in example)
    assert all(text.startswith("# ") and len(text) > len("# VAT") for text in helps)


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind.name)
def test_its_lines_are_known_while_they_are_as_they_were(kind):
    header, lines = template_rows(kind)
    is_template_line = finder(kind.fields, header, {name: name for name in header})
    assert [is_template_line(SourceRow(2, line)) for line in lines] == [True, True]
    own = [cell.replace("EXAMPLE", "MINE") for cell in lines[0]]
    assert not is_template_line(SourceRow(2, own))


def test_a_name_that_begins_with_a_sharp_is_no_explanation():
    kind = KINDS["products"]
    header = ["name", "sku", "price"]
    is_template_line = finder(kind.fields, header, {name: name for name in header})
    assert not is_template_line(SourceRow(2, ["# 1 cable", "CAB-1", "3"]))
    assert not is_template_line(SourceRow(2, ["# 1 cable", "", ""]))
    assert is_template_line(SourceRow(2, ["# The name.", "# The SKU.", ""]))
