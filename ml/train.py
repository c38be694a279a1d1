"""The training loop: there is one, and it knows nothing of folds or sweeps."""

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from ml import draws
from ml.events import Checkpoint, Epoch, Event, Floats
from ml.experiment import Diverged
from ml.lanes import Lanes
from ml.losses import Loss
from ml.nn import set_moment, set_rows, show
from ml.optim import Optimizer

SAY_EVERY = 0.05  # seconds between two events: a curve is watched by eyes
SAVE_EVERY = 1.0  # seconds between two checkpoints: what a crash may cost
CACHED = 2**25  # numbers of gathered rows kept for evaluation (128 MiB): a copy an epoch is saved
PARTS = ("train", "valid", "test")
CHUNK, CHUNK_CPU = 2**24, 2**20  # numbers of rows evaluated at a time otherwise


Net = Callable[[Lanes], nn.Module]
Probe = Callable[[nn.Module], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Training:
    """One group of lanes as plain values: their rows point into X (N, d) and y (N, out)."""

    key: str
    lanes: Lanes
    X: Tensor
    y: Tensor
    net: Net
    loss: Loss
    measure: Loss
    measured: str  # the name of `measure`
    also: Mapping[str, Loss] = field(default_factory=dict)  # further measures, by name
    probes: Mapping[str, Probe] = field(default_factory=dict)  # (L,) of the net itself, by name
    optimizer: Callable[[nn.Module, Lanes], Optimizer]
    num_epochs: int
    batch_size: int
    whole_batches: bool = False  # what is left over at the end of an epoch is not learnt from
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    judged_on: Literal["valid", "test"] = "valid"  # what the rows are that `valid` names
    best_by: str = "valid"  # the metric by which settings are compared

    @property
    def metrics(self) -> tuple[str, ...]:
        """The M numbers of an epoch by name, in their order: "train", "valid", "train accuracy"."""
        parts = PARTS if self.lanes.test.numel() else PARTS[:2]
        return *parts, *(f"{part} {name}" for name in self.also for part in parts), *self.probes

    @property
    def program(self) -> tuple[object, ...]:
        """What trainings have in common that can be one: all but their lanes and their rows."""
        shapes = self.X.shape[1:], self.X.dtype, self.y.shape[1:], self.y.dtype
        further = *self.also.items(), *self.probes.items()
        measures = self.loss, self.measure, self.measured, further
        steps = self.optimizer, self.num_epochs, self.batch_size, self.whole_batches
        judged = self.judged_on, self.best_by
        return self.key, self.net, *shapes, *measures, *steps, self.device, *judged


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What became of a training: its curve (E, M, L), and its lanes within the net of all."""

    training: Training
    curve: NDArray[np.float32]
    stacked: nn.Module | None = None  # the net of its program, in evaluation mode
    first: int = 0  # of its lanes in there
    state: Mapping[str, Tensor] = field(default_factory=dict)  # of its program, to go on from

    def metric(self, name: str) -> Floats:
        """One metric of every lane by epoch, by its name: (E, L). Raises ValueError."""
        return self.curve[:, self.training.metrics.index(name)].astype(np.float64)

    def last(self, name: str) -> Floats:
        """One metric of every lane at its last epoch, NaN where the lane diverged: (L,)."""
        return np.where(np.isfinite(self.curve[-1, 0]), self.metric(name)[-1], np.nan)

    def parameter(self, name: str) -> Floats:
        """One parameter of every lane, by its name in the net such as "0.weight": (L, ...)."""
        assert self.stacked is not None
        value = self.stacked.get_parameter(name).detach()[self._place]
        return value.cpu().double().numpy()

    @property
    def net(self) -> nn.Module:
        """The net of these lanes alone, in evaluation mode."""
        assert self.stacked is not None
        net = self.training.net(self.training.lanes).to(self.training.device)
        for own, all_lanes in zip(net.parameters(), self.stacked.parameters(), strict=True):
            own.data = all_lanes.detach()[self._place].clone()
        lanes = self.training.lanes.to(self.training.device)
        X, y = _on(self.training.device, self.training.X, self.training.y)
        show(net, X, y, lanes.train, lanes.train_weight)
        return net.eval()

    @property
    def _place(self) -> slice:
        return slice(self.first, self.first + len(self.training.lanes))


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """Where lanes left off after an epoch: what a step reads and writes, tensors of L rows."""

    epoch: int
    state: Mapping[str, Tensor]


class GroupDiverged(Diverged):
    """No lane of a group has a finite number any more; its curve so far is (E, M, L)."""

    def __init__(self, text: str, curve: NDArray[np.float32]) -> None:
        super().__init__(text)
        self.curve = curve


class Progress:
    """The states of a job's groups so far, by key: what a checkpoint holds."""

    def __init__(self, resume: Checkpoint | None) -> None:
        self.tensors: dict[str, Tensor] = load_tensors(resume.state) if resume else {}

    def put(self, key: str, state: dict[str, Tensor], curve: NDArray[np.float32]) -> Checkpoint:
        """Remember where the group `key` stands, and say all that is remembered."""
        values = state | {"curve": torch.from_numpy(curve)}
        self.tensors |= {f"{key}/{name}": value.cpu().clone() for name, value in values.items()}
        return Checkpoint(save_tensors(self.tensors))

    def keep_curve(self, key: str, curve: NDArray[np.float32]) -> None:
        """Forget the state of a group that has ended: a search would carry all of its nets."""
        for name in self.get(key):
            del self.tensors[f"{key}/{name}"]
        self.tensors[f"{key}/curve"] = torch.from_numpy(curve)

    def get(self, key: str) -> dict[str, Tensor]:
        """What was remembered of a group: empty where it has not begun."""
        prefix = f"{key}/"
        return {
            name.removeprefix(prefix): value
            for name, value in self.tensors.items()
            if name.startswith(prefix)
        }


def fit(
    training: Training, progress: Progress, begun: Begun | None = None, until: int | None = None
) -> Generator[Event, None, Fitted]:
    """Train every lane at once, saying how each does after each epoch; go on where `progress` ends.

    From where others left off, `begun`, and to the end of epoch `until`, its curve is of the epochs
    between.

    Raises:
        GroupDiverged: where the training measure of no lane is a number any more.
    """
    lanes, X, y = training.lanes.to(training.device), *_on(training.device, training.X, training.y)
    net = training.net(training.lanes).to(training.device)
    show(net, X, y, lanes.train, lanes.train_weight)
    optimizer = training.optimizer(net, lanes)
    judged = Evaluation(training, lanes, X, y)
    curve = _taken_up(optimizer, begun, progress.get(training.key))
    before, end = begun.epoch if begun else 0, until or training.num_epochs
    said, heard, kept = len(curve), time.monotonic(), time.monotonic()
    for epoch in range(before + len(curve) + 1, end + 1):
        train_epoch(net, X, y, lanes, optimizer, training, epoch)
        curve.append(judged(net))
        now, last = time.monotonic(), epoch == end
        lost = not np.isfinite(curve[-1][0]).any()
        if epoch == before + 1 or last or lost or now - heard >= SAY_EVERY:
            yield Epoch(training.key, before + said + 1, np.stack(curve[said:]))
            said, heard = len(curve), now
            if lost:
                raise GroupDiverged(_diverged(training, epoch), np.stack(curve))
            if last or now - kept >= SAVE_EVERY:
                yield progress.put(training.key, optimizer.state(), np.stack(curve))
                kept = now
    net.eval()
    return Fitted(training, np.stack(curve), net, state=optimizer.state())


def _taken_up(
    optimizer: Optimizer, begun: Begun | None, saved: dict[str, Tensor]
) -> list[NDArray[np.float32]]:
    """The curve so far, with the optimiser where it was: saved by an attempt that broke off, or
    where others left off."""
    curve: list[NDArray[np.float32]] = [*saved.pop("curve").numpy()] if saved else []
    if state := saved or (begun and begun.state):
        optimizer.load(state)
    return curve


def _on(device: torch.device, *tensors: Tensor) -> list[Tensor]:
    return [tensor.to(device) for tensor in tensors]


def _diverged(training: Training, epoch: int) -> str:
    return (
        f"Training diverged at epoch {epoch}: {training.measured} is no longer a finite number in"
        f" any run of {training.key!r}. A smaller lr usually helps; lr was"
        f" {float(training.lanes.lr.max()):g}."
    )


def train_epoch(
    net: nn.Module,
    X: Tensor,
    y: Tensor,
    lanes: Lanes,
    optimizer: Optimizer,
    training: Training,
    epoch: int,
) -> None:
    """One pass of every lane over its own rows, in an order drawn from its seed and the epoch."""
    net.train()
    order = draws.order(
        draws.keys(lanes.seeds, epoch, draws.ORDER).to(X.device), lanes.train_weight
    )
    if training.whole_batches:
        order = order[:, : order.shape[1] // training.batch_size * training.batch_size]
    rows = lanes.train.gather(1, order).split(training.batch_size, dim=1)
    weights = lanes.train_weight.gather(1, order).split(training.batch_size, dim=1)
    ragged = bool((lanes.train_weight == 0).any())
    for step, (batch, weight) in enumerate(zip(rows, weights, strict=True)):
        set_moment(net, epoch, step)
        set_rows(net, batch)
        active = (weight.sum(1) > 0) if ragged else None
        losses = training.loss(net(X[batch]), y[batch], weight)
        if active is not None:
            losses = losses.where(active, torch.zeros_like(losses))
        optimizer.step(losses.sum(), active)  # lanes share no weight: the sum keeps them apart


class Evaluation:
    """Measures every lane on its training rows, its validation rows, and its test rows if any."""

    def __init__(self, training: Training, lanes: Lanes, X: Tensor, y: Tensor) -> None:
        self.measures, self.X, self.y = (training.measure, *training.also.values()), X, y
        self.probes, self.scale = training.probes.values(), lanes.scale
        self.parts = [(lanes.train, lanes.train_weight), (lanes.valid, lanes.valid_weight)]
        if lanes.test.numel():
            self.parts.append((lanes.test, lanes.test_weight))
        numbers = sum(rows.numel() for rows, _ in self.parts) * X[0].numel()
        self.gathered = [X[rows] for rows, _ in self.parts] if numbers <= CACHED else None

    @torch.no_grad()
    def __call__(self, net: nn.Module) -> NDArray[np.float32]:
        """Every measure on every part, NaN where a lane has no rows, then every probe: (M, L)."""
        net.eval()
        shape = len(self.measures), len(self.parts), len(self.parts[0][0])
        found = np.full(shape, np.nan, dtype=np.float32)
        for part, (rows, weight) in enumerate(self.parts):
            if rows.numel():
                set_rows(net, rows)
                y_hat = net(self.gathered[part]) if self.gathered else self.predict(net, rows)
                for i, measure in enumerate(self.measures):
                    value = measure(y_hat, self.y[rows], weight)
                    # in units of the target; a share, such as accuracy, has none
                    found[i, part] = (value if i else value * self.scale).float().cpu().numpy()
        probed = [probe(net).float().cpu().numpy() for probe in self.probes]
        return np.vstack([found.reshape(-1, found.shape[2]), *probed])

    def predict(self, net: nn.Module, rows: Tensor) -> Tensor:
        """Outputs for rows (L, n) too many to gather at once: (L, n, out)."""
        outputs = []
        for part in rows.split(chunk(len(rows), self.X), dim=1):
            set_rows(net, part)
            outputs.append(net(self.X[part]))
        return torch.cat(outputs, dim=1)


def chunk(lanes: int, X: Tensor) -> int:
    """How many rows of X so many lanes evaluate at a time: on a CPU they stay in its cache."""
    numbers = CHUNK_CPU if X.device.type == "cpu" else CHUNK
    return max(1, numbers // (lanes * X[0].numel()))
