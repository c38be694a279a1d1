"""The form of a house, from the input schema that the predictor carries (4.10)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from ml.schema import InputField, InputSchema

LABELS: Mapping[str, str] = {  # the words for a column; what has none keeps its name
    "MSSubClass": "Kind of dwelling", "MSZoning": "Zone", "LotFrontage": "Street frontage",
    "LotArea": "Lot", "Street": "Street surface", "Alley": "Alley surface",
    "LotShape": "Lot shape", "LandContour": "Lie of the land", "Utilities": "Utilities",
    "LotConfig": "Position of the lot", "LandSlope": "Slope", "Neighborhood": "Neighbourhood",
    "Condition1": "Close by", "Condition2": "Also close by", "BldgType": "Building",
    "HouseStyle": "Storeys", "OverallQual": "Overall quality", "OverallCond": "Overall condition",
    "YearBuilt": "Built", "YearRemodAdd": "Remodelled", "RoofStyle": "Roof",
    "RoofMatl": "Roof material", "Exterior1st": "Outer walls", "Exterior2nd": "Second outer walls",
    "MasVnrType": "Masonry", "MasVnrArea": "Masonry area", "ExterQual": "Exterior",
    "ExterCond": "State of the exterior", "Foundation": "Foundation",
    "BsmtQual": "Basement height", "BsmtCond": "State of the basement",
    "BsmtExposure": "Basement daylight", "BsmtFinType1": "Basement finish",
    "BsmtFinSF1": "Finished basement", "BsmtFinType2": "Second basement finish",
    "BsmtFinSF2": "Second finished basement", "BsmtUnfSF": "Unfinished basement",
    "TotalBsmtSF": "Basement", "Heating": "Heating", "HeatingQC": "Heating quality",
    "CentralAir": "Central air", "Electrical": "Wiring", "1stFlrSF": "First floor",
    "2ndFlrSF": "Second floor", "LowQualFinSF": "Low-quality floor", "GrLivArea": "Living area",
    "BsmtFullBath": "Basement bathrooms", "BsmtHalfBath": "Basement half baths",
    "FullBath": "Bathrooms", "HalfBath": "Half baths", "BedroomAbvGr": "Bedrooms",
    "KitchenAbvGr": "Kitchens", "KitchenQual": "Kitchen", "TotRmsAbvGrd": "Rooms",
    "Functional": "Usability", "Fireplaces": "Fireplaces", "FireplaceQu": "Fireplace quality",
    "GarageType": "Garage kind", "GarageYrBlt": "Garage built", "GarageFinish": "Garage finish",
    "GarageCars": "Garage, cars", "GarageArea": "Garage area", "GarageQual": "Garage quality",
    "GarageCond": "State of the garage", "PavedDrive": "Paved drive", "WoodDeckSF": "Wood deck",
    "OpenPorchSF": "Open porch", "EnclosedPorch": "Enclosed porch",
    "3SsnPorch": "Three-season porch", "ScreenPorch": "Screened porch", "PoolArea": "Pool",
    "PoolQC": "Pool quality", "Fence": "Fence", "MiscFeature": "Extra",
    "MiscVal": "Worth of the extra", "MoSold": "Month of sale", "YrSold": "Year of sale",
    "SaleType": "Kind of deed", "SaleCondition": "Circumstances of the sale",
}  # fmt: skip
FEW = 16  # fields, where nobody says which are asked first
GRADES: Mapping[str, str] = {
    "Ex": "excellent", "Gd": "good", "TA": "average", "Fa": "fair", "Po": "poor", "Y": "yes",
    "N": "no",
}  # fmt: skip
STARTS: Mapping[str, Mapping[str, int | str]] = {  # houses to begin with, beside the typical one
    "a new family house": {
        "Neighborhood": "NridgHt", "LotArea": 11000, "GrLivArea": 2020, "TotalBsmtSF": 1980,
        "BsmtFinSF1": 1100, "GarageCars": 3, "OverallQual": 9, "KitchenQual": "Ex",
        "ExterQual": "Gd", "YearBuilt": 2008, "YearRemodAdd": 2009,
    },
    "an old house, made new": {
        "Neighborhood": "OldTown", "LotArea": 8500, "GrLivArea": 1650, "TotalBsmtSF": 780,
        "BsmtFinSF1": 0, "GarageCars": 1, "OverallQual": 7, "OverallCond": 8, "KitchenQual": "Gd",
        "YearBuilt": 1915, "YearRemodAdd": 2005,
    },
    "a house unlike those seen": {
        "Neighborhood": "Edwards", "LotArea": 39000, "GrLivArea": 5100, "TotalBsmtSF": 5100,
        "BsmtFinSF1": 4000, "OverallQual": 10, "KitchenQual": "Ex", "ExterQual": "Ex",
        "YearBuilt": 2008, "YearRemodAdd": 2008, "GarageCars": 3, "FullBath": 3,
        "SaleCondition": "Partial",
    },
}  # fmt: skip
UNITS = (", ft²", ", ft", ", $")
SHOWABLE = re.compile(r"|\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?", re.ASCII)  # by a date's input
YEARS = (1800, 2100)  # a year is written without a comma


@dataclass(frozen=True, slots=True)
class HouseField:
    """A field of the form; what is not asked first is not known, until somebody says it."""

    field: InputField
    label: str
    unit: str
    asked: bool

    @property
    def is_named(self) -> bool:
        """Whether its label is words, and not the column's name."""
        return self.field.name in LABELS

    @property
    def grades(self) -> Mapping[str, str]:
        """The words for its levels, where they are grades or yes and no."""
        levels = set(self.field.levels or ())
        return GRADES if levels and levels <= GRADES.keys() else {}

    @property
    def value(self) -> str:
        """What a typical house has there, if it is asked first; empty is not known."""
        typical = self.field.typical if self.asked else None
        return (
            ""
            if typical is None
            else f"{typical:g}"
            if isinstance(typical, float)
            else str(typical)
        )

    def input(self, typed: str) -> str:
        """The type of its input: of a date, but where one is typed that a browser would not show.

        It takes what it shows, so that a slip can be corrected.
        """
        if self.field.kind != "date" or not SHOWABLE.fullmatch(typed):
            return "text"
        has_time = "T" in typed if typed else self.field.has_times
        return "datetime-local" if has_time else "date"

    @property
    def hint(self) -> str:
        """What it is, and what training has seen."""
        low, high = self.field.minimum, self.field.maximum
        seen = ""
        if self.field.kind == "date" and low is not None and high is not None:
            seen = f" Seen: {self.field.value_of(low)} to {self.field.value_of(high)}."
        elif low is not None and high is not None:
            plain = YEARS[0] <= low and high <= YEARS[1]
            seen = f" Seen: {low:g} to {high:g}." if plain else f" Seen: {low:,.9g} to {high:,.9g}."
        return f"{self.field.description.rstrip('.')}.{seen}"


