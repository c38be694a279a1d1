"""4.6: layers draw what they promise, and what is reported is of the rows and lanes it names."""

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ml import draws, train
from ml.data import fashion_mnist
from ml.data.fashion_mnist import FashionMNIST
from ml.events import Check, Checkpoint, Event, Figure, Finding, Table
from ml.experiments import EXPERIMENTS, dropout_uncertainty, parse
from ml.experiments.dropout_uncertainty import by_agreement
from ml.lanes import Lane, Lanes
from ml.nn import MLP, DropConnect, Dropout, GaussianNoise, Linear, initialise, set_moment
from ml.noise import NoiseComparison, NoisyMLP, answers
from ml.programs import Fits, fit_all
from ml.train import Fitted, Progress
from ml.trains import TrainingExperiment

_read = fashion_mnist.read
TINY: dict[str, Any] = {"num_images": 200, "num_epochs": 2}
COMPARISONS = [name for name, cls in EXPERIMENTS.items() if issubclass(cls, NoiseComparison)]
TRAINED = ["dropout", "dropout_scratch", "random_labels"]


@pytest.fixture(autouse=True)
def _fewer_test_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """3,000 of them, so that a run takes a second."""

    def read(num_train: int, num_test: int = 3000) -> FashionMNIST:
        return _read(num_train, num_test)

    monkeypatch.setattr(fashion_mnist, "read", read)


# ---- the layers ------------------------------------------------------------------


def lanes(*dropouts: tuple[float, ...]) -> Lanes:
    rows = torch.arange(2)
    return Lanes.of(
        [
            Lane(label=str(i), train=rows, valid=rows, lr=0.1, dropout=p, seed=i)
            for i, p in enumerate(dropouts)
        ]
    )


@pytest.mark.parametrize("kind", [Dropout, GaussianNoise])
def test_noise_has_dropouts_mean_and_variance(kind: type[Dropout]) -> None:
    p = torch.tensor([0.2, 0.5])
    noise = kind(p, (3, 4), 0)(torch.ones(2, 150, 400))
    variances, mean = torch.var_mean(noise.flatten(1), 1)
    torch.testing.assert_close(mean, torch.ones(2), atol=0.015, rtol=0)
    torch.testing.assert_close(variances, p / (1 - p), atol=0.025, rtol=0)


@pytest.mark.parametrize("kind", [Dropout, GaussianNoise])
def test_every_example_of_a_minibatch_has_a_mask_of_its_own(kind: type[Dropout]) -> None:
    masks = kind(torch.tensor([0.5]), (3,), 0)(torch.ones(1, 50, 64))[0]
    assert len(masks.unique(dim=0)) == 50
    # and what one unit is to an example says nothing of another's: within 5 standard errors
    assert torch.corrcoef(masks).fill_diagonal_(0).abs().max() < 5 / 64**0.5


@pytest.mark.parametrize("kind", [Dropout, GaussianNoise])
def test_noise_is_another_for_each_seed_epoch_step_and_layer(kind: type[Dropout]) -> None:
    drawn = []
    for seed, epoch, step, layer in (
        (3, 1, 1, 1),
        (4, 1, 1, 1),
        (3, 2, 1, 1),
        (3, 1, 2, 1),
        (3, 1, 1, 2),
    ):
        noise = kind(torch.tensor([0.5]), (seed,), layer)
        noise.moment = (epoch, step)
        drawn.append(noise(torch.ones(1, 4, 16)))
    assert len(torch.cat(drawn).flatten(1).unique(dim=0)) == 5


