"""Members learnt on folds, blended, judged by rows that none has learnt from, and learnt anew."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from ml import draws, fields
from ml.data import tables
from ml.data.hub import DataUnavailable
from ml.encoder import Target
from ml.ensemble import MEMBERS, Ensemble, Spread, blend
from ml.events import Epoch, Event, Floats, Note, Started, Trained
from ml.houses.errors import median_error
from ml.lanes import NO_ROWS, Lane, k_fold
from ml.losses import rmse, smooth_l1
from ml.members.comparables import Comparables
from ml.members.mlp import SkipMLP
from ml.noise import answers
from ml.optim import waves
from ml.predictor import Blended, Card, Histogram, Judged, Known, Predictor
from ml.predictor.card import made_of
from ml.predictor.known import by_known, claims, known
from ml.programs import Fits
from ml.shift.watch import Called
from ml.shift.weighing import CannotHelpError, Weighed, towards
from ml.tabular.learnt import Learnable, RichTable, alike
from ml.tabular.report import gained, in_words, reported
from ml.tabular.scores import COVERAGE, ENSEMBLE, MASKS, OutOfFold, linear
from ml.train import Training
from ml.trains import TrainingExperiment

BATCH = 128
ALLOWED = 200  # nets of a member on folds: all are kept until the last has learnt
NETS: dict[str, dict[str, Any]] = {  # by cross-validation: what was tried stands in ml/LOG.md
    "comparables": {
        "net": Comparables, "times": 1, "beta": 0.5,
        "lane": {"lr": 0.02, "weight_decay": 1.0, "dropout": 0.3},
    },
    "mlp": {
        "net": SkipMLP, "times": 3, "beta": 0.3,
        "lane": {"lr": 0.02, "weight_decay": 0.3, "dropout": 0.4},
    },
}  # fmt: skip
assert {*NETS} | {"wide_mlp"} == {*MEMBERS}
THIN = 2  # every other row is asked about with less known of it; of many fewer
ASKED = 730  # rows that are
PLAIN = " without weights"  # nets on folds beside those that weigh their rows
Rows = NDArray[np.int64]
Questions = Annotated[
    str,
    fields.knob(
        "Data",
        "Questions",
        "A table of rows that answers are wanted for, by its name: what is learnt from counts by"
        " how likely it is among these; none: each row counts once.",
        pattern=f"^({tables.NAME})?$",
    ),
]


class CrossFitted(TrainingExperiment):
    """One that prices rows of a table by rows that nets have learnt to compare, an MLP and an
    infinite one: on folds to be judged, and once more on all rows to answer."""

    if TYPE_CHECKING:  # fields of those that ask it, each in the order of its own form
        folding: str
        shuffle: int
        k: int
        repeats: int
        questions: str
        num_epochs: int
        num_seeds: int

    @field_validator("repeats", check_fields=False)
    @classmethod
    def affordable(cls, value: int, info: ValidationInfo) -> int:
        """Refuse to repeat what is the same each time, and more nets than are kept at once."""
        if value > 1 and info.data.get("folding") == "book":
            raise PydanticCustomError(
                "repeated_book", "The book's folds are the same each time: repeat shuffled ones."
            )
        times = 2 if info.data.get("questions") else 1  # with and without weights
        seeds, folds = info.data.get("num_seeds", 0), info.data.get("k", 0) * value * times
        if seeds * folds > ALLOWED:
            raise PydanticCustomError(
                "too_many_nets",
                "{seeds} seeds on {folds} folds are {have} nets of each member; {allowed} are"
                " allowed. Take fewer seeds, folds or repeats.",
                {"seeds": seeds, "folds": folds, "have": seeds * folds, "allowed": ALLOWED},
            )
        return value

    @property
    @abstractmethod
    def data(self) -> Learnable:
        """What is learnt from."""

    @cached_property
    def beta(self) -> Floats:
        """What each row counts for, 1 on average (n,): its density ratio to the questions.

        Raises DataUnavailable where weights cannot help.
        """
        data, words = self.data, self.data.subject.words
        if not self.questions:
            return np.ones(len(data.train))
        named = Called(words.rows, words.values).named
        try:
            return towards(data.schema, data.sold, tables.read(self.questions), named)
        except CannotHelpError as error:
            raise DataUnavailable(str(error)) from None
        except ValueError as error:
            name = f"Table {self.questions}"
            raise DataUnavailable(f"{name} cannot be weighted towards. {error}") from None

    @property
    def ways(self) -> dict[str, Floats]:
        """Weights by which folds are learnt, and what is added to the names of nets: with those
        that weigh their rows the same without, so that what weights do is measured."""
        return {"": self.beta} | ({PLAIN: np.ones(len(self.beta))} if self.questions else {})

    @property
    def measured(self) -> str:
        """Name of the measure of curves and folds."""
        return "log_rmse" if self.data.subject.words.log else "rmse"

    @property
    @abstractmethod
    def told_by(self) -> list[str]:
        """Inputs that the size of an error is told from."""

    @property
    def asked(self) -> str:
        """The headline speaks of what answers: all members together."""
        return ENSEMBLE

    # ---- what is trained

    def opening(self) -> Iterator[Event]:
        """What was read, and what is solved without epochs: a curve of one point."""
        data = self.data
        words = data.subject.words
        yield Note(
            f"{len(data.train):,} {words.rows} with a {words.value}, {len(data.test):,} without."
        )
        for key in (ENSEMBLE, "wide_mlp"):
            yield Started(
                key=key,
                labels=tuple(f"{key}, {fold}" for fold in self.folds_named),
                num_epochs=1,
                measure=self.measured,
                device="cpu",
                settings=(key,) * len(self.folds_named),
                asked=self.asked,
            )

    def trainings(self) -> Iterator[Training]:
        """Each member's nets of each seed and fold, then those that learn from every row."""
        for member, (way, beta) in product(NETS, self.ways.items()):
            cells = product(range(self.num_seeds), zip(self.rows, self.folds_named, strict=True))
            for i, (seed, ((train, valid), fold)) in enumerate(cells):
                key, seeded = f"{member}{way}", f"{fold}, seed {seed + 1}"
                yield self.net_training(key, member, i, train, valid, f"{key}, {seeded}", beta)
        for member in NETS:
            for seed in range(self.num_seeds):
                i = self.num_seeds * len(self.rows) + seed
                label = f"{member}, all rows, seed {seed + 1}"
                key = f"{member} refit"
                every, nobody = self.every, self.every[:0]
                yield self.net_training(key, member, i, every, nobody, label, self.beta)

    def net_training(
        self, key: str, member: str, i: int, train: Rows, valid: Rows, label: str, beta: Floats
    ) -> Training:
        """One net of a member, the i-th of its seeds, over its own view of the rows, which count
        for beta (n,)."""
        how, table = NETS[member], self.table_of(train)
        epochs = self.num_epochs * how["times"]
        lane = Lane(
            label=label,
            setting=key,
            train=torch.from_numpy(train),
            valid=torch.from_numpy(valid) if len(valid) else NO_ROWS,
            seed=draws.nth(self.seed, i),
            scale=table.target.std,
            weight=torch.from_numpy(beta[train]),
            **how["lane"],
        )
        batch = min(BATCH, *(len(rows) for rows, _ in self.rows))  # of all folds the same
        return self.training(
            key,
            table.X,
            table.y,
            [lane],
            how["net"](table.X.shape[1]),
            loss=smooth_l1(how["beta"]),
            measure=rmse,
            measured=self.measured,
            optimizer=waves(epochs * (len(train) // batch)),
            num_epochs=epochs,
            batch_size=batch,
            whole_batches=True,
        )

    @cached_property
    def rows(self) -> list[tuple[Rows, Rows]]:
        """Rows to learn from and rows to be judged on, of each fold; shuffle after shuffle."""
        n = len(self.data.train)
        if self.folding == "book":
            return [(train.numpy(), valid.numpy()) for train, valid in k_fold(n, self.k)]
        houses = self.houses
        orders = [  # as KFold of scikit-learn
            np.random.RandomState(self.shuffle + i).permutation(len(houses))
            for i in range(self.repeats)
        ]
        parts = [
            np.concatenate([houses[house] for house in part])
            for order in orders
            for part in np.array_split(order, self.k)
        ]
        return [(np.setdiff1d(np.arange(n), valid), np.sort(valid)) for valid in parts]

    @property
    def houses(self) -> list[Rows]:
        """Rows of each house, or whatever they are of: those that say the same, as one that was
        sold twice, must not be in the fold that is judged and in those that are learnt from."""
        return alike(self.data.train)

    @property
    def folds_named(self) -> list[str]:
        """What each fold is called."""
        names = [f"fold {fold + 1}" for fold in range(self.k)]
        if self.repeats == 1:
            return names
        return [f"shuffle {i + 1}, {name}" for i in range(self.repeats) for name in names]

    @property
    def every(self) -> Rows:
        """What the nets that answer learn from (4.10.8)."""
        return np.arange(len(self.data.train))

    def table_of(self, rows: Rows) -> RichTable:
        """The rows as nets see them that learn from some of them."""
        return self.data.rich(rows)

    # ---- what became of it

    def results(self, fits: Fits) -> Iterator[Event]:
        """Blend and judge the folds, then keep what has learnt from every row."""
        found = self.out_of_fold(fits)
        for key in (ENSEMBLE, "wide_mlp"):
            yield Epoch(key, 1, found.errors(key).astype(np.float32)[None])
        spread = found.bounded(self.bounds)
        yield from reported(self, found)
        yield from self.claims(found)
        towards_questions = dict[str, str]()
        if self.questions:
            weighed = self.weighed(found, fits)
            yield gained(weighed, found.words)
            towards_questions["questions"] = in_words(weighed, found.words)
        ensemble = self.ensemble(self.table_of(self.every), self.nets(fits, " refit", 0, 1))
        name = "distinct rows that the refit learns from"
        yield self.equal(name, len(self.data.train), self.seen(fits))
        predictor = self.predictor(found, spread, ensemble)
        partly = self.known(predictor, found)
        yield by_known(partly, found.words)
        if not self.questions:  # weights are of rows that say all: of less nothing is promised
            yield from claims(self, partly, found.words, found.chance)
        made = {"known": tuple(partly), "made_of": predictor.card.made_of | towards_questions}
        predictor = replace(predictor, card=predictor.card.model_copy(update=made))
        yield Trained(predictor.to_bytes())
        yield from self.checked(predictor)

    def claims(self, found: OutOfFold) -> Iterator[Event]:  # noqa: ARG002  some have claims
        """What is claimed of these rows alone."""
        yield from ()

    def checked(self, predictor: Predictor) -> Iterator[Event]:  # noqa: ARG002  the same
        """What is looked at in what it has answered."""
        yield from ()

    def nets(self, fits: Fits, which: str, first: int, step: int) -> dict[str, list[Any]]:
        """Trained nets of each member, every `step`-th from the first: one for each seed."""
        return {
            member: [one.net for one in fits.of(member + which)[first::step]] for member in NETS
        }

    def ensemble(
        self, table: RichTable, nets: Mapping[str, list[Any]], beta: Floats | None = None
    ) -> Ensemble:
        """Of the rows that its nets have learnt from, by their weights or others (n,)."""
        rows, counts = table.rows, self.beta if beta is None else beta
        return Ensemble.of(table.X[rows], table.y[rows, 0], nets, counts[rows])

    def weighed(self, found: OutOfFold, fits: Fits) -> Weighed:
        """What weights have changed, for rows as they are among the questions."""
        plain = self.out_of_fold(fits, PLAIN)
        other, ours = (one.each(np.square(one.off(ENSEMBLE))) for one in (plain, found))
        return Weighed.of(other, ours, self.beta)

    def out_of_fold(self, fits: Fits, way: str = "") -> OutOfFold:
        """What each member says of every row that it has not learnt from."""
        n, folds = len(self.data.train), len(self.rows)
        data = self.data
        found = OutOfFold.empty(
            data.subject, self.rows, data.measured, data.train, len(self.told_by), data.deciding,
            beta=self.ways[way],
        )  # fmt: skip
        for fold, (train, valid) in enumerate(self.rows):
            table, own_rows = self.table_of(train), found.at(fold)
            nets = self.nets(fits, way, fold, folds)
            ensemble = self.ensemble(table, nets, self.ways[way])
            found.ensembles += [ensemble] * (fold < self.k)
            X = table.X.astype(np.float64)
            own = np.full(n, -1)
            own[train] = np.arange(len(train))
            answers = self.answers(ensemble, X, own)
            found.put(fold, table.target, answers, self.blend(answers, table))
            at, weights = self.told(table)
            found.told[own_rows] = X[valid][:, at] / weights  # each fold weighs inputs differently
            found.linear[own_rows] = linear(X[train], table.y[train, 0], X[valid], table.target)
            ends = self.masked(nets["mlp"], table.X[valid])
            found.masked[:, own_rows] = table.target.mean + table.target.std * ends
        return found

    @staticmethod
    def masked(nets: list[Any], X: NDArray[np.float32]) -> Floats:
        """Between which ends nets' answers to rows (n, d) lie with masks of their dropout: (2, n).

        The chapter's way to say how sure a net is (4.6), beside the intervals.
        """
        said = [answers(net, torch.from_numpy(X), MASKS)[:, 0, :, 0] for net in nets]
        ends = (1 - COVERAGE) / 2, (1 + COVERAGE) / 2
        return np.asarray(np.quantile(torch.cat(said).numpy(), ends, axis=0), np.float64)

    @staticmethod
    def answers(ensemble: Ensemble, X: Floats, own: Rows) -> Floats:
        """Of each member for all rows (n, d): (M, n); none is priced by its own sale."""
        return ensemble.answers(X, own)

    @property
    @abstractmethod
    def weights(self) -> dict[str, float]:
        """What each member counts for."""

    @abstractmethod
    def limit(self, target: Target) -> float:
        """By how much others may move what comparable rows say, as errors are measured."""

    def blend(self, answers: Floats, table: RichTable) -> Floats:
        """The members' answers (M, n) as one."""
        return blend(answers, self.weights, self.limit(table.target) / table.target.std)

    @staticmethod
    def bounds(told: Floats, middle: Floats, off: Floats, beta: Floats) -> Spread:
        """How far off answers are, learnt from those of other folds."""
        return Spread.learn(range(told.shape[1]), told, middle, off, COVERAGE, beta)

    def told(self, table: RichTable) -> tuple[list[int], Floats]:
        """Places of the inputs that the size of an error is told from, and their weights."""
        at = [table.features.names.index(name) for name in self.told_by]
        return at, np.array([table.features.weights[i] for i in at])

    def seen(self, fits: Fits) -> int:
        """How many different rows the refitted nets have learnt from, the fewest of any."""
        return min(
            len(lane.train.unique())
            for member in NETS
            for one in fits.of(f"{member} refit")
            for lane in one.training.lanes
        )

    def predictor(self, found: OutOfFold, spread: Spread, ensemble: Ensemble) -> Predictor:
        """The members that know all rows, with all they need to answer on their own."""
        data, table = self.data, self.table_of(self.every)
        off = found.off(ENSEMBLE)
        low, high = np.quantile(off, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]).tolist()
        card = Card(
            experiment=self.model_dump(mode="json"),
            input_schema=data.schema,
            encoder=table.features,
            target=table.target,
            blend=self.weights,
            limit=self.limit(table.target),
            words=data.subject.words,
            spread=spread.at(*self.told(table)),
            measured=self.measured,
            folds=tuple(found.errors(ENSEMBLE)[1].tolist()),
            interval=(low, high),
            median_error=median_error(off) if table.target.relative else None,
            sold=Histogram.of(data.price, data.edges),
            made_of=made_of(*data.files_read) | data.read_from,
            told_by=dict(data.subject.groups),
            not_for=data.not_for,
        )
        model = Blended(ensemble, [data.sold[row] for row in self.every])
        return Predictor.of(card, model, self.judged(found), data.test, data.ids)

    @staticmethod
    def judged(found: OutOfFold, ends: Floats | None = None) -> Judged:
        """What the ensemble is judged by, as its predictor keeps it; `ends` (2, m) of intervals."""
        low, high = (found.low, found.high) if ends is None else ends
        order = np.concatenate([found.at(fold) for fold in range(len(found.rows))])
        parts = (each[order] for each in (found.of(ENSEMBLE), low, high))
        rows = [valid for _, valid in found.rows]
        return Judged.of(found.y[: found.n], rows, found.k, *parts)

    def known(self, predictor: Predictor, found: OutOfFold, thin: int | None = None) -> list[Known]:
        """How right answers are to rows of which not all is known, by folds not told of them."""
        thin = thin or max(THIN, found.n // ASKED)
        folds = [
            (self.of_fold(predictor, found, fold, ensemble), self.rows[fold][1][::thin])
            for fold, ensemble in enumerate(found.ensembles)
        ]
        return known(folds, self.data.sold, self.seed)

    def of_fold(
        self, predictor: Predictor, found: OutOfFold, fold: int, ensemble: Ensemble
    ) -> Predictor:
        """The same predictor, but that it has not learnt anything from a fold's rows."""
        train, valid = self.rows[fold]
        table, spread = self.table_of(train), found.spread(self.bounds, found.others(fold))
        told = {"encoder": table.features, "target": table.target}
        card = predictor.card.model_copy(update=told | {"spread": spread.at(*self.told(table))})
        model = Blended(ensemble, [self.data.sold[row] for row in train])
        judged = self.judged(found, found.ends(spread)).without(valid)
        return replace(predictor, card=card, model=model, judged=judged)
