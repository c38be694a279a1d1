"""All trials trained, part by part; at each rung those that are behind leave the program."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml.events import Dropped, Epoch, Event, Floats, Note, Started
from ml.nn import count_parameters
from ml.programs import stack
from ml.sweeps.trials import Part, least
from ml.train import Begun, GroupDiverged, Progress, Training, fit

State = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Rung:
    """An epoch at which trials are compared, and how many of them go on from there."""

    epoch: int
    stay: int


def rungs(trials: int, num_epochs: int, eta: int) -> list[Rung]:
    """Successive halving (Jamieson and Talwalkar, 2016): one of eta goes on at each rung, and has
    eta times as many epochs before the next, or the end. With eta 1 there is none.
    """
    stays, epochs = [trials], [num_epochs]
    while eta > 1 and stays[-1] >= eta and epochs[-1] > 1:
        stays.append(stays[-1] // eta)
        epochs.append(-(-epochs[-1] // eta))
    return [Rung(*at) for at in zip(reversed(epochs[1:]), stays[1:], strict=True)]


@dataclass(slots=True)
class Standing:
    """Where a part stands: who is left in it, what a step of theirs needs, and all curves."""

    part: Part
    first: Training  # of its first trial: what all of them have in common
    curve: NDArray[np.float32]  # (num_epochs, M, lanes of all its trials), NaN where not trained
    alive: list[int]  # places of trials within the part
    epoch: int = 0
    states: dict[int, State] = field(default_factory=dict)  # of each that is left, by its place

    def columns(self, trials: Sequence[int]) -> list[int]:
        """The lanes of these trials within the part."""
        return [i * self.part.lanes + lane for i in trials for lane in range(self.part.lanes)]

    def metric(self, name: str, epoch: int) -> Floats:
        """One metric after an epoch, by trial: (trials, lanes)."""
        at = self.first.metrics.index(name)
        values: Floats = self.curve[epoch - 1, at].astype(np.float64)
        return values.reshape(-1, self.part.lanes)


class Running:
    """The trials of a sweep while they are trained.

    With eta above 1 all have as many epochs: trials of unlike length cannot be compared midway.
    The first `kept` of them are never dropped.
    """

    def __init__(self, parts: Sequence[Part], progress: Progress, *, eta: int, kept: int) -> None:
        self.progress, self.kept = progress, kept
        self.standings = [_new(part) for part in parts]
        trials = sum(len(part.trials) for part in parts)
        self.rungs = rungs(trials, self.standings[0].first.num_epochs, eta)

    def run(self) -> Iterator[Event]:
        """Train them to the end, or to where they are dropped.

        Where a crash has lost what lanes had learnt up to a rung, which only memory held, they
        learn it anew, without a word.
        """
        yield from self.started()
        for rung in self.rungs:
            for some in self.programs():
                yield from self._fit(some, rung.epoch)
            yield from self._drop(rung)
        for some in self.programs():
            yield from self._fit(some, some[0].first.num_epochs)

    def started(self) -> Iterator[Started]:
        """Say all groups before the first begins."""
        for standing in self.standings:
            part, first = standing.part, standing.first
            yield Started(
                key=part.key,
                labels=part.labels,
                num_epochs=first.num_epochs,
                measure=first.measured,
                device=first.device.type,
                num_parameters=count_parameters(first.net(first.lanes)),
                metrics=first.metrics,
                settings=part.settings,
                asked=None,
                judged_on=first.judged_on,
                best_by=first.best_by,
            )

    def programs(self) -> Iterator[list[Standing]]:
        """Parts that are trained as one: as those shrink that have dropped trials, more of them."""
        whole: dict[tuple[object, ...], int] = {}
        found: dict[tuple[object, ...], list[Standing]] = {}
        for one in self.standings:
            program = replace(one.first, key="").program
            whole[program] = max(whole.get(program, 0), len(one.part.trials))
            together = found.setdefault(program, [])
            if together and sum(len(o.alive) for o in [*together, one]) > whole[program]:
                yield together
                found[program] = together = []
            if one.alive:
                together.append(one)
        yield from (together for together in found.values() if together)

    def _fit(self, some: Sequence[Standing], until: int) -> Iterator[Event]:
        """Train some parts to the end of an epoch, as one program."""
        key, before = f"{some[0].part.key} until {until}", some[0].epoch
        done = self.progress.get(key)
        if done.keys() == {"curve"}:
            self._take(some, until, done["curve"].numpy(), {})
            return
        alive = [one.part.trainings(one.alive) for one in some]
        training = stack(key, [each for trainings in alive for each in trainings])
        begun = None
        if before:
            # what an attempt that broke off has saved is loaded in place of these
            begun = Begun(before, {} if done else self._states(some, training, before))
        curve, state = yield from _parted(some, _fit(training, self.progress, begun, until))
        self.progress.keep_curve(key, curve)
        self._take(some, until, curve, state)

    def _states(self, some: Sequence[Standing], training: Training, before: int) -> State:
        """What their lanes had learnt, in the order of the lanes."""
        if all(i in one.states for one in some for i in one.alive):
            each = [one.states[i] for one in some for i in one.alive]
            return {name: torch.cat([state[name] for state in each]) for name in each[0]}
        again = _fit(training, Progress(None), None, before)
        while True:
            try:
                next(again)
            except StopIteration as ended:
                state: State = ended.value[1]
                return state

    def _take(
        self, some: Sequence[Standing], until: int, curve: NDArray[np.float32], state: State
    ) -> None:
        """Note what a program has learnt, values (E, M, L); one that diverged learns no more."""
        at = 0
        for one in some:
            lanes, columns = one.part.lanes, one.columns(one.alive)
            own = slice(one.epoch, one.epoch + len(curve))
            one.curve[own, :, columns] = curve[..., at : at + len(columns)]
            starts = range(at, at + len(columns), lanes)
            one.states = {
                i: {name: rows[start : start + lanes] for name, rows in state.items()}
                for i, start in zip(one.alive, starts, strict=True)
                if state
            }
            at += len(columns)
            if own.stop < until:
                one.alive = []
            one.epoch = until

    def _drop(self, rung: Rung) -> Iterator[Event]:
        """Leave out all but the best; what the sweep began from stays to the end."""
        score: dict[tuple[str, int], float] = {}
        for one in self.standings:
            mean = least(one.first.best_by, one.metric(one.first.best_by, rung.epoch).mean(1))
            score |= {(one.part.key, i): float(mean[i]) for i in one.alive}
        ranked = sorted(score, key=lambda at: (np.isnan(score[at]), score[at]))
        stay = {*ranked[: rung.stay]}
        for one in self.standings:
            left = [
                i
                for i in one.alive
                if (one.part.key, i) in stay or one.part.trials[i].place < self.kept
            ]
            gone = [i for i in one.alive if i not in left]
            one.alive = left
            if gone:
                yield Dropped(one.part.key, rung.epoch, tuple(one.columns(gone)))


def _new(part: Part) -> Standing:
    first = part.trials[0].trainings()[0]
    shape = first.num_epochs, len(first.metrics), len(part.labels)
    return Standing(part, first, np.full(shape, np.nan, "f4"), [*range(len(part.trials))])


Fit = Generator[Event, None, tuple[NDArray[np.float32], State]]
"""A program that is trained: its events, then its curve (E, M, L) and its state."""


def _fit(training: Training, progress: Progress, begun: Begun | None, until: int) -> Fit:
    """Train a program; where all of its lanes diverge, its curve ends there and has no state."""
    try:
        fitted = yield from fit(training, progress, begun, until)
    except GroupDiverged as ended:
        yield Note(str(ended), warning=True)
        return ended.curve, {}
    return fitted.curve, fitted.state


def _parted(some: Sequence[Standing], program: Fit) -> Fit:
    """A program whose epochs are those of the parts in it."""
    while True:
        try:
            event = next(program)
        except StopIteration as ended:
            found: tuple[NDArray[np.float32], State] = ended.value
            return found
        yield from _epochs(some, event) if isinstance(event, Epoch) else [event]


def _epochs(some: Sequence[Standing], event: Epoch) -> Iterator[Epoch]:
    at = 0
    for one in some:
        columns = one.columns(one.alive)
        values = np.full((*event.values.shape[:2], len(one.part.labels)), np.nan, "f4")
        values[..., columns] = event.values[..., at : at + len(columns)]
        at += len(columns)
        yield Epoch(one.part.key, event.first, values)