def test_training_tells_its_noise_every_epoch_and_step(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[tuple[int, int]]()
    monkeypatch.setattr(train, "set_moment", lambda _, epoch, step: told.append((epoch, step)))
    trained(experiment("dropout_decay", num_seeds=1, num_images=600))  # three minibatches
    assert told == [(epoch, step) for epoch in (1, 2) for step in (0, 1, 2)]


def test_dropconnect_is_its_linear_map_on_average_and_when_evaluated() -> None:
    layer = DropConnect(torch.tensor([0.5]), (0,), 0, Linear(1, 3, 2))
    initialise(layer, (0,))
    X, outputs = torch.ones(1, 1, 3), []
    for step in range(1000):
        layer.moment = (1, step)
        outputs.append(layer(X).detach())
    torch.testing.assert_close(torch.stack(outputs).mean(0), layer.linear(X), atol=0.1, rtol=0)
    torch.testing.assert_close(layer.eval()(X), layer.linear(X))


@pytest.mark.parametrize(
    ("p", "places"), [((0.2, 0.0), [0]), ((0.2, 0.5), [0, 1]), ((0.0, 0.5), [1])]
)
def test_noise_stands_where_dropout_stood_and_each_layer_has_its_own(
    p: tuple[float, float], places: list[int]
) -> None:
    mlp = MLP((4, 3, 3, 2))
    for net, kind in (
        (mlp, Dropout),
        (NoisyMLP(mlp, "Gaussian"), GaussianNoise),
        (NoisyMLP(mlp, "DropConnect"), DropConnect),
    ):
        layers = [layer for layer in net(lanes(p)) if isinstance(layer, kind)]
        assert [layer.layer for layer in layers] == places
        assert [float(layer.p[0]) for layer in layers] == pytest.approx([q for q in p if q])
        assert sum(isinstance(layer, Linear) for layer in net(lanes(p)).modules()) == 3


def test_all_kinds_of_noise_start_from_the_same_weights() -> None:
    mlp = MLP((4, 3, 3, 2))
    plain = [*mlp(lanes((0.2, 0.5))).parameters()]
    for kind in ("Gaussian", "DropConnect"):
        noisy = [*NoisyMLP(mlp, kind)(lanes((0.2, 0.5))).parameters()]
        assert all(map(torch.equal, noisy, plain))


def test_masks_are_drawn_anew_at_each_step_and_none_when_evaluated() -> None:
    net, X = MLP((784, 8, 8, 10))(lanes((0.2, 0.5))), torch.rand(5, 784)
    steps = answers(net, X, 3)
    assert steps.shape == (3, 1, 5, 10)
    assert not net.training
    assert len(steps.flatten(1).unique(dim=0)) == 3
    assert len(answers(net, X, 3, training=False).flatten(1).unique(dim=0)) == 1


# ---- which rows, which column, which lane ----------------------------------------


def experiment(name: str, **values: Any) -> TrainingExperiment:
    few = {key: value for key, value in TINY.items() if key in EXPERIMENTS[name].model_fields}
    parsed = parse({"name": name} | few | values)
    assert isinstance(parsed, TrainingExperiment)
    return parsed


def trained(of: TrainingExperiment, y: Tensor | None = None) -> Fits:
    """Its nets; with other answers to its images, where they are given."""
    trainings = [replace(one, y=one.y if y is None else y) for one in of.trainings()]
    steps = fit_all(trainings, Progress(None))
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            fits: Fits = stop.value
            return fits


def invented(of: TrainingExperiment, seed: int = 0) -> Fits:
    """Curves of nobody's: each number is another, so that none can stand for its neighbour."""
    rng = np.random.default_rng(seed)
    return Fits(
        [
            Fitted(one, rng.uniform(0.1, 1, (3, len(one.metrics), 1)).astype(np.float32))
            for one in of.trainings()
        ]
    )


def ends(fits: Fits, setting: str, metric: str) -> list[float]:
    """The last number of every lane of a setting."""
    return [
        float(one.curve[-1, one.training.metrics.index(metric), 0])
        for one in fits
        if one.training.lanes.settings == (setting,)
    ]


def pick(events: Iterable[Event], kind: type[Any], name: str) -> Any:
    (only,) = [event for event in events if isinstance(event, kind) and event.name == name]
    return only


@pytest.mark.parametrize("name", ["dropout_swap", "dropout_variants", "dropout_decay"])
def test_a_comparison_reports_its_own_lanes_and_differences_seed_by_seed(name: str) -> None:
    asked = experiment(name, num_seeds=3)
    fits = invented(asked)
    events = [*asked.results(fits)]
    table, differences = (pick(events, Table, each) for each in ("variants", "differences"))
    test = {row[0]: np.array(ends(fits, row[0], "test accuracy")) for row in table.rows}
    for row in table.rows:
        assert row[1] == pytest.approx(np.mean(ends(fits, row[0], "valid accuracy")))
        assert row[3] == pytest.approx(test[row[0]].mean())
    apart = {row[0]: row[1] for row in differences.rows}
    for setting in [*test][1:]:
        assert apart.pop(setting) == pytest.approx((test[setting] - test["none"]).mean())
    further = dict[str, float]()
    if name == "dropout_swap":
        swapped = test["dropout 0.5, 0.2"] - test["dropout 0.2, 0.5"]
        further["swapped minus not"] = swapped.mean()
    if name == "dropout_decay":  # what decay adds to dropout, beyond what it adds to nothing
        with_dropout = test["dropout and decay"] - test["dropout 0.2, 0.5"]
        further["interaction"] = (with_dropout - (test["decay"] - test["none"])).mean()
    assert apart == pytest.approx(further)


def test_what_is_chosen_is_chosen_by_held_out_images() -> None:
    asked = experiment("dropout_swap", num_seeds=2)
    fits = invented(asked)
    metrics = fits[0].training.metrics
    for part, best in (("valid", "dropout 0.5, 0.2"), ("test", "none")):
        for one in fits:
            if one.training.lanes.settings == (best,):
                one.curve[-1, metrics.index(f"{part} accuracy")] = 2
    figure = pick(asked.results(fits), Figure, "variants")
    assert "Held-out images choose dropout 0.5, 0.2" in figure.finding


@cache
def first_images() -> Tensor:
    """The labels of 200 images to learn from, 2,000 held out and 3,000 to be tested on."""
    (training, *_) = experiment("dropout_decay").trainings()
    return training.y


def noised(rows: slice) -> Tensor:
    y = first_images().clone()
    y[rows] = (y[rows] + 1) % 10
    return y


def test_a_lane_sees_no_answer_of_held_out_or_test_images() -> None:
    asked = experiment("dropout_activations", num_seeds=1, num_epochs=1)
    plain = trained(asked)
    for rows, part in ((slice(200, 2200), "valid"), (slice(2200, None), "test")):
        for a, b in zip(plain, trained(asked, noised(rows)), strict=True):
            assert all(map(torch.equal, a.net.parameters(), b.net.parameters()))
            moved = [name for name in a.training.metrics if a.last(name) != b.last(name)]
            assert moved == [part, f"{part} accuracy"]


@pytest.mark.parametrize("name", [*COMPARISONS, *TRAINED])
def test_no_image_is_two_of_learnt_held_out_and_tested(name: str) -> None:
    seeds = {"num_seeds": 3} if "num_seeds" in EXPERIMENTS[name].model_fields else {}
    counts = (200, 2000, 3000) if name in COMPARISONS else (200, 3000, 0)
    counts = (200, 2000, 0) if name == "random_labels" else counts
    starts = set[tuple[str, int]]()
    for one in experiment(name, **seeds).trainings():
        (lane,) = one.lanes
        rows = lane.train, lane.valid, lane.test
        assert tuple(map(len, rows)) == counts
        assert len(torch.cat(rows).unique()) == sum(counts)
        assert (lane.setting, lane.seed) not in starts
        starts.add((lane.setting, lane.seed))
    assert {seed for _, seed in starts} == {draws.nth(0, i) for i in range(3 if seeds else 1)}


@pytest.mark.parametrize(("name", "part"), [("dropout", "valid"), ("dropout_epochs", "test")])
def test_gap_and_gain_are_of_the_setting_they_name(name: str, part: str) -> None:
    asked = experiment(name, num_seeds=2)
    fits = invented(asked)
    for one in fits:  # diverged as it is, the verdict is about dropout, and no net is looked at
        one.curve[-1, 0] = 100
    events = [*asked.results(fits)]
    test = {s: np.mean(ends(fits, s, f"{part} accuracy")) for s in ("none", "dropout 0.2, 0.5")}
    gap = pick(events, Figure, "gap")
    assert [series.setting for series in gap.series] == [*test]
    for series, word in zip(gap.series, ("without", "with"), strict=True):
        train = np.mean(ends(fits, series.setting, "train accuracy"))
        assert series.y[-1] == pytest.approx(train - test[series.setting])
        for sentence in (f"{series.y[-1]:+.1%} {word}", f"{test[series.setting]:.1%} {word}"):
            assert re.search(rf"{re.escape(sentence)}\b", gap.finding), gap.finding
    (finding,) = [event for event in events if isinstance(event, Finding)]
    assert finding.setting == "dropout 0.2, 0.5"
    if name == "dropout_epochs":
        gain = pick(events, Figure, "gained").series[0].y[-1]
        assert gain == pytest.approx(test["dropout 0.2, 0.5"] - test["none"])


def test_random_labels_are_those_of_its_seed_and_what_is_claimed_is_theirs() -> None:
    asked = experiment("random_labels", num_seeds=3)
    fits = invented(asked)
    labels = [one.training.y for one in fits]
    (true,) = {tuple(y[:, 0].tolist()) for y in labels[3:]}
    assert len({tuple(y[:, 0].tolist()) for y in labels}) == 4
    assert all(0.05 < (y[:, 0] == torch.tensor(true)).double().mean() < 0.15 for y in labels[:3])
    events = [*asked.results(fits)]
    table = pick(events, Table, "accuracy")
    for row in table.rows:
        assert row[1] == pytest.approx(np.mean(ends(fits, row[0], "train accuracy")))
        assert row[3] == pytest.approx(np.mean(ends(fits, row[0], "valid accuracy")))
    shares = [f"{mean:.1%}" for row in table.rows for mean in (row[1], row[3])]
    assert re.findall(r"[\d.]+%", pick(events, Figure, "memory").finding) == shares
    farthest = max(ends(fits, "random labels", "valid accuracy"), key=lambda a: abs(a - 0.1))
    check = pick(events, Check, "random labels, held-out accuracy farthest from chance")
    assert check.got == pytest.approx(farthest)


def test_two_jobs_draw_no_labels_in_common() -> None:
    drawn = [
        one.y[:200, 0].tolist()
        for seed in range(3)
        for one in experiment("random_labels", seed=seed, num_seeds=3).trainings()
        if one.lanes.settings == ("random labels",)
    ]
    assert len(set(map(tuple, drawn))) == 9


def test_the_variance_by_epoch_is_that_of_the_net_which_the_epoch_left() -> None:
    asked = experiment("dropout_activations", num_seeds=2, num_epochs=1)
    fits = trained(asked)
    X = fits[0].training.X[2200:4200].float() / 255
    events = [*asked.results(fits)]
    for layer, name in enumerate(("first", "second")):
        figure = pick(events, Figure, f"{name}_layer")
        for i, series in enumerate(figure.series):
            own = []
            for one in fits[2 * i : 2 * i + 2]:
                assert one.training.lanes.settings == (series.setting,)
                H = X
                for place in (0, 3)[: layer + 1]:
                    W, b = (one.parameter(f"1.{place}.{part}")[0] for part in ("weight", "bias"))
                    H = (H @ torch.from_numpy(W).float() + torch.from_numpy(b).float()).relu()
                own.append(float(H.var()))
            assert series.y[-1] == pytest.approx(np.mean(own), rel=1e-4)
            word = "with dropout" if i else "without"
            assert f"{series.y[-1]:.3g} {word}" in figure.finding


def test_a_resumed_run_measures_every_epoch_the_same() -> None:
    asked = experiment("dropout_activations", num_seeds=1)
    whole = [*asked.run()]
    first = next(event for event in whole if isinstance(event, Checkpoint))
    rest = [*asked.run(first)]
    assert [repr(e) for e in rest if isinstance(e, Figure)] == [
        repr(e) for e in whole if isinstance(e, Figure)
    ]


@pytest.mark.parametrize("name", TRAINED)
def test_of_a_run_that_diverged_nothing_is_claimed(name: str) -> None:
    asked = experiment(name)
    fits = invented(asked)
    for one in fits:
        one.curve[-1, 0] = 100  # finite, and far above where it began
    events = [*asked.results(fits)]
    (finding,) = [event for event in events if isinstance(event, Finding)]
    assert finding.verdict == "diverged"
    assert finding.setting == asked.asked
    assert [event for event in events if isinstance(event, Check)] == []


def test_doubt_is_how_far_masks_disagree_over_the_first_test_images() -> None:
    asked = experiment("dropout_uncertainty", num_seeds=1, num_epochs=1)
    (one,) = fits = trained(asked)
    rows = slice(2200, 4200)
    X, y = one.training.X[rows][None], one.training.y[rows, 0]
    net, outputs = one.net.train(), list[Tensor]()
    for step in range(20):
        set_moment(net, 0, step)
        outputs.append(net(X)[0].softmax(1).detach())
    shares = torch.stack(outputs)
    disagreement = shares.var(0).sum(1)
    assert (disagreement > 0).all()
    right = (shares.mean(0).argmax(1) == y).double()
    bins = [right[part].mean() for part in disagreement.argsort(stable=True).split(200)]
    (series,) = pick(asked.results(fits), Figure, "uncertainty").series
    np.testing.assert_allclose(series.y, bins, atol=0.011)  # two images may change places
    assert series.mode == "bars"


def test_doubt_of_several_seeds_is_the_mean_of_what_each_net_doubts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dropout_uncertainty, "MASKS", 3)
    asked = experiment("dropout_uncertainty", num_seeds=2, num_epochs=1)
    fits = trained(asked)
    each, both = (
        [pick(asked.results(some), Figure, "uncertainty").series[0].y for some in of]
        for of in ([fits[:1], fits[1:]], [fits])
    )
    assert (each[0] != each[1]).any()
    np.testing.assert_allclose(both[0], np.mean(each, axis=0))


