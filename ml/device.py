"""Where tensors live: a GPU when there is one."""

import torch

from ml.fields import Device


class NoSuchDevice(ValueError):
    """The device that was asked for is not on this machine."""


def best_device(asked: Device = "auto") -> torch.device:
    """The device asked for; "auto" takes cuda, else mps, else the CPU.

    Raises:
        NoSuchDevice: where this machine has none of that kind.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if asked == "auto":
        return torch.device(next(kind for kind, found in there.items() if found))
    if not there[asked]:
        found = ", ".join(kind for kind in there if there[kind])
        raise NoSuchDevice(f"This machine has no {asked} device. It has: {found}.")
    return torch.device(asked)
