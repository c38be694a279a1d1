"""The trials of a sweep: which there are, what each trains, and what can be trained at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from ml.events import Floats
from ml.grid import written
from ml.lanes import Lane, Lanes
from ml.nn import count_parameters
from ml.programs import name_of, place
from ml.train import Training
from ml.trains import TrainingExperiment

AT_A_TIME = 2**24  # bytes of parameters, gradients and moments of one program: a cache's worth
HELD = 16  # bytes that a parameter takes of these: four numbers


class NotOneAnswer(ValueError):
    """An experiment compares settings of its own: a trial of it has no one number."""


def in_words(value: Any) -> str:
    """A value as its trial is called: layers as 128-64, a number by all of its digits."""
    if isinstance(value, float):
        return f"{value:.12g}"
    return written(tuple(value) if isinstance(value, list) else value)


def called(config: Mapping[str, Any]) -> str:
    """The values of a trial in words."""
    return ", ".join(f"{name} {in_words(value)}" for name, value in config.items())


@dataclass(frozen=True, slots=True)
class Trial:
    """One combination of values: `config` has those that are varied, as JSON has them."""

    place: int  # among all trials, from 0: what the sweep began from
    config: Mapping[str, Any]
    experiment: TrainingExperiment

    @property
    def name(self) -> str:
        """Its values in words: "lr 0.01, num_hiddens 128-64"."""
        return called(self.config)

    def trainings(self) -> list[Training]:
        """What the headline of this experiment is the mean of, its lanes called by the trial.

        Raises NotOneAnswer.
        """
        asked = self.experiment.asked
        every = [one for one in self.experiment.trainings() if one.lanes.valid.numel()]
        if asked is None:
            asked = name_of(every[0]) if every and every[0].lanes.settings[0] else ""
        found = [one for one in every if {*one.lanes.settings} == {asked}]
        if not found or (self.experiment.asked is None and len(found) < len(every)):
            raise NotOneAnswer(
                f"{self.experiment.name} compares settings of its own. A sweep varies an experiment"
                " whose headline is of one setting."
            )
        return [replace(one, lanes=self._called(one.lanes, asked)) for one in found]

    def _called(self, lanes: Lanes, asked: str) -> Lanes:
        return Lanes.of([replace(lane, label=self._label(lane, asked), setting=self.name)
                         for lane in lanes])  # fmt: skip

    def _label(self, lane: Lane, asked: str) -> str:
        own = lane.label.removeprefix(asked).strip(", ")
        return f"{self.name}, {own}" if own else self.name


@dataclass(frozen=True, slots=True)
class Part:
    """Trials of one program, so many as are trained at once; their lanes are one group of runs."""

    key: str
    trials: tuple[Trial, ...]
    lanes: int  # of each trial
    labels: tuple[str, ...]
    settings: tuple[str, ...]

    def trainings(self, places: Sequence[int]) -> list[Training]:
        """What those of its trials train, by their places in it."""
        return [one for i in places for one in self.trials[i].trainings()]


def parts(trials: Sequence[Trial]) -> list[Part]:
    """All trials, those together that can be one program, by the memory that they take.

    What a trial trains is made when it is trained: of thousands it would not fit into memory.
    """
    firsts: dict[tuple[object, ...], Training] = {}
    programs: dict[tuple[object, ...], list[tuple[Trial, tuple[str, ...]]]] = {}
    for trial in trials:
        each = trial.trainings()
        program = each[0].program
        firsts.setdefault(program, each[0])
        labels = tuple(label for one in each for label in one.lanes.labels)
        programs.setdefault(program, []).append((trial, labels))
    sizes = {
        program: _at_a_time(firsts[program], len(of[0][1])) for program, of in programs.items()
    }
    return [
        _part(of[at : at + sizes[program]])
        for program, of in programs.items()
        for at in range(0, len(of), sizes[program])
    ]


def _at_a_time(training: Training, lanes: int) -> int:
    """How many trials of so many lanes each are one program."""
    size = count_parameters(training.net(training.lanes)) * HELD * lanes
    return max(1, AT_A_TIME // size)


def _part(some: Sequence[tuple[Trial, tuple[str, ...]]]) -> Part:
    trials, labels = zip(*some, strict=True)
    first, last = trials[0].place, trials[-1].place
    return Part(
        key=f"trials {first} to {last}" if first < last else f"trial {first}",
        trials=trials,
        lanes=len(labels[0]),
        labels=tuple(chain(*labels)),
        settings=tuple(trial.name for trial, own in some for _ in own),
    )


def blocks(trial: Trial) -> list[int]:
    """Which lanes of a trial are judged by the same rows: (lanes,) numbers of these blocks.

    Where all are, such as starts beside one test set, each lane is a block of its own.
    """
    seen: dict[object, int] = {}
    found = [
        seen.setdefault((place(one), lane.valid.numpy().tobytes()), len(seen))
        for one in trial.trainings()
        for lane in one.lanes
    ]
    return found if len(seen) > 1 else [*range(len(found))]


def least(best_by: str, values: Floats) -> Floats:
    """Scores of which the least is best: a share, such as accuracy, is better the more it is."""
    return -values if " " in best_by else np.asarray(values)
