"""What a row of a table must look like, learnt from training rows and kept as data (4.10.3)."""

import keyword
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, TextIO

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator
from pydantic_core import PydanticCustomError

from ml.frozen import Frozen
from ml.schema.checks import (
    Changes,
    Checked,
    CheckedRow,
    InvalidRows,
    Meanings,
    RowError,
    RowWarning,
    check,
    nothing,
)
from ml.schema.dates import ORDERS, Order, day_of, measured
from ml.schema.fields import LONGEST, MISSING, Bounds, InputField, Refused, Value, told
from ml.schema.reading import BadTable, Opened, TooManyRows, beginning, text_of
from ml.schema.tables import Parsed, Sheet, Spelled, find_header, unread

__all__ = [
    "MISSING",
    "ORDERS",
    "BadTable",
    "Changes",
    "Checked",
    "CheckedRow",
    "InputField",
    "InputSchema",
    "InvalidRows",
    "Opened",
    "Order",
    "Parsed",
    "RowError",
    "RowWarning",
    "Sheet",
    "TooManyRows",
    "beginning",
    "day_of",
    "measured",
    "text_of",
    "unread",
]

TEXT = Annotated[str, Field(max_length=LONGEST, description="The same, as text.")]


class InputSchema(Frozen):
    """The fields of a table, in order: types, known levels, ranges and what is typical.

    A predictor carries it as JSON; `check`, `row_model` and `sheet` are made from it, and the
    first two accept exactly the same rows.
    """

    fields: tuple[InputField, ...]
    noun: str = Field("rows", description="What the rows are, in the plural.")
    id_column: str = Field("", description="A column that names the row, and is no field.")
    target_column: str = Field("", description="The column to predict, which is no field.")

    @model_validator(mode="after")
    def _names_differ(self) -> "InputSchema":
        names = [field.name for field in self.fields]
        names += filter(None, (self.id_column, self.target_column))
        if len(set(names)) < len(names):
            raise ValueError("Two columns of a table cannot have the same name.")
        return self

    @classmethod
    def learn(
        cls,
        rows: Sequence[Mapping[str, object]],
        descriptions: Mapping[str, tuple[str, str]] | None = None,
        limits: Mapping[str, Bounds] | None = None,
        *,
        noun: str = "rows",
        id_column: str = "",
        target_column: str = "",
        none: Mapping[str, Sequence[str]] | None = None,
        codes: Collection[str] = (),
        first: Sequence[str] = (),
        texts: Collection[str] = (),
        dates: Mapping[str, Order] | None = None,
    ) -> "InputSchema":
        """Types, levels and ranges from training rows, in which None is missing.

        `descriptions` gives (group, text) and `limits` gives (lowest, highest), where known. The
        columns of id and target are left out. `none` names fields of which a missing value means
        that there is none, with the amounts that tell of one all the same; `codes` numbers that are
        but names; `first` what is asked first, in that order; `texts` columns that are of text also
        where no row says anything; `dates` those of dates as ISO text, with what comes first where
        the column writes them all in numbers.

        Raises:
            ValueError: without rows, or for a column that mixes numbers with text.
        """
        names = dict.fromkeys(name for row in rows for name in row)
        if not names:
            raise ValueError("A schema is learnt from at least one row; it was given none.")
        fields = {
            name: InputField.learn(
                name,
                [row.get(name) for row in rows],
                about=(descriptions or {}).get(name, ("other", name)),
                limits=(limits or {}).get(name, (None, None)),
                none=(none or {}).get(name),
                coded=name in codes,
                first=first.index(name) + 1 if name in first else 0,
                text=name in texts,
                order=(dates or {}).get(name),
            )
            for name in names
            if name not in {id_column, target_column}
        }
        typical = {name: field.typical for name, field in fields.items()}
        return cls(
            fields=tuple(
                field.typical_of([row for row in rows if field.is_there(row)])
                if field.is_there(typical)
                else field
                for field in fields.values()
            ),
            noun=noun,
            id_column=id_column,
            target_column=target_column,
        )

    def known(self, row: Mapping[str, object]) -> dict[str, Any]:
        """What a checked row says: values, and None where that tells something."""
        return told(self.fields, row)

    def check(
        self,
        rows: Sequence[Mapping[str, object]],
        *,
        strict: bool = False,
        lines: Sequence[int] = (),
    ) -> Checked:
        """Each row with cleaned values, imputed fields and warnings; `strict` makes these errors.

        `lines` are those of the file the rows came from, if they did: errors then name these.

        Raises:
            InvalidRows: with the errors of all rows: wrong types, unknown fields, numbers that
                are not finite or cannot exist; rows that say nothing.
        """
        others = {self.id_column, self.target_column}
        return check(self.meanings, rows, strict=strict, lines=lines, others=others)

    @cached_property
    def meanings(self) -> tuple[Meanings, ...]:
        """The fields, each with what values of it have meant before."""
        return tuple(Meanings(field, self.noun) for field in self.fields)

    def spelled(self, rows: Sequence[Any], *, own: bool = False) -> Spelled:
        """Rows that are no file's, with the names of fields as a file's header is read; what is
        none is left out where they may have columns of their `own`. Raises BadTable."""
        return Spelled.of(rows, self.names, own=own)

    @cached_property
    def names(self) -> dict[str, None]:
        """Those of all columns that are known."""
        names = [*(one.name for one in self.fields), self.id_column, self.target_column]
        return dict.fromkeys(filter(None, names))

    def sheet(
        self,
        file: TextIO,
        *,
        most: int | None = None,
        mapping: Mapping[str, str] | None = None,
        strict: bool = False,
    ) -> Sheet:
        """A CSV file, opened: its rows, at most `most`, come part by part, not yet checked.

        Raises BadTable. `mapping` says of columns which field they are, or by "" that they are
        none.
        """
        return Sheet.open(
            file,
            self.fields,
            id_column=self.id_column,
            target_column=self.target_column,
            most=most,
            mapping=mapping,
            strict=strict,
        )

    def refuse_header(
        self, file: TextIO, *, mapping: Mapping[str, str] | None = None, strict: bool = False
    ) -> None:
        """Raises BadTable where the first lines of a CSV file are of no such table, or a column
        is no field if `strict`."""
        find_header(file, [*self.names], mapping, strict=strict)

    def row_model(self, name: str = "Row") -> type[BaseModel]:
        """A pydantic model of one row: every field may be missing, none may be added.

        It reads and writes the names of the file (`1stFlrSF`), whatever Python calls them.
        """
        definitions: dict[str, Any] = {}
        for field in self.fields:
            definitions[_python_name(field.name, definitions)] = (_annotation(field), _info(field))
        model: type[Attributes] = create_model(name, __base__=Attributes, **definitions)
        model.passed_over = frozenset({self.id_column, self.target_column})
        model.told_by_none = frozenset(field.name for field in self.fields if field.none)
        model.nothing = nothing(self.fields)
        return model


