"""4.10 What houses are told by: the words for them, and what those have in common that err most."""

from ml.houses import book
from ml.houses.files import DECIDING, TOLD_BY
from ml.tabular.subject import Beside, Subject, Trait, Words

PRICES = Words(
    rows="houses",
    row="house",
    value="price",
    values="prices",
    actual="sold",
    were="sold",
    ends=("cheapest", "dearest"),
    unit="$",
)
HOUSES = Subject(
    words=PRICES,
    told={
        "neighbourhood": "Neighborhood", "built": "YearBuilt", "quality": "OverallQual",
        "area, ft²": "GrLivArea", "sale": "SaleCondition",
    },
    groups=TOLD_BY,
    parts="Neighborhood",
    traits=(
        Trait("those sold unfinished", "SaleCondition", lambda value: value == "Partial"),
        Trait("those sold abnormally", "SaleCondition", lambda value: value == "Abnorml"),
        Trait("those built before 1940", "YearBuilt", lambda value: value < 1940),
        Trait("those of quality 4 or less", "OverallQual", lambda value: value <= 4),
        Trait("those of quality 9 or 10", "OverallQual", lambda value: value >= 9),
        Trait("those in other zones than RL", "MSZoning", lambda value: value != "RL"),
    ),
    deciding=" and ".join(map(str, DECIDING)),
    about_deciding="Houses 524 and 1299, large, unfinished and sold for half of what such houses"
    " cost, can decide a ranking alone.",
    beside=Beside(
        "the book's net", book.MEANS["valid"], len(book.FOLDS["valid"]), 1460,
        "The book's net learns raw prices.",
    ),
)  # fmt: skip
