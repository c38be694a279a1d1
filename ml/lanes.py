"""A lane is one model of L trained side by side: its rows, its hyperparameters, its seed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from typing import Any

import torch
from torch import Tensor

NO_ROWS = torch.empty(0, dtype=torch.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What may differ between the models of one tensor program."""

    label: str
    train: Tensor  # (n,) rows to learn from
    valid: Tensor  # (m,) rows to be judged on, and chosen by; may be empty
    lr: float
    weight_decay: float = 0.0
    dropout: float | tuple[float, ...] = 0.0  # of all hidden layers, or of each
    seed: int = 0
    setting: str = ""  # lanes of one setting repeat each other: their mean means something
    scale: float = 1.0  # what the target was divided by: a measure is given in its own units
    test: Tensor = NO_ROWS  # (t,) rows that nothing is chosen by; empty where `valid` is all
    weight: Tensor | None = None  # (n,) of the rows learnt from, such as β; None: each counts once


@dataclass(frozen=True, slots=True)
class Lanes:
    """L lanes as tensors; shorter ones are padded with row 0 at weight 0."""

    labels: tuple[str, ...]
    seeds: tuple[int, ...]
    train: Tensor  # (L, n)
    train_weight: Tensor  # (L, n)
    valid: Tensor  # (L, m)
    valid_weight: Tensor  # (L, m)
    lr: Tensor  # (L,)
    weight_decay: Tensor  # (L,)
    dropout: Tensor  # (L, H) of the first H hidden layers; the last holds for all after it
    scale: Tensor  # (L,)
    settings: tuple[str, ...]
    test: Tensor  # (L, t)
    test_weight: Tensor  # (L, t)

    @classmethod
    def of(cls, lanes: Sequence[Lane]) -> "Lanes":
        """Stack lanes; every one needs at least one row to learn from."""
        if not lanes or any(len(lane.train) == 0 for lane in lanes):
            raise ValueError("Training needs at least one lane, and each lane at least one row.")
        train, ones = _pad([lane.train for lane in lanes])
        train_weight = ones * _padded([_weight(lane) for lane in lanes])
        valid, valid_weight = _pad([lane.valid for lane in lanes])
        test, test_weight = _pad([lane.test for lane in lanes])
        return cls(
            labels=tuple(lane.label for lane in lanes),
            seeds=tuple(lane.seed for lane in lanes),
            train=train,
            train_weight=train_weight,
            valid=valid,
            valid_weight=valid_weight,
            lr=_column(lane.lr for lane in lanes),
            weight_decay=_column(lane.weight_decay for lane in lanes),
            dropout=_dropouts([lane.dropout for lane in lanes]),
            scale=_column(lane.scale for lane in lanes),
            settings=tuple(lane.setting for lane in lanes),
            test=test,
            test_weight=test_weight,
        )

    @classmethod
    def one(cls, seed: int) -> "Lanes":
        """The lane of a net that is looked at and not trained: its seed is all that matters."""
        row = torch.arange(1)
        return cls.of([Lane(label="one", train=row, valid=row, lr=1.0, seed=seed)])

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[Lane]:
        """The lanes as they were before they were stacked."""
        for i, label in enumerate(self.labels):
            weight = self.train_weight[i][self.train_weight[i] > 0]
            yield Lane(
                label=label,
                train=self.train[i][self.train_weight[i] > 0],
                valid=self.valid[i][self.valid_weight[i] > 0],
                lr=float(self.lr[i]),
                weight_decay=float(self.weight_decay[i]),
                dropout=tuple(self.dropout[i].tolist()),
                seed=self.seeds[i],
                setting=self.settings[i],
                scale=float(self.scale[i]),
                test=self.test[i][self.test_weight[i] > 0],
                weight=weight if bool((weight != 1).any()) else None,
            )

    def to(self, device: torch.device) -> "Lanes":
        """The same lanes with their tensors on a device."""
        values = {field.name: getattr(self, field.name) for field in dataclass_fields(self)}
        tensors: dict[str, Any] = {
            name: value.to(device) for name, value in values.items() if isinstance(value, Tensor)
        }
        return replace(self, **tensors)


def _column(values: Iterable[float]) -> Tensor:
    return torch.tensor([*values], dtype=torch.float32)


def _dropouts(each: Sequence[float | tuple[float, ...]]) -> Tensor:
    """Probabilities of each lane's hidden layers, (L, H); a shorter row goes on as it ends."""
    rows = [p if isinstance(p, tuple) else (p,) for p in each]
    most = max(map(len, rows))
    return torch.tensor([row + row[-1:] * (most - len(row)) for row in rows])


def _pad(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Index vectors of different lengths -> rows (L, n), weights (L, n) that are 0 where padded."""
    index = _padded([r.long() for r in rows])
    lengths = torch.tensor([len(r) for r in rows])
    weight = (torch.arange(index.shape[1]) < lengths[:, None]).float()
    return index, weight


def _padded(rows: Sequence[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence([*rows], batch_first=True)


def _weight(lane: Lane) -> Tensor:
    """Of the rows that a lane learns from; one of 0 is as if it were not there."""
    if lane.weight is None:
        return torch.ones(len(lane.train))
    if len(lane.weight) != len(lane.train) or not bool((lane.weight >= 0).all()):
        raise ValueError("A weight is 0 or more, and there is one for each row learnt from.")
    return lane.weight.float()


def k_fold(n: int, k: int, *, drop_remainder: bool = False) -> Iterator[tuple[Tensor, Tensor]]:
    """The k folds of 4.10.6: contiguous slices in order -> (train rows, valid rows) of each.

    The book leaves out the n mod k rows that do not divide; otherwise they go one each to the first
    folds.
    """
    rows = torch.arange(n - n % k if drop_remainder else n)
    slices = torch.tensor_split(rows, k)
    for i, valid in enumerate(slices):
        yield torch.cat([*slices[:i], *slices[i + 1 :]]), valid
