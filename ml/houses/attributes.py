"""4.10.3 What each of a house's 79 attributes means, and which of its numbers can exist at all."""

PLACE, LOT, SIZE, QUALITY, AGE = "place", "lot", "size", "quality", "age"
STYLE, BASEMENT, COMFORT, GARAGE, SALE = "style", "basement", "comfort", "garage", "sale"
"""What moves together is of one group: a price is explained group by group."""

FIELDS: dict[str, tuple[str, str]] = {  # (group, description), in the order of the file
    "MSSubClass": (STYLE, "Code of the dwelling's kind, 20 (one storey) to 190 (two families)"),
    "MSZoning": (PLACE, "What the zone is meant for: RL is low-density living"),
    "LotFrontage": (LOT, "Length of street that the lot touches, ft"),
    "LotArea": (LOT, "Area of the lot, ft²"),
    "Street": (PLACE, "Surface of the road: Pave or Grvl (gravel)"),
    "Alley": (PLACE, "Surface of the alley behind; missing where there is none"),
    "LotShape": (LOT, "Outline of the lot, from Reg (regular) to IR3"),
    "LandContour": (LOT, "Lie of the land: Lvl (level), Bnk, HLS (hillside), Low"),
    "Utilities": (LOT, "Which mains reach the house: AllPub is all of them"),
    "LotConfig": (LOT, "How the lot lies among others: Inside, Corner, CulDSac, FR2, FR3"),
    "LandSlope": (LOT, "Slope of the lot: Gtl (gentle), Mod, Sev (steep)"),
    "Neighborhood": (PLACE, "Part of Ames in which the house stands"),
    "Condition1": (PLACE, "What is close by: Norm, a main road, a railway, a park"),
    "Condition2": (PLACE, "What else is close by, if there is a second thing"),
    "BldgType": (STYLE, "Building: 1Fam (detached), 2fmCon, Duplex, TwnhsE, Twnhs"),
    "HouseStyle": (STYLE, "Storeys and how they are split, such as 1Story or SLvl"),
    "OverallQual": (QUALITY, "Material and finish as a whole, 1 (worst) to 10 (best)"),
    "OverallCond": (QUALITY, "Condition as a whole, 1 (worst) to 10 (best)"),
    "YearBuilt": (AGE, "Year in which the house was built"),
    "YearRemodAdd": (AGE, "Year of the last remodelling; the year built if there was none"),
    "RoofStyle": (STYLE, "Form of the roof, such as Gable or Hip"),
    "RoofMatl": (STYLE, "What covers the roof, such as CompShg (composite shingles)"),
    "Exterior1st": (STYLE, "What covers the outer walls, such as VinylSd (vinyl siding)"),
    "Exterior2nd": (STYLE, "A second covering of the outer walls, if there are two"),
    "MasVnrType": (STYLE, "Masonry in front of the walls: BrkFace, BrkCmn, Stone or None"),
    "MasVnrArea": (STYLE, "Area of that masonry, ft²"),
    "ExterQual": (QUALITY, "Quality of the outside: Ex, Gd, TA (average), Fa, Po"),
    "ExterCond": (QUALITY, "Present state of the outside: Ex, Gd, TA (average), Fa, Po"),
    "Foundation": (STYLE, "What the house stands on, such as PConc (poured concrete)"),
    "BsmtQual": (BASEMENT, "Height of the basement as a grade, Ex to Fa; missing without one"),
    "BsmtCond": (BASEMENT, "State of the basement, Gd to Po; missing without one"),
    "BsmtExposure": (BASEMENT, "Daylight in the basement: Gd, Av, Mn, No; missing without one"),
    "BsmtFinType1": (BASEMENT, "Finish of the basement: GLQ and ALQ are living space, Unf is raw"),
    "BsmtFinSF1": (BASEMENT, "Basement area with that first finish, ft²"),
    "BsmtFinType2": (BASEMENT, "A second finish of the basement, if there are two"),
    "BsmtFinSF2": (BASEMENT, "Basement area with the second finish, ft²"),
    "BsmtUnfSF": (BASEMENT, "Unfinished area of the basement, ft²"),
    "TotalBsmtSF": (BASEMENT, "Area of the whole basement, ft²"),
    "Heating": (COMFORT, "How the house is heated: GasA is warm air from gas"),
    "HeatingQC": (COMFORT, "Quality of the heating: Ex, Gd, TA (average), Fa, Po"),
    "CentralAir": (COMFORT, "Whether there is central air conditioning: Y or N"),
    "Electrical": (COMFORT, "Wiring: SBrkr (breakers) or one of the fuse boxes"),
    "1stFlrSF": (SIZE, "Area of the first floor, ft²"),
    "2ndFlrSF": (SIZE, "Area of the second floor, ft²"),
    "LowQualFinSF": (SIZE, "Area finished at low quality, all floors, ft²"),
    "GrLivArea": (SIZE, "Above-ground living area, ft²"),
    "BsmtFullBath": (BASEMENT, "Full bathrooms in the basement"),
    "BsmtHalfBath": (BASEMENT, "Half bathrooms in the basement"),
    "FullBath": (SIZE, "Full bathrooms above ground"),
    "HalfBath": (SIZE, "Half bathrooms above ground"),
    "BedroomAbvGr": (SIZE, "Bedrooms above ground"),
    "KitchenAbvGr": (SIZE, "Kitchens above ground"),
    "KitchenQual": (QUALITY, "Quality of the kitchen: Ex, Gd, TA (average), Fa, Po"),
    "TotRmsAbvGrd": (SIZE, "Rooms above ground, bathrooms not counted"),
    "Functional": (QUALITY, "How usable the house is: Typ (fully), then Min1 down to Sal"),
    "Fireplaces": (COMFORT, "Fireplaces"),
    "FireplaceQu": (COMFORT, "Quality of the fireplace, Ex to Po; missing without one"),
    "GarageType": (GARAGE, "Where the garage is: Attchd, Detchd, BuiltIn; missing without one"),
    "GarageYrBlt": (GARAGE, "Year in which the garage was built; missing without one"),
    "GarageFinish": (GARAGE, "Inside of the garage: Fin, RFn (rough), Unf; missing without one"),
    "GarageCars": (GARAGE, "Cars that fit into the garage"),
    "GarageArea": (GARAGE, "Area of the garage, ft²"),
    "GarageQual": (GARAGE, "Quality of the garage, Ex to Po; missing without one"),
    "GarageCond": (GARAGE, "State of the garage, Ex to Po; missing without one"),
    "PavedDrive": (LOT, "Whether the drive is paved: Y, P (partly) or N"),
    "WoodDeckSF": (COMFORT, "Area of the wooden deck, ft²"),
    "OpenPorchSF": (COMFORT, "Area of the open porch, ft²"),
    "EnclosedPorch": (COMFORT, "Area of the enclosed porch, ft²"),
    "3SsnPorch": (COMFORT, "Area of the porch for three seasons, ft²"),
    "ScreenPorch": (COMFORT, "Area of the screened porch, ft²"),
    "PoolArea": (COMFORT, "Area of the pool, ft²"),
    "PoolQC": (COMFORT, "Quality of the pool, Ex to Fa; missing without one"),
    "Fence": (LOT, "Privacy or wood of the fence; missing without one"),
    "MiscFeature": (COMFORT, "What else belongs to it, such as Shed; missing if nothing"),
    "MiscVal": (COMFORT, "Worth of that extra, US dollars"),
    "MoSold": (SALE, "Month of the sale, 1 to 12"),
    "YrSold": (SALE, "Year of the sale"),
    "SaleType": (SALE, "Kind of deed: WD is the usual one, New a house just built"),
    "SaleCondition": (SALE, "Circumstances of the sale: Normal, Abnorml, Family, Partial, ..."),
}

