"""Imports every model, so that the metadata is complete wherever the application is."""

from app.core import audit, outbox, sequences, states  # noqa: F401
from app.core.imports import models as imports  # noqa: F401
from app.domain.accounts import models as accounts  # noqa: F401
from app.domain.assets import models as assets  # noqa: F401
from app.domain.catalogue import models as catalogue  # noqa: F401
from app.domain.catalogue import search  # noqa: F401 - its tables are made with the others
from app.domain.inventory import models as inventory  # noqa: F401
from app.domain.ordering import changes  # noqa: F401 - notes what is written to orders
from app.domain.ordering import models as ordering  # noqa: F401
