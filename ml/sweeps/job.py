"""A sweep: many values of one experiment, trained side by side, and the best of them judged."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

import numpy as np
from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from ml import fields
from ml.events import Checkpoint, Event, Figure, Finding, Floats, Series, Table
from ml.experiment import FREE, JUDGING, Diverged, Experiment
from ml.sweeps import axes
from ml.sweeps.axes import Axis, Range
from ml.sweeps.running import Running
from ml.sweeps.trials import Trial, called, in_words, parts
from ml.sweeps.winner import Ranked, importance
from ml.train import Progress
from ml.trains import TrainingExperiment

MOST = 4096  # trials
TRIES = 20  # draws for each trial: some come again, and few values have no more
SHOWN = 200  # of a table
WIDE = 30.0  # listed numbers so many times apart are drawn by factors
RULE = (
    "The best of many has had luck. So each block of rows, a fold or a repetition, judges the trial"
    " that all others choose; what these blocks say is what to expect of the best. It is better"
    " than what the sweep began from where the 95 % interval of their difference, block by block,"
    " leaves out 0."
)

Of = TypeVar("Of", bound=TrainingExperiment)


class Sweep(Experiment, Generic[Of]):
    """Train many values of an experiment side by side, and say what the best of them is worth."""

    section: ClassVar[str] = ""

    name: Literal["sweep"] = "sweep"
    of: Of = Field(description="What is varied, as it is without the sweep: its first trial.")
    over: dict[str, Axis] = Field(
        min_length=1,
        max_length=6,
        description='Fields and their values: [0.1, 0.3], "64, 128-64", "0.001..0.1 log 7".',
    )
    method: Literal["grid", "random"] = fields.own(
        "grid", "Sweep", "Method", "Every combination, or some by chance."
    )
    trials: int = fields.own(
        64, "Sweep", "Trials", "Combinations that random draws.", ge=2, le=MOST
    )
    eta: int = fields.own(
        1,
        "Sweep",
        "Halving",
        "At each rung one of so many trials goes on, for so many times as long; 1 drops none.",
        ge=1,
        le=10,
    )

    @classmethod
    def model_parametrized_name(cls, params: Any) -> str:  # noqa: ARG003  it has one name
        """Its name in a schema, whatever it may vary."""
        return "Sweep"

    @field_validator("over")
    @classmethod
    def may_vary(cls, over: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """Refuse fields that there are not, or that say how trials are judged; read all values."""
        of = info.data.get("of")
        if of is None:  # and that is an error of its own
            return over
        found, wrong = dict[str, Any](), list[InitErrorDetails]()
        for name, one in over.items():
            try:
                found[name] = _axis(of, name, one)
            except PydanticCustomError as error:  # each at its own place
                given = str(one) if isinstance(one, Range) else one
                wrong.append(InitErrorDetails(type=error, loc=(name,), input=given))
        if wrong:
            raise ValidationError.from_exception_data(cls.__name__, wrong)
        return found

    @model_validator(mode="after")
    def fits(self) -> Self:
        """Refuse too many trials, one alone, and unlike lengths where trials are dropped."""
        if self.eta > 1 and "num_epochs" in self.over:
            raise PydanticCustomError(
                "unlike_length",
                "Trials of unlike num_epochs cannot be compared midway: take eta 1, or leave"
                " num_epochs out.",
            )
        count = np.prod([len(self._values(name)) for name in self.over], dtype=float)
        if self.method == "grid" and count > MOST:
            raise PydanticCustomError(
                "too_many_trials",
                "These values have {count} combinations; {most} are allowed. Take fewer points,"
                " such as 0.001..0.1 log 3, or method random.",
                {"count": f"{count:,.0f}", "most": f"{MOST:,}"},
            )
        return self

    @property
    def label(self) -> str:
        """What varies, and of what."""
        ways = f"{len(self.configs):,} trials" + (f", halving by {self.eta}" * (self.eta > 1))
        return f"{', '.join(self.over)} of {self.of.name}, {ways}"

    @cached_property
    def configs(self) -> list[dict[str, Any]]:
        """The values of each trial, those that the sweep began from first, each once."""
        integers = {name for name in self.over if _is_integer(type(self.of), name)}
        drawn = (
            axes.grid({name: self._values(name) for name in self.over})
            if self.method == "grid"
            else axes.draws(self.over, integers, self.seed, TRIES * self.trials)
        )
        began = {name: self.of.model_dump(mode="json")[name] for name in self.over}
        every = {repr(began): began}
        for config in drawn:
            every[repr(config)] = config
            if self.method == "random" and len(every) > self.trials:
                break
        return [*every.values()]

    def named(self, name: str) -> dict[str, Any] | None:
        """The values of the trial that goes by this name, as a finding or a run has it."""
        return next((one for one in self.configs if called(one) == name), None)

    def _values(self, name: str) -> list[Any]:
        return axes.values_of(self.over[name], integer=_is_integer(type(self.of), name))

    @cached_property
    def varied(self) -> list[Trial]:
        """All trials, the first as the sweep began."""
        return [
            Trial(i, config, self.of.with_values(config | {"seed": self.seed}))
            for i, config in enumerate(self.configs)
        ]

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Train all trials, then say which is best, and what that is worth.

        Raises:
            Diverged: where every trial has.
            NotOneAnswer: where the experiment compares settings of its own.
        """
        running = Running(parts(self.varied), Progress(resume), eta=self.eta, kept=1)
        yield from running.run()
        ranked = Ranked.of_running(running)
        if not np.isfinite(ranked.end).all(1).any():
            raise Diverged("Every trial diverged. A smaller lr usually helps.")
        first = running.standings[0].first
        told = _Told(self, ranked, first.measured, first.judged_on, first.best_by)
        yield from told.events()


