"""One row of a product file as values: read strictly, with a reason for whatever cannot be used."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.core.errors import InvalidInput
from app.core.imports.kinds import FilePlan, Item
from app.core.imports.mapping import EXTRA, REPORT_COLUMNS
from app.core.imports.numbers import decimal_text
from app.core.imports.tables import SourceRow, has_hidden_characters
from app.core.imports.verdicts import rejected
from app.core.texts import _
from app.domain.catalogue.naming import code_of, humanise, identity_of, slugify
from app.domain.catalogue.numbers import code_key, is_storable, parse_gtin
from app.domain.catalogue.quantities import MAX_QUANTITY

KINDS = ("hardware_serial", "hardware", "service", "extended_warranty", "bundle")
LIFE_CYCLES = ("announced", "active", "last_orders", "ended")
LENGTHS = {"sku": 60, "mpn": 80, "name": 300, "brand": 120, "description": 20_000, "unit": 20}
VALUE_LENGTH = 200
HIGHEST_PRICE = Decimal(99_999_999)

PRICE_PLACES = 4

_LINE_ENDS = re.compile(r"[\n\r\t]")
_WHOLE = re.compile(r"[0-9]{1,6}")
#: Columns that belong to who a product without a SKU is, beside its attributes.
_IDENTIFYING = ("mpn", "gtin", "brand")
_NUMBERS = {"min_quantity": 1, "multiple": 1, "max_quantity": 1, "warranty_months": 0}


class _Refused(Exception):
    """A value cannot be used."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.verdict = rejected(code, message)


