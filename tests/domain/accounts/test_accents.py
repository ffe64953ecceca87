"""A vendor's accent gives five colours that words can be read on and in, on light and dark grounds."""

from __future__ import annotations

import re

import pytest

from app.domain.accounts.accents import accent_sheet, mix
from app.domain.accounts.vendor_rules import contrast

NAMES = ["accent", "on-accent", "accent-ink", "accent-tint", "accent-line"]


@pytest.mark.parametrize("accent", ["#4a48c4", "#000000", "#c01c28", "#1a7f37", "#0b6bcb", "#767676"])
def test_words_can_be_read_on_and_in_the_accent(accent: str) -> None:
    found = re.findall(r"--st-([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", accent_sheet(accent))

    assert [name for name, _light, _dark in found] == NAMES
    light = {name: one for name, one, _other in found}
    dark = {name: other for name, _one, other in found}
    assert light["accent"] == accent
    for colours, ground in ((light, "#ffffff"), (dark, "#16171b")):
        assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
        assert contrast(colours["accent-ink"], ground) >= 4.5
        assert contrast(colours["accent-ink"], colours["accent-tint"]) >= 4.5


def test_mixing_goes_from_one_colour_to_the_other() -> None:
    assert [mix("#102030", "#ffffff", share) for share in (0, 0.5, 1)] == ["#102030", "#889098", "#ffffff"]
