"""Forms of products and categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField
from wtforms.validators import StopValidation

from app.console.catalogue.room import KINDS, LIFE_CYCLES, choices
from app.console.fields import ChoiceField, whole_key
from app.core.texts import _
from app.core.uploads import IMAGES, PDF
from app.core.web.fields import LongTextField, TextField, WholeNumberField
from app.domain.catalogue.products import LONGEST_WARRANTY
from app.domain.catalogue.quantities import MAX_QUANTITY
from app.domain.catalogue.queries import CategoryNode

_VERSIONS = 2_000_000_000


def tree_choices(tree: Sequence[CategoryNode]) -> list[tuple[int, str]]:
    """Categories for a select, indented by their depth."""
    return [(node.id, "\u2003" * node.depth + node.name) for node in tree]


class ProductForm(FlaskForm):
    """A product's own values; fields for its category's attributes are drawn beside it."""

    sku = TextField(lazy("SKU"), maximum=60)
    name = TextField(lazy("Name"), maximum=300)
    category_id = ChoiceField(lazy("Category"), coerce=whole_key)
    brand = TextField(lazy("Brand"), maximum=120, required=False)
    mpn = TextField(lazy("Manufacturer part number"), maximum=80, required=False)
    gtin = TextField(lazy("GTIN"), maximum=20, required=False)
    kind = ChoiceField(lazy("Kind"), choices=lambda: choices(KINDS), default="hardware")
    life_cycle = ChoiceField(lazy("Life cycle"), choices=lambda: choices(LIFE_CYCLES), default="active")
    successor_sku = TextField(lazy("SKU of the successor"), maximum=60, required=False)
    description = LongTextField(lazy("Description"), maximum=20_000, required=False)
    unit = TextField(lazy("Unit of measure"), maximum=20, default="piece")
    min_quantity = WholeNumberField(lazy("Minimum quantity"), minimum=1, maximum=MAX_QUANTITY, default=1)
    multiple = WholeNumberField(lazy("Sold in multiples of"), minimum=1, maximum=MAX_QUANTITY, default=1)
    max_quantity = WholeNumberField(lazy("Maximum quantity"), minimum=1, maximum=MAX_QUANTITY, required=False)
    warranty_months = WholeNumberField(lazy("Warranty in months"), maximum=LONGEST_WARRANTY, required=False)
    is_backorderable = BooleanField(lazy("May be ordered when out of stock"), default=True)
    tax_class = TextField(lazy("Tax class"), maximum=20, default="standard")
    version = WholeNumberField(lazy("Version"), maximum=_VERSIONS, required=False)


class UploadForm(FlaskForm):
    """A picture or a datasheet."""

    file = FileField(
        lazy("Picture or datasheet"),
        render_kw={"accept": ",".join(sorted({e for kind in (*IMAGES, PDF) for e in kind.extensions}))},
    )
    alt_text = TextField(lazy("What the picture shows"), maximum=300, required=False)

    def validate_file(self, field: Any) -> None:
        """A file was chosen."""
        if not field.data or not field.data.filename:
            raise StopValidation(_("Choose a file."))


class ReferenceForm(FlaskForm):
    """Another number that finds the product."""

    code = TextField(lazy("Number"), maximum=80)
    kind = ChoiceField(
        lazy("It is"),
        choices=lambda: [
            ("alternative", lazy("an alternative number")),
            ("superseded", lazy("a superseded number")),
        ],
        default="alternative",
    )


class CategoryForm(FlaskForm):
    """A category and its place in the tree; 0 stands for the top."""

    name = TextField(lazy("Name"), maximum=120)
    parent_id = ChoiceField(lazy("Within"), coerce=whole_key)
    position = WholeNumberField(lazy("Place among its neighbours"), maximum=9999, default=0)

    def offer(self, tree: Sequence[CategoryNode], *, but_below: str | None = None) -> None:
        """Every category that it may lie in: not itself, and none below it."""
        kept = [node for node in tree if but_below is None or not node.path.startswith(but_below)]
        self.parent_id.choices = [(0, _("The top")), *tree_choices(kept)]


class AttributeForm(FlaskForm):
    """An attribute of a category."""

    name = TextField(lazy("Name"), maximum=120)
    data_type = ChoiceField(
        lazy("Values are"),
        choices=lambda: [("text", lazy("text")), ("number", lazy("numbers")), ("boolean", lazy("yes or no"))],
        default="text",
    )
    unit = TextField(lazy("Unit"), maximum=20, required=False)
    position = WholeNumberField(lazy("Place"), maximum=9999, default=0)
    is_facet = BooleanField(lazy("Offered as a filter"), default=True)