class Attributes(BaseModel):
    """A row's, one at least; its id and its target are none, and are passed over."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        serialize_by_alias=True,
        protected_namespaces=(),
        json_schema_extra={"minProperties": 1},
    )

    passed_over: ClassVar[frozenset[str]] = frozenset()
    told_by_none: ClassVar[frozenset[str]] = frozenset()
    nothing: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _pass_over(cls, row: object) -> object:
        if isinstance(row, Mapping) and cls.passed_over & row.keys():
            return {key: value for key, value in row.items() if key not in cls.passed_over}
        return row

    @model_validator(mode="after")
    def _says_something(self) -> "Attributes":
        said = self.model_dump(exclude_unset=True)
        if not any(value is not None or name in self.told_by_none for name, value in said.items()):
            raise PydanticCustomError("nothing", "{reason}", {"reason": self.nothing})
        return self


def _annotation(field: InputField) -> Any:
    """The field's type for pydantic; `clean` decides, the rest is for who reads the schema."""

    def validate(value: object) -> Value:
        try:
            return field.clean(value)
        except Refused as refused:
            raise PydanticCustomError("refused", "{reason}", {"reason": str(refused)}) from refused

    limits = Field(ge=field.lowest, le=field.highest)
    number: Any = Annotated[float, limits] | TEXT
    kinds = {
        "level": str,
        "date": Annotated[str, Field(json_schema_extra={"format": "date"})] | TEXT,
        "number": number,
        "integer": Annotated[int, limits] | number,
    }
    kind: Any = kinds[field.kind]
    return Annotated[kind | None, BeforeValidator(validate)]


def _info(field: InputField) -> Any:
    extra: dict[str, Any] = {"group": field.group, "missing_in_training": round(field.missing, 4)}
    if field.minimum is not None and field.maximum is not None:
        extra["training_range"] = [*map(field.value_of, (field.minimum, field.maximum))]
    known: Sequence[Value] = field.levels or (field.typical,)
    return Field(
        default=None,
        alias=field.name,
        title=field.name,
        description=field.description,
        examples=[value for value in known if value is not None],
        json_schema_extra=extra,
    )


def _python_name(name: str, taken: Mapping[str, object]) -> str:
    """A name that a pydantic model can have: `1stFlrSF` is none, `copy` and `class` neither."""
    usable = name.isidentifier() and not (
        keyword.iskeyword(name) or name.startswith("_") or hasattr(Attributes, name)
    )
    candidate = name if usable else "field_" + re.sub(r"\W", "_", name)
    while candidate in taken:
        candidate += "_"
    return candidate