@dataclass(frozen=True, slots=True)
class HouseForm:
    """Fields by group: those shown at once, and the rest."""

    first: dict[str, list[HouseField]]
    rest: dict[str, list[HouseField]]
    numeric: list[HouseField]  # what a what-if can turn
    starts: dict[str, str]  # the query of a house to begin with, by its name

    @property
    def num_first(self) -> int:
        """How many are asked first."""
        return sum(map(len, self.first.values()))

    @property
    def num_rest(self) -> int:
        """How many wait behind the disclosure."""
        return sum(map(len, self.rest.values()))

    @property
    def nothing(self) -> str:
        """The query of a house of which nothing is known."""
        return urlencode(dict.fromkeys(self.first_names, ""))

    @property
    def first_names(self) -> list[str]:
        """The columns that are asked first."""
        return [h.field.name for fields in self.first.values() for h in fields]


def house_form(schema: InputSchema) -> HouseForm:
    """The fields of a schema, the important ones first."""
    names = [field.name for field in schema.fields]
    asked = sorted((field.first, field.name) for field in schema.fields if field.first)
    chosen = [name for _, name in asked] or names[:FEW]
    drawn = {field.name: _drawn(field, field.name in chosen) for field in schema.fields}
    return HouseForm(
        first=_grouped([drawn[name] for name in chosen]),
        rest=_grouped([field for name, field in drawn.items() if name not in chosen]),
        numeric=[drawn[name] for name in chosen if drawn[name].field.minimum is not None],
        starts={
            name: urlencode(house) for name, house in STARTS.items() if house.keys() <= drawn.keys()
        },
    )


def _drawn(field: InputField, asked: bool) -> HouseField:
    unit = next((end for end in UNITS if field.description.endswith(end)), "")
    return HouseField(field, LABELS.get(field.name, field.name), unit.lstrip(", "), asked)


def _grouped(fields: list[HouseField]) -> dict[str, list[HouseField]]:
    groups: dict[str, list[HouseField]] = {}
    for field in fields:
        groups.setdefault(field.field.group, []).append(field)
    return groups
