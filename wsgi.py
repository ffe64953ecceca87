"""What gunicorn and the `flask` command start."""

import gc
import os
import sys

from config import SettingsError, is_production, refusals

#: gunicorn gives up on a worker that ends so, and does not start it again and again.
CANNOT_BOOT = 3


def insist(found: list[str]) -> None:
    """Say why a real instance must not be served this way, and end."""
    if found:
        sys.stderr.write("\n".join([*found, ""]))
        sys.stderr.flush()
        sys.exit(CANNOT_BOOT)


# Commands of the server's owner work before set-up too, and say themselves what they need.
is_served = os.environ.get("FLASK_RUN_FROM_CLI") != "true"
if is_served and is_production(os.environ):
    insist(refusals(os.environ))

from app import create_app  # noqa: E402 - nothing is made before the settings are looked at
from app.core import logs  # noqa: E402

if is_served:
    logs.install()

try:
    app = create_app()
except SettingsError as error:
    if not is_served:
        raise
    insist([error.message])
if is_served:
    from app.jobs.instance import start_refusals

    insist(start_refusals(app))
# What was made so far lives as long as the process. Left to the collector, it was walked through again
# while an order of a thousand lines was placed, which took twice the time by that.
gc.collect()
gc.freeze()
