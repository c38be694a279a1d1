"""Tables that a predictor answers: part by part, where somebody waits for it, or as a job."""

from ml.pricing.files import Lost as Lost
from ml.pricing.files import Place as Place
from ml.pricing.files import receive as receive
from ml.pricing.files import sweep as sweep
from ml.pricing.job import PricedFile as PricedFile
from ml.pricing.job import key_of as key_of
from ml.pricing.prices import columns as columns
from ml.pricing.prices import exact as exact
from ml.pricing.prices import price_each as price_each
from ml.pricing.score import Miss as Miss
from ml.pricing.score import Score as Score
from ml.pricing.table import LARGEST as LARGEST
from ml.pricing.table import Part as Part
from ml.pricing.table import PricedTable as PricedTable
from ml.pricing.table import WrongRows as WrongRows
from ml.pricing.table import paid_of as paid_of
