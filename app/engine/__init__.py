"""Where attempts run: the worker, its runners, and the trainers they fork."""
