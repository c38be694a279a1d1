"""4.2 and 4.3: each number is of the rows, the lane and the epoch that it names."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load
from torch import Tensor, nn

from ml import fashion, scratch
from ml.data import fashion_mnist
from ml.data.fashion_mnist import LABELS, FashionMNIST
from ml.events import Check, Checkpoint, Epoch, Event, Figure, Floats, Started, Table
from ml.experiments.mlp_concise import BETTER, MLPConcise
from ml.experiments.mlp_scratch import MLPScratch
from ml.experiments.mlp_search import BOOK, Choice, MLPSearch
from ml.experiments.mlp_sweeps import MLPSweeps
from ml.fashion import OfPixels, confusion, gallery
from ml.nn import MLP
from ml.programs import Fits, fit_all
from ml.train import Fitted, Progress, Training
from ml.trains import TrainingExperiment

LEARNT, HELD_OUT, TESTED = 300, 200, 500  # images
SMALL: dict[str, Any] = {"num_images": LEARNT, "batch_size": 64}
Make = Callable[[], Any]


def by_hand() -> MLPScratch:
    return MLPScratch(**SMALL, num_epochs=3, num_hiddens=8, std=0.1)


def concise() -> MLPConcise:
    return MLPConcise(**SMALL, num_epochs=2, num_hiddens=8, start="torch")


def sweep() -> MLPSweeps:
    return MLPSweeps(**SMALL, num_epochs=2, num_seeds=2, vary="activation")


def search() -> MLPSearch:
    return MLPSearch(**SMALL, num_epochs=2, num_seeds=2, num_trials=4)


TRAINED = pytest.mark.parametrize("make", [by_hand, concise])
CHOOSING = pytest.mark.parametrize("make", [sweep, search])
read = fashion_mnist.read


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nets of eight hidden units, and few images to choose by and to be tested on."""
    nets = {name: (MLP((784, 8, 10), name), 0.5) for name in ("relu", "tanh", "sigmoid")}
    monkeypatch.setattr(fashion, "HELD_OUT", HELD_OUT)
    monkeypatch.setattr(fashion, "WIDTHS", (4, 8))
    monkeypatch.setattr(MLPSweeps, "varied", {"activation": nets})
    monkeypatch.setattr(fashion_mnist, "read", lambda num_train: read(num_train, TESTED))


def shuffle(monkeypatch: pytest.MonkeyPatch, rows: slice) -> None:
    """Give these images each other's answers."""

    def shuffled(num_train: int) -> FashionMNIST:
        data = read(num_train, TESTED)
        there = data.y[rows]
        order = torch.randperm(len(there), generator=torch.Generator().manual_seed(1))
        data.y[rows] = there[order]
        return data

    monkeypatch.setattr(fashion_mnist, "read", shuffled)


