"""A reseller's own people, branches and end customers."""

from __future__ import annotations

from app.portal.company import branches, data, end_customers, people
from app.portal.company.room import blueprint

__all__ = ["blueprint", "branches", "data", "end_customers", "people"]
