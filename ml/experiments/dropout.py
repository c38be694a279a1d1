"""4.6 Dropout: an MLP with two hidden layers, some of their units silenced while it learns."""

from collections.abc import Iterator
from typing import Literal

from torch import Tensor, nn

from ml import draws, fields
from ml.events import Check, Event
from ml.experiment import Preset
from ml.fashion import gallery, logits
from ml.grid import Grid
from ml.noise import LEARNT, NONE, BookDropout, answers, gap_figure
from ml.trains import Fits, Training
from ml.verdict import judge

FELT = 0.05  # a smaller dropout may leave two steps alike
APART = 1e-3  # of logits, and much less than dropout moves them
OVERFIT = {"num_images": 1000, "num_epochs": 100, "lr": 0.1, "batch_size": 32}


class DropoutMLP(BookDropout):
    """Train 784-256-256-10 with dropout 0.2 and 0.5, beside the same net without."""

    presets = (
        Preset("book", "The book's", "Dropout 0.2 and 0.5, SGD at 0.5, with ReLU.", {}),
        Preset("underfit", "Underfit", "Nine of ten dropped.", {"dropout1": 0.9, "dropout2": 0.9}),
        Preset("overfit", "Overfit", "1,000 images until hardly one is wrong.", OVERFIT),
    )

    name: Literal["dropout"] = "dropout"
    num_seeds: fields.NumSeeds = 1

    @property
    def grid(self) -> Grid:
        """Without and with, from the same starts in the same orders."""
        seeds = draws.each(self.seed, self.num_seeds)
        return Grid({"dropout": (NONE, self.asked), "seed": seeds})

    def trainings(self) -> Iterator[Training]:
        """A net for each setting and seed."""
        for setting, seed in self.grid:
            lane = self.repetition(setting, seed, dropout=0.0 if setting == NONE else self.p)
            yield self.classifier("dropout", [lane], self.net)

    def results(self, fits: Fits) -> Iterator[Event]:
        """What dropout does to accuracy and gap, and to the outputs of the net that has it."""
        plain, noisy = fits[: self.num_seeds], fits[self.num_seeds :]
        finding = judge(noisy, beside=plain, lost=self.lost(noisy)[-1])
        train, test = (self.grid.fold(fits.metric(f"{p} accuracy")) for p in ("train", "valid"))
        yield finding
        yield gap_figure(self.grid, train, test)
        if finding.verdict == "diverged":  # of a net that diverged nothing is claimed
            return
        net, X = noisy[0].net, self.data.X[self.data.test]
        yield gallery(self.data, logits(net, X)[0].argmax(1))
        if train[-1, 1, 0] > LEARNT and max(self.p) >= FELT:
            yield from self.only_while_training(net, X[:256])

    def only_while_training(self, net: nn.Module, X: Tensor) -> Iterator[Check]:
        """Two steps agree when evaluated and differ while training (4.6.3): X (n, 784)."""
        evaluated, steps = (answers(net, X, 2, training=training) for training in (False, True))
        twins = answers(net, X[:1].expand(2, -1), 1)[0, 0]  # (2, classes), a mask an example
        off = [float(pair.diff(dim=0).abs().max()) for pair in (evaluated, steps, twins)]
        yield self.near("evaluated twice, outputs apart", 0.0, off[0], 0.0, "words")
        yield self.at_least("two steps of training, outputs apart", APART, off[1], "words")
        name = "one image twice in a minibatch of training, outputs apart"
        yield self.at_least(name, APART, off[2])
