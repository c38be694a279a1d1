"""What the README's numbers come from: `make bench` runs all of it."""
