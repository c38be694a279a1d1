"""What the API says and hears: the shapes of its JSON."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.store import models, requirements
from app.store.jobs import SERVED
from app.store.models import LARGEST, Job, WorkerRow
from app.store.registry import CHAMPION
from app.store.states import Act, JobStatus
from ml.events import Claim
from ml.experiment import whole
from ml.experiments import AnyExperiment, AnyInstant
from ml.predictor import Gate, Known, Words
from ml.tabular.profile import Profile

Tag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 ._:/=+-]{1,50}$")]
ModelName = Annotated[
    Annotated[int, Field(ge=1, le=LARGEST)]
    | Annotated[str, StringConstraints(pattern=r"^([1-9][0-9]{0,9}|[a-z][a-z0-9-]{0,39})$")],
    Field(description="Who answers: a version's number, or a name that points at one."),
]
Moment = Annotated[datetime, PlainSerializer(lambda at: at.isoformat().replace("+00:00", "Z"))]


class Said(BaseModel):
    """Read from rows of the store as well as from mappings."""

    model_config = ConfigDict(from_attributes=True)


class Answered(Said):
    """Who gave the answer."""

    version: int = Field(description="Number of the model that answered.")
    job: int = Field(description="The job that has made it.")


def renamed(value: object, other: str, name: str) -> object:
    """A JSON object whose field may have another name."""
    if not isinstance(value, dict) or other not in value or name in value:
        return value
    return {name if key == other else key: item for key, item in value.items()}


class Asked(BaseModel):
    """What a client sends: nothing unknown, and no text where a number belongs."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    _whole = model_validator(mode="before")(whole)

    @model_validator(mode="before")
    @classmethod
    def _is_unicode(cls, value: object) -> object:
        """Refuse half a surrogate pair, anywhere: JSON can spell it, but nothing can store it."""
        try:
            json.dumps(value, ensure_ascii=False, default=repr).encode()
        except UnicodeEncodeError as error:
            half = error.object[error.start : error.end]
            text = "{half} is half a surrogate pair, and no character."
            raise PydanticCustomError("no_unicode", text, {"half": ascii(half)}) from None
        return value


class ByModel(Asked):
    """What is asked of a model, which may be named."""

    model: ModelName = CHAMPION


class Requirements(Asked):
    """What only some workers have: a job is claimed by one that has it, others go ahead of it."""

    device: Literal["cuda", "mps"] | None = Field(
        None, description="Kind of accelerator; an experiment whose `device` is one requires it."
    )
    memory_gib: float | None = Field(
        None, gt=0, le=65_536, description="Memory of the machine that is free as it starts, GiB."
    )


class Terms(Asked):
    """What a job can be asked for with beside its experiment: columns of its row, by name."""

    timeout: float | None = Field(
        None, gt=0, le=604_800, description="Seconds an attempt may take."
    )
    tags: list[Tag] = Field([], max_length=20, description="Words to find it by.")
    requires: Requirements | None = Field(None, description="Of the worker that claims it.")


class JobIn(Terms):
    """An experiment to be run."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "experiment": {"name": SERVED[0], "num_seeds": 2},
                    "timeout": 3600,
                    "tags": ["try"],
                }
            ]
        }
    )

    experiment: AnyExperiment = Field(
        description="Its name, and the fields that differ from default."
    )


class InstantIn(Asked):
    """An experiment that is answered at once."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"experiment": {"name": "activations", "alpha": 0.1}}]}
    )

    experiment: AnyInstant = Field(description="One that is `instant`, by name.")


