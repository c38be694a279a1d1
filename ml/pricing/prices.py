"""Checked rows to prices, never absurd: where none can be right, why."""

import numpy as np
from numpy.typing import NDArray

from ml.events import Floats
from ml.predictor import Predictions, Predictor
from ml.schema import Checked, CheckedRow


def price_each(
    predictor: Predictor, checked: Checked, likely: int = 0
) -> tuple[Predictions, dict[int, str]]:
    """Prices of checked rows; and of those that came out at what none can have, why.

    The book clips house prices at 1 dollar (4.10.5), and no house sells below. Nor is a number an
    answer that lies further beyond all that was learnt from than these lie from each other.
    """
    least = predictor.card.target.least
    priced = predictor.predict(checked.values, likely)
    finite = np.isfinite(priced.high) & np.isfinite(priced.low)
    low = priced.price <= (-np.inf if least is None else least)
    far = finite & ~low
    far[far] = _beyond(predictor, priced.price[far])
    lost = np.flatnonzero(~finite | low | far).tolist()
    return priced, {
        i: _absurd(predictor, checked.rows[i], priced.price[i], bool(finite[i]), bool(far[i]))
        for i in lost
    }


def _beyond(predictor: Predictor, prices: Floats) -> NDArray[np.bool_]:
    """Which prices lie further beyond all that was learnt from than these lie from each other."""
    if predictor.judged is None or not len(prices):
        return np.zeros(len(prices), bool)
    learnt = predictor.judged.target  # as errors are measured
    low, high = float(learnt.min()), float(learnt.max())
    said = predictor.card.target.measured(prices)
    beyond: NDArray[np.bool_] = (said < 2 * low - high) | (said > 2 * high - low)
    return beyond & (low < high)


def _absurd(predictor: Predictor, row: CheckedRow, price: float, finite: bool, far: bool) -> str:
    """Why a row has no price."""
    why = " ".join(item.message for item in row.warnings)
    words, least = predictor.card.words, predictor.card.target.least
    worth = f"not above {words.unit}{least:g}" if finite else "no finite number"
    worth = f"{words.unit}{price:.3g}, which nothing learnt comes near" if far else worth
    return (
        f"{row.place} is so far from all that training has seen that its {words.value} is {worth}."
        + (f" Its warnings without that: {why}" if why else "")
    )


def columns(priced: Predictions) -> tuple[list[float], list[float], list[float]]:
    """Prices and bounds as plain numbers."""
    return priced.price.tolist(), priced.low.tolist(), priced.high.tolist()


def exact(value: float) -> str:
    """In four decimals, or in as many digits as a small number needs."""
    return f"{value:.4f}" if abs(value) >= 1 or not value else f"{value:.7g}"
