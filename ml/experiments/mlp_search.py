"""4.3 Exercises of the MLP: lr, epochs, depth, width and activation searched together."""

from collections.abc import Iterator
from functools import cached_property
from itertools import product
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from ml import draws, fashion, fields
from ml.events import Checkpoint, Event, Figure, Series, Table
from ml.experiment import Diverged, Preset
from ml.fashion import DEPTHS, HELD_OUT, NUM_INPUTS, NUM_OUTPUTS, FashionChoice, Trial, draw_trial
from ml.grid import Grid, by_category
from ml.intervals import percent, plus_minus
from ml.lanes import NO_ROWS
from ml.nn import MLP
from ml.programs import fit_all
from ml.train import Progress
from ml.trains import Fits, Training

BOOK = Trial(MLP((NUM_INPUTS, 256, NUM_OUTPUTS)), 0.1)
LUCKY = 0.01  # the best of many was lucky, too: by 0.03 to 0.19 with each of 5 seeds


class Choice(NamedTuple):
    """The best trial, the number of epochs it is best after, and its held-out accuracy there."""

    trial: Trial
    epochs: int
    promised: float


class MLPSearch(FashionChoice):
    """Search learning rate, epochs, depth, width and activation, then try the best anew."""

    curves_only = True
    breakable = ("choose",)
    presets = (
        Preset("search", "Joint search", "24 trials; the best beside the book's setting.", {}),
        Preset("wide", "Longer steps", "Learning rates up to 30: some diverge.", {"max_lr": 30.0}),
    )

    name: Literal["mlp_search"] = "mlp_search"
    num_trials: int = fields.own(
        24, "Search", "Trials", "Settings drawn; more begin with the same ones.", ge=2, le=100
    )
    max_lr: float = fields.own(
        1.0,
        "Search",
        "Largest learning rate",
        "Rates are drawn from 0.01 to this, evenly in their logarithm.",
        "η",
        ge=0.02,
        le=100,
    )
    num_seeds: Annotated[fields.NumSeeds, Field(ge=2)] = 5
    batch_size: fields.BatchSize = 256
    num_epochs: Annotated[
        fields.NumEpochs, Field(le=200, description="Most passes; the search may choose fewer.")
    ] = 5

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Try every setting once, choose without the test images, then test the choice."""
        progress = Progress(resume)
        tried = yield from fit_all([*self.trainings()], progress, asked=None, curves_only=True)
        yield from self.results(tried)
        choice = self.chosen(tried)
        anew = [*self.anew(choice)]
        fits = yield from fit_all(anew, progress, asked="chosen", curves_only=True)
        yield from self.compared(choice, fits)
        yield self.unmixed(Fits([*tried, *fits]))

    # ---- the search

    @cached_property
    def trials(self) -> list[Trial]:
        """The first are the same, however many there are."""
        return [draw_trial(self.seed, i, self.max_lr) for i in range(self.num_trials)]

    def trainings(self) -> Iterator[Training]:
        """Every trial once. None sees the test images, so that these cannot choose."""
        for i, trial in enumerate(self.trials, 1):
            label, seed = f"trial {i}: {trial.label}", draws.nth(self.seed, 0)
            lane = self.lane(label, setting=label, lr=trial.lr, seed=seed, test=NO_ROWS)
            yield self.classifier("search", [lane], trial.net)

    def chosen(self, tried: Fits) -> Choice:
        """The trial, and the number of epochs, that are best on the held-out images.

        With a constant learning rate fewer epochs are the beginning of more: none is trained twice.
        """
        held_out = self.accuracies(tried, "valid")  # (E, T)
        if np.isnan(held_out).all():
            raise Diverged("Every trial diverged: none can be chosen. A smaller max_lr helps.")
        epoch, best = divmod(self.choose(held_out.ravel()), self.num_trials)
        return Choice(self.trials[best], epoch + 1, held_out[epoch, best])

    def results(self, tried: Fits) -> Iterator[Event]:
        """Accuracy on held-out images of every trial at its best epoch, NaN where it diverged."""
        choice, by_epoch = self.chosen(tried), self.accuracies(tried, "valid")
        best = self.trials.index(choice.trial)
        reached, lost = np.fmax.reduce(by_epoch), np.isnan(by_epoch[-1])  # (T,)
        x, lr = np.arange(1.0, self.num_trials + 1), np.array([trial.lr for trial in self.trials])
        depth = np.array([trial.depth for trial in self.trials])
        yield Figure(
            "search",
            "Accuracy of every trial by its learning rate",
            f"Best of {self.num_trials} trials is {choice.trial.label}, after {choice.epochs} of"
            f" {self.num_epochs} epochs: right on {choice.promised:.1%} of {HELD_OUT:,} held-out"
            f" images; {lost.sum()} diverged.",
            tuple(
                Series(f"{d} hidden", lr[there], reached[there], mode="markers")
                for d in DEPTHS
                if (there := np.isfinite(reached) & (depth == d)).any()
            ),
            x_label="learning rate",
            y_label="held-out accuracy",
            x_scale="log",
        )
        yield Figure.lines(
            "best_so_far",
            "The best so far, trial by trial",
            f"Trial {best + 1} of {self.num_trials} is the last to better what came before it.",
            x,
            {"best so far": np.fmax.accumulate(reached)},
            Series("trial", x, reached, mode="markers"),
            x_label="trial",
            y_label="held-out accuracy",
        )
        order = np.argsort(-reached, kind="stable")  # NaN last
        outcomes = np.where(lost, "diverged", "")
        outcomes[best] = "chosen"
        columns: dict[str, Any] = {"trial": x, "setting": [trial.label for trial in self.trials]}
        columns["best epoch"] = 1.0 + np.nan_to_num(by_epoch, nan=-1).argmax(0)
        columns |= {"accuracy": reached, "outcome": outcomes}
        note = (
            f"{self.num_images:,} images, at most {self.num_epochs} epochs, SGD; accuracy on"
            f" {HELD_OUT:,} held-out images, which alone strays by about 1 %. {fashion.LOST_RULE}"
        )
        rows = {name: np.array(column)[order].tolist() for name, column in columns.items()}
        yield Table.of("search", "Trials, best first", rows, note)

    # ---- the choice, with seeds that chose nothing

    def anew(self, choice: Choice) -> Iterator[Training]:
        """The chosen setting, and the book's for all epochs, with the same fresh seeds."""
        _, *seeds = draws.each(self.seed, 1 + self.num_seeds)  # the first one searched
        settings = ("chosen", choice.trial, choice.epochs), ("book", BOOK, self.num_epochs)
        for (name, trial, num_epochs), seed in product(settings, seeds):
            lane = self.repetition(name, seed, lr=trial.lr)
            yield self.classifier(name, [lane], trial.net, num_epochs=num_epochs)

    def compared(self, choice: Choice, fits: Fits) -> Iterator[Event]:
        """Test accuracy of both settings, seed by seed (S,), NaN where one diverged."""
        ours, books = (self.accuracies(fits.at(name), "test")[-1] for name in ("chosen", "book"))
        names = f"{choice.trial.label}, {choice.epochs} epochs", f"the book's {BOOK.label}"
        lost = np.isnan([ours, books]).sum(1)
        right = (
            f"is right on {plus_minus(ours, '.1%')} of the test images with fresh ones, {names[1]}"
            f" on {plus_minus(books, '.1%')}; {percent('paired by seed', ours - books)}"
        )
        gone = f"diverges with {lost[0]} of {len(ours)} fresh seeds, {names[1]} with {lost[1]}"
        title = "The chosen setting beside the book's, on test images"
        finding = (
            f"{names[0]}, right on {choice.promised:.1%} of the held-out images with the seed that"
            f" chose, {gone if lost.any() else right}."
        )
        both = {"chosen": ours, "book": books}
        yield by_category("chosen", title, finding, both, y_label="test accuracy")
        grid = Grid({"setting": names, "seed": range(self.num_seeds)})
        ends = {"test": np.stack([ours, books])}
        note = (
            f"{self.num_seeds} fresh seeds, both trained alike; empty: one diverged, as trials do."
        )
        yield grid.ends("chosen", "Test accuracy", ends, note)
        if self.matches():
            luck = choice.promised - float(ours.mean())
            name = "held-out accuracy of the choice minus test accuracy anew"
            yield self.above(name, LUCKY, luck)
