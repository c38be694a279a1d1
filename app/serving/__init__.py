"""Which model answers, and how rows of people become prices."""
