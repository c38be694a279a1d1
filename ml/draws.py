"""Random numbers that depend on (lane seed, epoch, step, place) and on nothing else.

No generator is advanced, so a lane draws the same whoever trains beside it, on any device, and a
resumed run needs no state. The mixer is the 32-bit finaliser of MurmurHash3 (Appleby, 2011) over a
counter: ten elementwise operations, cheaper here than seeding one generator a lane and step.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ORDER, INIT = -1, -2  # places that are no layer


def _signed(value: int) -> int:
    return value - 2**32 if value >= 2**31 else value


C1, C2, GOLDEN = _signed(0x85EBCA6B), _signed(0xC2B2AE35), _signed(0x9E3779B1)


def _fmix(x: Tensor) -> Tensor:
    """Scramble int32 values, in place: each input bit moves each output bit half of the time."""
    x ^= (x >> 16) & 0xFFFF
    x *= C1
    x ^= (x >> 13) & 0x7FFFF
    x *= C2
    x ^= (x >> 16) & 0xFFFF
    return x


def keys(seeds: Sequence[int], *place: int) -> Tensor:
    """One int32 key a lane (L,) for this place, such as (epoch, step, layer)."""
    key = np.array(seeds, dtype=np.uint64).astype(np.uint32)
    for part in place:  # in numpy: for few lanes its calls cost a third of torch's
        key = key * np.uint32(0x9E3779B1) + np.uint32((part + 0x7F4A7C15) & 0xFFFFFFFF)
        key ^= key >> 16
        key *= np.uint32(0x85EBCA6B)
        key ^= key >> 13
        key *= np.uint32(0xC2B2AE35)
        key ^= key >> 16
    return torch.from_numpy(key.view(np.int32))


def bits(key: Tensor, *shape: int) -> Tensor:
    """Uniform int32 numbers (L, *shape) from keys (L,); a longer first axis adds to the end."""
    count = torch.arange(int(np.prod(shape)), dtype=torch.int32, device=key.device).view(1, *shape)
    return _fmix(count * GOLDEN ^ key.view(-1, *(1 for _ in shape)))


def keep(key: Tensor, p: Tensor, *shape: int) -> Tensor:
    """True with probability 1 - p, lane by lane: key (L,), p (L,) -> bool (L, *shape)."""
    exact = p.cpu().double() if p.device.type == "mps" else p.double()  # mps has no float64
    threshold = (exact * 2**32 - 2**31).round().clamp(max=2**31 - 1).to(torch.int32)
    return bits(key, *shape) >= threshold.to(key.device).view(-1, *(1 for _ in shape))


def uniform(key: Tensor, *shape: int) -> Tensor:
    """Uniform numbers in [0, 1), multiples of 2^-24: key (L,) -> float32 (L, *shape)."""
    return ((bits(key, *shape) >> 8) & 0xFFFFFF).float() / 2**24


def order(key: Tensor, weight: Tensor) -> Tensor:
    """A random order of each lane's rows (L, n); rows of weight 0 are padding and come last."""
    rank = bits(key, weight.shape[1]).long().masked_fill(weight == 0, 2**40)
    return rank.argsort(dim=1, stable=True)


def nth(seed: int, i: int) -> int:
    """The i-th of a thousand seeds that are this one's alone: neighbours draw nothing twice."""
    return 1000 * seed + i


def each(seed: int, count: int) -> list[int]:
    """The first `count` of them: one for each repetition."""
    return [nth(seed, i) for i in range(count)]


def generator(seed: int, *place: int) -> torch.Generator:
    """torch's own CPU generator for one lane, for what is drawn once: initial weights, data."""
    return torch.Generator().manual_seed(int(keys([seed], INIT, *place)[0]) & 0xFFFFFFFF)


def normals(generator: torch.Generator, *shapes: tuple[int, ...]) -> list[Tensor]:
    """Standard normal numbers of each shape, one tensor after the other: float64."""
    return [torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in shapes]


def numpy_generator(seed: int, *place: int) -> np.random.Generator:
    """The same for numpy: data sets that are made up."""
    return np.random.default_rng([seed, *(part & 0xFFFFFFFF for part in place)])


def normal(rng: np.random.Generator, *shape: int) -> NDArray[np.float64]:
    """Standard normal numbers of that shape."""
    return rng.standard_normal(shape)