def test_the_answer_of_many_masks_is_that_of_their_mean() -> None:
    shares = torch.full((3, 10, 2), 0.5)
    shares[0, :, 0] += 0.1  # the first mask says 0, and the others more surely 1
    shares[1:, :, 1] += 0.2
    assert by_agreement(shares, torch.ones(10).long()).tolist() == [1.0] * 10


def test_a_kind_of_labels_has_its_own_place_in_the_figure() -> None:
    asked = experiment("random_labels", num_seeds=3)
    fits = invented(asked)
    memory = pick(asked.results(fits), Figure, "memory")
    for i, name in enumerate(memory.x_names):
        labels, part = name.split(", ")
        metric = {"train": "train accuracy", "held out": "valid accuracy"}[part]
        own = ends(fits, f"{labels} labels", metric)
        assert memory.series[0].y[i] == pytest.approx(np.mean(own))
        assert memory.series[1].y[3 * i : 3 * i + 3] == pytest.approx(own)


def test_random_labels_have_diverged_where_their_own_runs_have() -> None:
    asked = experiment("random_labels", num_seeds=2)
    for lost in ("random labels", "true labels"):
        fits = invented(asked)
        for one in fits:
            if one.training.lanes.settings == (lost,):
                one.curve[[0, -1], 0] = 3  # above guessing, and hardly an image is right
                one.curve[-1, 2] = 0.1
        (finding,) = [event for event in asked.results(fits) if isinstance(event, Finding)]
        assert (finding.verdict == "diverged") == (lost == "random labels")


