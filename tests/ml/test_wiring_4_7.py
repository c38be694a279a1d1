"""4.7: each number on a page is of the value, the gradient and the bytes that it names."""

from typing import Any

import numpy as np
import pytest
import torch

from ml.experiments.backpropagation import Backpropagation
from ml.experiments.gradient_accumulation import GradientAccumulation
from ml.one_hidden_layer import Values, gap
from tests.ml.page import Page

NETS: list[dict[str, Any]] = [
    {},
    {"bias": True, "activation": "sigmoid"},
    {"loss": "cross_entropy", "activation": "tanh"},
]
nets = pytest.mark.parametrize("values", NETS, ids=str)


def change(experiment: Backpropagation, at: Values, key: str, entry: int) -> float:
    """A central difference of J, computed by hand, along one entry of a parameter."""
    ends = []
    for step in (1e-6, -1e-6):
        moved = at[key].clone()
        moved.view(-1)[entry] += step
        ends.append(float(experiment.forward(at | {key: moved})["J"]))
    return (ends[0] - ends[1]) / 2e-6


@nets
def test_gradients_by_hand_are_how_j_changes(values: dict[str, Any]) -> None:
    experiment = Backpropagation(**values)
    at = experiment.example()
    gradients = experiment.backward(at, experiment.forward(at))
    for name, key in (("(4.7.14)", "W1"), ("(4.7.11)", "W2"), ("exercise 2", "b1")):
        assert (key in at) == (f"{name} dJ/d{key}" in gradients)
        if key in at:
            gradient = gradients[f"{name} dJ/d{key}"].flatten().tolist()
            differences = [change(experiment, at, key, i) for i in range(len(gradient))]
            assert gradient == pytest.approx(differences, abs=1e-8)


@nets
def test_the_answer_moves_the_loss_and_nothing_before_it(values: dict[str, Any]) -> None:
    experiment = Backpropagation(**values)
    at = experiment.example()
    one = experiment.forward(at)
    other = experiment.forward(at | {"y": at["y"].flip(0)})
    assert [key for key in one if not torch.equal(one[key], other[key])] == ["L", "J"]
    undecayed = Backpropagation(**values, weight_decay=0)
    changed = experiment.backward(at, one)
    alone = undecayed.backward(at, undecayed.forward(at))
    decayed = {name for name in changed if not torch.equal(changed[name], alone[name])}
    assert decayed == {
        "(4.7.10) ds/dW1",
        "(4.7.10) ds/dW2",
        "(4.7.11) dJ/dW2",
        "(4.7.14) dJ/dW1",
    }


@nets
def test_a_row_of_the_table_is_of_the_quantity_that_it_names(values: dict[str, Any]) -> None:
    page, experiment = Page.of("backpropagation", **values), Backpropagation(**values)
    at = experiment.example()
    forward = experiment.forward(at)
    both = {**forward, **experiment.backward(at, forward)}
    own = {name.split()[-1]: value for name, value in both.items()}
    theirs = {name.split()[-1]: value for name, value in experiment.autograd(at, both).items()}
    quantities = page.column("nodes", "quantity")
    assert quantities == [*own]
    assert page.column("nodes", "norm") == [float(own[name].norm()) for name in quantities]
    heat = page.figures["gradient"].heat_map
    assert heat is not None
    np.testing.assert_array_equal(heat.z, own["dJ/dW1"])
    named = zip(page.column("nodes", "equation"), quantities, strict=True)
    off = [page.checks[f"{equation} {quantity}"].got for equation, quantity in named]
    assert page.column("nodes", "difference") == off
    assert off == [gap(own[name], theirs[name]) for name in quantities]
    assert max(map(float, off)) > 0  # rounding: they are computed in two ways
    graph = Page.of("computational_graph", **values)
    shapes = dict(zip(quantities, page.column("nodes", "shape"), strict=True))
    variables = graph.column("variables", "variable")
    for name, shape in zip(variables, graph.column("variables", "shape"), strict=True):
        assert shape == shapes.get(name, shape)
    pairs = zip(variables, graph.column("variables", "computed from"), strict=True)
    arrows = ", ".join(f"{name}: {before}" for name, before in sorted(pairs) if before)
    (check,) = graph.checks.values()
    assert check.got == arrows


