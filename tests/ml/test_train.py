"""One loop, one leading axis: a lane learns as if alone, as torch would, and survives a stop."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ml import draws
from ml.events import Checkpoint, Epoch, Event
from ml.experiment import Diverged
from ml.lanes import Lane, Lanes, k_fold
from ml.losses import rmse, squared_loss
from ml.nn import MLP, Linear
from ml.optim import OPTIMIZERS
from ml.programs import started
from ml.train import Fitted, Progress, Training, fit

N, D = 103, 6


def data(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    X = torch.randn(N, D, generator=generator, dtype=torch.float64)
    y = (X[:, :1] * 2 + X[:, 1:2] * X[:, 2:3]).to(dtype)
    return X.to(dtype), y


def lanes() -> list[Lane]:
    """Folds of unequal length, so that batches are partial and some lanes end before others."""
    return [
        Lane(
            label=f"lane {i}",
            train=train,
            valid=valid,
            lr=lr,
            weight_decay=decay,
            dropout=p,
            seed=i,
        )
        for i, ((train, valid), lr, decay, p) in enumerate(
            zip(
                k_fold(N, 4),
                (0.01, 0.03, 0.02, 0.01),
                (0, 0.1, 1, 0),
                (0, 0.5, 0.3, 0.2),
                strict=True,
            )
        )
    ] + [
        Lane(
            label="few",
            train=torch.arange(11),
            valid=torch.arange(90, 100),
            lr=0.02,
            dropout=0.4,
            seed=9,
        )
    ]


def training(chosen: list[Lane], optimizer: str, dtype: torch.dtype = torch.float32) -> Training:
    X, y = data(dtype)
    stacked = Lanes.of(chosen)
    floats = ("train_weight", "valid_weight", "lr", "weight_decay", "dropout")
    stacked = replace(stacked, **{name: getattr(stacked, name).to(dtype) for name in floats})
    return Training(
        key="fit", lanes=stacked, X=X, y=y, net=lambda given: MLP((D, 16, 8, 1))(given).to(dtype),
        loss=squared_loss, measure=rmse,
        measured="rmse", optimizer=OPTIMIZERS[optimizer], num_epochs=4, batch_size=16,
    )  # fmt: skip


def finish(given: Training, resume: Checkpoint | None = None) -> tuple[list[Event], Fitted]:
    said, steps = [], fit(given, Progress(resume))
    while True:
        try:
            said.append(next(steps))
        except StopIteration as stop:
            return said, stop.value


def weights(fitted: Fitted) -> Tensor:
    return torch.cat([p.detach().flatten(1) for p in fitted.net.parameters()], dim=1)


@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_a_lane_learns_as_if_it_were_alone(
    optimizer: str, dtype: torch.dtype, close: float
) -> None:
    _, together = finish(training(lanes(), optimizer, dtype))
    for i, lane in enumerate(lanes()):
        _, alone = finish(training([lane], optimizer, dtype))
        torch.testing.assert_close(weights(together)[i], weights(alone)[0], rtol=close, atol=close)
        np.testing.assert_allclose(
            together.curve[:, :, i], alone.curve[:, :, 0], rtol=1e-5, atol=1e-5
        )


def test_the_same_grouping_gives_the_same_bits() -> None:
    _, once = finish(training(lanes(), "adamw"))
    _, again = finish(training(lanes(), "adamw"))
    assert torch.equal(weights(once), weights(again))
    assert once.curve.tobytes() == again.curve.tobytes()


def test_other_lanes_do_not_matter_to_the_bit() -> None:
    mine, others = lanes()[1], [replace(lane, lr=0.5, seed=77) for lane in lanes()]
    _, before = finish(training([mine, *lanes()[2:4]], "adamw"))
    _, after = finish(training([mine, *others[2:4]], "adamw"))
    assert torch.equal(weights(before)[0], weights(after)[0])


@pytest.mark.parametrize(
    ("name", "theirs", "decay"),
    [
        ("sgd", torch.optim.SGD, 0.1),
        ("adam", torch.optim.Adam, 0.1),
        ("adamw", torch.optim.AdamW, 0.1),
    ],
)
def test_a_lane_is_what_torch_would_train(name: str, theirs: type, decay: float) -> None:
    """torch.nn, torch.optim and backward() on the same start and order of batches."""
    lane = Lane(
        label="",
        train=torch.arange(80),
        valid=torch.arange(80, N),
        lr=0.02,
        weight_decay=decay,
        seed=3,
    )
    given = training([lane], name, torch.float64)
    layers: list[nn.Module] = []
    net = given.net(given.lanes)
    assert isinstance(net, nn.Sequential)
    for module in net:
        if isinstance(module, Linear):
            assert module.bias is not None
            linear = nn.Linear(*module.weight.shape[1:]).double()
            linear.weight.data, linear.bias.data = (
                module.weight.data[0].T.clone(),
                module.bias.data[0, 0].clone(),
            )
            layers.append(linear)
        else:
            layers.append(module)
    net = nn.Sequential(*layers)
    groups = [
        {
            "params": [p for n, p in net.named_parameters() if n.endswith("weight")],
            "weight_decay": decay,
        },
        {
            "params": [p for n, p in net.named_parameters() if n.endswith("bias")],
            "weight_decay": 0.0,
        },
    ]
    optimizer = theirs(groups, lr=0.02)
    curve = []
    for epoch in range(1, 5):
        order = draws.order(draws.keys([3], epoch, draws.ORDER), torch.ones(1, 80))[0]
        for rows in order.split(16):
            optimizer.zero_grad()
            (0.5 * (net(given.X[rows]) - given.y[rows]) ** 2).mean().backward()
            optimizer.step()
        with torch.no_grad():
            curve.append(((net(given.X[80:]) - given.y[80:]) ** 2).mean().sqrt().item())
    _, ours = finish(given)
    np.testing.assert_allclose(ours.curve[:, 1, 0], curve, rtol=1e-6)


def test_it_goes_on_after_any_checkpoint_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.train.SAVE_EVERY", 0.0)
    monkeypatch.setattr("ml.train.SAY_EVERY", 0.0)
    said, whole = finish(training(lanes(), "adamw"))
    checkpoints = [event for event in said if isinstance(event, Checkpoint)]
    assert len(checkpoints) == 4
    for epoch, checkpoint in enumerate(checkpoints, 1):
        rest, resumed = finish(training(lanes(), "adamw"), checkpoint)
        assert torch.equal(weights(whole), weights(resumed))
        assert whole.curve.tobytes() == resumed.curve.tobytes()
        first = [event.first for event in rest if isinstance(event, Epoch)]
        assert first == list(range(epoch + 1, 5))


def test_every_epoch_is_said_once_and_in_order() -> None:
    said, fitted = finish(training(lanes(), "sgd"))
    parts: list[NDArray[np.float32]] = []
    for event in said:
        if isinstance(event, Epoch):
            assert event.first == sum(map(len, parts)) + 1
            parts.append(event.values)
    np.testing.assert_array_equal(np.concatenate(parts), fitted.curve)


def test_divergence_ends_in_a_sentence_with_the_curve_kept() -> None:
    wild = [replace(lanes()[0], lr=1e18, dropout=0.0)]
    steps = fit(training(wild, "sgd"), Progress(None))
    said: list[Event] = []
    with pytest.raises(Diverged, match=r"Training diverged at epoch \d: rmse .* lr was 1e\+18"):
        said.extend(iter(steps))
    assert next(steps, None) is None


def test_one_lane_may_diverge_and_the_others_go_on() -> None:
    both = [replace(lanes()[0], lr=1e18), lanes()[1]]
    _, fitted = finish(training(both, "sgd"))
    assert not np.isfinite(fitted.curve[-1, 0, 0])
    assert np.isfinite(fitted.curve[-1, :, 1]).all()


def test_all_groups_are_announced_before_they_begin() -> None:
    (said,) = started([training(lanes(), "sgd")])
    assert said.labels == ("lane 0", "lane 1", "lane 2", "lane 3", "few")
    assert said.num_parameters == (D + 1) * 16 + 17 * 8 + 9


def test_folds_are_contiguous_and_the_book_drops_the_remainder() -> None:
    folds = list(k_fold(10, 3))
    assert [valid.tolist() for _, valid in folds] == [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert all(len(train) + len(valid) == 10 for train, valid in folds)
    book = list(k_fold(10, 3, drop_remainder=True))
    assert [valid.tolist() for _, valid in book] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_a_lane_needs_rows() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        Lanes.of([Lane(label="", train=torch.arange(0), valid=torch.arange(3), lr=0.1)])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_a_gpu_learns_the_same() -> None:
    _, here = finish(training(lanes(), "adamw"))
    _, there = finish(replace(training(lanes(), "adamw"), device=torch.device("cuda")))
    np.testing.assert_allclose(here.curve, there.curve, rtol=1e-3)
