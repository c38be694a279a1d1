"""4.10.5 How far off prices are that a net has not seen, and how far to trust that."""

from dataclasses import replace

import numpy as np
import torch

from ml.events import Figure, Floats
from ml.experiment import Diverged
from ml.grid import by_category
from ml.houses import book
from ml.houses.folds import View
from ml.intervals import plus_minus
from ml.programs import Fits


@torch.no_grad()
def residuals(folds: Fits, price: Floats, view: View) -> Floats:
    """log(sold / predicted) of every validation row, by a net that has not seen it: (n,).

    `folds` hold a net each, and `view` is what they have learnt from. Raises Diverged where a
    price is no number above 0.
    """
    each = list[Floats]()
    for one in folds:
        (lane,) = one.training.lanes
        X = one.training.X[lane.valid][None].to(one.training.device)
        outputs = one.net(X)[0, :, 0].cpu().double().numpy()
        with np.errstate(all="ignore"):  # what is no number is found below
            predicted = view(lane.train.numpy(), 0).target.prices(outputs)
            each.append(np.log(price[lane.valid] / predicted))
    if not all(np.isfinite(one).all() for one in each):
        raise Diverged(
            "Training diverged: some prices of houses that a fold has not seen are not finite"
            f" numbers above 0. A smaller lr usually helps; lr was {lane.lr:g}."
        )
    return np.concatenate(each)


def median_error(off: Floats) -> float:
    """Median of |predicted - sold| / sold, of residuals log(sold / predicted) (n,)."""
    return float(np.median(np.abs(np.expm1(-off))))


def fold_figure(valid: Floats, off: Floats, doubt: str) -> Figure:
    """Errors of each fold beside the book's: log RMSE (seeds, k), and residuals (n,) of all.

    `doubt` is what is known of other seeds where there is one only.
    """
    seeds, k = valid.shape
    means, folds = valid.mean(1), valid.mean(0)
    one_seed = (
        f"over {seeds} seeds, each a mean over {k} folds; one seed alone gives {means.min():.4f}"
        f" to {means.max():.4f}"
        if seeds > 1
        else f"on average of {k} folds with one seed; {doubt}"
    )
    figure = by_category(
        "folds",
        "Valid log RMSE of each fold",
        f"{plus_minus(means)} {one_seed}. From fold to fold it is {folds.min():.3f} to"
        f" {folds.max():.3f}. Half of the prices are off by less than {median_error(off):.1%}: the"
        " log RMSE is larger, as it weighs the few that are far off.",
        {f"fold {fold + 1}": valid[:, fold] for fold in range(k)},
        y_label="valid log RMSE",
    )
    beside = (book.fold_points(),) if k == len(book.FOLDS["valid"]) else ()
    return replace(figure, series=figure.series + beside)
