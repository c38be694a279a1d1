"""Trainings that can be one tensor program are one: stacked, trained, and told apart again."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import overload

import numpy as np
import torch

from ml.events import Event, Floats, Note, Started
from ml.lanes import Lanes
from ml.nn import count_parameters
from ml.train import Fitted, GroupDiverged, Progress, Training, fit


class Fits(Sequence[Fitted]):
    """What became of trainings, in the order in which they were named; their lanes in a row."""

    def __init__(self, each: Sequence[Fitted]) -> None:
        self.each = tuple(each)

    def __len__(self) -> int:
        return len(self.each)

    @overload
    def __getitem__(self, place: int) -> Fitted: ...

    @overload
    def __getitem__(self, place: slice) -> "Fits": ...

    def __getitem__(self, place: int | slice) -> "Fitted | Fits":
        return Fits(self.each[place]) if isinstance(place, slice) else self.each[place]

    def of(self, key: str) -> "Fits":
        """Those of one key."""
        return Fits([one for one in self.each if one.training.key == key])

    def at(self, setting: str) -> "Fits":
        """Those whose lanes repeat one setting."""
        return Fits([one for one in self.each if set(one.training.lanes.settings) == {setting}])

    def metric(self, name: str) -> Floats:
        """One metric of all lanes by epoch: (E, L); shorter curves, of groups that ended as they
        diverged, go on as NaN."""
        values = [one.metric(name) for one in self.each]
        most = max(map(len, values))
        padded = [np.pad(v, ((0, most - len(v)), (0, 0)), constant_values=np.nan) for v in values]
        return np.concatenate(padded, axis=1)

    def last(self, name: str) -> Floats:
        """One metric of all lanes at their last epoch, NaN where a lane diverged: (L,)."""
        return np.concatenate([one.last(name) for one in self.each])

    def parameter(self, name: str) -> Floats:
        """One parameter of all lanes, where their nets have it in one shape: (L, ...)."""
        return np.concatenate([one.parameter(name) for one in self.each])


def merged(trainings: Sequence[Training]) -> dict[str, list[int]]:
    """Which trainings are one program, by its key: places in `trainings`, in their order.

    Equal values are: the same key, net, loss, optimiser, batches and epochs. A key that has more
    than one program is told apart by the label of each one's first lane.
    """
    programs: dict[tuple[object, ...], list[int]] = {}
    for i, training in enumerate(trainings):
        programs.setdefault(training.program, []).append(i)
    firsts = [trainings[places[0]] for places in programs.values()]
    keys = [first.key for first in firsts]
    names = [f"{first.key}: {name_of(first)}" for first in firsts]
    labels = [f"{first.key}: {first.lanes.labels[0]}" for first in firsts]
    told = [
        key if keys.count(key) == 1 else name if names.count(name) == 1 else label
        for key, name, label in zip(keys, names, labels, strict=True)
    ]
    return dict(zip(told, programs.values(), strict=True))


def name_of(training: Training) -> str:
    """What tells it from others of its key: the setting of its first lane, or else its label."""
    return training.lanes.settings[0] or training.lanes.labels[0]


def stack(key: str, trainings: Sequence[Training]) -> Training:
    """Trainings of one program as one: rows that are not the same are stacked, lanes follow."""
    if len(trainings) == 1:
        return replace(trainings[0], key=key)
    tables = {place(training): training for training in trainings}
    sizes = [len(training.X) for training in tables.values()]
    offsets = dict(zip(tables, np.cumsum([0, *sizes]).tolist(), strict=False))
    lanes = [
        replace(
            lane,
            train=lane.train + offset,
            valid=lane.valid + offset,
            test=lane.test + offset,
        )
        for training in trainings
        for offset in [offsets[place(training)]]
        for lane in training.lanes
    ]
    X, y = ([getattr(training, name) for training in tables.values()] for name in ("X", "y"))
    one = len(tables) == 1  # and then nothing is copied
    return replace(
        trainings[0],
        key=key,
        lanes=Lanes.of(lanes),
        X=X[0] if one else torch.cat(X),
        y=y[0] if one else torch.cat(y),
    )


def place(training: Training) -> tuple[object, ...]:
    """Where its rows lie in memory: the same for trainings that share a table."""
    X, y = training.X, training.y
    return X.data_ptr(), X.shape, X.stride(), y.data_ptr(), y.shape, y.stride()


def fit_all(
    trainings: Sequence[Training],
    progress: Progress,
    *,
    asked: str | None = "",
    curves_only: bool = False,
) -> Generator[Event, None, Fits]:
    """Train all of them, those that can be one program side by side; go on where `progress` ends.

    `asked` is the setting that the headline of the job speaks of. Where only the curves matter, a
    group may diverge, and its net is forgotten once it has ended.

    Raises:
        Diverged: where the training measure of no lane of a group is a number any more.
    """
    programs = merged(trainings)
    groups = {key: stack(key, [trainings[i] for i in at]) for key, at in programs.items()}
    yield from started(groups.values(), asked)
    fits: dict[int, Fitted] = {}
    for key, group in groups.items():
        whole = yield from (fit_curve if curves_only else fit)(group, progress)
        at = 0
        for i in programs[key]:
            curve = whole.curve[:, :, at : at + len(trainings[i].lanes)]
            fits[i] = Fitted(trainings[i], curve, whole.stacked, at)
            at += len(trainings[i].lanes)
    return Fits(tuple(fits[i] for i in range(len(trainings))))


def fit_curve(training: Training, progress: Progress) -> Generator[Event, None, Fitted]:
    """Train a group of which only the curve matters, also where it ends as all lanes diverge."""
    done = progress.get(training.key)
    if done.keys() == {"curve"}:
        return Fitted(training, done["curve"].numpy())
    try:
        curve = (yield from fit(training, progress)).curve
    except GroupDiverged as ended:
        yield Note(str(ended), warning=True)
        curve = ended.curve
    progress.keep_curve(training.key, curve)
    return Fitted(training, curve)


def started(trainings: Iterable[Training], asked: str | None = "") -> Iterator[Started]:
    """Say all groups before the first begins, so that a watcher knows how much there is to do."""
    for training in trainings:
        yield Started(
            key=training.key,
            labels=training.lanes.labels,
            num_epochs=training.num_epochs,
            measure=training.measured,
            device=training.device.type,
            num_parameters=count_parameters(training.net(training.lanes)),
            metrics=training.metrics,
            settings=training.lanes.settings,
            asked=asked,
            judged_on=training.judged_on,
            best_by=training.best_by,
        )
