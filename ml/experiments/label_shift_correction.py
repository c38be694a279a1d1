"""4.9 Correcting label shift: weights β(y) = p(y)/q(y), estimated without a label of the target."""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ml import draws, fields
from ml.data import fashion_mnist
from ml.data.fashion_mnist import FashionMNIST
from ml.events import Checkpoint, Event, Floats
from ml.experiment import Preset
from ml.fashion import NUM_INPUTS, NUM_OUTPUTS, FashionExperiment, logits
from ml.grid import by_category
from ml.intervals import percent, plus_minus
from ml.nn import MLP
from ml.optim import Adam
from ml.programs import fit_all
from ml.shift import by_class, label_shift
from ml.train import Fitted, Progress
from ml.trains import Fits, Training

POOL = 20_000  # images of the source that samples are drawn from
PLAIN, WEIGHTED = "plain", "weighted by β"


class LabelShiftCorrection(FashionExperiment):
    """Train classifiers of few images with and without β(y), and test them where p is not q."""

    breakable = ("beta", "target_rows")
    presets = (
        Preset("skewed", "Skewed", "Half of the target is one class.", {}),
        Preset("same", "No shift", "β is 1 but for chance: it costs nothing.", {"skew": 1.0}),
    )
    curves_only = True

    name: Literal["label_shift_correction"] = "label_shift_correction"
    skew: float = fields.own(
        0.5,
        "Data",
        "Skew",
        "So many images of a class there are for one of the class before it.",
        ge=0.3,
        le=1,
    )
    num_images: Annotated[fields.NumImages, Field(le=5_000)] = 1_000
    lr: Annotated[fields.Lr, Field(le=1)] = 0.002
    batch_size: fields.BatchSize = 100
    num_epochs: Annotated[fields.NumEpochs, Field(le=200)] = 30
    num_seeds: fields.NumSeeds = 10

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Plain models first: their confusion on the source, and what they predict, give β."""
        progress = Progress(resume)
        plain = yield from fit_all([*self.trainings()], progress, asked=PLAIN)
        betas = [self.beta(*self.answers(one)) for one in plain]
        weighted = yield from fit_all([*self.weighted(betas)], progress, asked=WEIGHTED)
        yield from self.results(Fits([*plain, *weighted]))

    @cached_property
    def data(self) -> FashionMNIST:
        """Images that samples are drawn from, as many that C is counted on, then test images."""
        return fashion_mnist.read(2 * POOL)

    @cached_property
    def p(self) -> Floats:
        """Shares of the classes in the target: (10,)."""
        shares = self.skew ** np.arange(NUM_OUTPUTS)
        return np.asarray(shares / shares.sum())

    @cached_property
    def target(self) -> torch.Tensor:
        """Rows of the target, test images as many as p asks for; of unlike seeds unlike ones."""
        truth = self.data.y[self.data.test, 0].numpy()
        rng = draws.numpy_generator(self.seed, POOL)
        return self.data.test[torch.from_numpy(self.target_rows(truth, self.p, rng))]

    @staticmethod
    def target_rows(truth: NDArray[np.int64], p: Floats, rng: np.random.Generator) -> Any:
        """Places in `truth` (n,) of as many images as can be had without one twice."""
        most = int(np.bincount(truth).min() / p.max())
        return by_class(truth, p, most * 9 // 10, rng)

    def sample(self, seed: int) -> torch.Tensor:
        """Rows of the source that one model learns from (n,)."""
        rng = draws.numpy_generator(seed)
        return torch.from_numpy(rng.choice(POOL, self.num_images, replace=False))

    def trainings(self) -> Iterator[Training]:
        """A model for each sample of the source."""
        for seed in draws.each(self.seed, self.num_seeds):
            yield self.one(PLAIN, seed, None)

    def weighted(self, betas: list[Floats]) -> Iterator[Training]:
        """The same samples, and their weights."""
        for seed, beta in zip(draws.each(self.seed, self.num_seeds), betas, strict=True):
            weight = torch.from_numpy(beta)[self.data.y[self.sample(seed), 0]]
            yield self.one(WEIGHTED, seed, weight)

    def one(self, setting: str, seed: int, weight: torch.Tensor | None) -> Training:
        """A linear classifier, which cannot be right everywhere: weights say where it must be."""
        lane = self.lane(
            f"{setting}, sample {seed}",
            setting=setting,
            seed=seed,
            train=self.sample(seed),
            valid=self.target,
            weight=weight,
        )
        net = MLP((NUM_INPUTS, NUM_OUTPUTS))
        return self.classifier(setting, [lane], net, optimizer=Adam)

    def answers(self, fitted: Fitted) -> tuple[Any, ...]:
        """Truth and prediction of other source images, and predictions of the target."""
        C = torch.arange(POOL, 2 * POOL)
        said = (
            logits(fitted.net, self.data.X[rows])[0].argmax(1).numpy() for rows in (C, self.target)
        )
        return self.data.y[C, 0].numpy(), *said

    @staticmethod
    def beta(truth: Any, predicted: Any, target: Any) -> Floats:
        """β(y) = p(y)/q(y): (10,) (4.9.9)."""
        return label_shift(truth, predicted, target, NUM_OUTPUTS).beta

    def results(self, fits: Fits) -> Iterator[Event]:
        """Risk and accuracy on the target, sample by sample."""
        risk = [fits.at(name).last("valid") for name in (PLAIN, WEIGHTED)]
        right = [fits.at(name).last("valid accuracy") for name in (PLAIN, WEIGHTED)]
        better = int((risk[1] < risk[0]).sum())
        yield by_category(
            "risk",
            "Risk on the target",
            f"Weights by β, from no label of the target, lower the risk in {better} of"
            f" {self.num_seeds} samples, from {plus_minus(risk[0], '.3f')} to"
            f" {plus_minus(risk[1], '.3f')}; {percent('accuracy', right[1] - right[0])}.",
            dict(zip((PLAIN, WEIGHTED), risk, strict=True)),
            y_label="cross-entropy on the target",
        )
        if self.matches():
            yield self.at_least("samples of 10 with a lower target risk", 9, better, "words")
            gain = float((right[1] - right[0]).mean())
            yield self.above("accuracy gained on the target", 0.01, gain)