class JobOut(Said):
    """A job: one asking for an experiment."""

    id: int
    name: str
    label: str
    experiment: dict[str, Any] = Field(description="All its fields, as they were validated then.")
    status: JobStatus
    reason: str | None = Field(
        description="Of a failure: diverged, crashed, invalid, error, timed_out."
    )
    error: str | None
    tags: list[str]
    timeout: float | None
    retry_of: int | None
    attempt: int
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    device: str | None
    measure: str | None = Field(description="What train and valid are numbers of.")
    num_runs: int
    epochs_done: int = Field(
        description="Summed over the groups of runs; of a job that answers a table its rows, of"
        " which epochs_total is 0 while they are checked."
    )
    epochs_total: int
    headline: str | None = Field(
        description="The setting that the numbers below are of; empty where the job has only one,"
        " null where it was not kept: then they are means over all runs of the first group."
    )
    best_of: int = Field(description="Settings that it is the best of; 1 where it was asked for.")
    judged_on: str | None = Field(description="Rows of valid: valid or test; null: not known.")
    train: float | None = Field(
        description="At the last epoch, mean over the runs that repeat the headline's setting."
    )
    valid: float | None
    best_valid: float | None = Field(description="The lowest of that mean in any epoch.")
    best_epoch: int | None
    checks_held: int
    checks_total: int
    book_held: int = Field(description="Of these checks, those that test a claim of the book.")
    book_total: int
    requires: dict[str, Any] | None = Field(description="Of the worker that claims it.")
    waiting_for: str | None = Field(
        None, description="What it requires that it has yet to wait for; null where nothing."
    )

    @classmethod
    def of(cls, job: Job, workers: Sequence[WorkerRow]) -> "JobOut":
        """A job, and what it waits for among the living workers."""
        waits = requirements.waiting_for(job, workers)
        return cls.model_validate(job).model_copy(update={"waiting_for": waits})


class JobList(BaseModel):
    """A page of jobs."""

    items: list[JobOut]
    total: int = Field(description="Jobs of this listing, on all pages.")
    next: str | None = Field(description="Cursor of the next page.")


class RunOut(Said):
    """One trained model: one lane, one curve."""

    id: int
    key: str = Field(description="Group of lanes within the job.")
    lane: int
    label: str
    setting: str | None = Field(description="Runs of one setting repeat each other.")
    num_epochs: int
    num_parameters: int
    epoch: int = Field(description="Last epoch stored.")
    train: float | None
    valid: float | None
    best_valid: float | None
    best_epoch: int | None
    diverged_at: int | None


class RunList(BaseModel):
    """A page of runs."""

    items: list[RunOut]
    next: int | None = Field(description="`after` of the next page.")


class GroupMetrics(BaseModel):
    """Curves of a group: values[metric][epoch][lane]; null where unknown."""

    key: str
    labels: list[str]
    measure: str
    metrics: list[str]
    values: list[list[list[float | None]]]


class Metrics(BaseModel):
    """All points of a job up to chunk `seq`."""

    seq: int
    groups: list[GroupMetrics]


class CheckOut(BaseModel):
    """A claim, computed from this run."""

    section: str
    name: str
    expected: float | str
    got: float | str
    tolerance: float | None
    passed: bool
    claim: Claim | None = Field(
        None, description="Whose: the book's figure, the book's words, ours; of old jobs unknown."
    )


class FigureRef(BaseModel):
    """A figure of a job."""

    name: str
    title: str
    url: str


class ExperimentOut(BaseModel):
    """An experiment that can be asked for."""

    name: str
    section: str
    summary: str
    instant: bool = Field(description="Answers within a request; all others are jobs.")
    presets: list[dict[str, Any]]
    json_schema: dict[str, Any] = Field(description="Of its fields.")


class Answer(BaseModel):
    """What an instant experiment says."""

    figures: dict[str, dict[str, Any]] = Field(description="Plotly figures by name.")
    tables: list[dict[str, Any]]
    checks: list[CheckOut]
    findings: list[dict[str, Any]]


class HouseWarning(Said):
    """A value beyond what training has seen."""

    column: str
    value: float | int | str | None
    message: str


