"""Names that are made, not typed: of categories and attributes from headers, SKUs, lines for lists."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping

from app.core.imports.tables import is_number

#: Trade abbreviations that a header writes in small letters.
_ABBREVIATIONS = frozenset(
    {"cpu", "gpu", "os", "psu", "ssd", "hdd", "nas", "ups", "usb", "ram", "rom", "rgb", "tdp", "pwm"}
    | {"rpm", "snr", "cd", "dvd", "bd", "poe", "nic", "kvm", "lan", "wan"}
)
#: Digits and letters without I, L, O and U, which people misread.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SHORTEST_HASH = 8
LONGEST_HASH = 24
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
SUMMARY_PARTS = 4
SUMMARY_LENGTH = 300


def slugify(text: str) -> str:
    """The text for an address: `Internal hard drive` is `internal-hard-drive`; may be empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _NOT_SLUG.sub("-", plain).strip("-")[:120]


def code_of(header: str) -> str:
    """An attribute's code from its column's name: `Side panel` is `side_panel`."""
    plain = slugify(header).replace("-", "_")
    return plain[:60] or "x" + hashlib.sha256(header.strip().casefold().encode()).hexdigest()[:12]


def humanise(slug: str) -> str:
    """A name for people from a slug or code: `cpu-cooler` is `CPU cooler`, `side_panel` `Side panel`."""
    words = [word for word in re.split(r"[-_\s]+", slug) if word]
    named = [word.upper() if word.lower() in _ABBREVIATIONS else word for word in words]
    text = " ".join(named)
    return text[:1].upper() + text[1:]


def identity_of(category_slug: str, name: str, attributes: Mapping[str, str]) -> str:
    """Who a product without a SKU is: SHA-256 of its category, name and attributes, in hexadecimal.

    Values are trimmed, case is kept, empty ones and the order of columns do not count.
    """
    filled = sorted((code, value) for code, value in attributes.items() if value)
    canonical = json.dumps([category_slug, name, filled], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def sku_prefix(category_slug: str) -> str:
    """Three letters that stand for a category: memory MEM, case-fan CAF, internal-hard-drive IHD."""
    words = [word for word in category_slug.upper().split("-") if word] or ["PRD"]
    if len(words) == 1:
        return words[0][:3]
    if len(words) == 2:
        return words[0][:2] + words[1][:1]
    return "".join(word[0] for word in words[:3])


def sku_from(category_slug: str, identity: str, *, length: int = SHORTEST_HASH) -> str:
    """The SKU made for an identity: `MEM-7K3QX9P2`. Longer where the short one is another's."""
    number = int(identity, 16)
    characters = []
    for _place in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return f"{sku_prefix(category_slug)}-{''.join(characters)}"


def _summary_part(name: str, value: str, unit: str | None) -> str:
    if value == "true":
        return name
    if unit:
        return f"{value} {unit}"
    return f"{name} {value}" if is_number(value) else value


def summarise(attributes: Iterable[tuple[str, str, str | None]]) -> str:
    """One line for lists from (name, value, unit) in their order: `2 TB · NVMe · Heatsink`.

    A yes is shown by its name, a bare number with it (`Cores 8`), a no is left out.
    """
    parts: list[str] = []
    for name, value, unit in attributes:
        if not value or value == "false":
            continue
        parts.append(_summary_part(name, value, unit))
        if len(parts) == SUMMARY_PARTS:
            break
    return " · ".join(parts)[:SUMMARY_LENGTH]