def test_parts_of_a_batch_share_no_example_and_leave_out_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    experiment, seen = GradientAccumulation(), list[torch.Tensor]()
    mean = GradientAccumulation.mean

    def heard(self: Any, parameters: Values, X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
        seen.append(torch.cat([X, Y], dim=1))
        return mean(self, parameters, X, Y)

    monkeypatch.setattr(GradientAccumulation, "mean", heard)
    whole, _ = experiment.accumulated(1)
    experiment.accumulated(4)
    assert [len(rows) for rows in seen] == [8, 2, 2, 2, 2]
    torch.testing.assert_close(torch.cat(seen[1:]), seen[0], rtol=0, atol=0)
    assert len(seen[0].unique(dim=0)) == 8
    (X, Y), at = seen[0].split([4, 3], dim=1), experiment.example()
    each = [experiment.recorded(at | {"x": x, "y": y}) for x, y in zip(X, Y, strict=True)]
    mean_of_all = sum(torch.autograd.grad(values["J"], values["W1"])[0] for values in each) / 8
    assert isinstance(mean_of_all, torch.Tensor)
    torch.testing.assert_close(whole[0], mean_of_all)


def test_a_part_keeps_its_own_share_of_the_bytes() -> None:
    page = Page.of("gradient_accumulation", num_hiddens=6)
    parts, kept = (page.column("parts", name) for name in ("parts", "bytes kept at a time"))
    assert kept == [8 / count * (6 + 3) * 8 for count in parts]  # h and o of each example
    x, y = page.line("kept", "intermediate values")
    assert (x.tolist(), y.tolist()) == (parts, kept)


def test_gradients_of_parts_are_held_beside_those_of_the_whole() -> None:
    page, experiment = Page.of("gradient_accumulation"), GradientAccumulation()
    whole, _ = experiment.accumulated(1)
    off = [
        max(map(gap, whole, experiment.accumulated(count)[0]))
        for count in map(int, page.column("parts", "parts"))
    ]
    assert page.column("parts", "gradients off by") == off
    assert page.checks["two half batches less one full batch"].got == off[1] > 0  # rounding


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_training_keeps_every_activation_and_prediction_two(activation: str) -> None:
    page = Page.of("memory_of_training", activation=activation, width=8, depth=3, batch_size=16)
    layer = 16 * 8 * 4  # examples, units, bytes of a number
    weights = 4 * (8 * 8 + 8) * 4
    assert page.tables["bytes"].rows == (
        ("parameters", weights, weights),
        ("gradients", 0, weights),
        ("intermediate values", 2 * layer, 3 * layer),
    )
    depths, kept = page.line("depth", "training")
    np.testing.assert_allclose(kept, depths * layer / 1024)
    held = np.minimum(depths, 2) * layer  # a first layer's input is given
    np.testing.assert_allclose(page.line("depth", "prediction")[1], held / 1024)
    batches, kept = page.line("batch", "training")
    np.testing.assert_allclose(kept, 3 * batches * 8 * 4 / 1024)
    np.testing.assert_allclose(page.line("batch", "prediction")[1], 2 * batches * 8 * 4 / 1024)


def test_a_second_derivative_is_held_beside_the_gradient_of_the_same_net() -> None:
    page = Page.of("second_derivatives", width=8, batch_size=4)
    depths = np.array(page.column("second", "hidden layers"))
    parameters = np.array(page.column("second", "parameters"))
    np.testing.assert_array_equal(parameters, (depths + 1) * (8 * 8 + 8))
    for of in ("gradient", "Hessian times vector"):
        x, y = page.line("nodes", of)
        assert (x.tolist(), y.tolist()) == (depths.tolist(), page.column("second", f"nodes, {of}"))
    kept = np.array(page.column("second", "bytes kept, gradient"))
    np.testing.assert_array_equal(kept, (depths + 1) * 4 * 8 * 8)  # activations, and the outputs
    assert (np.array(page.column("second", "bytes kept, Hessian times vector")) > kept).all()
    product, whole = (
        np.array(page.column("second", f"ms, {of}"))
        for of in ("Hessian times vector", "whole Hessian")
    )
    np.testing.assert_allclose(whole, product * parameters)
