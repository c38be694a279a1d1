"""4.2 and 4.3: the quick claims hold, a run goes on where it ended, a search ends well."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from ml import fashion, scratch
from ml.data import fashion_mnist
from ml.events import Checkpoint, Epoch, Event, Figure, Finding, Started, Table
from ml.experiment import Diverged
from ml.experiments import mlp_concise, parse
from ml.experiments.mlp_scratch import MLPScratch
from ml.experiments.mlp_search import MLPSearch
from ml.experiments.mlp_sweeps import MLPSweeps
from ml.fashion import LOST_RULE, FashionChoice
from ml.losses import accuracy
from ml.programs import Fits
from ml.train import Fitted, Progress

SCRATCH = {"name": "mlp_scratch", "num_images": 300, "num_epochs": 3, "num_hiddens": 8}
CONCISE = {"name": "mlp_concise", "num_images": 250, "num_epochs": 1, "num_hiddens": 8}
SEARCH = {"name": "mlp_search", "num_images": 200, "num_seeds": 2, "num_trials": 4, "num_epochs": 2}


@pytest.fixture(autouse=True)
def _fewer_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """500 to test and to choose by, so that a run takes a second."""
    read = fashion_mnist.read
    monkeypatch.setattr(fashion, "HELD_OUT", 500)
    monkeypatch.setattr(fashion_mnist, "read", lambda num_train: read(num_train, 500))


def of(kind: type[Any], events: list[Event] | Iterator[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def shown(events: list[Event]) -> list[str]:
    """What is said in the end."""
    return [repr(event) for event in events if isinstance(event, Figure | Table)]


def test_the_loop_by_hand_goes_on_as_if_nothing_had_happened() -> None:
    experiment = parse(SCRATCH)
    whole = list(experiment.run())
    rest = list(experiment.run(of(Checkpoint, whole)[0]))
    assert [event.first for event in of(Epoch, rest)] == [2, 3]
    np.testing.assert_array_equal(of(Epoch, rest)[-1].values, of(Epoch, whole)[-1].values)
    assert shown(rest) == shown(whole)


def test_the_loop_by_hand_says_that_it_diverged_and_keeps_its_curve() -> None:
    (training,) = MLPScratch(num_images=300, num_hiddens=8).trainings()
    params = scratch.parameters((784, 8, 10), torch.inf, 0)
    steps, said = scratch.fit(training, params, Progress(None)), list[Event]()
    with pytest.raises(Diverged, match=r"at epoch 1: try a smaller lr than 0\.1"):
        said.extend(steps)
    assert len(of(Epoch, said)) == 1


def test_the_loop_by_hand_measures_whatever_its_training_names() -> None:
    (training,) = MLPScratch(num_images=300, num_hiddens=8, num_epochs=1).trainings()
    also = {"accuracy": accuracy, "error": lambda *rows: 1 - accuracy(*rows)}
    params = scratch.parameters((784, 8, 10), 0.01, 0)
    (epoch,) = of(Epoch, scratch.fit(replace(training, also=also), params, Progress(None)))
    right, wrong = epoch.values[0, 2:4], epoch.values[0, 4:6]
    np.testing.assert_allclose(right + wrong, 1, rtol=1e-6)
    assert (right > 0.05).all()


def test_accuracy_is_a_metric_of_every_classifier_so_that_it_is_drawn_live() -> None:
    for values in (SCRATCH, CONCISE):
        group = next(event for event in parse(values).run() if isinstance(event, Started))
        assert group.metrics == ("train", "valid", "train accuracy", "valid accuracy")
        assert group.judged_on == "test"


def test_a_comparison_by_hand_trains_no_further_than_it_hears(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mlp_concise, "STEPS", 20)
    figures = of(Figure, parse(CONCISE | {"batch_size": 2}).run())
    (equality,) = [figure for figure in figures if figure.name == "equality"]
    assert {len(series.x) for series in equality.series} == {20}


@pytest.mark.parametrize(
    ("lr", "std", "verdict"), [(30.0, 0.01, "diverged"), (0.1, 1.0, "not diverged")]
)
def test_worse_than_guessing_is_diverged_but_for_a_large_start_that_learns(
    lr: float, std: float, verdict: str
) -> None:
    values = {"name": "mlp_scratch", "num_images": 1000, "lr": lr, "std": std, "num_epochs": 3}
    *_, finding = of(Finding, parse(values).run())
    assert (finding.verdict == "diverged") == (verdict == "diverged")


# ---- sweeps and searches ---------------------------------------------------------


def made_up(experiment: FashionChoice, held_out: list[list[float]]) -> Fits:
    """Curves as if trained: held-out accuracy of each lane by epoch, NaN where it diverged.

    Training loss is 1 or NaN, test accuracy the complement of held-out accuracy.
    """
    found = []
    for training, right in zip(experiment.trainings(), held_out, strict=True):
        valid = np.array(right)
        metrics = {"train": np.where(np.isnan(valid), np.nan, 1.0), "valid accuracy": valid}
        metrics |= {"test accuracy": 1 - valid}
        filled = [metrics.get(name, np.full(len(valid), 0.5)) for name in training.metrics]
        found.append(Fitted(training, np.stack(filled, axis=1)[..., None].astype(np.float32)))
    return Fits(found)


def test_a_search_chooses_trial_and_epochs_by_held_out_images() -> None:
    search = MLPSearch(num_trials=3, num_epochs=3)
    tried = made_up(search, [[0.1, 0.5, 0.6], [0.2, 0.9, 0.4], [0.8, np.nan, np.nan]])
    choice = search.chosen(tried)
    assert choice[:2] == (search.trials[1], 2)
    assert choice.promised == pytest.approx(0.9)
    (table,) = of(Table, search.results(tried))
    assert [row[0] for row in table.rows] == [2, 3, 1]
    assert [row[-3] for row in table.rows] == [2, 1, 3]  # best epoch
    assert [row[-1] for row in table.rows] == ["chosen", "diverged", ""]
    anew = [*search.anew(choice)]
    assert {(one.key, one.num_epochs) for one in anew} == {("chosen", 2), ("book", 3)}


def test_a_search_of_which_all_diverge_says_so() -> None:
    search, lost = MLPSearch(num_trials=2), [np.nan, np.nan]
    (table,) = of(Table, search.results(made_up(search, [[0.4, 0.5], lost])))
    assert table.rows[-1][-2:] == (None, "diverged")
    assert table.note.endswith(LOST_RULE)
    with pytest.raises(Diverged, match="Every trial"):
        search.chosen(made_up(search, [lost, lost]))


def test_one_setting_that_diverges_does_not_end_a_sweep() -> None:
    sweep = MLPSweeps(vary="activation", num_seeds=2)
    right = [[0.6], [0.7], [0.9], [np.nan], [0.5], [0.5]]
    said = list(sweep.results(made_up(sweep, right)))
    (table,), (figure,) = of(Table, said), of(Figure, said)
    assert [row[1] for row in table.rows] == [pytest.approx(0.65), None, pytest.approx(0.5)]
    assert "relu, tanh, sigmoid held-out images choose relu" in figure.finding
    assert figure.finding.endswith("; with tanh a run diverges.")
    assert table.note.endswith(f"empty: a run diverged. {LOST_RULE}")
    with pytest.raises(Diverged, match="Each activation"):
        list(sweep.results(made_up(sweep, [[0.6], [np.nan]] * 3)))


def test_a_resumed_search_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion, "WIDTHS", (4, 8))
    whole = list(parse(SEARCH).run())
    kept = of(Checkpoint, whole)
    for checkpoint in {kept[0], kept[len(kept) // 2], kept[-1]}:
        assert shown(list(parse(SEARCH).run(checkpoint))) == shown(whole)
