"""What gunicorn and the `flask` command start."""

import gc

from app import create_app

app = create_app()
# What was made so far lives as long as the process. Left to the collector, it would be walked through
# again while an order of a thousand lines is placed, at twice the order's own cost.
gc.collect()
gc.freeze()
