"""A lane is one model of L trained side by side: its rows, its hyperparameters, its seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What may differ between the models of one tensor program."""

    label: str
    train: Tensor  # (n,) rows to learn from
    valid: Tensor  # (m,) rows to be judged on; may be empty
    lr: float
    weight_decay: float = 0.0
    dropout: float = 0.0
    seed: int = 0


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
    dropout: Tensor  # (L,)

    @classmethod
    def of(cls, lanes: Sequence[Lane]) -> "Lanes":
        """Stack lanes; every one needs at least one row to learn from."""
        if not lanes or any(len(lane.train) == 0 for lane in lanes):
            raise ValueError("Training needs at least one lane, and each lane at least one row.")
        train, train_weight = _pad([lane.train for lane in lanes])
        valid, valid_weight = _pad([lane.valid for lane in lanes])
        lr, weight_decay, dropout = torch.tensor(
            [(lane.lr, lane.weight_decay, lane.dropout) for lane in lanes], dtype=torch.float32
        ).T
        labels = tuple(lane.label for lane in lanes)
        seeds = tuple(lane.seed for lane in lanes)
        return cls(
            labels, seeds, train, train_weight, valid, valid_weight, lr, weight_decay, dropout
        )

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "Lanes":
        """The same lanes with their tensors on a device."""
        tensors = {
            name: getattr(self, name).to(device)
            for name in (
                "train",
                "train_weight",
                "valid",
                "valid_weight",
                "lr",
                "weight_decay",
                "dropout",
            )
        }
        return replace(self, **tensors)


def _pad(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Index vectors of different lengths -> rows (L, n), weights (L, n) that are 0 where padded."""
    index = torch.nn.utils.rnn.pad_sequence([r.long() for r in rows], batch_first=True)
    lengths = torch.tensor([len(r) for r in rows])
    weight = (torch.arange(index.shape[1]) < lengths[:, None]).float()
    return index, weight


def k_fold(n: int, k: int, *, drop_remainder: bool = False) -> Iterator[tuple[Tensor, Tensor]]:
    """The k folds of 4.10.6: contiguous slices in order -> (train rows, valid rows) of each.

    The book leaves out the n mod k rows that do not divide; otherwise they go one each to the first
    folds.
    """
    rows = torch.arange(n - n % k if drop_remainder else n)
    slices = torch.tensor_split(rows, k)
    for i, valid in enumerate(slices):
        yield torch.cat([*slices[:i], *slices[i + 1 :]]), valid
