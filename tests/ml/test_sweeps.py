"""Sweeps: each trial is what it would be alone, those that are behind leave, the best is judged."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.stats import f_oneway

from ml import fields
from ml.events import Checkpoint, Dropped, Epoch, Event, Figure, Finding, Started, Table
from ml.experiment import Diverged
from ml.experiments import EXPERIMENTS, parse
from ml.lanes import Lane, k_fold
from ml.losses import accuracy, cross_entropy
from ml.nn import MLP
from ml.optim import SGD
from ml.sweeps import Sweep, axes, running, trials
from ml.sweeps.trials import NotOneAnswer, least
from ml.sweeps.winner import Ranked, Stage, importance
from ml.trains import Fits, Training, TrainingExperiment

ROWS, K = 48, 4


class Toy(TrainingExperiment):
    """Learn a line with noise on folds."""

    section: ClassVar[str] = "4.4"

    name: Literal["toy"] = "toy"
    num_hiddens: fields.HiddenLayers = ()
    lr: fields.Lr = 0.02
    dropout: fields.Dropout = 0.0
    k: fields.K = K
    num_epochs: fields.NumEpochs = 18
    shares: bool = fields.own(False, "Model", "Shares", "Classify, and compare by accuracy.")

    @property
    def asked(self) -> str:
        """The only one."""
        return "toy"

    def trainings(self) -> Iterator[Training]:
        """A lane a fold; and one on all rows, which nothing judges."""
        generator = torch.Generator().manual_seed(7)
        X = torch.randn(ROWS, 3, generator=generator)
        y = X @ torch.tensor([1.0, -2.0, 0.5]) + 0.5 * torch.randn(ROWS, generator=generator)
        usual: dict[str, Any] = {"optimizer": SGD, "batch_size": 8}
        if self.shares:
            y = (y > 0).long()
            usual |= {"loss": cross_entropy, "also": {"accuracy": accuracy}}
            usual |= {"best_by": "valid accuracy"}
        net = MLP((3, *self.num_hiddens, 2 if self.shares else 1))
        of: dict[str, Any] = {"lr": self.lr, "dropout": self.dropout, "setting": "toy"}
        for i, (train, valid) in enumerate(k_fold(ROWS, self.k)):
            lane = Lane(label=f"toy, fold {i + 1}", train=train, valid=valid, seed=i, **of)
            yield self.training("folds", X, y, [lane], net, **usual)
        every = Lane(label="all", train=torch.arange(ROWS), valid=torch.arange(0), seed=9, **of)
        yield self.training("refit", X, y, [every], net, **usual)

    def results(self, fits: Fits) -> Iterator[Event]:
        """None."""
        yield from ()


def sweep(**values: Any) -> Sweep[Toy]:
    return Sweep[Toy].model_validate({"name": "sweep", "of": {"name": "toy"}} | values)


OVER = {"lr": [0.003, 0.01, 0.03, 0.1], "num_hiddens": [[], [4]], "dropout": [0.0, 0.4]}


class Heard:
    """What a sweep said: its curves by the label of a run, as far as each goes."""

    def __init__(self, asked: Sweep[Any], resume: Checkpoint | None = None) -> None:
        self.events = [*asked.run(resume)]
        self.curves: dict[str, dict[int, list[float]]] = defaultdict(dict)
        groups: dict[str, Started] = {}
        for event in self.events:
            if isinstance(event, Started):
                groups[event.key] = event
            if isinstance(event, Epoch):
                for lane, label in enumerate(groups[event.key].labels):
                    for i, row in enumerate(event.values[..., lane].tolist()):
                        if np.isfinite(row).any():
                            self.curves[label][event.first + i] = row
        self.groups = groups
        self.dropped = {
            groups[event.key].labels[lane]: event.epoch
            for event in self.events
            if isinstance(event, Dropped)
            for lane in event.lanes
        }

    def one(self, kind: type[Any]) -> Any:
        (found,) = [event for event in self.events if isinstance(event, kind)]
        return found


def alone(config: dict[str, Any], **others: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The curves (E, M) of a toy of its own, fold by fold, by the fold's name."""
    toy = Toy.model_validate({"name": "toy"} | others | config)
    found, keys = defaultdict(list), dict[str, tuple[str, ...]]()
    for event in toy.run():
        if isinstance(event, Started):
            keys[event.key] = event.labels
        if isinstance(event, Epoch):
            for lane, label in enumerate(keys[event.key]):
                found[label.removeprefix("toy, ")].append(event.values[..., lane])
    return {label: np.concatenate(parts) for label, parts in found.items()}