class Prediction(BaseModel):
    """The price of one house, in dollars."""

    id: str | None = Field(
        None, description="Of the answer, for POST /actuals; null where it is not kept."
    )
    price: float
    low: float = Field(description="9 of 10 houses of other folds sold between low and high.")
    high: float
    likely: list[float] = Field(
        [], description="So many prices as were asked for, each as likely as the others."
    )
    imputed: list[str] = Field(
        description="Attributes that are not known, and taken as in sales alike."
    )
    warnings: list[HouseWarning]


class Predictions(Answered):
    """Prices in the order of the houses."""

    predictions: list[Prediction]
    remarks: list[str] = Field([], description="What was read otherwise than it stands.")


class PricedRow(BaseModel):
    """A row of a table with its price."""

    name: str = Field(description="Its id, or its line in the file.")
    price: float
    low: float
    high: float
    imputed: int = Field(description="How many fields are not known.")
    warnings: list[str] = Field(description="In what it is unlike the training data.")


class Miss(Said):
    """A row that was far off, in the unit of what is predicted."""

    name: str = Field(description="Its id, or its line in the file.")
    line: int = Field(description="In the file, as an editor counts.")
    paid: float
    price: float = Field(description="As predicted.")
    low: float = Field(description="Of the interval.")
    high: float
    off: float = Field(description="log(paid / predicted), or paid - predicted.")
    row: dict[str, bool | int | float | str | None] = Field(
        description="What it says: a row to ask about again."
    )


class Score(Said):
    """Prices beside what the table says was paid: errors of log price, or as a card's words say."""

    n: int
    rmse: float
    bias: float = Field(description="Mean of log(paid / predicted), or of paid - predicted.")
    inside: float = Field(description="Share of what was paid within the intervals.")
    met: int = Field(description="Rows that the version has learnt from: on others it errs more.")
    worst: list[Miss] = Field(description="Furthest off, the worst first; ten at most.")


class PricedTable(Answered):
    """A table priced, and how it was read."""

    rows: int
    remarks: list[str] = Field(description="How it was read, where that is not as it stands.")
    unknown: dict[str, list[str]] = Field(
        description="Columns that are no field, and what they may have been meant by."
    )
    score: Score | None
    first: list[PricedRow] = Field(description="The first rows.")
    csv: str = Field(description="All rows, with own columns beside.")


class Difference(Said):
    """An attribute in which a sale is not like the house that is priced."""

    attribute: str
    here: float | int | str | None
    there: float | int | str | None


class Comparable(Said):
    """A sale that a price rests on."""

    id: int | str
    house: dict[str, Any] = Field(description="Its attributes.")
    sold: float = Field(description="What it sold for, dollars.")
    says: float = Field(description="The same, adjusted by what differs: dollars.")
    weight: float = Field(description="What it counts for; of all sales together 1.")
    distance: float = Field(description="As learnt: a weight falls as exp(-distance²).")
    differs: list[Difference] = Field(description="What matters most of it first.")


class Rest(BaseModel):
    """All other sales together."""

    says: float
    weight: float


class Comparables(Answered):
    """The sales that a price rests on, the heaviest first.

    log of what the member `comparables` says is Σ weight · log says over sales and rest. The log of
    the price is that, moved towards the mean of the members' logs, weighted by `blend`, but by no
    more than `limit`.
    """

    price: float
    members: dict[str, float] = Field(description="What each member says alone, dollars.")
    blend: dict[str, float] = Field(description="What each member counts for.")
    limit: float = Field(description="In log price.")
    sales: list[Comparable]
    rest: Rest


class Reason(Said):
    """What a group of attributes adds to the price of a typical house."""

    group: str
    dollars: float
    differs: list[str] = Field(description="Its attributes in which the house is not typical.")


class Reasons(Answered):
    """From the price of a typical house to that of this one: typical + Σ dollars + error."""

    typical: float = Field(description="Every attribute at its median or its commonest value.")
    price: float
    reasons: list[Reason] = Field(description="Shapley values of groups, the largest first.")
    error: float = Field(description="Dollars that they leave untold: of what is not known.")


