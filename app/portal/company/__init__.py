"""A reseller's own people, branches and end customers."""

from __future__ import annotations

from app.portal.company import branches, end_customers, people
from app.portal.company.room import blueprint

__all__ = ["blueprint", "branches", "end_customers", "people"]
