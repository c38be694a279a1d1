"""What the experiments on Fashion-MNIST share: lanes over images, a gallery, a confusion matrix."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from ml import draws, fields
from ml.data import fashion_mnist
from ml.data.fashion_mnist import LABELS, SIDE, FashionMNIST
from ml.events import Check, Figure, Floats, HeatMap, Images
from ml.grid import written
from ml.lanes import Lane, Lanes
from ml.losses import accuracy, cross_entropy
from ml.nn import ACTIVATIONS, MLP, Pixels
from ml.programs import Fits
from ml.train import Net, Training, chunk, train_epoch
from ml.trains import TrainingExperiment

NUM_INPUTS, NUM_OUTPUTS = SIDE * SIDE, len(LABELS)
HELD_OUT = 2000  # further training images to choose by: their accuracy strays by 1 %
GUESSING = float(np.log(NUM_OUTPUTS))  # the cross-entropy of one who knows nothing
SMALLEST = 0.01  # learning rate of a trial
DEPTHS, WIDTHS = (0, 1, 2, 3), (32, 64, 128, 256, 512)
DRAWN = 43  # place of the trials' random numbers
# The cost alone is no sign: after a start of N(0, 1) it is above that of guessing while 70 % of the
# images are right.
LOST, BLIND = 1.1 * GUESSING, 1.5 / NUM_OUTPUTS
LOST_RULE = (
    f"A run has diverged where its training images cost more than {LOST / GUESSING:g} times what"
    f" guessing does, or no number, and fewer than {BLIND:.0%} of them are right."
)


@dataclass(frozen=True, slots=True)
class OfPixels:
    """A net of bytes: `net` maps pixels in [0, 1], (L, n, 784), to logits."""

    net: Net

    def __call__(self, lanes: Lanes) -> nn.Sequential:
        """Divide by 255, then the net of these lanes."""
        return nn.Sequential(Pixels(), self.net(lanes))


class FashionExperiment(TrainingExperiment):
    """One that trains classifiers of clothes, by cross-entropy and SGD unless told else."""

    num_images: fields.NumImages = fields.IMAGES

    @cached_property
    def data(self) -> FashionMNIST:
        """Its training images and all test images."""
        return fashion_mnist.read(self.num_images)

    def classifier(self, key: str, lanes: Iterable[Lane], net: Net, **others: Any) -> Training:
        """A group of nets over the images; accuracy is measured beside the cross-entropy."""
        return self.training(
            key,
            self.data.X,
            self.data.y,
            lanes,
            OfPixels(net),
            **{"loss": cross_entropy, "also": {"accuracy": accuracy}, "judged_on": "test"} | others,
        )

    def lane(self, label: str, **others: Any) -> Lane:
        """A model that learns from all training images and is judged on all test images."""
        usual: dict[str, Any] = {"train": self.data.train, "valid": self.data.test}
        usual |= {name: getattr(self, name) for name in ("lr", "seed") if hasattr(self, name)}
        return Lane(label=label, **usual | others)

    def repetition(self, setting: str, seed: int, **others: Any) -> Lane:
        """One of the lanes of a setting, which differ in their seeds."""
        label = f"{setting}, seed {seed}"
        return self.lane(label, setting=setting, seed=seed, **others)

    @staticmethod
    def lost(fits: Fits) -> NDArray[np.bool_]:
        """Which lanes have diverged by which epoch, though their loss may be finite: (E, L)."""
        costs, right = fits.metric("train"), fits.metric("train accuracy")
        gone: NDArray[np.bool_] = ~(costs < LOST) & ~(right > BLIND)
        return gone


class BookMLP(FashionExperiment):
    """The model of 4.2 and 4.3: one hidden layer, 784-256-10, SGD at 0.1."""

    num_hiddens: fields.NumHiddens = 256
    lr: Annotated[
        fields.Lr,
        Field(description="Learning rate: 0.1 in the book's code, 0.5 in the prose of 4.2.5."),
    ] = 0.1
    batch_size: fields.BatchSize = 256
    num_epochs: Annotated[fields.NumEpochs, Field(le=1000)] = 10

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of every layer."""
        return NUM_INPUTS, self.num_hiddens, NUM_OUTPUTS

    def shown(self, outputs: Tensor) -> Iterator[Figure]:
        """What it takes the test images for, by its outputs for them (n, 10)."""
        y_hat = outputs.argmax(1)
        yield gallery(self.data, y_hat)
        yield confusion(self.data, y_hat)


class FashionChoice(FashionExperiment):
    """One that chooses between settings: by held-out images, and never by the test images."""

    num_images: Annotated[fields.NumImages, Field(le=fields.IMAGES - HELD_OUT)] = 10_000

    @cached_property
    def data(self) -> FashionMNIST:
        """Training images, then those that are held out, then all test images."""
        return fashion_mnist.read(self.num_images + HELD_OUT)

    def lane(self, label: str, **others: Any) -> Lane:
        """A model judged on held-out images, which may choose, and tested on the test images."""
        learnt, held_out = self.data.train.split([self.num_images, HELD_OUT])
        rows = {"train": learnt, "valid": held_out, "test": self.data.test}
        return super().lane(label, **rows | others)

    def classifier(self, key: str, lanes: Iterable[Lane], net: Net, **others: Any) -> Training:
        """The same, said to be judged on validation rows, and compared as `choose` does."""
        judged = {"judged_on": "valid", "best_by": "valid accuracy"}
        return super().classifier(key, lanes, net, **judged | others)

    def accuracies(self, fits: Fits, part: str) -> Floats:
        """Accuracy on "valid" or "test" images by epoch, NaN where a lane has diverged: (E, L)."""
        return np.where(self.lost(fits), np.nan, fits.metric(f"{part} accuracy"))

    @staticmethod
    def choose(held_out: Floats) -> int:
        """The place of the largest accuracy on held-out images: (n,), NaN is never chosen."""
        return int(np.nanargmax(held_out))

    def unmixed(self, fits: Fits) -> Check:
        """That what chooses was not learnt from, and what tests neither."""
        lanes = [lane for fitted in fits for lane in fitted.training.lanes]
        rows = [torch.cat([lane.train, lane.valid, lane.test]) for lane in lanes]
        twice = sum(len(each) - len(each.unique()) for each in rows)
        return self.equal("images in two of the training, held-out and test parts", 0, twice)


