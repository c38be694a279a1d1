"""Several members' answers as one, and how far off it is expected to be."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import nn

from ml.events import Floats
from ml.members.comparables import FittedComparables
from ml.members.mlp import FittedSkipMLP
from ml.members.wide_mlp import FittedWideMLP, WideMLP

MEMBERS = ("comparables", "mlp", "wide_mlp")
WEIGHTS = {"comparables": 0.5, "mlp": 0.25, "wide_mlp": 0.25}
"""What each counts for. Fitted to out-of-fold rows they did worse on those of other folds."""
LIMIT = 0.1  # by so much of a log price the others may move what comparable sales say

Inputs = NDArray[np.floating[Any]]
LEAST_ERROR = 0.01  # of a log price: nobody is ever as right as 0
SLACK = 1e-9  # (1 - 0.9) / 2 is not quite 0.05


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Members by name, all learnt from the same n rows; repetitions of one count alike."""

    X: NDArray[np.float32]  # (n, d)
    y: NDArray[np.float32]  # (n,) standardised
    comparables: FittedComparables
    mlp: FittedSkipMLP
    wide_mlp: FittedWideMLP

    @classmethod
    def of(
        cls,
        X: NDArray[np.float32],
        y: NDArray[np.float32],
        nets: Mapping[str, Sequence[nn.Module]],
        counts: Floats | None = None,
    ) -> "Ensemble":
        """From trained nets by the name of their member; what is solved exactly is solved here, of
        rows that count (n,) times."""
        rows, target = X.astype(np.float64), y.astype(np.float64)
        return cls(
            X,
            y,
            FittedComparables.of(nets["comparables"], rows, target),
            FittedSkipMLP.of(nets["mlp"]),
            WideMLP().fit(rows, target, counts),
        )

    def answers(self, X: Floats, own: NDArray[np.int64] | None = None) -> Floats:
        """Of each member, the mean of its repetitions, for rows (m, d): (M, m).

        `own` (m,) says which of the rows learnt from each is, -1 for none: it is not compared with
        itself.
        """
        said = self.comparables.predict(X, own), self.mlp.predict(X), self.wide_mlp.predict(X)
        return np.stack([each.mean(axis=0) for each in said])

    def tensors(self) -> dict[str, NDArray[Any]]:
        """All of it, exactly; the inputs of the rows are packed, as most of them are 0 or 1."""
        packed = zlib.compress(np.ascontiguousarray(self.X.T).tobytes(), level=9)
        return {
            "rows.X": np.frombuffer(packed, np.uint8),
            "rows.y": self.y,
            "wide_mlp.alpha": self.wide_mlp.alpha,
            "wide_mlp.middle": np.array([self.wide_mlp.middle]),
            "wide_mlp.kernel": np.array([self.wide_mlp.of.depth, self.wide_mlp.of.bias]),
            **{f"comparables.{name}": value for name, value in self.comparables.tensors.items()},
            **{f"mlp.{name}": value for name, value in self.mlp.tensors.items()},
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> "Ensemble":
        """What `tensors` gave. Raises KeyError, ValueError or zlib.error where these are others."""
        y = tensors["rows.y"]
        flat = np.frombuffer(zlib.decompress(tensors["rows.X"].tobytes()), np.float32)
        X = np.ascontiguousarray(flat.reshape(-1, len(y)).T)
        own = {
            member: {
                name.removeprefix(f"{member}."): value
                for name, value in tensors.items()
                if name.startswith(f"{member}.")
            }
            for member in MEMBERS
        }
        rows, wide = X.astype(np.float64), own["wide_mlp"]
        depth, bias = wide["kernel"].tolist()
        kernel = WideMLP(depth=int(depth), bias=bias)  # of the file, whatever defaults are by now
        return cls(
            X,
            y,
            FittedComparables(own["comparables"], rows, y.astype(np.float64)),
            FittedSkipMLP(own["mlp"]),
            FittedWideMLP(kernel, rows, wide["alpha"], float(wide["middle"][0])),
        )


def blend(answers: Floats, weights: Mapping[str, float], limit: float) -> Floats:
    """What comparable sales say, moved towards the others by no more than the limit: (m,).

    Within the limit it is the weighted mean of the members' answers (M, m). A house that is like
    no other is where an MLP is far off, and sales are not.
    """
    share = np.array([weights[name] for name in MEMBERS]) / sum(weights.values())
    first = answers[MEMBERS.index("comparables")]
    return np.asarray(first + np.clip(share @ answers - first, -limit, limit))


class Spread(BaseModel):
    """How far off each answer is expected to be: normalised conformal prediction.

    |error| is expected to be about exp(c · h), with h of a row: 1, the answer, its square and some
    of its inputs. How far members disagree told nothing beside these. Errors over that are alike
    for all rows: an interval reaches from their 5 % to their 95 % quantile times what is expected,
    so that a share `coverage` of rows like those learnt from lies within (Papadopoulos et al.,
    2002; Lei et al., 2018).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    inputs: tuple[int, ...]
    coefficients: tuple[float, ...]
    low: float
    high: float
    coverage: float

    @classmethod
    def learn(
        cls,
        inputs: Sequence[int],
        X: Inputs,
        middle: Floats,
        off: Floats,
        coverage: float = 0.9,
        counts: Floats | None = None,
    ) -> "Spread":
        """From errors `off` (n,) of answers to rows X (n, d) that no member has learnt from.

        Rows that count (n,) times, 1 on average, make intervals for those they are weighted towards
        (Tibshirani et al., 2019). Raises ValueError where there are too few for that coverage.
        """
        n, tail = len(off), (1 - coverage) / 2
        times = np.ones(n) if counts is None else counts
        H, size = _known(X[:, [*inputs]], middle), np.log(np.abs(off) + LEAST_ERROR)
        root = np.sqrt(times)
        coefficients = np.linalg.lstsq(H * root[:, None], size * root, rcond=None)[0]
        scores = off / np.exp(H @ coefficients)
        beyond = (times.sum() + 1) * tail + SLACK - 1  # what rows count for that are left out
        if beyond < 0:
            least = int(np.ceil(1 / tail - 1 - SLACK))
            raise ValueError(f"Intervals of {coverage:.0%} need at least {least} rows, not {n}.")
        order = np.argsort(scores, kind="stable")
        low, high = (
            scores[ranked[np.searchsorted(np.cumsum(times[ranked]), beyond, side="right")]]
            for ranked in (order, order[::-1])
        )
        return cls(
            inputs=tuple(inputs),
            coefficients=tuple(coefficients.tolist()),
            low=float(low),
            high=float(high),
            coverage=coverage,
        )

    def at(self, inputs: Sequence[int], weights: Floats) -> "Spread":
        """The same of rows that have these inputs in other places, each times a weight (p,)."""
        *own, changed = np.split(np.array(self.coefficients), [3])
        c = [*own[0], *(changed / weights)]
        return self.model_copy(
            update={"inputs": tuple(inputs), "coefficients": tuple(map(float, c))}
        )

    def bounds(self, X: Inputs, middle: Floats) -> tuple[Floats, Floats]:
        """How far below and above each answer its interval ends: X (m, d) -> (m,) and (m,)."""
        expected = self.expected(X, middle)
        return self.low * expected, self.high * expected

    def expected(self, X: Inputs, middle: Floats) -> Floats:
        """The size of the error that is expected of each answer (m,): X (m, d) -> (m,)."""
        return np.asarray(np.exp(_known(X[:, [*self.inputs]], middle) @ self.coefficients))


def _known(some: Inputs, middle: Floats) -> Floats:
    """What the size of an error is told from: (m, 3 + p)."""
    return np.column_stack([np.ones(len(middle)), middle, middle**2, some])
