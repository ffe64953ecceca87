"""The five colours that a vendor's accent sets, for light and dark grounds."""

from __future__ import annotations

from app.domain.accounts.vendor_rules import LEAST_CONTRAST, contrast

_WHITE, _BLACK, _DARK = "#ffffff", "#000000", "#16171b"
#: Words in the accent on dark ground are read with ease.
_EASY_CONTRAST = 7.0
_STEPS = 25


def mix(colour: str, other: str, share: float) -> str:
    """`colour` with a share of `other`: 0 is the colour itself, 1 the other."""
    parts = []
    for index in (1, 3, 5):
        one, two = int(colour[index : index + 2], 16), int(other[index : index + 2], 16)
        parts.append(f"{round(one + (two - one) * share):02x}")
    return "#" + "".join(parts)


def _lightened(accent: str, *, ground: str, least: float) -> str:
    """The accent with as little white as gives the contrast with a dark ground."""
    shades = (mix(accent, _WHITE, step / _STEPS) for step in range(_STEPS + 1))
    return next(shade for shade in shades if contrast(shade, ground) >= least)


def _brightest_under_white(accent: str) -> str:
    """The accent with as much white as white words on it allow."""
    shades = [mix(accent, _WHITE, step / _STEPS) for step in range(_STEPS)]
    return [shade for shade in shades if contrast(shade, _WHITE) >= LEAST_CONTRAST][-1]


def accent_sheet(accent: str) -> str:
    """The style sheet of an accent `#rrggbb` that words can be read on and in."""
    pairs = {
        "accent": (accent, _brightest_under_white(accent)),
        "on-accent": (_WHITE, _WHITE),
        "accent-ink": (mix(accent, _BLACK, 0.12), _lightened(accent, ground=_DARK, least=_EASY_CONTRAST)),
        "accent-tint": (mix(accent, _WHITE, 0.92), mix(_DARK, accent, 0.22)),
        "accent-line": (mix(accent, _WHITE, 0.7), mix(_DARK, accent, 0.5)),
    }
    lines = [f"  --st-{name}: light-dark({light}, {dark});" for name, (light, dark) in pairs.items()]
    return "\n".join([":root {", *lines, "}", ""])
