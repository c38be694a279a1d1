"""4.2, 4.3 and 4.6: quick checks hold, and each turns red when its key line is broken."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ml import fashion, scratch
from ml.events import Check, Checkpoint, Epoch
from ml.experiments import dropout, input_noise, parse, random_labels
from ml.lanes import Lane, Lanes
from ml.nn import DropConnect, Dropout, GaussianNoise, Linear, initialise, mlp, zeros

pytestmark = pytest.mark.slow  # half a minute of training on clothes

SCRATCH = {"name": "mlp_scratch", "num_images": 1000, "num_epochs": 1, "lr": 0.5}
CONCISE = {"name": "mlp_concise", "num_images": 2000, "num_epochs": 1}
DROPOUT = {"name": "dropout", "num_images": 4000, "num_epochs": 1, "num_hiddens": 64}
LITERAL = DROPOUT | {"literal": True, "lr": 0.1}
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


def affine(X: Tensor) -> Tensor:
    return X


def forgotten(X: Tensor, p: float, u: Tensor) -> Tensor:
    return (u >= p) * X


def wrong_way(X: Tensor, p: float, u: Tensor) -> Tensor:
    return (u < p) * X / (1 - p)


def never(X: Tensor, _p: float, _u: Tensor) -> Tensor:
    return X


def upwards(params: list[Tensor], grads: list[Tensor], lr: float) -> None:
    for param, grad in zip(params, grads, strict=True):
        param.data.add_(lr * grad)


def no_penalty(X: Any, y: Any, weight_decay: float) -> Any:
    rows = X.reshape(-1, X.shape[-1])
    return np.linalg.lstsq(rows, y.reshape(-1), rcond=None)[0]


@pytest.mark.parametrize(
    ("values", "module", "line", "broken", "red"),
    [
        (SCRATCH, scratch, "relu", affine, "with ReLU"),
        (CONCISE, scratch, "relu", affine, "ml.nn and ml.optim"),
        (CONCISE, scratch, "sgd", upwards, "torch.nn and torch.optim"),
        (DROPOUT, scratch, "dropout_layer", forgotten, "scratch and concise"),
        (LITERAL, dropout, "without_relu", affine, "printed without ReLU"),
        (RANDOM, random_labels, "relabelled", lambda y, _seed: y, "random labels, held-out"),
        (LAYER, scratch, "dropout_layer", forgotten, "E[h'] = h"),
        (LAYER, scratch, "dropout_layer", forgotten, "values are 0"),
        (LAYER, scratch, "dropout_layer", never, "Var[h']"),
        (LAYER, scratch, "dropout_layer", wrong_way, "units h1 to h5"),
        ({"name": "input_noise"}, input_noise, "ridge", no_penalty, "noise ±0.5"),
    ],
)
def test_a_broken_line_turns_its_check_red(
    values: dict[str, Any], module: Any, line: str, broken: Callable[..., Any], red: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(module, line, broken)
    (found,) = [check for name, check in checks(values).items() if name.startswith(red)]
    assert not found.passed


def test_the_loop_by_hand_goes_on_as_if_nothing_had_happened() -> None:
    experiment = parse(SCRATCH | {"num_epochs": 3, "num_hiddens": 8})
    said = list(experiment.run())
    first = next(event for event in said if isinstance(event, Checkpoint))
    whole = [event for event in said if isinstance(event, Epoch)]
    rest = [event for event in experiment.run(first) if isinstance(event, Epoch)]
    assert [event.first for event in rest] == [2, 3]
    np.testing.assert_array_equal(rest[-1].values, whole[-1].values)


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
