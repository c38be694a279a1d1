"""4.10 A column of any table predicted from its others, by what prices houses."""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from ml import fields
from ml.cross_fitting import CrossFitted, Questions, Rows
from ml.data import synthetic, tables
from ml.data.hub import DataUnavailable
from ml.encoder import Target
from ml.ensemble import MEMBERS
from ml.events import Event
from ml.tabular.own import OwnTable, Unlearnable, one_of
from ml.tabular.scores import ENSEMBLE, OutOfFold

FLATS = 600  # made-up ones, where no table is named
RENT = "rent"
FAR = 1e6  # standard deviations
TOLD_BY = 4  # inputs that the size of an error is told from
MOST = 1.35  # times the noise that no model can take off; three seeds gave 1.10 to 1.16
Name = Annotated[str, Field(min_length=1, max_length=200)]


class TableEnsemble(CrossFitted):
    """Predict a column of one's own table by what prices houses; without one, made-up rents."""

    breakable = ("answers", "bounds", "every", "of_fold")

    name: Literal["table_ensemble"] = "table_ensemble"
    table: str = fields.own(
        "",
        "Table",
        "Table",
        f"One of the store, by its name; none: {FLATS} made-up flats, whose rents are known.",
        pattern=f"^({tables.NAME})?$",
    )
    target: str = fields.own(
        "", "Table", "Target", "The column to predict, of numbers.", max_length=200,
        validate_default=True,
    )  # fmt: skip
    identifier: str = fields.own(
        "", "Table", "Identifier", "A column that names the row, and tells nothing.", max_length=200
    )
    inputs: tuple[Name, ...] = fields.own(
        (),
        "Table",
        "Inputs",
        "Columns to predict it from, with commas or as a JSON list; empty: as proposed.",
        max_length=200,
        strict=False,
    )
    dates: tuple[Name, ...] = fields.own(
        (),
        "Table",
        "Dates",
        "Columns of dates such as 03/01/2024 that do not tell what comes first, as column=dmy,"
        " column=mdy or column=ymd.",
        max_length=200,
        strict=False,
    )
    scale: Literal["auto", "log", "plain"] = fields.own(
        "auto",
        "Table",
        "Errors",
        "Of its logarithm, so that they count in per cent, or in its own unit; auto: as proposed.",
    )
    unit: str = fields.own("", "Table", "Unit", "Of the target, such as $.", max_length=8)
    questions: Questions = ""
    folding: Literal["shuffled"] = fields.own(
        "shuffled", "Data", "Folding", "Rows at random; those that say the same in one fold."
    )
    shuffle: fields.Shuffle = 0
    k: fields.K = 5
    num_seeds: Annotated[fields.NumSeeds, Field(le=10)] = 2
    repeats: fields.Repeats = 1
    num_epochs: Annotated[
        fields.NumEpochs, Field(le=200, description="Of comparable rows; the MLP learns thrice.")
    ] = 20

    @field_validator("target")
    @classmethod
    def named(cls, value: str, info: ValidationInfo) -> str:
        """Refuse a table without a target, and one without a table."""
        if bool(value) != bool(info.data.get("table")):
            raise PydanticCustomError(
                "target_of_table",
                "Name a table and its target, or neither: then made-up rents are predicted.",
            )
        return value

    @cached_property
    def data(self) -> OwnTable:
        """The table, or made-up flats. Raises DataUnavailable where it cannot be learnt from."""
        rows = tables.read(self.table) if self.table else synthetic.flats(FLATS, self.seed)
        log = None if self.scale == "auto" else self.scale == "log"
        try:
            return OwnTable.of(
                rows,
                self.target or RENT,
                about=f"table {self.table}" if self.table else "made-up flats",
                inputs=self.inputs,
                identifier=self.identifier,
                log=log,
                unit=self.unit,
                dates=self.dates,
                seed=self.shuffle,
            )
        except Unlearnable as error:
            name = f"Table {self.table}" if self.table else "The made-up table"
            raise DataUnavailable(f"{name} cannot be learnt from. {error}") from None

    @cached_property
    def told_by(self) -> list[str]:
        """Inputs that the size of an error is told from: those that count most."""
        features = self.table_of(self.every).features
        ranked = sorted(zip(features.weights, features.names, strict=True), reverse=True)
        return [name for _, name in ranked[:TOLD_BY]]

    @property
    def houses(self) -> list[Rows]:
        """Rows that say the same are of one thing, unless most do: then they say little."""
        return one_of(super().houses, len(self.data.train))

    @property
    def weights(self) -> dict[str, float]:
        """All alike: on flats, diabetes and films that was better than the weights of houses."""
        return dict.fromkeys(MEMBERS, 1.0)

    def limit(self, target: Target) -> float:
        """None to speak of."""
        return FAR * target.std

    @property
    def label(self) -> str:
        """What is predicted, and from which table."""
        times = f", {self.repeats} shuffles" if self.repeats > 1 else ""
        times += f", as questions {self.questions}" if self.questions else ""
        return (f"{self.target} of table {self.table}" if self.table else "made-up rents") + times

    def claims(self, found: OutOfFold) -> Iterator[Event]:
        """That made-up rents are told to what noise leaves."""
        if self.matches():
            off = found.valid(ENSEMBLE).mean() / synthetic.RENT_NOISE
            yield self.at_most("log RMSE over the noise that no model can take off", MOST, off)

    def opening(self) -> Iterator[Event]:
        """Of made-up flats, also that what gives their rent away is seen and not learnt from."""
        yield from super().opening()
        if not self.table and not self.inputs:
            data = self.data
            given = [name for name in data.told.given_away if name not in data.inputs]
            yield self.equal("columns that give the rent away", "deposit", ", ".join(given))