def _is_integer(of: type[Experiment], name: str) -> bool:
    return of.model_fields[name].annotation is int


def _axis(of: Experiment, name: str, one: Range | list[Any]) -> Range | list[Any]:
    """The values of a field as the experiment itself would have them, or a sentence."""
    field = type(of).model_fields.get(name)
    extra = field.json_schema_extra if field else None
    group = extra.get("group") if isinstance(extra, dict) else None
    if field is None or name in FREE or group == JUDGING:
        may = [
            each
            for each, its in type(of).model_fields.items()
            if each not in FREE
            and isinstance(its.json_schema_extra, dict)
            and its.json_schema_extra.get("group") != JUDGING
        ]
        why = "says how a trial is judged, which is the same for all" if field else "is no field"
        raise PydanticCustomError(
            "cannot_vary",
            "{name} {why} of {of}. It may vary {may}.",
            {"name": name, "why": why, "of": of.name, "may": ", ".join(may)},
        )
    if isinstance(one, Range):
        for end in (one.low, one.high):
            _value(of, name, int(end) if end.is_integer() else end)
        return one
    found = [_value(of, name, value) for value in one]
    return [value for i, value in enumerate(found) if value not in found[:i]]


def _value(of: Experiment, name: str, value: Any) -> Any:
    """A value as JSON has it; layers may be written 128-64."""
    if isinstance(value, str) and type(of).model_fields[name].annotation not in {str, float, int}:
        value = _layers(value)
    values = of.model_dump(mode="json") | {name: value}
    try:
        changed = type(of).model_validate(values, strict=False if isinstance(value, str) else None)
    except ValidationError as error:
        raise PydanticCustomError(
            "no_value",
            "{name} cannot be {value}: {why}",
            {"name": name, "value": str(value), "why": error.errors()[0]["msg"]},
        ) from None
    return changed.model_dump(mode="json")[name]


def _layers(text: str) -> Any:
    """The widths that "128-64" names; "linear" has none. Other texts stay."""
    if text == "linear":
        return []
    widths = text.strip("[]").replace(",", "-").split("-")
    return [int(width) for width in widths] if all(w.strip().isdigit() for w in widths) else text


