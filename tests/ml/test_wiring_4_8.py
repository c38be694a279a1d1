"""4.8: each number on a page is of the start, the layer and the net that it names."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from ml import draws
from ml.experiments.exploding_gradients import SHOWN, ExplodingGradients
from ml.experiments.initialisation import EXAMPLES, Initialisation
from ml.experiments.layerwise_rates import LayerwiseRates
from ml.experiments.symmetry import Symmetry
from ml.experiments.vanishing_gradients import VanishingGradients
from ml.nn import STARTS
from ml.programs import Fits, fit_all
from ml.train import Progress
from ml.trains import TrainingExperiment
from tests.ml.page import Page


def fitted(experiment: TrainingExperiment, **how: Any) -> tuple[Fits, Page]:
    """Its nets, and what it says of them."""
    steps = fit_all([*experiment.trainings()], Progress(None), **how)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            fits: Fits = stop.value
            return fits, Page(experiment.results(fits))


# ---- initialisation ------------------------------------------------------------------------------


def by_hand(experiment: Initialisation, i: int) -> tuple[torch.Tensor, dict[str, list[float]]]:
    """First weights of one start, and its variance and gradient layer by layer, seen alone."""
    n, h = experiment.num_inputs, experiment.width
    H, R = experiment.drawn(EXAMPLES, n), experiment.drawn(EXAMPLES, h)
    sizes = [n, *[h] * (experiment.depth - 1)]
    weights = [experiment.weights(m, h, at)[i].requires_grad_() for at, m in enumerate(sizes)]
    variances = list[float]()
    for W in weights:
        H = getattr(torch, experiment.activation)(H @ W)
        variances.append(float(H.detach().var()))
    norms = [float(g.norm()) for g in torch.autograd.grad((H * R).sum() / EXAMPLES, weights)]
    return weights[0].detach(), {"variance": variances, "gradient": norms}


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_line_is_of_the_start_and_the_layers_that_it_names(activation: Any) -> None:
    experiment = Initialisation(activation=activation, depth=4, width=16, num_inputs=24)
    page = Page(experiment.run())
    assert page.column("layers", "start") == [*STARTS]
    for i, start in enumerate(STARTS):
        _, lines = by_hand(experiment, i)
        for name, own in lines.items():
            ends = [page.column("layers", f"{name}, {at}")[i] for at in ("first", "last")]
            assert ends == pytest.approx([own[0], own[-1]])
            if start != "zero":  # it has no logarithm
                x, y = page.line(name, start)
                assert x.tolist() == [1, 2, 3, 4]
                assert y.tolist() == pytest.approx(own)
    _, lines = by_hand(experiment, [*STARTS].index("He"))
    for name, end in (("variance", lines["variance"][-1]), ("gradient", lines["gradient"][0])):
        assert page.figures[name].finding.endswith(f" and {end:.2g} with He.")


def test_a_start_is_held_to_the_width_of_its_own_weights() -> None:
    experiment = Initialisation(depth=2, width=16, num_inputs=24)
    page = Page(experiment.run())
    for i, start in enumerate(STARTS):
        W, lines = by_hand(experiment, i)
        if start != "zero":
            share = float(W.norm()) / lines["gradient"][0]
            assert page.column("layers", "||w||/||g||, first")[i] == pytest.approx(share)
        name = f"{start}: variance of the weights"
        if "Xavier" in start:
            name = f"(4.8.5) {start}: variance times (n_in + n_out) / 2"
            W = W * 20**0.5
        assert page.checks[name].got == pytest.approx(float(W.var()))


# ---- symmetry ------------------------------------------------------------------------------------


def test_a_run_is_judged_on_the_half_that_it_does_not_learn_and_shows_its_own_units() -> None:
    experiment = Symmetry(num_epochs=3)
    fits, page = fitted(experiment)
    X, y, labels = experiment.data
    assert page.column("ends", "run") == [one.training.lanes.settings[0] for one in fits]
    spreads = page.column("ends", "spread of the hidden units")
    for i, one in enumerate(fits):
        (lane,) = one.training.lanes
        assert lane.train.tolist() == [*range(200)]
        assert lane.valid.tolist() == [*range(200, 400)]
        with torch.no_grad():
            y_hat = one.net(X[None, 200:])[0]
        loss = (
            torch.nn.functional.cross_entropy(y_hat, labels[200:, 0])
            if "softmax" in lane.setting
            else (y_hat - y[200:]).square().mean() / 2
        )
        assert page.column("ends", "validation loss")[i] == pytest.approx(float(loss), rel=1e-5)
        if "MLP" in lane.setting:
            W, b = (one.parameter(f"0.{part}")[0] for part in ("weight", "bias"))
            assert spreads[i] == pytest.approx(np.ptp(np.vstack([W, b]), axis=1).max(), abs=1e-7)
            if lane.setting != "MLP, random, dropout":
                np.testing.assert_allclose(page.line("units", lane.setting), W)
        else:
            assert spreads[i] is None


# ---- layer-wise rates ----------------------------------------------------------------------------


def test_a_rate_is_told_of_its_own_training_loss() -> None:
    fits, page = fitted(LayerwiseRates(num_epochs=6), curves_only=True)
    for i, one in enumerate(fits):
        losses = one.metric("train")[:, 0]
        known = losses[np.isfinite(losses)]
        assert page.column("ends", "rate")[i] == one.training.lanes.settings[0]
        assert page.column("ends", "finite steps")[i] == len(known)
        assert page.column("ends", "after the first step")[i] == known[0]
        assert page.column("ends", "least")[i] == known.min()
        last = known[-1] if len(known) == 6 else None
        assert page.column("ends", "last")[i] == last


# ---- products ------------------------------------------------------------------------------------


def test_what_is_left_of_a_gradient_is_of_the_activation_that_it_names() -> None:
    experiment = VanishingGradients(depth=3, width=4)
    page = Page(experiment.run())
    generator = draws.generator(0, 3, 4)
    x = torch.randn(4, generator=generator, dtype=torch.float64)
    weights = torch.randn(3, 4, 4, generator=generator, dtype=torch.float64) / 2
    slopes: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "sigmoid": lambda z: torch.sigmoid(z) * (1 - torch.sigmoid(z)),
        "tanh": lambda z: 1 - torch.tanh(z) ** 2,
        "relu": lambda z: (z > 0).double(),
    }
    for i, (name, slope) in enumerate(slopes.items()):
        h, J, steepest, norms = x, torch.eye(4).double(), 1.0, list[float]()
        for W in weights:
            z = W @ h
            h, J = getattr(torch, name)(z), torch.diag(slope(z)) @ W @ J
            steepest *= float(slope(z).max())
            norms.append(float(torch.linalg.svdvals(J)[0]))
        _, y = page.line("layers", name)
        assert (10**y).tolist() == pytest.approx(norms)
        assert page.column("ends", "activation")[i] == name
        cells = [page.column("ends", of)[i] for of in ("Jacobian", "steepest path")]
        assert cells == pytest.approx(np.log10([norms[-1], steepest]).tolist())
    spectral = np.log10([float(torch.linalg.svdvals(W)[0]) for W in weights]).sum()
    assert page.column("ends", "weights' spectral norms") == pytest.approx([spectral] * 3)


def test_a_product_is_of_its_own_matrices_and_the_mean_is_of_all_runs() -> None:
    page = Page(ExplodingGradients(num_matrices=5, size=2, num_runs=30).run())
    generator = draws.generator(0, 2, 30)
    M = torch.randn(6, 30, 2, 2, generator=generator, dtype=torch.float64).numpy()
    ends = list[float]()
    for i in range(30):
        product, largest = np.eye(2), list[float]()
        for matrix in M[:, i]:
            product = product @ matrix
            largest.append(np.log10(np.abs(product).max()))
        if i < SHOWN:
            x, y = page.line("growth", f"run {i + 1}")
            assert x.tolist() == [1, 2, 3, 4, 5, 6]
            np.testing.assert_allclose(y, largest)
        ends.append(largest[-1])
    assert page.column("ends", "mean") == [pytest.approx(np.mean(ends))]
    assert page.column("ends", "standard deviation") == [pytest.approx(np.std(ends, ddof=1))]
    assert f"ends at 10^{np.mean(ends):.2f};" in page.figures["growth"].finding