def of(kind: type[Any], events: Iterable[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def curves(events: Iterable[Event]) -> dict[tuple[str, str], Floats]:
    """Every metric of every group by epoch: (E, L) by key and name."""
    events = list(events)
    names = {group.key: group.metrics for group in of(Started, events)}
    parts = dict[tuple[str, str], list[Any]]()
    for epoch in of(Epoch, events):
        for i, name in enumerate(names[epoch.key]):
            parts.setdefault((epoch.key, name), []).append(epoch.values[:, i])
    return {place: np.concatenate(values) for place, values in parts.items()}


def moved(before: list[Event], after: list[Event]) -> set[str]:
    """The metrics that are not the same to the last bit in a group that both have."""
    old, new = curves(before), curves(after)
    assert old.keys() == new.keys()
    return {name for key, name in old if not np.array_equal(old[key, name], new[key, name])}


# ---- what must not matter does not


@TRAINED
def test_answers_of_test_images_move_test_numbers_and_nothing_else(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = list(make().run())
    shuffle(monkeypatch, slice(LEARNT, None))
    wrong = list(make().run())
    assert {group.judged_on for group in of(Started, plain)} == {"test"}
    assert moved(plain, wrong) == {"valid", "valid accuracy"}
    (key,) = {group.key for group in of(Started, plain)}
    state, other = (load(of(Checkpoint, events)[-1].state) for events in (plain, wrong))
    for name in state.keys() - {f"{key}/curve"}:
        assert torch.equal(state[name], other[name])


@CHOOSING
def test_test_images_choose_nothing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = list(make().run())
    shuffle(monkeypatch, slice(LEARNT + HELD_OUT, None))
    wrong = list(make().run())
    assert moved(plain, wrong) == {"test", "test accuracy"}
    assert [choice(event) for event in plain] == [choice(event) for event in wrong]


def choice(event: Event) -> str:
    """What an event says of the choice, and of the numbers that it was made by."""
    match event:
        case Table("sweep"):
            return repr([row[:3] for row in event.rows])  # after these it is of test images
        case Figure("sweep" | "chosen"):
            return re.split(r": right|, (?:is right|diverges)", event.finding)[0]
        case Figure("search" | "best_so_far") | Table("search") | Started():
            return repr(event)
        case _:
            return ""


@CHOOSING
def test_nothing_is_learnt_from_held_out_images(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = fitted(make())
    shuffle(monkeypatch, slice(LEARNT, LEARNT + HELD_OUT))
    for one, other in zip(plain, fitted(make()), strict=True):
        for name in one.training.metrics:
            same = np.array_equal(one.metric(name), other.metric(name))
            assert same != name.startswith("valid")
        for mine, its in zip(one.net.parameters(), other.net.parameters(), strict=True):
            assert torch.equal(mine, its)


@CHOOSING
def test_images_are_learnt_held_out_or_tested(make: Make) -> None:
    lanes = [lane for training in make().trainings() for lane in training.lanes]
    for lane in lanes:
        assert lane.train.tolist() == list(range(LEARNT))
        assert lane.valid.tolist() == list(range(LEARNT, LEARNT + HELD_OUT))
        tested = [] if make is search else range(LEARNT + HELD_OUT, LEARNT + HELD_OUT + TESTED)
        assert lane.test.tolist() == [*tested]


# ---- what is reported is of what it names


def fitted(experiment: TrainingExperiment) -> Fits:
    """What the shared loop makes of its trainings."""
    steps = fit_all([*experiment.trainings()], Progress(None))
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            fits: Fits = stop.value
            return fits


def share(net: Callable[[Tensor], Tensor], data: FashionMNIST, rows: slice) -> float:
    """How many of these images a net (n, 784) -> (n, 10) gets right."""
    with torch.no_grad():
        return float((net(data.X[rows]).argmax(1) == data.y[rows, 0]).double().mean())


def alone(net: nn.Module) -> Callable[[Tensor], Tensor]:
    """The net of one lane, without its axis."""
    return lambda X: net(X[None])[0]


PARTS = {"train": slice(LEARNT), "valid": slice(LEARNT, LEARNT + HELD_OUT)}
PARTS["test"] = slice(LEARNT + HELD_OUT, None)


def test_by_hand_is_the_shared_loop_over_all_epochs() -> None:
    experiment = by_hand()
    (shared,), own = fitted(experiment), curves(experiment.run())
    assert len(shared.curve) == experiment.num_epochs == 3
    for name in shared.training.metrics:
        np.testing.assert_allclose(own["scratch", name], shared.metric(name), rtol=1e-4)


def test_what_is_said_by_hand_is_of_the_last_parameters() -> None:
    experiment = by_hand()
    said = list(experiment.run())
    state = load(of(Checkpoint, said)[-1].state)
    params = [state[f"scratch/{i}"] for i in range(4)]
    last = {name: values[-1, 0] for (_, name), values in curves(said).items()}
    test = share(lambda X: scratch.net(X, params), experiment.data, slice(LEARNT, None))
    train = share(lambda X: scratch.net(X, params), experiment.data, slice(LEARNT))
    assert (last["train accuracy"], last["valid accuracy"]) == pytest.approx((train, test))
    (gallery,) = [figure for figure in of(Figure, said) if figure.name == "gallery"]
    assert f"of all 500 test images {test:.1%}" in gallery.finding
    assert train != test


def test_what_is_said_of_the_concise_net_is_of_test_images() -> None:
    experiment = concise()
    fits = fitted(experiment)
    test = share(alone(fits[0].net), experiment.data, slice(LEARNT, None))
    train = share(alone(fits[0].net), experiment.data, slice(LEARNT))
    assert [*fits.last("train accuracy"), *fits.last("valid accuracy")] == pytest.approx(
        [train, test]
    )
    figures = {figure.name: figure for figure in of(Figure, experiment.results(fits))}
    assert f"of all 500 test images {test:.1%}" in figures["gallery"].finding
    right = np.diag(figures["confusion"].heat_map.z)
    counts = torch.bincount(experiment.data.y[LEARNT:, 0], minlength=10).numpy()
    assert (right * counts).sum() / 100 / TESTED == pytest.approx(test)
    assert train != test


def test_a_sweep_reports_held_out_and_test_images_of_each_setting() -> None:
    experiment = sweep()
    fits = fitted(experiment)
    (table,) = of(Table, experiment.results(fits))
    (figure,) = of(Figure, experiment.results(fits))
    for i, row in enumerate(table.rows):
        nets = [alone(one.net) for one in fits[2 * i : 2 * i + 2]]
        held_out, test = (
            [share(net, experiment.data, PARTS[part]) for net in nets] for part in ("valid", "test")
        )
        assert row[0] == ("relu", "tanh", "sigmoid")[i]
        assert row[1:4:2] == pytest.approx((np.mean(held_out), np.mean(test)))
        assert figure.series[1].y[2 * i : 2 * i + 2] == pytest.approx(test)
    best = max(table.rows, key=lambda row: row[1])
    assert f"images choose {best[0]}: right on {best[3]:.1%}" in figure.finding


def test_a_search_reports_held_out_images_of_each_trial_at_its_epoch() -> None:
    experiment = search()
    fits = fitted(experiment)
    (table,) = of(Table, experiment.results(fits))
    assert sorted(row[0] for row in table.rows) == [1, 2, 3, 4]
    for trial, setting, epoch, accuracy, _ in table.rows:
        one = fits[int(trial) - 1]
        by_epoch = one.metric("valid accuracy")[:, 0]
        assert one.training.lanes.settings == (f"trial {trial:g}: {setting}",)
        assert accuracy == by_epoch[int(epoch) - 1] == by_epoch.max()
        assert by_epoch[-1] == pytest.approx(share(alone(one.net), experiment.data, PARTS["valid"]))


def test_what_was_chosen_is_trained_anew_for_its_epochs_with_seeds_that_chose_nothing() -> None:
    experiment = search()
    said = list(experiment.run())
    groups, table = {group.key: group for group in of(Started, said)}, of(Table, said)[0]
    _, setting, epochs, _, outcome = table.rows[0]
    assert outcome == "chosen"
    assert groups["chosen"].num_epochs == epochs
    assert groups["book"].num_epochs == 2
    assert groups["chosen"].labels == ("chosen, seed 1", "chosen, seed 2")
    assert groups["book"].labels == ("book, seed 1", "book, seed 2")
    searched = [training.lanes.seeds for training in experiment.trainings()]
    assert searched == [(0,)] * 4
    chosen = next(trial for trial in experiment.trials if trial.label == setting)
    anew = [*experiment.anew(Choice(chosen, int(epochs), 0.0))]
    assert [one.net for one in anew] == [OfPixels(chosen.net)] * 2 + [OfPixels(BOOK.net)] * 2
    assert [float(one.lanes.lr[0]) for one in anew] == pytest.approx([chosen.lr] * 2 + [0.1] * 2)
    last = {key: values[-1] for key, values in curves(said).items()}
    (figure,) = [figure for figure in of(Figure, said) if figure.name == "chosen"]
    reported = figure.series[1].y.reshape(2, 2)  # each repetition
    np.testing.assert_array_equal(reported[0], last["chosen", "test accuracy"])
    np.testing.assert_array_equal(reported[1], last["book", "test accuracy"])


# ---- what is claimed and shown


def invented(fits: Fits, seed: int = 0) -> Fits:
    """The same nets with curves of nobody's: each number is another."""
    rng = np.random.default_rng(seed)
    return Fits(
        [
            Fitted(
                one.training, rng.uniform(0.3, 1, one.curve.shape).astype(np.float32), one.stacked
            )
            for one in fits
        ]
    )


def untrained(trainings: Iterable[Training], num_epochs: int) -> Fits:
    """Trainings with invented curves of so many epochs."""
    return invented(
        Fits(
            [
                Fitted(one, np.ones((num_epochs, len(one.metrics), 1), np.float32))
                for one in trainings
            ]
        )
    )


@pytest.mark.parametrize(
    ("make", "claiming"), [(by_hand, MLPScratch()), (concise, MLPConcise(**BETTER))]
)
def test_what_is_claimed_of_accuracy_is_of_test_images_at_the_last_epoch(
    make: Make, claiming: Any
) -> None:
    fits = invented(fitted(make()))
    vars(claiming)["data"] = make().data
    checks = of(Check, claiming.results(fits))
    (got,) = [check.got for check in checks if "test accuracy after 10 epochs" in check.name]
    assert [got] == fits[0].metric("valid accuracy")[-1].tolist()


def test_what_a_sweep_claims_is_of_the_settings_it_names() -> None:
    tests = {"relu": [0.6, 0.8], "tanh": [0.8, 0.7], "sigmoid": [0.5, 0.65]}
    each = {name: np.array(values) for name, values in tests.items()}
    means = np.array([values.mean() for values in each.values()])
    checks = [*MLPSweeps(vary="activation").claims(each, means, 0)]
    assert {check.name.removeprefix("test accuracy"): check.got for check in checks} == {
        " lost by choosing on held-out images": pytest.approx(0.75 - 0.7),
        ", relu minus sigmoid: least of the seeds": pytest.approx(0.1),
        ", tanh minus sigmoid: least of the seeds": pytest.approx(0.05),
    }


def test_a_shown_image_is_a_test_image_and_says_what_it_is_and_is_taken_for() -> None:
    data = read(LEARNT, TESTED)
    true = data.y[LEARNT:, 0]
    taken = torch.where(torch.arange(TESTED) % 3 == 0, (true + 1) % 10, true)
    images = gallery(data, taken).images
    assert images is not None
    np.testing.assert_array_equal(images.pixels.reshape(24, -1), data.X[LEARNT : LEARNT + 24])
    share = float((taken == true).double().mean())
    assert gallery(data, taken).finding.endswith(f"of all 500 test images {share:.1%}.")
    for caption, is_, is_called in zip(
        images.captions, true.tolist(), taken.tolist(), strict=False
    ):
        wrong = f", taken for {LABELS[is_called]}" * (is_ != is_called)
        assert caption == LABELS[is_] + wrong


def test_a_row_of_the_confusion_is_what_one_class_is_taken_for() -> None:
    data = read(LEARNT, TESTED)
    true = data.y[LEARNT:, 0]
    taken = true.where((true != 7) | (torch.arange(TESTED) % 4 > 0), torch.tensor(5))
    figure = confusion(data, taken)
    assert figure.heat_map is not None
    assert (figure.x_label, figure.y_label) == ("predicted", "true")
    share = 100 * float((taken[true == 7] == 5).double().mean())
    assert figure.heat_map.z[7, 5] == pytest.approx(share)
    np.testing.assert_allclose(figure.heat_map.z.sum(1), 100)
    assert figure.finding.endswith(f"{share:.0f} % of {LABELS[7]} are taken for {LABELS[5]}.")


def test_a_point_of_a_search_is_its_trial_at_its_own_rate_and_best_epoch() -> None:
    experiment = search()
    fits = untrained(experiment.trainings(), 3)
    figures = {figure.name: figure for figure in of(Figure, experiment.results(fits))}
    best = [one.metric("valid accuracy").max() for one in fits]
    points = sorted(
        point
        for series in figures["search"].series
        for point in zip(series.x, series.y, strict=True)
    )
    trials = zip((trial.lr for trial in experiment.trials), best, strict=True)
    np.testing.assert_allclose(points, sorted(trials))
    so_far, trial = figures["best_so_far"].series
    np.testing.assert_allclose(trial.y, best)
    np.testing.assert_allclose(so_far.y, np.maximum.accumulate(best))


def test_what_is_said_of_the_choice_is_of_its_own_runs() -> None:
    experiment = MLPSearch()  # its own settings, which claim something
    choice = Choice(experiment.trials[3], 2, 0.9)
    fits = untrained(experiment.anew(choice), 2)
    ours, books = (fits.at(name).last("test accuracy").mean() for name in ("chosen", "book"))
    events = list(experiment.compared(choice, fits))
    (table,), (figure,), (check,) = (of(kind, events) for kind in (Table, Figure, Check))
    assert [row[1] for row in table.rows] == pytest.approx([ours, books])
    assert f"is right on {ours:.1%} ±" in figure.finding
    assert f"the book's {BOOK.label} on {books:.1%} ±" in figure.finding
    assert f"paired by seed {100 * (ours - books):+.1f} ±" in figure.finding
    assert check.got == pytest.approx(0.9 - ours)
