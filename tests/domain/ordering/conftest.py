"""A shop for every test of ordering."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from tests.factories.ordering import Shop, make_shop


@pytest.fixture
def shop(session: Session) -> Shop:
    """Two companies with a buyer each, the vendor's people and a warehouse."""
    return make_shop(session)
