"""4.5 L1 instead of L2: the proximal step clears weights to exactly 0, the subgradient does not."""

from collections.abc import Callable, Iterator
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from ml.data.synthetic import linear
from ml.device import best_device
from ml.events import Check, Checkpoint, Event, Figure, Role, Series, Table
from ml.experiment import Device, Experiment, Preset
from ml.lanes import Lane, Lanes
from ml.losses import squared_loss
from ml.nn import gaussian, mlp
from ml.optim import SGD, Optimizer
from ml.train import Fitted, Progress, Training, fit, started

NUM_INPUTS, BIAS = 100, 0.05
NUM_VALID = 200  # points to be tested on
DECAYS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)

Floats = NDArray[np.float64]


class Sparsity(Experiment):
    """Penalise sum |w| instead of sum w²: count the weights that are exactly 0."""

    section: ClassVar[str] = "4.5"
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("sparse", "Few matter", "Five inputs of a hundred matter: L1's own case.", {}),
        Preset("dense", "All matter", "Nothing should be cleared.", {"relevant": 100}),
    )  # fmt: skip

    name: Literal["sparsity"] = "sparsity"
    relevant: int = Field(
        5, ge=1, le=NUM_INPUTS, title="Inputs that matter",
        description="Inputs of the 100 whose true weight is not 0; together they have length 1.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip
    num_train: int = Field(
        60, ge=2, le=1000, title="Training points", description="Points to learn from.",
        json_schema_extra={"group": "Data", "symbol": "n"},
    )  # fmt: skip
    noise: float = Field(
        0.1, ge=0, le=10, description="Standard deviation of the noise on y.",
        json_schema_extra={"group": "Data", "symbol": "σ"},
    )  # fmt: skip
    lr: float = Field(
        0.01, gt=0, le=1, title="Learning rate", description="Learning rate of SGD.",
        json_schema_extra={"group": "Training", "symbol": "η"},
    )  # fmt: skip
    batch_size: int = Field(
        20, ge=1, le=1000, description="Points a step.", json_schema_extra={"group": "Training"}
    )
    num_epochs: int = Field(
        300, ge=1, le=2000, title="Epochs", description="Passes over the training points.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    device: Device = "auto"

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Train the three rules along one path of lambda, and count zeros."""
        trainings = [self.training(rule) for rule in RULES]
        yield from started(trainings)
        progress, weights, losses = Progress(resume), {}, {}
        for training in trainings:
            fitted = yield from fit(training, progress)
            weights[training.key] = learnt(fitted)
            last = fitted.curve[-1, 1].astype(float)
            losses[training.key] = np.where(np.isfinite(last), last, np.inf)  # NaN passes for least
        zeros = {rule: (w == 0).sum(axis=1).astype(float) for rule, w in weights.items()}
        yield self.drawn(zeros)
        yield self.best(weights, losses)
        yield self.tabled(zeros, losses)
        if self == Sparsity(seed=self.seed, device=self.device):
            yield from self.claims(zeros, losses, weights)

    @property
    def truth(self) -> Floats:
        """The first weights share a length of 1 with changing sign, the others are 0: (d,)."""
        signs = np.where(np.arange(NUM_INPUTS) % 2, -1.0, 1.0)
        return np.where(np.arange(NUM_INPUTS) < self.relevant, signs / self.relevant**0.5, 0.0)

    def training(self, rule: str) -> Training:
        """One lane for each lambda, from weights of 0."""
        n = self.num_train
        points = linear(n + NUM_VALID, self.truth, BIAS, self.noise, self.seed)
        lanes = [
            Lane(
                label=f"λ {decay:g}", train=torch.arange(n), valid=torch.arange(n, n + NUM_VALID),
                lr=self.lr, weight_decay=decay, seed=self.seed,
            )
            for decay in DECAYS
        ]  # fmt: skip
        return Training(
            key=rule,
            lanes=Lanes.of(lanes),
            X=torch.from_numpy(points.X).float(),
            y=torch.from_numpy(points.y).float()[:, None],
            net=lambda stacked: mlp(stacked, (NUM_INPUTS, 1), init=gaussian(0.01)),
            loss=squared_loss,
            measure=squared_loss,
            measured="squared_loss",
            optimizer=RULES[rule],
            num_epochs=self.num_epochs,
            batch_size=self.batch_size,
            device=best_device(self.device),
        )

    # ---- what is said of it

    def drawn(self, zeros: dict[str, Floats]) -> Figure:
        """Weights that are exactly 0 against lambda; lambda 0 stands at a third of the least."""
        x = np.array([DECAYS[1] / 3, *DECAYS[1:]])
        most = {rule: int(count.max()) for rule, count in zeros.items()}
        (a, first), (b, second), (c, third) = most.items()
        return Figure(
            "zeros", "Weights that are exactly 0",
            f"Of {NUM_INPUTS} weights {a} clears up to {first}, {b} {second} and {c} {third}.",
            tuple(
                Series(rule, x, count, role)
                for (rule, count), role in zip(zeros.items(), ROLES, strict=True)
            ),
            x_label="λ, its leftmost point 0", y_label="weights", x_scale="log",
        )  # fmt: skip

    def best(self, weights: dict[str, Floats], losses: dict[str, Floats]) -> Figure:
        """The weights of each rule at its own best lambda, beside the truth."""
        i = np.arange(NUM_INPUTS, dtype=float)
        at = {rule: int(loss.argmin()) for rule, loss in losses.items()}
        ends = ", ".join(f"{losses[rule][k]:.3g} by {rule}" for rule, k in at.items())
        return Figure(
            "weights", "Weights at each rule's best lambda",
            f"The least test loss is {ends}; the noise alone costs {self.noise**2 / 2:.3g}.",
            (
                Series("truth", i, self.truth, "book", "markers"),
                *(
                    Series(f"{rule}, λ {DECAYS[k]:g}", i, weights[rule][k], role, "markers")
                    for (rule, k), role in zip(at.items(), ROLES, strict=True)
                ),
            ),
            x_label="input", y_label="weight",
        )  # fmt: skip

    def tabled(self, zeros: dict[str, Floats], losses: dict[str, Floats]) -> Table:
        """Zeros and test loss of each rule and lambda."""
        rows = [
            (rule, decay, float(zeros[rule][k]), float(losses[rule][k]))
            for rule in RULES
            for k, decay in enumerate(DECAYS)
        ]
        return Table("path", "Along lambda", ("rule", "λ", "zeros", "test"), tuple(rows))

    def claims(
        self, zeros: dict[str, Floats], losses: dict[str, Floats], weights: dict[str, Floats]
    ) -> Iterator[Check]:
        """4.5.1: L1 clears weights and keeps those that matter; exercise 3: its updates."""
        s, at = self.section, int(losses[PROXIMAL].argmin())
        yield Check.at_least(s, "zeros by L1 at its best λ, of 95", 50, float(zeros[PROXIMAL][at]))
        kept = float((weights[PROXIMAL][at, : self.relevant] != 0).sum())
        yield Check.near(s, "inputs that matter kept by L1 at its best λ", self.relevant, kept, 0.0)
        none = float(zeros[PROXIMAL][0])
        yield Check.near(s, "zeros without penalty", 0.0, none, 0.0)
        for rule in (SUBGRADIENT, L2):
            yield Check.near(s, f"most zeros by {rule}", 0.0, float(zeros[rule].max()), 0.0)
        ratio = float(losses[PROXIMAL].min() / losses[L2].min())
        yield Check.at_most(s, "best test loss of L1 over that of L2", 0.5, ratio)


# ---- the three rules


def soft_threshold(w: Tensor, by: Tensor) -> Tensor:
    """Move each number `by` towards 0 and stop there: the proximal step of |w|."""
    return w.sign() * (w.abs() - by).clamp(min=0)


class Proximal(Optimizer):
    """SGD on the plain loss, then the penalty's proximal step; biases are not penalised."""

    def update(self, value: Tensor, grad: Tensor) -> None:
        """w = soft_threshold(w - lr grad, lr lambda)."""
        value -= self.lr * grad
        value.copy_(soft_threshold(value, self.lr * self.weight_decay * self.flat.decays))


class Subgradient(Optimizer):
    """What differentiating |w| gives: it jumps over 0 and back."""

    def update(self, value: Tensor, grad: Tensor) -> None:
        """w -= lr (grad + lambda sign(w))."""
        value -= self.lr * (grad + self.weight_decay * self.flat.decays * value.sign())


PROXIMAL, SUBGRADIENT, L2 = "L1 proximal", "L1 subgradient", "L2"
RULES: dict[str, Callable[[nn.Module, Lanes], Optimizer]] = {
    PROXIMAL: Proximal,
    SUBGRADIENT: Subgradient,
    L2: SGD,
}
ROLES: tuple[Role, ...] = ("c3", "c4", "c5")


def learnt(fitted: Fitted) -> Floats:
    """The weights of each lane: (L, d)."""
    return fitted.net.get_parameter("0.weight").detach().cpu().double().numpy()[..., 0]