class AskOut(BaseModel):
    """A field that is not known."""

    attribute: str
    within: float = Field(description="Half of the interval, on average, if it were known.")


class AskFirst(Answered):
    """What is not known of a row, by how much knowing it would narrow the 90 % interval.

    Half of an interval is told as a share where errors are those of a logarithm, 0.31 for ±31 %,
    and else in the unit of what is predicted. Averages are over what rows alike have.
    """

    sentence: str
    within: float = Field(description="Half of the interval, as much as is known.")
    form_known: float | None = Field(
        description="The same, on average, if all were known that a form asks first; null where it"
        " asks nothing first."
    )
    all_known: float = Field(description="The same, on average, if all were known.")
    ask_first: list[AskOut] = Field(description="What narrows it, the most first.")


class Bounded(BaseModel):
    """A price and its interval, dollars."""

    price: float
    low: float
    high: float


class WhatIf(Answered):
    """Prices of a house as one attribute changes, alone or with what must move with it."""

    attribute: str
    values: list[float | str] = Field(description="Dates as ISO text.")
    alone: list[Bounded] = Field(description="All other attributes as they are.")
    together: list[Bounded] = Field(description="With what must move, too.")
    moves: dict[str, list[float | None]] = Field(description="What moves, by attribute.")


class Sales(Answered):
    """The houses that a predictor has learnt from and remembers, column by column."""

    ids: list[int | str]
    sold: list[float] = Field(description="Dollars.")
    attributes: dict[str, list[float | str | None]] = Field(description="Those asked for.")


class PredictorOut(Answered):
    """The predictor that answers, and what it reads."""

    model_config = ConfigDict(serialize_by_alias=True)

    names: list[str] = Field(description="What this version is called.")
    label: str
    measure: str
    valid: float | None
    folds: list[float]
    interval: list[float] = Field(description="Quantiles of log(sold / predicted), 5 % and 95 %.")
    size: int = Field(description="Bytes of its file.")
    input_schema: dict[str, Any] = Field(description="Fields, levels, ranges.", alias="schema")
    json_schema: dict[str, Any] = Field(description="JSON Schema of one house.")


class Standing(BaseModel):
    """A version beside the champion, paired fold by fold, or by rows whose target came later."""

    comparable: bool
    sentence: str = Field(description="What was found, or why there is nothing to find.")
    difference: float | None = Field(
        None, description="Its error less the champion's, mean over the pairs: below 0 is better."
    )
    half: float | None = Field(None, description="Of the 95 % interval of that.")
    better: bool = Field(False, description="Whether that interval lies below 0.")
    ahead: int = Field(0, description="Pairs in which its error is lower.")
    pairs: int = Field(
        0, description="Folds that both were judged on, each repetition anew; or rows."
    )
    on: Literal["folds", "rows"] = Field(
        "folds", description="What is paired: folds, or rows whose target came later."
    )
    more_shuffles: int | None = Field(
        None, description="Further foldings that would decide; null where no number of them would."
    )
    passes: bool = Field(False, description="Whether it may be promoted without a reason.")


class Model(BaseModel):
    """A version: who has made it, what it is called, how far off it is."""

    version: int
    job: int
    experiment: str
    label: str
    names: list[str]
    created_at: Moment
    size: int = Field(description="Bytes of its file.")
    digest: str = Field(description="SHA-256 of it.")
    measure: str
    rows: int | None = Field(description="That it was judged on; null in an older file.")
    fault: str = Field("", description="Why it cannot be read; empty where it can.")
    folds: list[list[float]] = Field(description="Error of each fold, by repetition.")
    valid: float | None = Field(description="Their mean.")
    spread: float | None = Field(description="Their standard deviation.")
    covers: float | None = Field(description="Share of targets within their 90 % intervals.")
    leaks: str = Field(description="What it knew of rows that it is judged on; empty if nothing.")
    answers: int = Field(description="That it gave in the last seven days, of those kept.")
    beside: Standing | None = Field(description="Null for the champion itself.")