@pytest.mark.parametrize(
    ("name", "by", "of"),
    [("dropout", "valid", ""), ("dropout_decay", "valid accuracy", "accuracy ")],
)
def test_what_helps_is_set_beside_the_net_without(name: str, by: str, of: str) -> None:
    asked = experiment(name, num_seeds=3)
    fits = invented(asked)
    for one in fits:
        one.curve[0, 0] = 1  # or it would seem to have diverged
    finding = next(event for event in asked.results(fits) if isinstance(event, Finding))
    assert asked.asked is not None
    plain, noisy = (np.mean(ends(fits, setting, by)) for setting in ("none", asked.asked))
    assert f"none ends at {of}{plain:.4g} and {asked.asked} at {noisy:.4g}" in finding.text


def test_what_dropout_gains_is_said_of_the_first_and_the_last_epoch() -> None:
    asked = experiment("dropout_epochs", num_seeds=3)
    fits = invented(asked)
    gained = pick(asked.results(fits), Figure, "gained")
    first, last = 100 * gained.series[0].y[[0, -1]]
    assert f"test accuracy by {first:+.1f} ±" in gained.finding
    assert f" by {last:+.1f} ±" in gained.finding
    test = [fits.at(name).metric("test accuracy") for name in ("dropout 0.2, 0.5", "none")]
    np.testing.assert_allclose(gained.series[0].y, (test[0] - test[1]).mean(1), rtol=1e-5)


