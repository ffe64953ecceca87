"""The shop of portal tests."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.portal.shop import Shop, open_shop


@pytest.fixture
def shop(app: Flask, session: Session) -> Shop:
    """Kettle & Byte with a buyer signed in."""
    return open_shop(app, session)
