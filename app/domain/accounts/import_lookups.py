"""Companies that rows of imports cannot speak of."""

from __future__ import annotations

from typing import Any

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


def merged_company(number: str, stays: str) -> Verdict:
    """The refusal of a row whose company was merged into another."""
    return rejected(
        "merged_company",
        _("The company %(number)s was merged into %(stays)s. Write %(stays)s.", number=number, stays=stays),
    )


def company_refusal(company: Any, number: str) -> Verdict | None:
    """Why nothing can be entered for a company as `companies_by_number` gives it."""
    if company is None:
        return unknown_company(number)
    return merged_company(number, company.merged_into) if company.merged_into else None
