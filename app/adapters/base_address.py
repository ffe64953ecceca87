"""The portal's address in links: BASE_URL of the environment, else the stored one, else the default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.accounts.models import Vendor


def base_url(session: Session, config: Mapping[str, Any]) -> str:
    """The address without a slash at its end."""
    stored = None if config.get("BASE_URL_IS_GIVEN") else session.scalar(select(Vendor.base_url))
    address: str = stored or config["BASE_URL"]
    return address.rstrip("/")
