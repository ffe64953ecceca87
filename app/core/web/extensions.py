"""Flask extensions, each wrapped here once so that a stale one can be replaced in one place."""

from __future__ import annotations

from flask_babel import Babel
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from flask_wtf.csrf import CSRFProtect

from app.core.database import Base
from app.core.tenancy import TenantSession


class PortalSession(TenantSession, FlaskSession):
    """Flask-SQLAlchemy's session (engine from the app's configuration) with our scopes."""


db = SQLAlchemy(metadata=Base.metadata, session_options={"class_": PortalSession, "expire_on_commit": False})
migrate = Migrate()
csrf = CSRFProtect()
babel = Babel()
login_manager = LoginManager()
limiter = Limiter(key_func=get_remote_address, default_limits=[])
