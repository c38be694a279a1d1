"""Ridgeline's models: pure PyTorch and numpy, without HTTP, SQL or plots."""