_GARAGE = ("GarageCars", "GarageArea")
_BASEMENT = ("TotalBsmtSF", "BsmtFinSF1", "BsmtFinSF2", "BsmtUnfSF")
NONE: dict[str, tuple[str, ...]] = {
    "Alley": (), "Fence": (), "FireplaceQu": ("Fireplaces",), "PoolQC": ("PoolArea",),
    "MiscFeature": ("MiscVal",),
    **dict.fromkeys(
        ("BsmtQual", "BsmtCond", "BsmtExposure", "BsmtFinType1", "BsmtFinType2"), _BASEMENT
    ),
    **dict.fromkeys(
        ("GarageType", "GarageYrBlt", "GarageFinish", "GarageQual", "GarageCond"), _GARAGE
    ),
}  # fmt: skip
"""Where the data's own description says that a missing value means that there is none; and amounts
that tell of one all the same: a garage for two cars without a kind is one whose kind is not known.
"""
TEXTS = tuple(name for name in NONE if name != "GarageYrBlt")  # also where no house has one
CODES = ("MSSubClass",)  # numbers that are names: 150 is not between 120 and 160
FIRST = (  # what is asked of a house first, for it moves a price most
    "Neighborhood", "LotArea", "GrLivArea", "TotalBsmtSF", "BsmtFinSF1", "BedroomAbvGr",
    "FullBath", "GarageCars", "OverallQual", "OverallCond", "KitchenQual", "ExterQual",
    "YearBuilt", "YearRemodAdd", "Fireplaces", "CentralAir",
)  # fmt: skip

LIMITS: dict[str, tuple[float | None, float | None]] = {  # (lowest, highest) that can exist
    **dict.fromkeys(FIELDS, (0, None)),  # areas, counts and dollars; levels have no limits
    "OverallQual": (1, 10),
    "OverallCond": (1, 10),
    "MoSold": (1, 12),
    # no upper limit for years: the competition's own test file has a garage of the year 2207
    **dict.fromkeys(("YearBuilt", "YearRemodAdd", "GarageYrBlt", "YrSold"), (1600, None)),
}
