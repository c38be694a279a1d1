"""Data sets that are made up, drawn from a seed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml import draws

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Linear:
    """n points of y = X w + b + noise: X (n, d), y (n,)."""

    X: Matrix
    y: Matrix


def linear(n: int, weights: Matrix, bias: float, noise: float, seed: int) -> Linear:
    """Inputs are standard normal, the noise normal with this standard deviation (4.5.2)."""
    rng = draws.numpy_generator(seed)
    X = draws.normal(rng, n, len(weights))
    return Linear(X, X @ weights + bias + noise * draws.normal(rng, n))


RENT_NOISE = 0.1
"""Standard deviation of the noise in a rent's logarithm: no model can be less far off."""
DISTRICTS = {"Harbour": 0.25, "Old town": 0.15, "Park": 0.1, "Mill": 0.0, "North": -0.1,
             "Station": -0.2}  # fmt: skip
"""What each adds to the logarithm of a rent."""


def flats(n: int, seed: int) -> list[dict[str, Any]]:
    """n flats and their rents: a table as people have them, of which the answer is known.

    log rent = 3.2 + .8 log area + district + .03 (floors up, where there is a lift) - .15 (1 - age
    effect: e^(-age/30)) + noise. `deposit` is three rents, rounded: it gives the answer away. A
    tenth of the years is missing; `agent`, `door` and `energy` tell nothing.
    """
    rng = draws.numpy_generator(seed)
    area = np.round(np.exp(rng.normal(4.2, 0.5, n)), 1)
    district = rng.choice([*DISTRICTS], n, p=[0.1, 0.15, 0.2, 0.25, 0.2, 0.1])
    floor, lift = rng.integers(0, 9, n), rng.random(n) < 0.4
    year = rng.integers(1890, 2025, n)
    log = 3.2 + 0.8 * np.log(area) + np.array([DISTRICTS[name] for name in district.tolist()])
    log += np.where(lift, 0.03, -0.02) * floor - 0.15 * (1 - np.exp((year - 2025) / 30))
    rent = np.round(np.exp(log + RENT_NOISE * rng.normal(size=n)), 2)
    columns: dict[str, list[Any]] = {
        "flat": [*range(1, n + 1)],
        "area": area.tolist(),
        "rooms": np.maximum(1, np.round(area / 25 + rng.normal(0, 0.5, n))).astype(int).tolist(),
        "district": district.tolist(),
        "floor": floor.tolist(),
        "lift": np.where(lift, "yes", "no").tolist(),
        "year": [None if rng.random() < 0.1 else int(one) for one in year],
        "agent": [f"agent {i}" for i in rng.integers(1, 31, n).tolist()],
        "door": rng.integers(1, 200, n).tolist(),
        "energy": np.round(rng.normal(110, 25, n), 1).tolist(),
        "deposit": (50 * np.round(3 * rent / 50)).astype(int).tolist(),
        "rent": rent.tolist(),
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


TURN = 0.5
"""Where what columns add to an answer changes its sign."""
LEARNT, ASKED = (0.0, 1.0), (0.9, 0.6)
"""Mean and standard deviation of `place` among rows learnt from, and among questions."""


def places(n: int, seed: int, *, asked: bool, turns: bool) -> list[dict[str, Any]]:
    """n rows of a table whose questions lie elsewhere than what is learnt, and overlap with it.

    `answer` is what `a` to `e` add up to above TURN of `place`, and minus that below; where it does
    not turn, it is place + a/2. Both have noise of 0.3.
    """
    rng = draws.numpy_generator(seed)
    mean, deviation = ASKED if asked else LEARNT
    place, others = mean + deviation * draws.normal(rng, n), draws.normal(rng, n, 5)
    true = np.sign(place - TURN) * others.sum(1) if turns else place + others[:, 0] / 2
    columns = np.column_stack([place, others, true + 0.3 * draws.normal(rng, n)])
    names = ("place", "a", "b", "c", "d", "e", "answer")
    return [dict(zip(names, row, strict=True)) for row in columns.tolist()]
