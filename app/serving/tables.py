"""People's tables, answered by a version that is served: counted, kept, and refused in words."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

from app.errors import Invalid
from app.serving import log
from app.serving.predictors import Served
from app.serving.prices import price_each, refused
from app.settings import settings
from ml import pricing
from ml.predictor import Predictions
from ml.pricing import Part, WrongRows
from ml.schema import BadTable, Checked, Opened, TooManyRows, beginning, text_of


@contextmanager
def opened(file: IO[bytes]) -> Iterator[Opened]:
    """A file as text. Raises Invalid where it is none."""
    with _refusing(), text_of(file) as text:
        yield text


def refuse_other(
    served: Served, file: IO[bytes], *, mapping: Mapping[str, str] | None, strict: bool
) -> None:
    """Raises Invalid where the first lines show that a file is no table of what a version reads: a
    job need not be waited for to be told so."""
    with _refusing():
        begin = beginning(file)
        if begin is not None:
            with text_of(begin) as (text, _):
                schema = served.predictor.card.input_schema
                schema.refuse_header(text, mapping=mapping, strict=strict)


@contextmanager
def _refusing() -> Iterator[None]:
    """What is wrong with a table as a 422; that it has too many rows is left to whoever says how
    many it may have."""
    try:
        yield
    except TooManyRows:
        raise
    except WrongRows as error:
        raise Invalid(str(error), refused(error.rows, ["body"]).errors, error.unknown) from None
    except BadTable as error:
        raise Invalid(str(error)) from None


def read_mapping(pairs: Sequence[str] | None) -> dict[str, str]:
    """Which column is which field, from "Column=field". Raises Invalid."""
    for pair in pairs or ():
        if "=" not in pair:
            raise Invalid(f"map is {pair[:80]!r}; it must be Column=field.")
    return dict(pair.rsplit("=", 1) for pair in pairs or ())


class PricedTable(pricing.PricedTable):
    """A file of houses: checked as it is made; its answers are kept for the monitor as they
    come."""

    def __init__(
        self,
        served: Served,
        text: Opened,
        *,
        strict: bool = False,
        mapping: Mapping[str, str] | None = None,
        keep: bool = True,
        most: int | None = None,
    ) -> None:
        """Check a file; of at most so many rows, which are then one part, and refused
        where one of them has no price.

        Raises:
            Invalid: where it is no such table, or a row of it cannot be.
            TooManyRows: where it has more.
        """
        self._served, self._keep_them = served, keep
        with _refusing():
            super().__init__(
                served.predictor, served.version, text, strict=strict, mapping=mapping, most=most
            )
            for _ in self.check():
                pass

    def parts(self, kept: int | None = None) -> Iterator[Part]:
        """All rows, one part after another; of the answers as many are kept as settings say."""
        usual = settings().keep_answers if self._keep_them else 0
        return super().parts(usual if kept is None else kept)

    def whole(self) -> Part:
        """All rows of a table of at most `most`. Raises Invalid where one has no price."""
        with _refusing():
            return next(self.parts())

    def price_each(self, checked: Checked) -> tuple[Predictions, dict[int, str]]:
        """Prices of checked rows, counted; and of those that have none, why."""
        return price_each(self._served, checked)

    def keep(
        self, houses: Sequence[dict[str, Any]], priced: Predictions, paid: Sequence[float]
    ) -> list[str] | None:
        """A key for each answer; it waits until few answers do."""
        return log.keep(self._served, houses, priced, paid, wait=True)
