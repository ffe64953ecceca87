"""What gunicorn and the `flask` command start."""

import gc

from app import create_app

app = create_app()
# What was made so far lives as long as the process. Left to the collector, it was walked through again
# while an order of a thousand lines was placed, which took twice the time by that.
gc.collect()
gc.freeze()