def test_the_images_that_dropout_shows_are_judged_by_the_net_that_has_it() -> None:
    asked = experiment("dropout")
    plain, noisy = fits = trained(asked)
    assert plain.stacked is not None
    for parameter in plain.stacked.parameters():  # after so few steps both are alike
        parameter.data.normal_(generator=draws.generator(0))
    data, right = asked.data, list[str]()  # type: ignore[attr-defined]
    for one in (plain, noisy):
        X = one.training.X[data.test][None]
        with torch.no_grad():
            taken = one.net(X)[0].argmax(1)
        right.append(f"test images {float((taken == data.y[data.test, 0]).float().mean()):.1%}.")
    assert right[0] != right[1]
    assert pick(asked.results(fits), Figure, "gallery").finding.endswith(right[1])


FEWER = {"num_images": 5000, "num_seeds": 3}


def test_what_is_claimed_of_a_comparison_is_of_means_over_the_seeds() -> None:
    fits = invented(asked := experiment("dropout_variants", **FEWER, num_epochs=5))
    held_out, test = (
        {name: np.mean(ends(fits, name, f"{part} accuracy")) for name in asked.variants}  # type: ignore[attr-defined]
        for part in ("valid", "test")
    )
    chosen = max(held_out, key=lambda name: held_out[name])
    check = pick(asked.results(fits), Check, "test accuracy lost by choosing on held-out images")
    assert check.got == pytest.approx(max(test.values()) - test[chosen])
    fits = invented(asked := experiment("dropout_epochs", **FEWER, num_epochs=20))
    plain, noisy = (
        np.subtract(ends(fits, name, "train accuracy"), ends(fits, name, "test accuracy")).mean()
        for name in ("none", "dropout 0.2, 0.5")
    )
    check = pick(asked.results(fits), Check, "gap of accuracy, narrowed by dropout by")
    assert check.got == pytest.approx(plain - noisy)


def test_random_labels_are_claimed_to_be_learnt_with_every_seed() -> None:
    asked = experiment("random_labels", num_images=1000, num_epochs=150, num_seeds=3)
    fits = invented(asked)
    for one in fits:
        one.curve[:, 0] = 0.1
        if one.training.lanes.settings == ("random labels",):
            one.curve[-1, 2] /= 10  # true labels are learnt more easily
    check = pick(asked.results(fits), Check, "random labels, least training accuracy")
    assert check.got == pytest.approx(min(ends(fits, "random labels", "train accuracy")))