# ---- what is trained


@pytest.mark.parametrize("eta", [1, 2])
def test_each_trial_is_what_it_is_alone(eta: int) -> None:
    heard = Heard(sweep(over=OVER, eta=eta))
    settings = {s for started in heard.groups.values() for s in started.settings}
    assert len(settings) == 17  # sixteen, and what it began from
    for setting in settings:
        config = sweep(over=OVER).varied[[t.name for t in sweep(over=OVER).varied].index(setting)]
        for fold, curve in alone(dict(config.config)).items():
            if fold == "all":  # the refit is of no fold: a sweep has none
                assert f"{setting}, all" not in heard.curves
                continue
            label = f"{setting}, {fold}"
            ours = np.array([*heard.curves[label].values()])
            assert [*heard.curves[label]] == [*range(1, len(ours) + 1)]
            assert len(ours) == heard.dropped.get(label, 18)
            np.testing.assert_allclose(ours, curve[: len(ours)], rtol=2e-4)


def test_those_leave_that_are_behind() -> None:
    whole, halved = Heard(sweep(over=OVER)), Heard(sweep(over=OVER, eta=2))
    names = [trial.name for trial in sweep(over=OVER).varied]

    def mean(name: str, epoch: int) -> float:
        folds = [f"{name}, fold {i + 1}" for i in range(K)]
        return float(np.mean([whole.curves[fold][epoch][1] for fold in folds]))

    alive = names
    for epoch, stay in ((2, 8), (3, 4), (5, 2), (9, 1)):
        stays = sorted(alive, key=lambda name: mean(name, epoch))[:stay]
        gone = {f"{n}, fold {i + 1}" for n in alive for i in range(K) if n not in stays} - {
            f"{names[0]}, fold {i + 1}" for i in range(K)
        }
        assert gone == {label for label, end in halved.dropped.items() if end == epoch}
        alive = [name for name in alive if name in stays or name == names[0]]
    ended = {label for label, curve in halved.curves.items() if max(curve) == 18}
    assert ended == {f"{name}, fold {i + 1}" for name in alive for i in range(K)}
    found = halved.one(Finding)
    assert found.setting == min(alive, key=lambda name: mean(name, 18))


def test_rungs_halve_trials_and_double_epochs() -> None:
    assert running.rungs(27, 50, 3) == [
        running.Rung(2, 9), running.Rung(6, 3), running.Rung(17, 1)
    ]  # fmt: skip
    assert running.rungs(256, 50, 4) == [
        running.Rung(1, 64), running.Rung(4, 16), running.Rung(13, 4)
    ]  # fmt: skip
    assert running.rungs(9, 50, 1) == running.rungs(2, 50, 3) == running.rungs(9, 1, 3) == []


def test_programs_stay_within_what_is_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = {"over": {"lr": [0.003, 0.01, 0.03, 0.1]}}
    assert len(Heard(sweep(**wide)).groups) == 1
    size = 4 * trials.HELD * K  # of a linear toy's trial: three weights and a bias
    monkeypatch.setattr(trials, "AT_A_TIME", 2 * size + 1)
    parts = Heard(sweep(**wide))
    assert [len(started.labels) for started in parts.groups.values()] == [2 * K, 2 * K, K]
    together = Heard(sweep(**wide, eta=2))
    ends = {label: max(curve) for label, curve in together.curves.items()}
    assert sorted(ends.values()) == [5] * 12 + [9] * 4 + [18] * 4 or len({*ends.values()}) > 1
    for label, curve in parts.curves.items():
        np.testing.assert_allclose(
            np.array([*together.curves[label].values()]),
            np.array([*curve.values()])[: ends[label]],
            rtol=1e-4,
        )


