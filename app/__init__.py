"""Ridgeline's service: REST, dashboard, command line, run store and worker."""

import os

# Numpy reads this when it is first imported. Its own threads wait for each other by spinning: while
# anything trains beside them, a system of 60 equations takes a second instead of a millisecond.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
