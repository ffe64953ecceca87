"""What rows of imports say of companies that are not there."""

from __future__ import annotations

from app.core.imports.verdicts import Verdict, rejected
from app.core.texts import _


def unknown_company(number: str) -> Verdict:
    """The refusal of a row whose company does not exist."""
    return rejected(
        "unknown_company",
        _(
            "There is no company with the number %(number)s. Import the companies first, or correct it.",
            number=number,
        ),
    )
