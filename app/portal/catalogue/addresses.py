"""The catalogue list's address: what is asked for, and addresses with one thing changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

from flask import request
from werkzeug.datastructures import MultiDict

from app.core.errors import InvalidInput
from app.core.texts import N_, _
from app.core.web.fields import find_control_character
from app.core.web.stems import address_of, stem_of
from app.domain.catalogue.filters import ProductQuery

FACET = "f."
SORTS = {
    "relevance": N_("Best match"),
    "name": N_("Name"),
    "sku": N_("SKU"),
    "newest": N_("Newest"),
    "price": N_("Your price"),
}
#: More filters than a person could tick are cut off.
MAX_FACETS, MAX_VALUES = 20, 60


#: Characters that paths and queries keep as they are, as Werkzeug builds them.
_KEPT = "!$&'()*+,/:;=@"
_KEPT_IN_QUERIES = "!$'()*,/:;?@"


class Links:
    """The addresses of a list's products and their actions."""

    def __init__(self) -> None:
        self.product = stem_of("portal.catalogue.product", "sku")
        self.add = stem_of("portal.catalogue.add", "sku")
        self.why = stem_of("portal.catalogue.why", "sku")

    @staticmethod
    def quoted(sku: str) -> str:
        """A SKU as it stands in a path."""
        return quote(sku, safe=_KEPT)

    def picture(self, key: str) -> str:
        """The small picture of an upload."""
        return f"{stem_of('portal.catalogue.picture', 'key')}{quote(key, safe=_KEPT)}?size=160"

    def ask(self, sku: str) -> str:
        """Where a price is asked for."""
        return f"{address_of('portal.requests.new')}?{query_of({'sku': sku})}"


def query_of(values: Mapping[str, Any]) -> str:
    """The part of an address behind the question mark, as Werkzeug writes it."""
    return urlencode(values, doseq=True, safe=_KEPT_IN_QUERIES)


def given_text(name: str, *, maximum: int = 200) -> str:
    """Words from the address, trimmed and cut. :raises InvalidInput: characters nobody can see."""
    text = request.args.get(name, "").strip()[:maximum]
    if find_control_character(text):
        raise InvalidInput(
            _("This text has a character in it that cannot be seen. Type it again."), field=name
        )
    return text


def read_query() -> ProductQuery:
    """The list's question as the address has it. :raises InvalidInput: words that cannot be used."""
    given = request.args
    codes = list(dict.fromkeys(name for name in given if name.startswith(FACET)))[:MAX_FACETS]
    return ProductQuery(
        text=given_text("q"),
        category_slug=given_text("category", maximum=120) or None,
        facets={code.removeprefix(FACET): tuple(given.getlist(code)[:MAX_VALUES]) for code in codes},
        brands=tuple(given.getlist("brand")[:MAX_VALUES]),
        sort=given.get("sort", "")[:20],
        cursor=given.get("cursor") or None,
        show_ended=given.get("ended") == "1",
    )


def values_of(query: ProductQuery, *, stock: str = "") -> MultiDict[str, str]:
    """The address's values for a question, without its place in the list."""
    values: MultiDict[str, str] = MultiDict()
    for name, value in (("q", query.text), ("category", query.category_slug), ("sort", query.sort)):
        if value:
            values.add(name, value)
    if query.show_ended:
        values.add("ended", "1")
    if stock:
        values.add("stock", stock)
    values.setlist("brand", list(query.brands))
    for code, chosen in query.facets.items():
        values.setlist(FACET + code, list(chosen))
    return values


def address(
    values: MultiDict[str, str],
    *,
    without: tuple[str, ...] = (),
    endpoint: str = "portal.catalogue.index",
    **changed: Any,
) -> str:
    """The list's address with some values changed or left out."""
    given: dict[str, Any] = {
        name: found for name, found in values.to_dict(flat=False).items() if name not in without and found
    }
    given.update({name: value for name, value in changed.items() if value is not None})
    root = address_of(endpoint)
    return f"{root}?{query_of(given)}" if given else root


def category_addresses(values: MultiDict[str, str], slugs: Iterable[str]) -> dict[str, str]:
    """The list's address with each of the categories in the place of the present one."""
    stem = address(values, without=("category",), category="-").removesuffix("-")
    return {slug: stem + quote_plus(slug, safe=_KEPT_IN_QUERIES) for slug in slugs}


def without_value(values: MultiDict[str, str], name: str, value: str) -> str:
    """The list's address with one tick taken away."""
    left = [other for other in values.getlist(name) if other != value]
    return address(values, without=(name,), **({name: left} if left else {}))


def chips_of(
    query: ProductQuery, values: MultiDict[str, str], labels: Mapping[str, str]
) -> list[dict[str, str]]:
    """What is chosen, each with the address that drops it. `labels` names facets by their code."""
    chips = []
    if query.text:
        chips.append({"label": f"“{query.text}”", "remove_href": address(values, without=("q",))})
    chips += [
        {"label": brand, "remove_href": without_value(values, "brand", brand)} for brand in query.brands
    ]
    for code, chosen in query.facets.items():
        for value in chosen:
            label = f"{labels[code]}: {value}" if code in labels else value
            chips.append({"label": label, "remove_href": without_value(values, FACET + code, value)})
    if "stock" in values:
        chips.append({"label": _("Ready to ship"), "remove_href": address(values, without=("stock",))})
    if query.show_ended:
        chips.append({"label": _("No longer made too"), "remove_href": address(values, without=("ended",))})
    return chips


def sorts_of(query: ProductQuery, values: MultiDict[str, str]) -> tuple[list[dict[str, Any]], str]:
    """The entries of the sort menu and the present one's name."""
    keys = [key for key in SORTS if key != "relevance" or query.text]
    present = query.sort if query.sort in keys else keys[0]
    plain = address(values, without=("sort",))
    joint = "&" if "?" in plain else "?"
    entries = [
        {
            "label": _(SORTS[key]),
            "href": plain if key == keys[0] else f"{plain}{joint}sort={key}",
            "current": key == present,
        }
        for key in keys
    ]
    return entries, _(SORTS[present])