@dataclass(frozen=True, slots=True)
class CategoryRef:
    """A category by its slug, with the names on the way to it, for the case that it is not there yet."""

    slug: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A row's values. `fields` are columns of the product, those left empty in the file left out."""

    category: CategoryRef
    name: str
    attributes: Mapping[str, str]
    price: Decimal | None
    sku: str | None
    identity: str | None
    fields: Mapping[str, Any]
    #: Whether the row itself names the category, and not the file alone.
    names_category: bool = False

    def digest(self) -> str:
        """What the row says beside its price; two rows of one product must say the same."""
        said = [self.name, sorted(self.attributes.items()), sorted(self.fields.items())]
        canonical = json.dumps([self.category.slug, *said], ensure_ascii=False)
        return hashlib.blake2b(canonical.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def category_from_text(text: str) -> CategoryRef:
    """`Audio > Cables` is the category `audio-cables` within `audio`."""
    names = tuple(part.strip() for part in text.split(">") if part.strip())
    return CategoryRef(slugify(" ".join(names)), names)


def category_from_file(filename: str) -> CategoryRef:
    """`internal-hard-drive.csv` is the category `internal-hard-drive`, called Internal hard drive."""
    stem = filename.rpartition("/")[2].partition(".")[0]
    slug = slugify(stem)
    return CategoryRef(slug, (humanise(stem),))


class ProductReader:
    """Reads rows of one file; made once per file, so that a row costs little."""

    def __init__(self, plan: FilePlan) -> None:
        header = plan.survey.header
        self._places = {
            target: place
            for place, target in enumerate(plan.targets[name] for name in header)
            if target not in (EXTRA, "ignore")
        }
        self._extras = [
            (code_of(name), name, place) for place, name in enumerate(header) if plan.targets[name] == EXTRA
        ]
        self._file_column = next(
            (place for place, name in enumerate(header) if name == REPORT_COLUMNS[0]), None
        )
        chosen = str(plan.options.get("category") or "")
        self._category = category_from_text(chosen) if chosen else category_from_file(plan.survey.name)
        self._categories: dict[str, CategoryRef] = {}
        self._comma = plan.has_decimal_comma("price")
        self._plain = [
            (code, place)
            for code, place in self._places.items()
            if code not in ("name", "sku", "price", "category")
        ]

    def __call__(self, row: SourceRow) -> Item:
        if row.fault is not None:
            return Item(row, "", None, rejected(row.fault.code, row.fault.message))
        try:
            value = self._read(row.cells)
        except _Refused as refusal:
            return Item(row, "", None, refusal.verdict)
        key = value.identity if value.identity is not None else f"sku:{code_key(value.sku or '')}"
        return Item(row, key, value)

    def _read(self, cells: Any) -> ProductRow:
        _check_characters(cells)
        name = cells[self._places["name"]]
        if not name:
            raise _Refused("no_name", _("The name is empty."))
        _check_length("name", name)
        attributes = self._attributes(cells)
        category, is_named = self._category_of(cells)
        sku_place = self._places.get("sku")
        sku = cells[sku_place] if sku_place is not None else ""
        if sku:
            _check_sku(sku)
        price_place = self._places.get("price")
        price = read_price(cells[price_place], comma=self._comma) if price_place is not None else None
        fields = {code: _FIELD_READERS[code](code, cells[p]) for code, p in self._plain if cells[p]}
        identity = None
        if not sku:
            said = {f"={code}": str(fields[code]) for code in _IDENTIFYING if code in fields}
            identity = identity_of(category.slug, name, {**attributes, **said} if said else attributes)
        return ProductRow(category, name, attributes, price, sku or None, identity, fields, is_named)

    def _attributes(self, cells: Any) -> dict[str, str]:
        found: dict[str, str] = {}
        for code, header, place in self._extras:
            value = cells[place]
            if value:
                if len(value) > VALUE_LENGTH:
                    raise _Refused(
                        "too_long",
                        _("%(column)s is longer than %(most)s characters.", column=header, most=VALUE_LENGTH),
                    )
                found[code] = value
        return found

    def _category_of(self, cells: Any) -> tuple[CategoryRef, bool]:
        place = self._places.get("category")
        text = cells[place] if place is not None else ""
        if text:
            return self._known_category(text, category_from_text), True
        if self._file_column is not None and cells[self._file_column]:
            return self._known_category(cells[self._file_column], category_from_file), False
        return _checked(self._category), False

    def _known_category(self, text: str, read: Callable[[str], CategoryRef]) -> CategoryRef:
        known = self._categories.get(text)
        if known is None:
            known = _checked(read(text))
            if len(self._categories) < 1000:
                self._categories[text] = known
        return known


def _checked(category: CategoryRef) -> CategoryRef:
    if not category.slug or any(len(name) > 120 for name in category.names) or len(category.names) > 8:
        raise _Refused(
            "bad_category",
            _("The category must have a name of at most 120 characters with letters or digits in it."),
        )
    return category


def _check_characters(cells: Any) -> None:
    for cell in cells:
        # ASCII without controls is by far the most frequent.
        if cell.isascii() and cell.isprintable():
            continue
        if has_hidden_characters(cell) or not is_storable(_LINE_ENDS.sub(" ", cell)):
            raise _Refused(
                "bad_character", _("A cell has a character that cannot be seen or stored. Type it again.")
            )


def _check_length(code: str, text: str) -> None:
    most = LENGTHS[code]
    if len(text) > most:
        raise _Refused(
            "too_long", _("%(column)s is longer than %(most)s characters.", column=code, most=most)
        )


def _check_sku(sku: str) -> None:
    _check_length("sku", sku)
    if not code_key(sku) or "\n" in sku:
        raise _Refused("bad_sku", _("The SKU has no letters or digits that can be read."))


def read_price(text: str, *, comma: bool = False) -> Decimal | None:
    """A price as 1234.50, at most four decimals; None for an empty cell. `comma`: as 1.234,50."""
    if not text:
        return None
    number = decimal_text(text, comma=comma)
    if number is None:
        raise _Refused(
            "bad_price", _("The price must be written as 1234.50: digits and at most one point, no currency.")
        )
    price = Decimal(number).normalize()
    if price > HIGHEST_PRICE or len(number.partition(".")[2].rstrip("0")) > PRICE_PLACES:
        raise _Refused(
            "bad_price",
            _("A price has at most four decimals and is at most %(most)s.", most=f"{HIGHEST_PRICE:f}"),
        )
    return price


def _read_text(code: str, text: str) -> str:
    _check_length(code, text)
    return text


def _read_number(code: str, text: str) -> int:
    lowest = _NUMBERS[code]
    if not _WHOLE.fullmatch(text) or not lowest <= int(text) <= MAX_QUANTITY:
        raise _Refused(
            "bad_number",
            _(
                "%(column)s must be a whole number from %(lowest)s to %(highest)s, digits only.",
                column=code,
                lowest=lowest,
                highest=MAX_QUANTITY,
            ),
        )
    return int(text)


def _read_gtin(code: str, text: str) -> str:
    try:
        return parse_gtin(text)
    except InvalidInput as error:
        raise _Refused("bad_gtin", error.message) from error


def _read_word(allowed: tuple[str, ...]) -> Callable[[str, str], str]:
    def read(code: str, text: str) -> str:
        word = text.lower().replace(" ", "_").replace("-", "_")
        if word not in allowed:
            raise _Refused(
                "bad_word",
                _("%(column)s must be one of: %(allowed)s.", column=code, allowed=", ".join(allowed)),
            )
        return word

    return read


def _read_yes(code: str, text: str) -> bool:
    word = text.casefold()
    if word in ("true", "yes", "1", "y"):
        return True
    if word in ("false", "no", "0", "n"):
        return False
    raise _Refused("bad_word", _("%(column)s must be yes or no.", column=code))


_FIELD_READERS: dict[str, Callable[[str, str], Any]] = {
    "mpn": _read_text,
    "brand": _read_text,
    "description": _read_text,
    "unit": _read_text,
    "gtin": _read_gtin,
    "kind": _read_word(KINDS),
    "life_cycle": _read_word(LIFE_CYCLES),
    "min_quantity": _read_number,
    "multiple": _read_number,
    "max_quantity": _read_number,
    "warranty_months": _read_number,
    "is_backorderable": _read_yes,
}
