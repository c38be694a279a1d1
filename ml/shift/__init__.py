"""4.9 When source and target differ: is there a shift, of which kind, and what corrects it.

The book's letters: q source, p target, z = -1 source and +1 target, β = p/q; n and m rows.
"""

from ml.shift.columns import ColumnShift
from ml.shift.concept import ConceptShift, concept_shift
from ml.shift.detector import Shift, TwoSample, detect, two_sample
from ml.shift.labels import LabelShift, by_class, confusion, label_shift
from ml.shift.ratio import DensityRatio, density_ratio, effective_rows, unsupported
from ml.shift.risk import Risk, advice, corrected_risk, gain

__all__ = [
    "ColumnShift",
    "ConceptShift",
    "DensityRatio",
    "LabelShift",
    "Risk",
    "Shift",
    "TwoSample",
    "advice",
    "by_class",
    "concept_shift",
    "confusion",
    "corrected_risk",
    "density_ratio",
    "detect",
    "effective_rows",
    "gain",
    "label_shift",
    "two_sample",
    "unsupported",
]
