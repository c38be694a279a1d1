"""4.2, 4.3 and 4.6: quick checks hold, a search ends well, and layers draw what they promise."""

from typing import Any

import numpy as np
import pytest
import torch

from ml import fashion
from ml.events import Check, Checkpoint, Epoch, Event, Figure, Started, Table
from ml.experiment import Diverged
from ml.experiments import parse
from ml.lanes import Lane, Lanes
from ml.nn import DropConnect, Dropout, GaussianNoise, Linear, initialise, mlp, zeros
from ml.train import fit

pytestmark = pytest.mark.slow  # half a minute of training on clothes

SCRATCH = {"name": "mlp_scratch", "num_images": 1000, "num_epochs": 1, "lr": 0.5}
CONCISE = {"name": "mlp_concise", "num_images": 2000, "num_epochs": 1}
DROPOUT = {"name": "dropout", "num_images": 4000, "num_epochs": 7, "num_hiddens": 64}
LITERAL = DROPOUT | {"literal": True, "lr": 0.1, "num_epochs": 1}
RANDOM = {"name": "random_labels", "num_epochs": 5, "num_seeds": 1}
LAYER = {"name": "dropout_layer"}
QUICK: list[dict[str, Any]] = [
    SCRATCH, CONCISE, DROPOUT, LITERAL, RANDOM, LAYER, LAYER | {"p": 0.2, "seed": 1},
    LAYER | {"p": 0.0}, LAYER | {"p": 1.0}, {"name": "input_noise"},
]  # fmt: skip


def checks(values: dict[str, Any]) -> dict[str, Check]:
    return {event.name: event for event in parse(values).run() if isinstance(event, Check)}


@pytest.mark.parametrize("values", QUICK, ids=str)
def test_quick_checks_hold(values: dict[str, Any]) -> None:
    found = checks(values)
    assert found
    assert [check for check in found.values() if not check.passed] == []


def test_the_loop_by_hand_goes_on_as_if_nothing_had_happened() -> None:
    experiment = parse(SCRATCH | {"num_epochs": 3, "num_hiddens": 8})
    said = list(experiment.run())
    first = next(event for event in said if isinstance(event, Checkpoint))
    whole = [event for event in said if isinstance(event, Epoch)]
    rest = [event for event in experiment.run(first) if isinstance(event, Epoch)]
    assert [event.first for event in rest] == [2, 3]
    np.testing.assert_array_equal(rest[-1].values, whole[-1].values)


# ---- sweeps and searches ---------------------------------------------------------

SEARCH = {"name": "mlp_search", "num_images": 200, "num_seeds": 2, "num_trials": 4, "num_epochs": 2}
TINY = {"num_images": 200, "num_seeds": 2, "num_epochs": 2}
VARIANTS = {"name": "dropout_variants"} | TINY


def shown(events: list[Event]) -> list[str]:
    """What is said in the end."""
    return [repr(event) for event in events if isinstance(event, Figure | Table)]


def lost_at(monkeypatch: pytest.MonkeyPatch, *keys: str) -> None:
    """Groups of these keys, and of none else, diverge in their last epoch."""

    def diverging(training: Any, progress: Any) -> Any:
        fitted = yield from fit(training, progress)
        if training.key in keys:
            raise Diverged(training.key)
        return fitted

    monkeypatch.setattr(fashion, "fit", diverging)


