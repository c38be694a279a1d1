"""`python -m benchmarks [PART ...]`: print what README quotes, and what it was measured on."""

import platform
import sys
from importlib import import_module

import torch

PARTS = (
    "chapter",
    "training",
    "serving",
    "marathon",
    "shift",
    "known",
    "retraining",
    "table",
    "device",
)


def main() -> None:
    """The parts that are named, or everything, as Markdown."""
    cores = torch.get_num_threads()
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {cores} cores\n")
    for name in sys.argv[1:] or PARTS:
        for line in import_module(f"benchmarks.{name}").measure():  # one may lack what others need
            print(line, flush=True)
        print()


main()
