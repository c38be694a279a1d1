"""`python -m benchmarks`: print what the README quotes, with the machine it was measured on."""

import platform

import torch

from benchmarks import chapter, serving, training


def main() -> None:
    """Everything, as Markdown."""
    cores = torch.get_num_threads()
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {cores} cores\n")
    for part in (chapter, training, serving):
        for line in part.measure():
            print(line, flush=True)
        print()


main()