@pytest.mark.parametrize(
    "values", [SEARCH, *(VARIANTS | {"ask": ask} for ask in ("activations", "epochs", "swap"))],
    ids=str,
)  # fmt: skip
def test_a_resumed_run_says_the_same(values: dict[str, Any]) -> None:
    whole = list(parse(values).run())
    kept = [event for event in whole if isinstance(event, Checkpoint)]
    for checkpoint in {kept[0], kept[len(kept) // 2], kept[-1]}:
        assert shown(list(parse(values).run(checkpoint))) == shown(whole)


def test_a_group_of_a_search_that_diverges_is_listed_and_never_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = [event.key for event in parse(SEARCH).run() if isinstance(event, Started)]
    best = keys[-2].replace("chosen", "search")
    lost_at(monkeypatch, best)
    whole = list(parse(SEARCH).run())
    trials = next(event for event in whole if isinstance(event, Table) and event.name == "search")
    assert [row[-1] for row in trials.rows].count("chosen") == 1
    assert trials.rows[-1][-2:] == (None, "diverged")
    checkpoints = [event for event in whole if isinstance(event, Checkpoint)]
    assert shown(list(parse(SEARCH).run(checkpoints[-1]))) == shown(whole)
    lost_at(monkeypatch, *(key for key in keys if key.startswith("search")))
    with pytest.raises(Diverged, match="Every trial"):
        list(parse(SEARCH).run())


def test_one_value_that_diverges_does_not_end_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    depths = {"name": "mlp_sweeps", "vary": "depth"} | TINY
    lost_at(monkeypatch, "depth 1 hidden")
    (table,) = [event for event in parse(depths).run() if isinstance(event, Table)]
    assert [row[1] is None for row in table.rows] == [False, True, False, False]
    lost_at(monkeypatch, *(f"depth {d} hidden" for d in range(4)))
    with pytest.raises(Diverged, match="Each depth"):
        list(parse(depths).run())


def test_decay_and_dropout_have_an_interaction_and_a_swap_its_difference() -> None:
    for ask, last in (("decay", "interaction"), ("swap", "swapped minus not")):
        said = parse(VARIANTS | {"ask": ask}).run()
        (table,) = [event for event in said if isinstance(event, Table)]
        assert table.rows[-1][0] == last
        assert None not in table.rows[-1][3:]


def test_a_comparison_by_hand_trains_no_further_than_it_hears() -> None:
    experiment = parse(CONCISE | {"batch_size": 1, "num_images": 300})
    (equality,) = [
        event for event in experiment.run()
        if isinstance(event, Figure) and event.name == "equality"
    ]  # fmt: skip
    assert {len(series.x) for series in equality.series} == {240}


# ---- the layers that 4.6 adds ----------------------------------------------------


@pytest.mark.parametrize("kind", [Dropout, GaussianNoise])
def test_noise_has_dropouts_mean_and_variance(kind: type[Dropout]) -> None:
    p = torch.tensor([0.2, 0.5])
    found = kind(p, (3, 4), 0)(torch.ones(2, 300, 400))
    variance, mean = torch.var_mean(found.flatten(1), 1)
    torch.testing.assert_close(mean, torch.ones(2), atol=0.012, rtol=0)
    torch.testing.assert_close(variance, p / (1 - p), atol=0.02, rtol=0)


def test_dropconnect_is_its_linear_map_on_average_and_when_evaluated() -> None:
    layer = DropConnect(torch.tensor([0.5]), (0,), 0, Linear(1, 3, 2))
    initialise(layer, (0,))
    X = torch.ones(1, 1, 3)
    drawn = []
    for step in range(1500):
        layer.moment = (1, step)
        drawn.append(layer(X).detach())
    torch.testing.assert_close(torch.stack(drawn).mean(0), layer.linear(X), atol=0.1, rtol=0)
    torch.testing.assert_close(layer.eval()(X), layer.linear(X))


def test_without_a_second_dropout_the_output_layer_drops_nothing() -> None:
    rows = torch.arange(2)
    lanes = Lanes.of([Lane(label="", train=rows, valid=rows, lr=0.1)])
    for p, expected in (((0.2, 0.0), 1), ((0.2, 0.5), 2), ((0.0, 0.5), 1)):
        net = fashion.noisy(lanes, "DropConnect", torch.tensor([p]))
        dropped = [layer for layer in net if isinstance(layer, DropConnect)]
        assert len(dropped) == expected
        assert [float(layer.p[0]) for layer in dropped] == pytest.approx([q for q in p if q])


def test_each_hidden_layer_can_have_its_own_dropout() -> None:
    rows = torch.arange(2)
    lanes = Lanes.of([Lane(label=str(i), train=rows, valid=rows, lr=0.1) for i in range(2)])
    net = mlp(lanes, (4, 3, 3, 1), dropouts=[torch.zeros(2), torch.tensor([0.2, 0.5])])
    (only,) = [layer for layer in net if isinstance(layer, Dropout)]
    assert only.layer == 1
    assert only.p.tolist() == pytest.approx([0.2, 0.5])
    flat = mlp(lanes, (4, 3, 1), bias_init=zeros)[0]
    assert isinstance(flat, Linear)
    assert flat.bias is not None
    assert not flat.bias.any()
    assert flat.weight.all()


def test_an_interval_is_students() -> None:
    mean, half = fashion.interval([1.0, 2.0, 3.0])
    assert mean == 2
    assert half == pytest.approx(4.303 / np.sqrt(3))
    assert fashion.spread([1.0]) == (1.0, None)
