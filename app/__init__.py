"""Ridgeline's service: REST, dashboard, command line, run store and worker."""

__version__ = "0.1.0"