class Models(BaseModel):
    """All versions, and what they are called."""

    champion: int | None
    names: dict[str, int]
    models: list[Model]


class Move(Said):
    """A name that was moved."""

    at: Moment
    act: Act
    alias: str
    before: int | None = Field(description="Version that it pointed at.")
    after: int | None
    who: str
    reason: str
    forced: bool = Field(description="Whether it went past the gate.")
    evidence: str = Field(description="What was known of both versions then.")


class History(BaseModel):
    """The latest first."""

    moves: list[Move]


class Part(Said):
    """Rows of a kind, by versions that have not learnt from them."""

    name: str
    n: int
    rmse: float
    half: float | None = Field(description="Of the 90 % interval of that; null of a single row.")
    inside: float = Field(description="Share of targets within their intervals.")
    above: float
    below: float


class Table(BaseModel):
    """Rows of one's own that jobs may learn from."""

    table: str = Field(description="Its name: the start of the SHA-256 of what it holds.")
    rows: int
    target: str | None = Field(
        description="What is predicted of each; null: sales of houses; empty: questions."
    )
    about: str = Field(description="Where they come from.")
    created_at: Moment
    version: int | None = Field(description="That had learnt from all but those added.")
    added: int = Field(description="Rows that came later, whose price was told.")
    jobs: list[int] = Field(description="That learn from it, or by weights towards it.")
    test_rows: int | None = Field(description="Of the test table beside it; null without one.")

    @classmethod
    def of(cls, table: models.Table, jobs: list[int]) -> Self:
        """From the store."""
        return cls(
            table=table.name, rows=table.rows, target=table.target, about=table.about,
            created_at=table.created_at,
            version=table.version_id, added=table.added, jobs=jobs, test_rows=table.test_rows,
        )  # fmt: skip


class NewTable(Table):
    """And how its file was read, or that of the test table beside it."""

    remarks: list[str]


class Fit(Said):
    """What a linear model makes of the inputs, by five folds: errors as they are measured."""

    n: int = Field(description="Rows.")
    inputs: int = Field(description="Numbers that the columns become.")
    rmse: float
    sd: float = Field(description="Of the target.")
    explained: float = Field(description="Share of the variance, R²; 1 is all.")


class TableProfile(BaseModel):
    """A look at a table: its columns, what needs a person first, and a first fit."""

    table: str
    profile: Profile
    inputs: list[str] = Field(description="From which it would be predicted.")
    fit: Fit | None = Field(description="Null where nothing can be learnt.")
    reason: str = Field(description="Why nothing can be learnt; empty where it can.")

    @classmethod
    def of(cls, table: str, told: Profile, inputs: Sequence[str], fit: object, reason: str) -> Self:
        """From what was seen."""
        return cls(
            table=table, profile=told, inputs=[*inputs], reason=reason,
            fit=None if fit is None else Fit.model_validate(fit),
        )  # fmt: skip


class TableList(BaseModel):
    """All of them."""

    tables: list[Table]


class ModelCard(Model):
    """What a version is good for, and what not."""

    asked: dict[str, Any] = Field(description="The experiment.")
    words: Words = Field(description="How rows, what is predicted and errors are told.")
    median_error: float | None = Field(
        description="Half of the answers are off by less than this part of what was paid; null"
        " where errors are not those of a logarithm."
    )
    columns: int = Field(description="Attributes that it reads.")
    inputs: int = Field(description="Numbers that they become.")
    target: tuple[float, float] = Field(description="Lowest and highest, of the rows learnt from.")
    made_of: dict[str, str] = Field(description="Versions of libraries, SHA-256 of data.")
    table: Table | None = Field(description="Where it has learnt from one's own.")
    questions: Table | None = Field(description="That what it learnt from was weighted towards.")
    fifths: list[Part] = Field(description="By the target, the lowest fifth first.")
    groups: dict[str, list[Part]] = Field(description="By column, the worst first.")
    known: list[Known] = Field(description="By how much is known of a row: all, and less.")
    not_for: list[str]


