"""4.10 What a net is told of a house: the steps from 79 attributes to its inputs, as data."""

from ml.features import (
    Above,
    AnyStep,
    Features,
    Is,
    Log,
    Median,
    OneHot,
    Ordinal,
    Otherwise,
    Plain,
    Product,
    Ratio,
    Relative,
    Robust,
    Sum,
    TargetMean,
    Zero,
)
from ml.houses.attributes import FIELDS

GRADES = ("Po", "Fa", "TA", "Gd", "Ex")
FINISHES = ("Unf", "LwQ", "Rec", "BLQ", "ALQ", "GLQ")
LAST_YEAR = 2011.0  # the competition's own test file has a garage of the year 2207

ORDINALS = (
    Ordinal(columns=("ExterQual", "ExterCond", "HeatingQC", "KitchenQual"), order=GRADES),
    Ordinal(
        columns=("BsmtQual", "BsmtCond", "FireplaceQu", "GarageQual", "GarageCond", "PoolQC"),
        order=GRADES,
        absent=True,
    ),
    Ordinal(columns=("BsmtExposure",), order=("No", "Mn", "Av", "Gd"), absent=True),
    Ordinal(columns=("BsmtFinType1", "BsmtFinType2"), order=FINISHES, absent=True),
    Ordinal(columns=("GarageFinish",), order=("Unf", "RFn", "Fin"), absent=True),
    Ordinal(columns=("Fence",), order=("MnWw", "GdWo", "MnPrv", "GdPrv"), absent=True),
    Ordinal(
        columns=("Functional",),
        order=("Sal", "Sev", "Maj2", "Maj1", "Mod", "Min2", "Min1", "Typ"),
    ),
    Ordinal(columns=("LotShape",), order=("IR3", "IR2", "IR1", "Reg")),
    Ordinal(columns=("LandSlope",), order=("Sev", "Mod", "Gtl")),
    Ordinal(columns=("PavedDrive",), order=("N", "P", "Y")),
    Ordinal(columns=("CentralAir",), order=("N", "Y")),
    Ordinal(columns=("Street",), order=("Grvl", "Pave")),
    Ordinal(columns=("Utilities",), order=("ELO", "NoSeWa", "NoSewr", "AllPub")),
    Ordinal(columns=("Electrical",), order=("Mix", "FuseP", "FuseF", "FuseA", "SBrkr")),
)
GRADED = tuple(name for step in ORDINALS for name in step.columns)
CATEGORIES = (
    "MSSubClass", "MSZoning", "Alley", "LandContour", "LotConfig", "Neighborhood", "Condition1",
    "Condition2", "BldgType", "HouseStyle", "RoofStyle", "RoofMatl", "Exterior1st", "Exterior2nd",
    "MasVnrType", "Foundation", "Heating", "GarageType", "MiscFeature", "SaleType",
    "SaleCondition", "MoSold",
)  # fmt: skip
NUMBERS = tuple(name for name in FIELDS if name not in {*GRADED, *CATEGORIES})
NONE_OF_IT = tuple(
    name
    for name in NUMBERS
    if name.startswith(("Bsmt", "Garage")) or name in {"TotalBsmtSF", "MasVnrArea"}
)
PLACE = ("Neighborhood",)

