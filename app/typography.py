"""Typography: experiments write plain text, readers get true signs, units and names of measures."""

import math
import re
from collections.abc import Sequence

MINUS = "−"
SENTENCE = 30  # letters from which on a cell is a sentence rather than a word
Cell = str | float | None

_POWER = re.compile(r"(?<![\w.])([-−]?\d+(?:\.\d+)?)e([-−+]?\d+)(?!\w|\.\d)")
_OF_TEN = re.compile(r"\b10\^([-−]?(?:\d+\.)?\d+)")
_MINUS = re.compile(r"(?<![\w.)\]-])-(?=\.?\d)")
_RAISED = str.maketrans("-−0123456789.", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹·")
_MEASURES = {
    "log_rmse": "log RMSE",
    "mse": "MSE",
    "rmse": "RMSE",
    "cross_entropy": "cross-entropy",
    "squared_loss": "halved squared loss",  # (4.4): the book's loss has a factor of 1/2
}


def typeset(text: str) -> str:
    """1.5e-07 -> 1.5×10⁻⁷, 10^24.5 -> 10²⁴·⁵, -0.2 -> −0.2, 76% -> 76 %."""
    text = _OF_TEN.sub(lambda found: f"10{found[1].translate(_RAISED)}", _POWER.sub(_raised, text))
    return re.sub(r"(?<=\d)%", "\u00a0%", _MINUS.sub(MINUS, text))


def _raised(found: re.Match[str]) -> str:
    digits, power = f"{float(found[1].replace('−', '-')):.3g}", int(found[2].replace("−", "-"))
    if -4 <= power < 6:  # written out it is no longer
        return f"{float(digits) * 10.0**power:,.9g}"
    ten = f"10{str(power).translate(_RAISED)}"
    return ten if digits == "1" else f"{digits}×{ten}"


def measure_name(measure: str) -> str:
    """What a measure is called wherever a person reads it: log_rmse -> log RMSE."""
    return _MEASURES.get(measure, measure.replace("_", " "))


# ---- numbers; what the pages' scripts write, too, is held to these by tests/data/typography.json


def metric(value: float | None, digits: int = 4, *, fixed: bool = False) -> str:
    """0.1342; large and tiny numbers in as many digits as they need; a dash for nothing."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    if 1000 <= size < 1e7:
        text = f"{value:,.0f}"
    elif size < 1e7 and (fixed or size == 0 or 10**-digits / 2 <= size < 1000):
        text = f"{value:z.{digits}f}"  # z: no minus before nought
    else:
        text = f"{value:.3g}"
    return typeset(text)


def brief(value: float | None) -> str:
    """A number in a sentence or beside a curve: 0.1313, 84.14; the four digits of a verdict."""
    if value is None or not math.isfinite(value):
        return "–"
    return typeset(f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:#.4g}")


def short(value: float) -> str:
    """A number in as few digits as say it: 0.005, 5, 10⁻⁵."""
    return typeset(f"{value:.3g}")


def amount(value: float) -> str:
    """A number of anything, in a glance: 84, 0.031, 53,990, 166 m, 1.2 bn."""
    size = abs(value)
    for unit, of in (("bn", 1e9), ("m", 1e6)):
        if of <= size < 1e13:
            return typeset(f"{value / of:.3g} {unit}")
    return typeset(f"{float(f'{value:.4g}'):,.0f}" if 1000 <= size < 1e6 else f"{value:.4g}")


def count(value: int) -> str:
    """1,459."""
    return f"{value:,}"


def plural(number: int, noun: str, many: str = "") -> str:
    """1 job, 2 jobs."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def seconds(value: float | None) -> str:
    """3.2 s, 4 min 10 s, 2 h 5 min."""
    if value is None:
        return "–"
    if value < 60:
        return f"{max(value, 0):.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


# ---- cells of tables that an experiment yielded


def cell(value: Cell) -> str:
    """What stands in one cell."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return typeset(f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.3g}")
    return metric(value) if isinstance(value, float) else typeset(value)


def cells(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """The cells of a table: numbers of a column have the same decimals where that says enough."""
    columns = [_column(column) for column in zip(*rows, strict=True)]
    return [list(row) for row in zip(*columns, strict=True)]


def sentences(rows: Sequence[Sequence[Cell]]) -> list[bool]:
    """Which columns of a table are to be read from their left, and over several lines."""
    columns = zip(*rows, strict=True)
    return [any(isinstance(v, str) and len(v) > SENTENCE for v in column) for column in columns]


def _column(values: Sequence[Cell]) -> list[str]:
    known = [abs(v) for v in values if isinstance(v, float) and not v.is_integer()]
    if not known or not 1e-3 <= max(known) < 1000:
        return [cell(v) for v in values]
    if min(known) >= 1 and max(known) >= 10:  # a percentage, mostly: 86.3, not 86.3014
        return [typeset(f"{v:.1f}") if isinstance(v, int | float) else cell(v) for v in values]
    # of a number below 1e-5 the same decimals would leave 0.0000
    return [
        metric(v, fixed=not 0 < abs(v) < 1e-5) if isinstance(v, int | float) else cell(v)
        for v in values
    ]
