"""4.10.7 What the book prints for its five folds, and a run set beside it."""

from collections.abc import Iterator, Sequence

import numpy as np

from ml.events import Check, Table
from ml.experiment import Experiment, Preset

TRAIN = (0.169854, 0.161957, 0.163386, 0.167667, 0.162538)
VALID = (0.157272, 0.188484, 0.167722, 0.154572, 0.182737)
MEAN_TRAIN, MEAN_VALID, REFIT = 0.165080, 0.170157, 0.162503
EACH, MEAN = 0.006, 0.003  # tolerances: of a fold over random starts, and of the mean

BOOK = Preset(
    "book",
    "The book's",
    "Linear on the raw price, Adam with lr 5, as in 4.10.7.",
    {
        "preprocessing": "book", "target": "raw", "num_hiddens": (), "dropout": 0.0,
        "optimizer": "adam", "lr": 5.0, "weight_decay": 0.0, "batch_size": 64, "num_epochs": 100,
    },
)  # fmt: skip
LINEAR_LOG = Preset(
    "linear_log",
    "Linear, log price",
    "The cheapest improvement on the book: the same net learns the logarithm.",
    BOOK.values | {"target": "log", "lr": 0.005},
)
BOTH = Preset(
    "both",
    "Honest against book",
    "Each fold preprocessed both ways, as ten runs side by side.",
    {"preprocessing": "both"},
)


def fold_table(train: Sequence[float], valid: Sequence[float]) -> Table:
    """Log RMSE of five folds beside the book's: train (5,), valid (5,)."""
    rows: list[tuple[str | float, ...]] = [
        (
            str(fold + 1),
            TRAIN[fold],
            train[fold],
            VALID[fold],
            valid[fold],
            valid[fold] - VALID[fold],
        )
        for fold in range(len(VALID))
    ]
    means = (MEAN_TRAIN, float(np.mean(train)), MEAN_VALID, float(np.mean(valid)))
    return Table(
        "beside_the_book",
        "Beside the book",
        ("fold", "book train", "got train", "book valid", "got valid", "difference"),
        (*rows, ("mean", *means, means[3] - means[2])),
        f"Log RMSE. With the book's settings each fold is held to ±{EACH} and the mean to ±{MEAN}.",
    )


def book_checks(run: Experiment, train: Sequence[float], valid: Sequence[float]) -> Iterator[Check]:
    """A run with the book's own settings: every fold and both means, train (5,), valid (5,)."""
    for name, printed, got in (("train", TRAIN, train), ("valid", VALID, valid)):
        for fold, (book, ours) in enumerate(zip(printed, got, strict=True), 1):
            yield run.near(f"fold {fold} {name} log RMSE", book, ours, EACH, "figure")
    yield run.near("mean train log RMSE", MEAN_TRAIN, float(np.mean(train)), MEAN, "figure")
    yield run.near("mean valid log RMSE", MEAN_VALID, float(np.mean(valid)), MEAN, "figure")


def ways_table(honest: Sequence[float], book: Sequence[float]) -> Table:
    """What looking at validation and test rows is worth: honest (k,), book (k,)."""
    difference = np.subtract(book, honest)
    rows = [(str(i + 1), h, b, b - h) for i, (h, b) in enumerate(zip(honest, book, strict=True))]
    means = ("mean", float(np.mean(honest)), float(np.mean(book)), float(difference.mean()))
    half = float(difference.std(ddof=1) / np.sqrt(len(difference)))
    return Table(
        "ways",
        "Honest against book preprocessing",
        ("fold", "honest valid", "book valid", "difference"),
        (*rows, means),
        f"Below zero, the book's scaler flatters. Standard error of the mean: {half:.4f}.",
    )