class _Told:
    """What is said of a sweep that has ended."""

    def __init__(
        self, sweep: Sweep[Any], ranked: Ranked, measured: str, judged_on: str, best_by: str
    ) -> None:
        self.sweep, self.ranked = sweep, ranked
        self.share = best_by.partition(" ")[2]
        self.judged_on = judged_on
        self.of = f"{judged_on} {self.share or measured}"
        self.order = ranked.order
        self.best = self.order[0]

    def events(self) -> Iterator[Event]:
        """The finding, what the fields are worth, each field's picture, and all trials."""
        yield self.finding()
        stage = self.ranked.stages[0]
        means = self.shown(stage.scores.mean(1))
        columns = {n: [t.config[n] for t in self.ranked.trials] for n in self.sweep.over}
        shares = importance(columns, means, self.sweep.seed)
        early = len(self.ranked.stages) > 1
        when = f"After epoch {stage.epoch}, where all trials stand, " if early else ""
        for name in sorted(shares, key=lambda name: -shares[name].share):
            said = shares[name]
            share = f"{said.share:.0%} of what trials differ by ({said.low:.0%} to {said.high:.0%})"
            told = "" if said.told else ": not told from chance"
            text = f"{when}{name} goes with {share}; chance alone reaches {said.chance:.0%}{told}."
            yield self.slice(name, columns[name], means, text)
        yield self.table()

    def shown(self, scores: Floats) -> Floats:
        """Scores as they are measured: of a share the more the better."""
        return -scores if self.share else scores

    def finding(self) -> Finding:
        """Which trial is best, what to expect of it, and how sure that is."""
        ranked, best = self.ranked, self.best
        ends = ranked.by_block(ranked.end)
        blocks = ends.shape[1]
        name = ranked.trials[best].name
        shown = float(self.shown(ends[best].mean()))
        said = f"Best of {len(ranked.trials)} trials is {name}, at {self.of} {shown:.4f}"
        if blocks < 2:
            text = f"{said}. One run of each says nothing of luck: take more folds or seeds."
            return Finding("not judged", text, RULE, name)
        judged = ranked.judged()
        expected = float(self.shown(judged.mean()))
        text = f"{said}; expect {expected:.4f}, which is without the luck of having been chosen."
        verdict: Any = "no clear difference"
        if best == 0:
            text += " The sweep began from it."
        elif np.isfinite(ends[0]).all():
            mean, half = ranked.apart(judged, ends[0])
            began = float(self.shown(ends[0].mean()))
            side = "better" if mean < 0 else "worse"
            sure = abs(mean) > half
            verdict = {"better": "helps", "worse": "hurts"}[side] if sure else verdict
            told = "" if sure else ": they cannot be told apart"
            text += f" As it was it has {began:.4f}; {side} by {abs(mean):.4f} ± {half:.4f}{told}."
        return Finding(verdict, text + self.runner_up(ends), RULE, name)

    def runner_up(self, ends: Floats) -> str:
        """The second, and whether it is behind for more than luck."""
        if len(self.order) < 2 or not np.isfinite(ends[self.order[1]]).all():
            return ""
        second = self.order[1]
        mean, half = self.ranked.apart(ends[second], ends[self.best])
        told = "" if mean > half else ": not told apart"
        name = self.ranked.trials[second].name
        return f" The second, {name}, is behind by {mean:.4f} ± {half:.4f}{told}."

    def slice(self, name: str, values: list[Any], means: Floats, finding: str) -> Figure:
        """A point for each trial: its value of a field, and its mean."""
        numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
        written_as = [in_words(v) for v in values]
        names = () if numeric else tuple(dict.fromkeys(written_as))
        x = np.array(values if numeric else [names.index(text) for text in written_as], float)
        known = np.isfinite(means)
        one = self.sweep.over[name]
        log = one.log if isinstance(one, Range) else numeric and x.max() >= WIDE * x.min() > 0
        return Figure(
            f"slice {name}",
            f"{self.of[:1].upper()}{self.of[1:]} by {name}",
            finding,
            (Series("trials", x[known], means[known], mode="markers"),),
            x_label=name,
            y_label=self.of,
            x_scale="log" if log and x.min() > 0 else "linear",
            x_names=names,
        )

    def table(self) -> Table:
        """The trials from the best on."""
        ranked, shown = self.ranked, self.order[:SHOWN]
        last = [ranked.last(i) for i in shown]
        columns: dict[str, Any] = {"rank": np.arange(1.0, len(shown) + 1)}
        for name in self.sweep.over:
            values = [ranked.trials[i].config[name] for i in shown]
            columns[name] = [in_words(value) for value in values]
        columns[self.of] = self.shown(np.array([mean for _, mean in last]))
        spread = [np.std(ranked.stages[at].scores[i], ddof=1) if ranked.of.size > 1 else np.nan
                  for i, (at, _) in zip(shown, last, strict=True)]  # fmt: skip
        columns["± sd"] = np.array(spread)
        columns["train"] = ranked.train[shown]
        columns["epochs"] = ranked.epochs[shown].astype(float)
        count = len(ranked.trials)
        some = f"The best {SHOWN} of {count:,}. " if count > SHOWN else ""
        note = (
            f"{some}Means over {len(ranked.of)} runs of each trial, at its last epoch; sd is from"
            " run to run. The first row was chosen by looking, and flatters itself."
        )
        return Table.of("trials", "Trials", columns, note)
