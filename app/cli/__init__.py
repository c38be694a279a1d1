"""The command line: `ridgeline`."""