@pytest.mark.parametrize("eta", [1, 3])
def test_a_sweep_that_broke_off_ends_as_if_it_had_not(
    eta: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.train.SAVE_EVERY", 0.0)
    monkeypatch.setattr("ml.train.SAY_EVERY", 0.0)
    asked = sweep(over=OVER, eta=eta)
    whole = Heard(asked)
    saved = [event for event in whole.events if isinstance(event, Checkpoint)]
    for checkpoint in saved[:: max(1, len(saved) // 12)]:
        again = Heard(asked, checkpoint)
        assert again.one(Finding) == whole.one(Finding)
        assert again.one(Table) == whole.one(Table)
        assert again.dropped == whole.dropped
        for label, curve in again.curves.items():
            for epoch, row in curve.items():
                np.testing.assert_array_equal(row, whole.curves[label][epoch])


# ---- the best of them


def ranked(*stages: tuple[int, np.ndarray[Any, Any]], of: Any = None) -> Ranked:
    scores = stages[-1][1]
    blocks = np.arange(scores.shape[1]) if of is None else np.array(of)
    named = sweep(over={"lr": [(i + 1) / 1000 for i in range(len(scores))]}).varied
    return Ranked(
        trials=named[: len(scores)],
        stages=[Stage(i, values, stay) for i, (stay, values) in enumerate(stages)],
        of=blocks, folds=True, train=np.zeros(len(scores)), epochs=np.zeros(len(scores), int),
    )  # fmt: skip


def test_each_fold_judges_what_the_others_choose() -> None:
    scores = np.random.default_rng(0).normal(size=(7, 6))
    of = [0, 0, 1, 1, 2, 2]  # two seeds of three folds
    found = ranked((1, scores), of=of)
    for block in range(3):
        others = [lane for lane in range(6) if of[lane] != block]
        best = min(range(7), key=lambda i: scores[i, others].mean())
        assert found.picked()[block] == best
        own = [lane for lane in range(6) if of[lane] == block]
        assert found.judged()[block] == pytest.approx(scores[best, own].mean())


def test_what_to_expect_has_no_luck_in_it_and_the_best_score_has() -> None:
    rng, expected, shown = np.random.default_rng(1), [], []
    for _ in range(300):
        early, late = rng.normal(size=(2, 40, 5))
        late[early.mean(1).argsort()[10:]] = np.nan  # those that were dropped
        found = ranked((10, early), (1, late))
        expected.append(found.judged().mean())
        shown.append(np.nanmin(late.mean(1)))
    error = np.std(expected) / np.sqrt(300)
    assert abs(np.mean(expected)) < 3 * error  # all trials are worth 0
    assert np.mean(shown) < -0.5


def test_rungs_are_replayed_on_the_other_folds() -> None:
    early = np.array([[0.0, 0.0, 9.0], [1.0, 1.0, 1.0], [2.0, 2.0, 2.0]])
    late = np.array([[5.0, 5.0, 5.0], [4.0, 4.0, 4.0], [3.0, 3.0, 3.0]])
    # the third fold lets only the first trial on: by the end others would have been better
    assert ranked((1, early), (1, late)).picked() == [1, 1, 0]
    late[0] = np.nan  # but it was dropped by all three: whoever stands is asked
    assert ranked((1, early), (1, late)).picked() == [1, 1, 2]


def test_the_headline_is_of_the_best_trial_and_of_its_folds() -> None:
    heard = Heard(sweep(over=OVER))
    ends = {
        trial.name: np.array([heard.curves[f"{trial.name}, fold {i + 1}"][18][1] for i in range(K)])
        for trial in sweep(over=OVER).varied
    }
    best = min(ends, key=lambda name: ends[name].mean())
    found, table = heard.one(Finding), heard.one(Table)
    assert found.setting == best
    assert f"at valid squared_loss {ends[best].mean():.4f}" in found.text
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    by = sorted(ends, key=lambda name: ends[name].mean())
    for row, name in zip(rows, by, strict=True):
        values = f"lr {row['lr']}, num_hiddens {row['num_hiddens']}, dropout {row['dropout']}"
        assert values == name
        assert row["valid squared_loss"] == pytest.approx(ends[name].mean())
        assert row["± sd"] == pytest.approx(ends[name].std(ddof=1))
        assert row["epochs"] == 18
        trained = [heard.curves[f"{name}, fold {i + 1}"][18][0] for i in range(K)]
        assert row["train"] == pytest.approx(np.mean(trained))


def test_the_difference_to_the_beginning_is_of_folds_that_chose_nothing() -> None:
    heard = Heard(sweep(over=OVER))
    names = [trial.name for trial in sweep(over=OVER).varied]
    ends = np.array([[heard.curves[f"{n}, fold {i + 1}"][18][1] for i in range(K)] for n in names])
    judged = []
    for fold in range(K):
        others = np.delete(ends, fold, axis=1).mean(1)
        judged.append(ends[others.argmin(), fold])
    apart = np.array(judged) - ends[0]
    half = 3.182446 * apart.std(ddof=1) * np.sqrt(1 / K + 1 / (K - 1))
    text = heard.one(Finding).text
    assert f"expect {np.mean(judged):.4f}" in text
    assert f"As it was it has {ends[0].mean():.4f}; better by {-apart.mean():.4f} ±" in text
    assert f"± {half:.4f}" in text
    order = ends.mean(1).argsort()
    behind = ends[order[1]] - ends[order[0]]
    assert f"{names[order[1]]}, is behind by {behind.mean():.4f}" in text


def test_a_share_is_better_the_more_it_is() -> None:
    heard = Heard(sweep(of={"name": "toy", "shares": True}, over={"lr": [1e-6, 0.1]}, eta=2))
    table, found = heard.one(Table), heard.one(Finding)
    assert found.setting in {"lr 0.1", "lr 0.02"}
    assert table.rows[-1][1] == "1e-06"
    column = table.columns.index("valid accuracy")
    assert table.rows[0][column] > 0.8 > table.rows[-1][column]
    (points,) = heard.one(Figure).series
    assert points.y.min() >= 0
    assert least("valid accuracy", np.array([0.9]))[0] == -0.9


def test_all_that_diverge_are_said_to() -> None:
    with pytest.raises(Diverged, match="Every trial diverged"):
        [*sweep(of={"name": "toy", "lr": 1000}, over={"num_hiddens": [[8, 8]]}).run()]


def test_one_that_diverges_is_last_and_takes_no_other_with_it() -> None:
    asked = sweep(over={"lr": [0.01, 1000]}, of={"name": "toy", "num_hiddens": [8, 8]})
    heard = Heard(asked)
    assert heard.one(Table).rows[-1][1] == "1000"
    assert "1000" not in heard.one(Finding).text


# ---- what the fields are worth


def test_shares_of_variance_are_those_of_an_analysis_of_variance() -> None:
    rng = np.random.default_rng(3)
    field = rng.integers(4, size=60)
    y = field * 0.5 + rng.normal(size=60)
    share = importance({"a": field.tolist()}, y)["a"].share
    F = f_oneway(*[y[field == value] for value in range(4)]).statistic
    assert (share / 3) / ((1 - share) / 56) == pytest.approx(F)


def test_chance_is_called_chance() -> None:
    rng, told = np.random.default_rng(4), 0
    for seed in range(60):
        columns = {"a": rng.uniform(size=40).tolist(), "b": ["x", "y"] * 20}
        shares = importance(columns, rng.normal(size=40), seed)
        told += sum(share.told for share in shares.values())
    assert told <= 14  # of 120, 6 are expected
    y = np.repeat([0.0, 1.0], 20) + 0.1 * rng.normal(size=40)
    sure = importance({"a": np.arange(40.0).tolist(), "b": ["x", "y"] * 20}, y)
    assert sure["a"].told
    assert sure["a"].low > 0.6
    assert not sure["b"].told


# ---- what is asked for


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.001..0.1 log 3", [0.001, 0.01, 0.1]),
        ("0..1", [0.0, 0.25, 0.5, 0.75, 1.0]),
        (" 1e-4 .. 1e-2 LOG 2 ", [0.0001, 0.01]),
        ("0.5", [0.5]),
        ("0.1, 0.2,0.1", [0.1, 0.2]),
    ],
)
def test_numbers_as_people_write_them(text: str, values: list[float]) -> None:
    asked = sweep(over={"lr" if "0.." not in text else "dropout": text.replace("..1", "..0.8")})
    expected = [v * 0.8 for v in values] if text == "0..1" else values
    (name,) = asked.over
    found = axes.values_of(asked.over[name], integer=False)
    assert found == pytest.approx(expected)


def test_layers_and_whole_numbers() -> None:
    asked = sweep(over={"num_hiddens": "64, 128-64, linear, [3, 2]", "num_epochs": "10..40 4"})
    assert asked.over["num_hiddens"] == [[64], [128, 64], [], [3, 2]]
    assert {config["num_epochs"] for config in asked.configs} == {18, 10, 20, 30, 40}
    assert len(asked.configs) == 17  # what it began from is none of the sixteen


def test_as_many_are_drawn_as_are_asked_for_and_there_are() -> None:
    for over, found in (({"lr": "0.001..0.1 log"}, 641), ({"num_hiddens": "4, 8"}, 3)):
        configs = sweep(over=over, method="random", trials=640).configs
        assert len(configs) == len({str(config) for config in configs}) == found


def test_a_longer_random_sweep_begins_with_the_shorter_one() -> None:
    over = {"lr": "0.001..0.1 log", "num_hiddens": "4, 8", "dropout": "0..0.5"}
    short, long = (sweep(over=over, method="random", trials=n, seed=3).configs for n in (20, 50))
    assert long[:21] == short
    lrs = np.log10([config["lr"] for config in long[1:]])
    assert -3 <= lrs.min() < -2.7 < -1.3 < lrs.max() <= -1  # by factors: both ends are met
    assert {str(config["num_hiddens"]) for config in long[1:]} == {"[4]", "[8]"}
    assert sweep(over=over, method="random", trials=20, seed=4).configs[1:] != short[1:]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"over": {"lrr": "1,2"}}, "lrr is no field of toy. It may vary num_hiddens, lr, dropout"),
        ({"over": {"k": "2,3"}}, "says how a trial is judged"),
        ({"over": {"seed": "2,3"}}, "says how a trial is judged"),
        ({"over": {"lr": "0.1, x"}}, "lr cannot be x: Input should be a valid number"),
        ({"over": {"lr": "0.1..5000"}}, "lr cannot be 5000: Input should be less than or equal to"),
        ({"over": {"lr": "0..1 log"}}, "0 .. 1 is no range above 0, and rises"),
        ({"over": {"dropout": "0.5..0.1"}}, "is no range that rises"),
        ({"over": {}}, "at least 1"),
        ({"over": {"num_epochs": "5,10"}, "eta": 3}, "cannot be compared midway"),
        ({"over": {"lr": "0.001..0.1 100", "dropout": "0..0.9 100"}}, "10,000 combinations"),
    ],
)  # fmt: skip
def test_what_cannot_be_swept_is_said(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        sweep(**values)
    assert words in str(caught.value)


MAY = ["kaggle_house", "mlp_concise", "weight_decay", "polynomial", "dropout"]
MAY_NOT = ["mlp_sweeps", "house_sweeps", "decay_path", "sparsity"]


@pytest.mark.parametrize("name", [*MAY, *MAY_NOT])
def test_what_has_one_answer_can_be_swept(name: str) -> None:
    cls = EXPERIMENTS[name]
    assert issubclass(cls, TrainingExperiment)
    one = trials.Trial(0, {}, cls(name=name))
    if name in MAY:
        assert {s for part in trials.parts([one]) for s in part.settings} == {""}
        return
    with pytest.raises(NotOneAnswer, match=f"{name} compares settings of its own"):
        trials.parts([one])


def test_a_sweep_is_a_job_of_its_own_name() -> None:
    given = {
        "name": "sweep",
        "of": {"name": "weight_decay"},
        "over": {"weight_decay": "0.1..10 log"},
    }
    asked = parse(given)
    assert isinstance(asked, Sweep)
    assert parse(asked.model_dump(mode="json")) == asked
    assert asked.label == "weight_decay of weight_decay, 6 trials"
    with pytest.raises(ValidationError):
        parse({"name": "sweep", "of": {"name": "coin"}, "over": {"seed": "1,2"}})
