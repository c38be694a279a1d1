"""4.4.3 What curves mean, in words, and by which rule."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.events import Finding, Floats, Verdict
from ml.intervals import interval
from ml.programs import Fits

Scale = Callable[[Any], Any]

NARROW, WIDE = 0.10, 0.35  # of valid: a gap below the first is small, above the second large
RISEN = 0.05  # valid above its own lowest by this share has turned
GROWN = 2.0  # a training measure so many times that of the first epoch has run away
GAP_RULE = (
    "Gap is (valid − train) / valid at the last epoch, means over the runs of the setting, in units"
    f" of the measure (a squared loss by its root). Up to {NARROW:.0%}: underfitting, the model"
    f" fits new rows as well as its own and could be richer. From {WIDE:.0%}, or where valid has"
    f" risen {RISEN:.0%} above its lowest: overfitting. Between: about right."
)
NEAR, FAR = 2, 3  # times the root of the noise floor
FLOOR_RULE = (
    f" Where the noise is known, valid within {NEAR} times its root is about right, and train above"
    f" {FAR} times its root is underfitting."
)
BESIDE_RULE = (
    "The setting is compared with its neighbour at the last epoch, run by run with the same seed or"
    " fold: it helps or hurts where the 95 % interval of the difference of valid leaves out 0; of a"
    f" single run each, where they are {RISEN:.0%} apart."
)
LOST_RULE = (
    "A run has diverged where its training measure is no longer a finite number, or is"
    f" {GROWN:g} times as large as after its first epoch; a classifier also where its training"
    " examples cost it more than guessing, and it is hardly more often right."
)


def judge(
    asked: Fits,
    *,
    beside: Fits | None = None,
    floor: float = 0.0,
    lost: NDArray[np.bool_] | bool = False,
) -> Finding:
    """What the curves of one setting mean; beside a neighbour, whether it helps.

    `floor` is the squared loss that not even the truth gets below, sigma^2/2 (4.4): a model near it
    is not poor, however wide its gap, and one far above it not good, however narrow. The runs of
    `beside` are those of `asked`, in the same order, at the setting without what is asked about.
    Rows that are test rows are called so. `lost` (L,) are runs that have diverged, though their
    measure is finite.
    """
    finding = _judged(asked, beside, floor, lost)
    rows = asked[0].training.judged_on
    text, rule = (_speaking_of(rows, words) for words in (finding.text, finding.rule))
    return replace(finding, text=text, rule=rule)


def _speaking_of(rows: str, words: str) -> str:
    """The same sentence, with the rows that it calls valid under their own name."""
    return re.sub(r"\bvalid\b", rows, re.sub(r"\bValid\b", rows.capitalize(), words))


def _judged(
    asked: Fits, beside: Fits | None, floor: float, lost: NDArray[np.bool_] | bool
) -> Finding:
    train, valid = asked.metric("train"), asked.metric("valid")  # (E, L)
    setting = name_of(asked)
    if (lost := diverged(train) | lost).any():
        return Finding("diverged", _lost(train, lost), LOST_RULE, setting)
    if not np.isfinite(valid[-1]).all():
        return Finding("not judged", "A run has no validation rows.", GAP_RULE, setting)
    scale = np.sqrt if "loss" in asked[0].training.measured else np.asarray
    if beside is not None:
        return _compared(asked, beside, scale)
    return _alone(train.mean(1), valid.mean(1), scale, floor, setting)


def name_of(asked: Fits) -> str:
    """The setting that these lanes repeat; "" where they have none."""
    return asked[0].training.lanes.settings[0]


def diverged(train: Floats) -> NDArray[np.bool_]:
    """Which runs have: a training measure by epoch (E, L) -> (L,)."""
    with np.errstate(invalid="ignore", over="ignore"):
        lost: NDArray[np.bool_] = ~np.isfinite(train[-1]) | (train[-1] > GROWN * train[0])
    return lost


def _lost(train: Floats, lost: NDArray[np.bool_]) -> str:
    count, runs = int(lost.sum()), train.shape[1]
    which = f"{count} of {runs} runs" if runs > 1 else "The run"
    gone = ~np.isfinite(train[:, lost])
    if gone.any():
        first = int(gone.any(1).argmax()) + 1
        return f"{which} diverged: the training loss left the finite numbers at epoch {first}."
    worst = float(np.nanmax(train[-1, lost] / train[0, lost]))
    if worst <= GROWN:
        return f"{which} diverged: training has left it worse than guessing."
    return f"{which} diverged: training has made its own loss {worst:,.3g} times as large."


def _alone(train: Floats, valid: Floats, scale: Scale, floor: float, setting: str) -> Finding:
    """By the gap, and by the noise floor where one is known: means by epoch, (E,) each."""
    best = int(np.nanargmin(valid))
    gap = float(1 - scale(train[-1]) / scale(valid[-1]))
    risen = float(scale(valid[-1]) / scale(valid[best]) - 1)
    figures = f"train {train[-1]:.4g}, valid {valid[-1]:.4g}, gap {gap:.0%} of valid"
    known = _beside_floor(floor, train[-1], valid[-1]) if floor else None
    if known:
        text = f"{known.capitalize()}: {figures}. The noise alone costs {floor:.4g}."
        return Finding(known, text, GAP_RULE + FLOOR_RULE, setting)
    verdict, why = _by_gap(gap, risen, f"epoch {best + 1}, {valid[best]:.4g}")
    text = f"{verdict.capitalize()}: {figures}. {why}".strip()
    return Finding(verdict, text, GAP_RULE, setting)


def _beside_floor(floor: float, train: float, valid: float) -> Verdict | None:
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


def _compared(asked: Fits, beside: Fits, scale: Scale) -> Finding:
    """Whether the setting is better on rows it has not learnt from than its neighbour, by what
    settings are compared by: less of the loss, or more of a share such as accuracy."""
    name, other, by = name_of(asked), name_of(beside), asked[0].training.best_by
    share, rule = by.partition(" ")[2], BESIDE_RULE.replace("of valid", f"of {by}")
    ours, its = asked.last(by), beside.last(by)
    mean, half = map(float, interval(ours - its))
    of = f"{share} " if share else ""
    ends = f"{other} ends at {of}{its.mean():.4g} and {name} at {ours.mean():.4g}"
    if not np.isfinite(its).all():
        return Finding("helps", f"Helps: {ends}.", rule, name)
    sure = abs(mean) > half if np.isfinite(half) else abs(mean) > RISEN * float(its.mean())
    verdict: Verdict = "no clear difference"
    if sure:
        verdict = "helps" if (mean > 0 if share else mean < 0) else "hurts"
    around = f" ± {half:.2g}" if np.isfinite(half) else " (one run each)"
    before, after = (_gap(fits, share, scale) for fits in (beside, asked))
    text = (
        f"{verdict.capitalize()}: on new rows {ends}, a difference of {mean:+.4g}{around};"
        f" the gap goes from {before}{'' if share else ' of valid'} to {after}."
    )
    return Finding(verdict, text, rule, name)


def _gap(fits: Fits, share: str, scale: Scale) -> str:
    """How far a setting's own rows are from new ones, by its loss or by a share."""
    train, valid = (fits.last(f"{part} {share}".strip()).mean() for part in ("train", "valid"))
    return f"{train - valid:+.4f}" if share else f"{1 - scale(train) / scale(valid):.0%}"
