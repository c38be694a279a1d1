"""Members of an ensemble: in numpy as in torch, against the field's formulas, and with no leak."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import jacrev

from ml.ensemble import MEMBERS, WEIGHTS, Ensemble, Spread, blend
from ml.events import Checkpoint, Started
from ml.lanes import Lane, Lanes
from ml.losses import rmse, smooth_l1
from ml.members.comparables import Comparables, ComparableSales, FittedComparables
from ml.members.mlp import FittedSkipMLP, SkipMLP, mish
from ml.members.wide_mlp import WideMLP
from ml.nn import MLP, set_moment, set_rows, show
from ml.optim import waves
from ml.programs import fit_all
from ml.train import Fitted, Progress, Training, fit

N, D = 60, 5


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def X(rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.normal(size=(N, D))).float()


@pytest.fixture
def y(X: Tensor) -> Tensor:
    return (X[:, :1] - X[:, 1:2] ** 2) / 2


def training(X: Tensor, y: Tensor, net: Any, seeds: tuple[int, ...] = (0,)) -> Training:
    """Nets that learn from the first fifty rows and are judged on the rest."""
    rows = torch.arange(N)
    lane = Lane(label="", train=rows[:50], valid=rows[50:], lr=0.02, weight_decay=1.0, dropout=0.3)
    lanes = [replace(lane, seed=seed, label=str(seed)) for seed in seeds]
    return Training(
        key="nets", lanes=Lanes.of(lanes), X=X, y=y, net=net, loss=smooth_l1(0.5), measure=rmse,
        measured="rmse", optimizer=waves(4 * 3), num_epochs=4, batch_size=16, whole_batches=True,
    )  # fmt: skip


def trained(one: Training) -> Fitted:
    """To the end."""
    steps = fit(one, Progress(None))
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        fitted: Fitted = stop.value
        return fitted


NETS: dict[str, Callable[[int], Any]] = {
    "comparables": lambda d: Comparables(d, width=4, candidates=20),
    "mlp": lambda d: SkipMLP(d, num_hiddens=(8, 6)),
}
each_net = pytest.mark.parametrize("name", NETS)


# ---- comparable sales


def by_hand(net: ComparableSales, X: Tensor, y: Tensor, row: int, sales: range) -> float:
    """ŷ of one row by these sales, as the formula reads."""
    P = {name: value[0].detach().double() for name, value in net.named_parameters()}
    X, y = X.double(), y.double()
    z = torch.exp(P["log_sharpness"]) * (X * P["scale"]) @ P["embedding"] / D**0.5
    s = (X @ P["slopes"])[:, 0]
    others = [j for j in sales if j != row]
    close = torch.stack([-((z[row] - z[j]) ** 2).sum() for j in others])
    w = close.exp() / close.exp().sum()
    said = sum(wj * (y[j, 0] - s[j]) for wj, j in zip(w, others, strict=True))
    return float(s[row] + said + P["bias"])


def test_a_price_is_a_weighted_mean_of_adjusted_sales(X: Tensor, y: Tensor) -> None:
    fitted = trained(training(X, y, NETS["comparables"](D)))
    net = fitted.net
    assert isinstance(net, ComparableSales)
    new = net(X[None, 50:])[0, :, 0].detach()
    np.testing.assert_allclose(
        new, [by_hand(net, X, y, row, range(50)) for row in range(50, N)], atol=1e-5
    )
    set_rows(net, torch.arange(50)[None])  # a sale is none of its own comparables
    own = net(X[None, :50])[0, :, 0].detach()
    np.testing.assert_allclose(
        own, [by_hand(net, X, y, row, range(50)) for row in range(50)], atol=1e-5
    )


def test_weights_explain_the_price_and_leave_the_house_itself_out(X: Tensor, y: Tensor) -> None:
    fitted = trained(training(X, y, NETS["comparables"](D)))
    rows = X.double().numpy()
    sales = FittedComparables.of([fitted.net], rows[:50], y[:50, 0].double().numpy())
    own = np.arange(50)
    weights = sales.weights(rows[:50], own)
    assert weights.shape == (1, 50, 50)
    np.testing.assert_allclose(weights.sum(2), 1)
    assert not weights[0, own, own].any()
    adjusted = sales.off[0] + (rows[:50] @ sales.slopes[0])[:, None]  # of house i by sale j
    said = (weights[0] * adjusted).sum(1) + float(sales.tensors["bias"][0, 0, 0])
    np.testing.assert_allclose(said, sales.predict(rows[:50], own)[0], rtol=1e-9)


def test_the_price_of_a_house_cannot_reach_its_own_prediction(X: Tensor, y: Tensor) -> None:
    net = Comparables(D, width=4, candidates=50)(training(X, y, None).lanes)
    prices = y.clone().requires_grad_()
    rows = torch.arange(50)[None]
    with torch.no_grad():
        net.slopes.normal_()  # so that the adjustment counts, too
    for learning in (True, False):
        net.train(learning)
        show(net, X, prices, rows, torch.ones(1, 50))
        set_moment(net, 1, 0)
        set_rows(net, rows[:, :16])
        said = net(X[None, :16])[0, :, 0]
        reach = torch.stack(
            [torch.autograd.grad(one, prices, retain_graph=True)[0] for one in said]
        )
        assert not reach[range(16), range(16)].any()
        assert (reach[0, 1:50] != 0).any()
        assert not reach[:, 50:].any()  # nor those of houses that are not learnt from


def test_padding_is_no_sale(X: Tensor, y: Tensor) -> None:
    lanes = [
        Lane(label="", train=torch.arange(first, 50), valid=torch.arange(50, N), lr=0.02)
        for first in (0, 30)
    ]
    net = Comparables(D, width=4)(Lanes.of(lanes)).eval()
    both = Lanes.of(lanes)
    show(net, X, y, both.train, both.train_weight)
    short = Comparables(D, width=4)(Lanes.of(lanes[1:])).eval()
    one = Lanes.of(lanes[1:])
    show(short, X, y, one.train, one.train_weight)
    rows = X[50:].expand(2, -1, -1)
    torch.testing.assert_close(net(rows)[1], short(rows[:1])[0])


# ---- as lanes


@each_net
def test_numpy_says_what_torch_says(name: str, X: Tensor, y: Tensor) -> None:
    fitted = trained(training(X, y, NETS[name](D), seeds=(3, 4)))
    rows, prices = X.double(), y.double()
    with torch.no_grad():
        net = fitted.net.double()
        show(net, rows, prices, fitted.training.lanes.train, torch.ones(2, 50))
        expected = net(rows[50:].expand(2, -1, -1))[:, :, 0].numpy()
    nets = [trained(training(X, y, NETS[name](D), seeds=(seed,))).net for seed in (3, 4)]
    member: Any = (
        FittedComparables.of(nets, rows[:50].numpy(), prices[:50, 0].numpy())
        if name == "comparables"
        else FittedSkipMLP.of(nets)
    )
    np.testing.assert_allclose(member.predict(rows[50:].numpy()), expected, atol=2e-5)


@each_net
def test_numpy_is_exact(name: str, X: Tensor, y: Tensor) -> None:
    net = trained(training(X, y, NETS[name](D))).net.double()
    rows, prices = X.double(), y.double()
    show(net, rows, prices, torch.arange(50)[None], torch.ones(1, 50))
    member: Any = (
        FittedComparables.of([net], rows[:50].numpy(), prices[:50, 0].numpy())
        if name == "comparables"
        else FittedSkipMLP.of([net])
    )
    said = net(rows[None, 50:])[:, :, 0].detach().numpy()
    np.testing.assert_allclose(member.predict(rows[50:].numpy()), said, rtol=1e-9)


@each_net
def test_a_validation_price_cannot_reach_what_is_learnt(name: str, X: Tensor, y: Tensor) -> None:
    noise = torch.cat([y[:50], torch.full_like(y[50:], 1e3)])
    one, other = (trained(training(X, prices, NETS[name](D))) for prices in (y, noise))
    for a, b in zip(one.net.parameters(), other.net.parameters(), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(one.net(X[None, 50:]), other.net(X[None, 50:]))


@each_net
def test_a_resumed_net_is_the_same_to_the_last_bit(name: str, X: Tensor, y: Tensor) -> None:
    one = training(X, y, NETS[name](D))
    whole, progress = trained(one), Progress(None)
    half = replace(one, num_epochs=2)
    steps = fit(half, progress)
    saved = [event for event in steps if isinstance(event, Checkpoint)]
    steps = fit(one, Progress(saved[-1]))
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        for a, b in zip(whole.net.parameters(), stop.value.net.parameters(), strict=True):
            assert torch.equal(a, b)


def test_trainings_of_one_member_are_one_program(X: Tensor, y: Tensor) -> None:
    trainings = [training(X, y, NETS["comparables"](D), seeds=(seed,)) for seed in (0, 1)]
    starts = [event for event in fit_all(trainings, Progress(None)) if isinstance(event, Started)]
    assert [start.labels for start in starts] == [("0", "1")]


# ---- the infinitely wide MLP


def test_the_kernel_is_the_limit_of_wide_nets(rng: np.random.Generator) -> None:
    """The empirical kernel of nets of width 2,000, averaged over 8 draws, beside the exact one."""
    X = torch.from_numpy(rng.normal(size=(4, 3)))
    exact = WideMLP(depth=2, bias=0.0).kernel(X.numpy(), X.numpy())
    seen = np.mean([empirical_kernel(X, 2000, seed) for seed in range(8)], axis=0)
    np.testing.assert_allclose(seen, exact, rtol=0.06, atol=0.06)


def empirical_kernel(X: Tensor, width: int, seed: int) -> np.ndarray:
    """Products of gradients by all weights of a ReLU net of two hidden layers: (n, n)."""
    generator = torch.Generator().manual_seed(seed)
    weights = [
        torch.randn(a, b, generator=generator, dtype=torch.float64)
        for a, b in pairwise((X.shape[1], width, width, 1))
    ]

    def out(*weights: Tensor) -> Tensor:
        H = X @ weights[0] / X.shape[1] ** 0.5
        for weight in weights[1:]:
            H = H.relu() @ weight * (2 / width) ** 0.5  # He's scale
        answers: Tensor = H[:, 0]
        return answers

    each = jacrev(out, argnums=(0, 1, 2))(*weights)
    jacobian = torch.cat([one.flatten(1) for one in each], dim=1)
    return (jacobian @ jacobian.T).numpy()


def test_it_solves_its_equations(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    wide = WideMLP(rounds=1)
    fitted = wide.fit(X, y)
    K = wide.kernel(X, X)
    np.testing.assert_allclose((K + wide.noise * np.eye(40)) @ fitted.alpha + y.mean(), y)
    np.testing.assert_allclose(fitted.predict(X)[0], y - wide.noise * fitted.alpha)


def test_an_outlier_counts_less(rng: np.random.Generator) -> None:
    X = rng.normal(size=(80, 3))
    y = X[:, 0].copy()
    y[0] += 20
    new = rng.normal(size=(30, 3))
    errors = [
        np.abs(WideMLP(rounds=rounds).fit(X, y).predict(new)[0] - new[:, 0]).mean()
        for rounds in (1, 4)
    ]
    assert errors[1] < 0.6 * errors[0]


# ---- what they learn by


def test_waves_are_adamw_with_the_schedule() -> None:
    lanes = Lanes.of([Lane(label="", train=torch.arange(1), valid=torch.arange(1), lr=0.1,
                           weight_decay=0.5)])  # fmt: skip
    net = MLP((3, 1))(lanes)
    ours = waves(10)(net, lanes)
    weight, bias = (p[0].detach().clone().requires_grad_() for p in net.parameters())
    theirs = torch.optim.AdamW(
        [{"params": [weight], "weight_decay": 0.5}, {"params": [bias], "weight_decay": 0.0}],
        lr=0.1, betas=(0.9, 0.95), eps=1e-8,
    )  # fmt: skip
    for step in range(10):
        wave = 0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * step / 10)))
        for group in theirs.param_groups:
            group["lr"] = 0.1 * wave
        loss = ((weight.sum() + bias - step) ** 2).sum()
        theirs.zero_grad()
        loss.backward()
        theirs.step()
        own = [*net.parameters()]
        ours.step(((own[0].sum() + own[1].sum() - step) ** 2).sum())
    for one, other in zip(net.parameters(), (weight, bias), strict=True):
        torch.testing.assert_close(one[0], other)


@each_net
def test_each_parameter_has_its_own_rate_and_decay(name: str, X: Tensor, y: Tensor) -> None:
    one = training(X, y, NETS[name](D))
    net = one.net(one.lanes)
    optimizer = waves(12)(net, one.lanes)
    sizes = {key: value[0].numel() for key, value in net.named_parameters()}
    at = dict(zip(sizes, np.cumsum([0, *sizes.values()]), strict=False))
    own: Any = net.multipliers
    for key, (rate, decay) in own.items():
        part = slice(at[key], at[key] + sizes[key])
        torch.testing.assert_close(optimizer.flat.rates[part], torch.full((sizes[key],), rate))
        torch.testing.assert_close(optimizer.flat.decays[part], torch.full((sizes[key],), decay))


def test_smooth_l1_is_torchs() -> None:
    y_hat, y = torch.randn(2, 7, 1), torch.randn(2, 7, 1)
    weight = torch.rand(2, 7)
    each = nn.functional.smooth_l1_loss(y_hat, y, beta=0.3, reduction="none")[..., 0]
    expected = (each * weight).sum(1) / weight.sum(1)
    torch.testing.assert_close(smooth_l1(0.3)(y_hat, y, weight), expected)
    assert smooth_l1(0.3) is smooth_l1(0.3)


def test_mish_is_torchs() -> None:
    z = np.linspace(-40, 40, 101)
    np.testing.assert_allclose(mish(z), nn.functional.mish(torch.from_numpy(z)), atol=1e-12)


def test_what_fills_no_batch_is_not_learnt_from(X: Tensor, y: Tensor) -> None:
    one, seen = training(X, y, NETS["mlp"](D)), list[int]()

    def counting(y_hat: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        seen.append(y_hat.shape[1])
        return smooth_l1(0.5)(y_hat, y, weight)

    trained(replace(one, loss=counting))
    assert seen == [16] * 12


# ---- together


def ensemble(X: Tensor, y: Tensor) -> Ensemble:
    """All three members, of fifty rows."""
    nets = {name: [trained(training(X, y, net(D), seeds=(s,))).net for s in (0, 1)]
            for name, net in NETS.items()}  # fmt: skip
    return Ensemble.of(X[:50].numpy(), y[:50, 0].numpy(), nets)


def test_an_ensemble_is_tensors(X: Tensor, y: Tensor) -> None:
    one = ensemble(X, y)
    again = Ensemble.from_tensors(one.tensors())
    rows = X[50:].double().numpy()
    answers = one.answers(rows)
    assert answers.shape == (len(MEMBERS), 10)
    np.testing.assert_array_equal(again.answers(rows), answers)
    alone = np.hstack([one.answers(row[None]) for row in rows])
    np.testing.assert_allclose(alone, answers, rtol=1e-9)


def test_a_file_keeps_its_kernel_whatever_the_defaults_are(X: Tensor, y: Tensor) -> None:
    one, rows = ensemble(X, y), X[50:].double().numpy()
    other = replace(one.wide_mlp.of, depth=2, bias=0.3).fit(
        one.wide_mlp.X, one.y.astype(np.float64)
    )
    again = Ensemble.from_tensors(replace(one, wide_mlp=other).tensors())
    np.testing.assert_array_equal(again.wide_mlp.predict(rows), other.predict(rows))


def test_a_blend_is_a_weighted_mean() -> None:
    answers = np.array([[1.0, 0], [2, 0], [4, 0]])
    each = np.repeat(answers, [2, 1, 1], axis=0)  # comparables count as much as both others
    np.testing.assert_allclose(blend(answers, WEIGHTS, np.inf), each.mean(0))
    np.testing.assert_allclose(blend(answers, WEIGHTS, 0.3), [1.3, 0])  # and lead where they differ
    np.testing.assert_allclose(blend(-answers, WEIGHTS, 0.3), [-1.3, 0])


def test_intervals_cover_and_are_as_wide_as_a_row_deserves(rng: np.random.Generator) -> None:
    n = 20_000
    X, middle = rng.normal(size=(n, 2)), rng.normal(size=n)
    true = 3 * np.exp(0.7 * X[:, 1])
    off = true * (rng.standard_exponential(n) - 0.5)  # skewed: dear houses are missed by more
    half = n // 2
    spread = Spread.learn((1,), X[:half], middle[:half], off[:half])
    below, above = spread.bounds(X[half:], middle[half:])
    new = off[half:]
    assert np.mean((new >= below) & (new <= above)) == pytest.approx(0.9, abs=0.01)
    assert np.mean(new < below) == pytest.approx(0.05, abs=0.01)
    assert np.corrcoef(np.log(above), np.log(true[half:]))[0, 1] > 0.99
    for wide in (true[half:] > 3, true[half:] < 3):
        inside = (new >= below) & (new <= above)
        assert inside[wide].mean() == pytest.approx(0.9, abs=0.03)


def test_an_interval_follows_its_inputs_to_other_places(rng: np.random.Generator) -> None:
    X, middle, off = rng.normal(size=(50, 2)), *rng.random((2, 50))
    spread = Spread.learn((0, 1), X, middle, off)
    weights = np.array([2.0, 5.0])
    moved = np.column_stack([X[:, 1] * 5, np.zeros(50), X[:, 0] * 2])
    there = spread.at((2, 0), weights).bounds(moved, middle)
    np.testing.assert_allclose(there, spread.bounds(X, middle))


def test_an_interval_wants_rows() -> None:
    few = np.zeros(10)
    with pytest.raises(ValueError, match="at least 19 rows, not 10"):
        Spread.learn((0,), np.zeros((10, 1)), few, few)
