"""The form of a house, from the input schema that the predictor carries (4.10)."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml.schema import InputField, InputSchema

# What moves a price most, with the words for it; everything else waits behind a disclosure.
FIRST: Mapping[str, str] = {
    "Neighborhood": "Neighbourhood", "LotArea": "Lot", "GrLivArea": "Living area",
    "TotalBsmtSF": "Basement", "BsmtFinSF1": "Finished basement", "BedroomAbvGr": "Bedrooms",
    "FullBath": "Bathrooms", "GarageCars": "Garage, cars", "OverallQual": "Overall quality",
    "OverallCond": "Overall condition", "KitchenQual": "Kitchen", "ExterQual": "Exterior",
    "YearBuilt": "Built", "YearRemodAdd": "Remodelled", "Fireplaces": "Fireplaces",
    "CentralAir": "Central air",
}  # fmt: skip
UNITS = (", ft²", ", ft", ", $")
YEARS = (1800, 2100)  # a year is written without a comma


@dataclass(frozen=True, slots=True)
class HouseField:
    """A field of the form."""

    field: InputField
    label: str
    unit: str

    @property
    def is_named(self) -> bool:
        """Whether its label is words, and not the column's name."""
        return self.field.name in FIRST

    @property
    def value(self) -> str:
        """What a typical house has there; empty is imputed."""
        typical = self.field.typical
        return (
            ""
            if typical is None
            else f"{typical:g}"
            if isinstance(typical, float)
            else str(typical)
        )

    @property
    def hint(self) -> str:
        """What it is, and what training has seen."""
        low, high = self.field.minimum, self.field.maximum
        seen = ""
        if low is not None and high is not None:
            plain = YEARS[0] <= low and high <= YEARS[1]
            seen = f" Seen: {low:g} to {high:g}." if plain else f" Seen: {low:,.9g} to {high:,.9g}."
        return f"{self.field.description.rstrip('.')}.{seen}"


@dataclass(frozen=True, slots=True)
class HouseForm:
    """Fields by group: those shown at once, and the rest."""

    first: dict[str, list[HouseField]]
    rest: dict[str, list[HouseField]]
    numeric: list[HouseField]  # what a what-if can turn

    @property
    def num_rest(self) -> int:
        """How many wait behind the disclosure."""
        return sum(map(len, self.rest.values()))


def house_form(schema: InputSchema) -> HouseForm:
    """The fields of a schema, the important ones first."""
    drawn = {field.name: _drawn(field) for field in schema.fields}
    chosen = [name for name in FIRST if name in drawn] or [*drawn][: len(FIRST)]
    return HouseForm(
        first=_grouped([drawn[name] for name in chosen]),
        rest=_grouped([field for name, field in drawn.items() if name not in chosen]),
        numeric=[drawn[name] for name in chosen if drawn[name].field.minimum is not None],
    )


def _drawn(field: InputField) -> HouseField:
    unit = next((end for end in UNITS if field.description.endswith(end)), "")
    return HouseField(field, FIRST.get(field.name, field.name), unit.lstrip(", "))


def _grouped(fields: list[HouseField]) -> dict[str, list[HouseField]]:
    groups: dict[str, list[HouseField]] = {}
    for field in fields:
        groups.setdefault(field.field.group, []).append(field)
    return groups
