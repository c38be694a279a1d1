"""Many values of one experiment as few tensor programs, and an honest word about the best."""

from ml.sweeps.job import Sweep as Sweep