FILLED: tuple[AnyStep, ...] = (
    *ORDINALS,
    Otherwise(column="GarageYrBlt", other="YearBuilt", most=LAST_YEAR),
    Zero(columns=NONE_OF_IT),
    Median(columns=("LotFrontage",), by=PLACE, flag="LotUnknown"),
    Median(columns=tuple(name for name in (*NUMBERS, *GRADED) if name != "LotFrontage")),
)
ENGINEERED: tuple[Sum | Product | Ratio | Above, ...] = (
    Sum(name="TotalSF", terms={"TotalBsmtSF": 1, "1stFlrSF": 1, "2ndFlrSF": 1}),
    Sum(name="FinSF", terms={"GrLivArea": 1, "BsmtFinSF1": 1, "BsmtFinSF2": 1}),
    Sum(
        name="TotalBath",
        terms={"FullBath": 1, "BsmtFullBath": 1, "HalfBath": 0.5, "BsmtHalfBath": 0.5},
    ),
    Sum(
        name="Porch",
        terms={"OpenPorchSF": 1, "EnclosedPorch": 1, "3SsnPorch": 1, "ScreenPorch": 1},
    ),
    Sum(name="Age", terms={"YrSold": 1, "YearBuilt": -1}, least=0),
    Sum(name="RemodAge", terms={"YrSold": 1, "YearRemodAdd": -1}, least=0),
    Above(name="Used", column="Age"),
    Sum(name="RemodDelay", terms={"YearRemodAdd": 1, "YearBuilt": -1}),
    Above(name="Remodelled", column="RemodDelay"),
    Product(name="QualSF", factors=("OverallQual", "TotalSF")),
    Product(name="QualCond", factors=("OverallQual", "OverallCond")),
    Product(name="GarageScore", factors=("GarageCars", "GarageArea")),
    Sum(
        name="QualSum",
        terms=dict.fromkeys(
            ("ExterQual", "KitchenQual", "BsmtQual", "HeatingQC", "FireplaceQu", "GarageQual"), 1.0
        ),
    ),
    Product(name="ExterQual²", factors=("ExterQual", "ExterQual")),
    Above(name="HasBsmt", column="TotalBsmtSF"),
    Above(name="HasGarage", column="GarageArea"),
    Above(name="HasFireplace", column="Fireplaces"),
    Above(name="HasPool", column="PoolArea"),
    Above(name="Has2ndFlr", column="2ndFlrSF"),
    Above(name="HasMasVnr", column="MasVnrArea"),
    Above(name="HasDeck", column="WoodDeckSF"),
    Above(name="HasPorch", column="Porch"),
    Ratio(name="SFperRoom", above="GrLivArea", below="TotRmsAbvGrd"),
    Ratio(name="LotRatio", above="GrLivArea", below="LotArea"),
)
MADE = tuple(step.name for step in ENGINEERED if step.name != "RemodDelay")

TO_PLACE = ("GrLivArea", "TotalSF", "LotArea", "YearBuilt")
RELATED: tuple[AnyStep, ...] = (
    TargetMean(name="price of place", columns=PLACE),
    TargetMean(name="price of place per ft²", columns=PLACE, per="TotalSF"),
    TargetMean(name="price of kind", columns=("MSSubClass", "MSZoning")),
    *(Log(name=f"log {name}", column=name) for name in TO_PLACE),
    *(Relative(name=f"{name} to place", column=f"log {name}", by=PLACE) for name in TO_PLACE),
    Relative(name="OverallQual to place", column="OverallQual", by=PLACE),
    Is(name="Partial", column="SaleCondition", level="Partial"),
    Is(name="Abnorml", column="SaleCondition", level="Abnorml"),
    Product(name="Partial size", factors=("Partial", "log GrLivArea")),
    Product(name="Abnorml size", factors=("Abnorml", "log GrLivArea")),
)
APPRAISED: tuple[Sum | Product | Log, ...] = (  # what size, grade and place are worth together
    Sum(
        name="WorthSF",
        terms={
            "GrLivArea": 1,
            "TotalBsmtSF": 0.35,
            "BsmtFinSF1": 0.25,
            "GarageArea": 0.35,
            "Porch": 0.1,
            "WoodDeckSF": 0.15,
        },
    ),
    Log(name="log WorthSF", column="WorthSF"),
    Product(name="OverallQual × size", factors=("OverallQual", "log WorthSF")),
    Product(name="OverallCond × size", factors=("OverallCond", "log WorthSF")),
    Product(name="place × size", factors=("price of place", "log WorthSF")),
    Product(name="Age × OverallCond", factors=("Age", "OverallCond")),
    Product(name="Age × OverallQual", factors=("Age", "OverallQual")),
    Product(name="place × OverallQual", factors=("price of place", "OverallQual")),
    Product(name="place × LotArea", factors=("price of place", "log LotArea")),
    Product(name="KitchenQual × ExterQual", factors=("KitchenQual", "ExterQual")),
)
RELATIVE = tuple(step.name for step in RELATED if isinstance(step, TargetMean | Relative))

RICH = Features(
    numbers=NUMBERS,
    levels=(*GRADED, *CATEGORIES),
    steps=(*FILLED, *ENGINEERED, *RELATED, *APPRAISED),
    blocks=(
        Robust(
            columns=(
                *NUMBERS,
                *GRADED,
                "LotUnknown",
                *MADE,
                *RELATIVE,
                *(step.name for step in APPRAISED),
            ),
            clip=6,
        ),
        OneHot(columns=CATEGORIES),
        Plain(columns=("Partial size", "Abnorml size")),
    ),
)
"""Every attribute as a number or its levels, what an appraiser makes of them, and what houses of
the same place and kind sold for; each input weighed by its correlation."""
