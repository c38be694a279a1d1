"""What a job said, read: its curves, figures and log."""
