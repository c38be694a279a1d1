"""4.7 and 4.8: their claims hold, and turn red when the key line is broken."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ml import graphs
from ml.events import Check
from ml.experiments import (
    EXPERIMENTS,
    backpropagation,
    exploding_gradients,
    initialisation,
    memory_of_training,
    symmetry,
    vanishing_gradients,
)

INSTANT = (
    "backpropagation", "memory_of_training", "vanishing_gradients", "exploding_gradients",
    "initialisation",
)  # fmt: skip
QUICK = {"num_epochs": 50, "num_hiddens": 2, "activation": "tanh"}
Patch = pytest.MonkeyPatch
Values = dict[str, Tensor]


def red(name: str, **values: Any) -> list[str]:
    found = [e for e in EXPERIMENTS[name](**values).run() if isinstance(e, Check)]
    assert found
    return [check.name for check in found if not check.passed]


@pytest.mark.parametrize(
    ("name", "values"), [(name, v) for name in INSTANT for v in EXPERIMENTS[name].verifies], ids=str
)
def test_the_claims_hold(name: str, values: dict[str, Any]) -> None:
    assert red(name, **values) == []


def test_symmetrys_claims_hold() -> None:
    assert red("symmetry", **QUICK) == []


@pytest.mark.parametrize("key", [key for key in backpropagation.BACKWARD if key != "dJ/db1"])
def test_a_wrong_gradient_is_seen_at_its_equation(key: str, monkeypatch: Patch) -> None:
    backward = backpropagation.backward

    def wrong(*given: Any) -> Values:
        found = backward(*given)
        return found | {key: found[key] * 1.001}

    monkeypatch.setattr(backpropagation, "backward", wrong)
    assert red("backpropagation") == [f"{backpropagation.BACKWARD[key]} {key}"]


def test_a_transposed_gradient_has_the_wrong_shape(monkeypatch: Patch) -> None:
    backward = backpropagation.backward

    def wrong(*given: Any) -> Values:
        found = backward(*given)
        return found | {"dJ/dW1": found["dJ/dW1"].T}

    monkeypatch.setattr(backpropagation, "backward", wrong)
    assert red("backpropagation") == ["(4.7.14) dJ/dW1", "shape of dJ/dW1"]


def test_a_forgotten_penalty_is_seen_forward(monkeypatch: Patch) -> None:
    forward = backpropagation.forward

    def wrong(*given: Any) -> Values:
        found = forward(*given)
        return found | {"J": found["L"]}

    monkeypatch.setattr(backpropagation, "forward", wrong)
    assert red("backpropagation") == ["(4.7.6) J"]


def test_halves_that_are_not_averaged_are_seen(monkeypatch: Patch) -> None:
    accumulated = backpropagation.Backpropagation.accumulated
    monkeypatch.setattr(
        backpropagation.Backpropagation,
        "accumulated",
        lambda self, given, parts: [grad * parts for grad in accumulated(self, given, parts)],
    )
    assert red("backpropagation") == ["two half batches less one full batch"]


def test_a_graph_without_its_hidden_layer_is_not_figure_4_7_1(monkeypatch: Patch) -> None:
    def blind(result: Tensor, named: Values) -> graphs.Traced:
        return graphs.trace(result, {name: t for name, t in named.items() if name != "h"})

    monkeypatch.setattr(backpropagation, "trace", blind)
    assert red("backpropagation") == ["Fig. 4.7.1: what each variable is computed from"]


def test_every_arrow_of_a_traced_graph_goes_right() -> None:
    a, b = (torch.ones(2, requires_grad=True) for _ in range(2))
    c = a * b
    found = graphs.trace((c + a).sum(), {"a": a, "b": b, "c": c})
    assert found.depends == "c: a b"
    assert all(found.nodes[i][1] < found.nodes[j][1] for i, j in found.edges)
    assert len({node[1:] for node in found.nodes}) == len(found.nodes)


def test_memory_that_is_counted_without_a_batch_is_seen(monkeypatch: Patch) -> None:
    monkeypatch.setattr(memory_of_training, "size", lambda tensor: tensor[0].numel())
    assert "kept for twice the examples, times" in red("memory_of_training")


def test_a_steeper_activation_breaks_the_bound_of_a_quarter(monkeypatch: Patch) -> None:
    monkeypatch.setitem(vanishing_gradients.PHI, "sigmoid", torch.tanh)
    assert len(red("vanishing_gradients")) == 2


@pytest.mark.parametrize(
    ("part", "broken", "count"),
    [
        ("products", lambda M: M, 2),
        ("growth", lambda n, std: 0.2, 2),  # noqa: ARG005
        ("excess", lambda M: (1.0, 1.0), 2),  # noqa: ARG005
    ],
)
def test_products_that_are_none_are_seen(
    part: str, broken: Callable[..., Any], count: int, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(exploding_gradients, part, broken)
    assert len(red("exploding_gradients")) == count


def test_units_that_start_apart_are_seen(monkeypatch: Patch) -> None:
    monkeypatch.setattr(symmetry, "constant", lambda value: None)  # noqa: ARG005
    found = red("symmetry", num_epochs=2)
    assert "constant start: units apart after SGD" in found
    assert "constant start: the net less one unit of it" in found


def test_xavier_by_the_inputs_alone_is_seen(monkeypatch: Patch) -> None:
    right = initialisation.deviations

    def wrong(num_inputs: int, num_outputs: int) -> dict[str, float]:
        found = right(num_inputs, num_outputs)
        return found | {"Xavier": num_inputs**-0.5, "Xavier uniform": num_inputs**-0.5}

    monkeypatch.setattr(initialisation, "deviations", wrong)
    found = red("initialisation")
    assert [name[:7] for name in found] == ["(4.8.5)"] * 2 + ["(4.8.6)"]
