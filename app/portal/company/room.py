"""The company's room, which its pages add their routes to."""

from __future__ import annotations

from flask import Blueprint

from app.core.errors import NotFound
from app.core.web.door import current_actor

blueprint = Blueprint("company", __name__, url_prefix="/company")


def own_company_id() -> int:
    """The company the signed-in person works for. :raises NotFound: the vendor's staff."""
    company_id = current_actor().company_id
    if company_id is None:
        raise NotFound()
    return company_id