class Classified(Said):
    """Whether a classifier tells questions from rows learnt from, on rows it has not seen."""

    auc: float
    p: float
    low: float = Field(description="Of AUC where nothing has moved.")
    high: float
    permuted: list[float] = Field(description="AUC of each permutation of the labels.")


class Moved(Said):
    """A column of questions beside the rows learnt from."""

    name: str
    of: str = Field(
        description="numbers, dates (decimal years), levels, true, missing, never seen."
    )
    moved: float = Field(description="Share of the rows that differs at least.")
    adjusted: float = Field(description="p-value among all columns.")
    found: bool = Field(description="Whether that is beyond chance.")
    sentence: str
    at: list[str] = Field(description="Quantiles or levels.")
    source: list[float] = Field(description="Of rows learnt from: quantiles or shares.")
    target: list[float] = Field(description="Of questions.")


class PaidFor(Said):
    """Answers whose price came: errors of log price, or as a card's words say."""

    n: int
    rmse: float
    low: float = Field(description="Of its 95 % interval.")
    high: float
    bias: float = Field(
        description="Mean of log(paid / answered), or of paid - answered: above 0 answers are too"
        " low."
    )
    inside: float = Field(description="Share within the 90 % interval.")
    worse: bool = Field(description="Whether the error is larger than promised, beyond chance.")


class Month(BaseModel):
    """Answers of a month whose price came."""

    month: str
    n: int
    rmse: float
    low: float
    high: float
    inside: float


class Instead(BaseModel):
    """What another version would have answered, where what was paid is known."""

    version: int
    names: list[str]
    n: int = Field(description="Prices that it can be judged by.")
    learnt: int = Field(description="Of these, learnt from: a fold without them has answered.")
    before: float = Field(description="RMSE of who answered, over the same prices.")
    rmse: float
    difference: float = Field(description="Its RMSE less that of who answered.")
    half: float = Field(description="Of the 95 % interval of that, paired by row.")

    @property
    def better(self) -> bool:
        """Beyond chance."""
        return self.difference < -self.half


class Looked(BaseModel):
    """Questions beside what was learnt from."""

    rows: int = Field(description="Learnt from.")
    questions: int = Field(description="Looked at: the latest.")
    classifier: Classified
    columns: list[Moved] = Field(description="Tests of columns, what moved most first.")
    told: dict[str, float] = Field(description="Share of questions that tell a column, if not all.")
    untold: list[str] = Field(description="Columns that too few questions tell to be compared.")
    alone: float = Field(description="Share of questions that are like nothing learnt from.")
    lonely: bool = Field(description="Whether that is more than chance would flag.")
    first_alone: list[str] = Field(description="Ids of the latest such answers.")
    unseen: float = Field(description="Share of questions with a level that was never seen.")
    met: float = Field(description="Share about rows learnt from: no price of these counts.")
    promised: float = Field(description="RMSE over rows that no model had learnt from.")
    expected: float | None = Field(
        description="The same for the questions, by weights; null where these are worth too little."
    )
    worth: float = Field(description="Rows that weighted ones are worth.")
    weights: str = Field(description="Whether weighting what was learnt from can help.")
    hindrance: str = Field(description="Why that cannot help, or need not; empty where it can.")
    paid: PaidFor | None
    months: list[Month]
    instead: list[Instead] = Field(description="Other versions that have a name.")
    notes: list[str]


class Told(BaseModel):
    """What became of prices that were told."""

    kept: int
    unknown: list[str] = Field(description="Ids of no answer that is kept.")


