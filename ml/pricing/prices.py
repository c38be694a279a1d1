"""Checked rows to prices, never absurd: where none can be right, why."""

import numpy as np

from ml.predictor import Predictions, Predictor
from ml.schema import Checked, CheckedRow


def price_each(
    predictor: Predictor, checked: Checked, likely: int = 0
) -> tuple[Predictions, dict[int, str]]:
    """Prices of checked rows; and of those that came out at what none can have, why.

    The book clips house prices at 1 dollar (4.10.5), and no house sells below.
    """
    least = predictor.card.target.least
    priced = predictor.predict(checked.values, likely)
    finite = np.isfinite(priced.high) & np.isfinite(priced.low)
    low = priced.price <= (-np.inf if least is None else least)
    lost = np.flatnonzero(~finite | low).tolist()
    return priced, {i: _absurd(predictor, checked.rows[i], bool(finite[i])) for i in lost}


def _absurd(predictor: Predictor, row: CheckedRow, finite: bool) -> str:
    """Why a row has no price."""
    why = " ".join(item.message for item in row.warnings)
    words, least = predictor.card.words, predictor.card.target.least
    worth = f"not above {words.unit}{least:g}" if finite else "no finite number"
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
