"""`python -m benchmarks [PART ...]`: print what README quotes, and what it was measured on."""

import platform
import sys

import torch

from benchmarks import chapter, marathon, serving, training

PARTS = {"chapter": chapter, "training": training, "serving": serving, "marathon": marathon}


def main() -> None:
    """The parts that are named, or everything, as Markdown."""
    cores = torch.get_num_threads()
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {cores} cores\n")
    for name in sys.argv[1:] or PARTS:
        for line in PARTS[name].measure():
            print(line, flush=True)
        print()


main()