class Trial(NamedTuple):
    """One setting of a search: a net that starts as torch's do, and the learning rate of SGD."""

    net: MLP
    lr: float

    @property
    def depth(self) -> int:
        """How many hidden layers it has."""
        return len(self.net.sizes) - 2

    @property
    def label(self) -> str:
        """Such as "64-64 tanh, lr 0.0151"; without a hidden layer "linear, lr 0.318"."""
        activation = f" {self.net.activation}" * bool(self.depth)
        return f"{written(self.net.sizes[1:-1])}{activation}, lr {self.lr:.3g}"


def draw_trial(seed: int, i: int, max_lr: float) -> Trial:
    """Trial i of a search, from random numbers of its own: what others there are is no matter."""
    rng = draws.numpy_generator(seed, DRAWN, i)
    lr = float(np.exp(rng.uniform(np.log(SMALLEST), np.log(max_lr))))
    depth, width = int(rng.choice(DEPTHS)), int(rng.choice(WIDTHS))
    activation = str(rng.choice([*ACTIVATIONS])) if depth else "relu"  # it has no place
    return Trial(MLP((NUM_INPUTS, *(width,) * depth, NUM_OUTPUTS), activation), lr)


class _Enough(Exception):
    """The first minibatches have been heard."""


def first_losses(training: Training, steps: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Losses (steps, L) of the first minibatches of the shared loop, which begins anew."""
    losses = list[Tensor]()

    def heard(y_hat: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        loss = training.loss(y_hat, y, weight)
        losses.append(loss.detach())
        if len(losses) == steps:
            raise _Enough
        return loss

    lanes, net = training.lanes, training.net(training.lanes).to(dtype)
    optimizer, hearing = training.optimizer(net, lanes), replace(training, loss=heard)
    with suppress(_Enough):
        train_epoch(net, training.X, training.y, lanes, optimizer, hearing, 1)
    return torch.stack(losses)


@torch.no_grad()
def logits(net: nn.Module, X: Tensor) -> Tensor:
    """What each lane says of the same images, bytes (n, 784) -> (L, n, 10), in parts that fit.

    While training all at once: masks are drawn by row, and parts would share theirs.
    """
    start = next(net.parameters())
    X = X.to(start.device)
    parts = X.split(len(X) if net.training else chunk(len(start), X))
    return torch.cat([net(part.expand(len(start), -1, -1)) for part in parts], dim=1).cpu()


def bend(net: Callable[[Tensor], Tensor], data: FashionMNIST) -> float:
    """How far half-way outputs are from half-way between outputs, in their spread: 0 if affine."""
    a, b = data.X[data.test[:512]].float(), data.X[data.test[-512:]].float()
    ends, middle = (net(a), net(b)), net((a + b) / 2)
    return float((middle - (ends[0] + ends[1]) / 2).abs().max() / torch.cat(ends).std())


def gallery(data: FashionMNIST, y_hat: Tensor, count: int = 24) -> Figure:
    """The first test images with what they are and what y_hat (n,) takes them for."""
    y = data.y[data.test, 0]
    found, true = y_hat[:count].tolist(), y[:count].tolist()
    right = sum(a == b for a, b in zip(found, true, strict=True))
    return Figure(
        "gallery",
        "Test images: true and predicted",
        f"{right} of these {len(true)} are right; of all {len(y):,} test images"
        f" {float((y_hat == y).float().mean()):.1%}.",
        images=Images(
            data.X[data.test[:count]].view(-1, SIDE, SIDE).numpy(),
            tuple(
                LABELS[b] if a == b else f"{LABELS[b]}, taken for {LABELS[a]}"
                for a, b in zip(found, true, strict=True)
            ),
        ),
    )


def confusion(data: FashionMNIST, y_hat: Tensor) -> Figure:
    """How often each true class (a row) is taken for each class (a column), in per cent."""
    y = data.y[data.test, 0]
    counts = torch.bincount(y * NUM_OUTPUTS + y_hat, minlength=NUM_OUTPUTS**2).double()
    table = counts.view(NUM_OUTPUTS, NUM_OUTPUTS).numpy()
    share = 100 * table / np.maximum(table.sum(1, keepdims=True), 1)
    true, taken = divmod(int((share - np.diag(np.diag(share))).argmax()), NUM_OUTPUTS)
    hard = int(np.diag(share).argmin())
    return Figure(
        "confusion",
        "What is taken for what",
        f"Hardest is {LABELS[hard]}, right in {share[hard, hard]:.0f} % of its images; the most"
        f" frequent mistake: {share[true, taken]:.0f} % of {LABELS[true]} are taken for"
        f" {LABELS[taken]}.",
        heat_map=HeatMap(LABELS, LABELS, share),
        x_label="predicted",
        y_label="true",
    )