class Learn(BaseModel):
    """What a version could learn from, of the prices that came."""

    prices: int = Field(description="Of rows that it has not learnt from.")
    thin: int = Field(description="Priced answers that tell too little of the row.")
    reason: str = Field(description="Why that cannot be done; empty where it can.")
    jobs: list[int] = Field(description="That learn or have learnt from what it has and from more.")


class Weighing(BaseModel):
    """A job that learns, or has, by weights towards the questions."""

    job: int
    version: int | None = Field(description="That it has left; null before.")
    gained: str = Field(description="What weights have changed, by folds, with an interval.")


class Weigh(BaseModel):
    """What a version could learn from its own rows, weighted towards the questions."""

    reason: str = Field(description="Why that cannot be done; empty where it can.")
    jobs: list[Weighing]


class Monitor(Answered):
    """Whether the world is still the one that a version learnt from."""

    names: list[str]
    verdict: Literal["few", "quiet", "moved", "worse"]
    sentence: str
    answers: int = Field(description="Kept of this version.")
    paid: int = Field(description="Of these, whose price came.")
    since: Moment | None
    until: Moment | None
    look: Looked | None = Field(description="Null where too few have been asked.")
    learn: Learn
    weigh: Weigh


class Question(Said):
    """One thing that a gate asks."""

    name: str
    passed: bool
    found: str


class Group(Said):
    """By how much the error of some rows changes."""

    name: str
    n: int
    difference: float
    half: float


class Against(Standing):
    """A version beside another, fold by fold."""

    questions: list[Question] = Field(description="All must be so for it to take the place.")
    errors: list[float] = Field(description="Of the version, pair by pair.")
    others: list[float] = Field(description="Of the other.")
    k: int | None = Field(description="Pairs that make a repetition.")
    floor: float | None = Field(description="Half the interval that no number of shuffles lowers.")
    deciding: list[int] = Field(description="Rows with the largest errors of both, from 1.")
    without: tuple[float, float] | None = Field(description="Difference and half without these.")
    fifths: list[Group] = Field(description="By the target, the lowest fifth first.")

    @classmethod
    def of(cls, gate: Gate) -> Self:
        """From what was found."""
        pairs = gate.compared
        return cls(
            **standing(gate).model_dump(),
            questions=[Question.model_validate(each) for each in gate.questions],
            errors=pairs.errors.tolist() if pairs else [],
            others=pairs.others.tolist() if pairs else [],
            k=pairs.k if pairs else None,
            floor=pairs.floor if pairs else None,
            deciding=[row + 1 for row in gate.deciding.tolist()] if pairs else [],
            without=gate.without.difference if pairs else None,
            fifths=[Group.model_validate(each) for each in gate.fifths] if not gate.reason else [],
        )


