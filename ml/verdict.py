"""4.4.3 What a pair of curves means, in words, and by which rule."""

import numpy as np
from numpy.typing import NDArray

from ml.events import Finding, Verdict

NARROW, WIDE = (
    0.10,
    0.35,
)  # of valid: below the first the gap is small, above the second it is large
RISEN = 0.05  # valid above its own lowest by this share has turned
RULE = (
    "Gap is (valid − train) / valid at the last epoch, means over the runs, in units of the measure"
    f" (a squared loss by its root). Up to {NARROW:.0%}: underfitting, the model fits new rows as"
    f" well as its own and could be richer. From {WIDE:.0%}, or where valid has risen {RISEN:.0%}"
    " above its lowest: overfitting. Between: about right."
)
NEAR, FAR = 2, 3  # times the root of the noise floor
FLOOR_RULE = (
    f" Where the noise is known, valid within {NEAR} times its root is about right, and train above"
    f" {FAR} times its root is underfitting."
)


def judge(curve: NDArray[np.float32], measured: str, *, floor: float = 0.0) -> Finding:
    """Underfitting, overfitting or about right: curve (E, 2, L) of train and valid.

    `floor` is the squared loss that not even the truth gets below, sigma^2/2 (4.4): a model near it
    is not poor, however wide its gap, and one far above it not good, however narrow.
    """
    train, valid = curve[:, :2].astype(np.float64).mean(2).T
    if not np.isfinite([train[-1], valid[-1]]).all():
        return Finding("not judged", "A run is not finite, or has no validation rows.", RULE)
    squared = "loss" in measured
    root = np.sqrt if squared else np.asarray
    best = int(np.nanargmin(valid))
    gap = float(1 - root(train[-1]) / root(valid[-1]))
    risen = float(root(valid[-1]) / root(valid[best]) - 1)
    figures = f"train {train[-1]:.4g}, valid {valid[-1]:.4g}, gap {gap:.0%} of valid"
    known = _beside(floor, train[-1], valid[-1]) if floor else None
    if known:
        text = f"{known.capitalize()}: {figures}. The noise alone costs {floor:.4g}."
        return Finding(known, text, RULE + FLOOR_RULE)
    verdict, why = _by_gap(gap, risen, f"epoch {best + 1}, {valid[best]:.4g}")
    return Finding(verdict, f"{verdict.capitalize()}: {figures}. {why}".strip(), RULE)


def _beside(floor: float, train: float, valid: float) -> Verdict | None:
    """What the noise floor says, where it says anything: squared losses."""
    if valid <= NEAR**2 * floor:
        return "about right"
    return "underfitting" if train >= FAR**2 * floor else None


def _by_gap(gap: float, risen: float, lowest: str) -> tuple[Verdict, str]:
    """What the gap and the rise of valid say, and why; `lowest` is where valid was lowest."""
    if risen >= RISEN:
        return "overfitting", f"Valid was lowest at {lowest}, and has risen by {risen:.0%} since."
    if gap >= WIDE:
        return "overfitting", "It fits its own rows far better than new ones."
    if gap <= NARROW:
        return "underfitting", "New rows cost hardly more than its own: it could be richer."
    return "about right", ""