def standing(gate: Gate) -> Standing:
    """How a version stands beside another."""
    if gate.reason:
        return Standing(comparable=False, sentence=gate.sentence)
    assert gate.one is not None
    assert gate.beside is not None
    pairs, (difference, half) = gate.compared, gate.difference
    mine, its = (pairs.errors, pairs.others) if pairs else (gate.one.square, gate.beside.square)
    more = pairs.needed if pairs else None
    return Standing(
        comparable=True,
        sentence=gate.sentence,
        difference=difference,
        half=half,
        better=gate.better,
        ahead=int((mine < its).sum()),
        pairs=len(mine),
        on="folds" if pairs else "rows",
        more_shuffles=max(1, more - len(mine) // pairs.k) if pairs and more else None,
        passes=gate.passed,
    )


class Preflight(BaseModel):
    """What would be uploaded, checked."""

    job: int
    checks: list[CheckOut]
    ready: bool
    rows: int
    bytes: int
    head: list[str]
    histogram: dict[str, list[float]] = Field(
        description="edges (dollars), and the shares sold and predicted between them."
    )


class Apart(BaseModel):
    """A house of which a submission and a version say different prices, in dollars."""

    id: int
    price: float = Field(description="The submission's.")
    ours: float


class Beside(BaseModel):
    """A submission beside the prices of a version."""

    version: int
    n: int = Field(description="Houses that both price.")
    rmse: float = Field(description="Of log price, between the two: not an error of either.")
    bias: float = Field(description="Mean of log(submission / version).")
    furthest: list[Apart]


class Preflighted(BaseModel):
    """Somebody's submission, checked as it is."""

    checks: list[CheckOut]
    ready: bool
    rows: int
    bytes: int
    head: list[str]
    remarks: list[str] = Field(description="How it had to be read: a file for Kaggle needs none.")
    beside: Beside | None


class Health(BaseModel):
    """Alive."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether it can do its work, and what is missing."""

    status: Literal["ready", "not ready"]
    checks: dict[str, str] = Field(description="What was looked at: ok, or a sentence.")


class ComparedJob(BaseModel):
    """A job among those that are compared."""

    job: int
    letter: str = Field(description="What sentences call it: of three and more A is the best.")
    experiment: str
    label: str
    status: JobStatus
    version: int | None = Field(description="Of the model that it has left.")
    champion: bool = Field(description="Whether that answers now.")
    setting: str = Field(description="That its headline names; empty where it has one only.")
    measure: str | None = Field(description="What it is judged by, and on which rows.")
    mean_of: str = Field(description="What the value is the mean of.")
    value: float | None
    train: float | None = Field(description="The same of the rows learnt from.")
    epoch: int = Field(description="That the values are of.")
    num_epochs: int
    repetitions: dict[str, list[float | None]] = Field(
        description="By what is judged, fold or data set, the value of each seed."
    )
    reason: str = Field(description="Why it has no value; empty where it has one.")


class Differs(BaseModel):
    """A field that not all have alike."""

    field: str
    values: list[str] = Field(description="In the order of the jobs; empty where it has none.")


class Around(BaseModel):
    """A difference, and half its interval."""

    difference: float
    half: float


class ComparedPair(BaseModel):
    """Two of the jobs."""

    one: int = Field(description="Number of a job.")
    other: int
    why_not_paired: str = Field(description="Empty where repetition is held beside repetition.")
    difference: float | None = Field(description="Of the other less the one; null: not finite.")
    half: float | None = Field(description="Of the interval of that; null of one run each.")
    verdict: Literal["one", "other", "open", "single", "nothing"] = Field(
        description="Which is better; open: they cannot be told apart; single: one run each;"
        " nothing: one diverged."
    )
    pairs: dict[str, float] = Field(description="The difference of each pair, seeds averaged.")
    other_seeds: Around | None = Field(description="If only seeds were others, not the folds.")
    more_seeds: int | None = Field(description="Of each, that would tell as far as seeds can.")
    sentence: str


class ComparedRow(BaseModel):
    """A row of which two models say different things, neither having learnt from it."""

    row: int = Field(description="From 1.")
    actual: float
    one: float
    other: float


class ComparedRows(Around):
    """Two models row by row, out of fold: the error of the other less that of the one."""

    n: int
    nearer: float = Field(description="Share of the rows that the other is nearer to.")
    most: list[ComparedRow] = Field(description="Where both differ most.")


class Comparison(BaseModel):
    """Jobs beside each other: which is better, and how sure that is."""

    jobs: list[ComparedJob] = Field(description="Two as asked, more from the best on.")
    measure: str | None = Field(description="Of all of them; null where they differ or none has.")
    higher_is_better: bool
    level: float = Field(description="Of each interval: with more pairs than one each is wider.")
    live: bool = Field(description="Whether one of them goes on.")
    at_epoch: int | None = Field(description="All are looked at that epoch while one goes on.")
    sentence: str
    notes: list[str]
    differs: list[Differs]
    alike: int = Field(description="Fields that all have alike.")
    pairs: list[ComparedPair]
    rows: ComparedRows | None = Field(
        description="Of two jobs whose models are judged by the same rows."
    )
