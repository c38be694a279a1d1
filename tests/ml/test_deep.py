"""4.7 and 4.8: a traced graph reads from left to right, and each layer has its own rate."""

import torch

from ml import graphs, optim
from ml.events import Epoch, Note
from ml.experiments import layerwise_rates
from ml.lanes import Lane, Lanes
from ml.nn import MLP


def test_every_arrow_of_a_traced_graph_goes_right() -> None:
    a, b = (torch.ones(2, requires_grad=True) for _ in range(2))
    c = a * b
    found = graphs.trace((c + a).sum(), {"a": a, "b": b, "c": c})
    assert found.depends == "c: a b"
    assert all(found.nodes[i][1] < found.nodes[j][1] for i, j in found.edges)
    assert len({node[1:] for node in found.nodes}) == len(found.nodes)


def test_each_layer_of_each_lane_moves_by_its_share() -> None:
    rows = torch.arange(2)
    lanes = Lanes.of([Lane(label="", train=rows, valid=rows, lr=lr, seed=5) for lr in (0.1, 0.2)])
    net = MLP((3, 4, 2))(lanes)
    optimizer = optim.LayerWise(net, lanes, num_steps=2)
    for share in (1.0, 0.5):  # 1 - t / T
        start = [p.detach().clone() for p in net.parameters()]
        optimizer.step(net(torch.ones(2, 2, 3)).square().sum())
        for w, b in ((0, 1), (2, 3)):
            moved, whole = (
                torch.cat([tensors[i].flatten(1) for i in (w, b)], dim=1).norm(dim=1)
                for tensors in (
                    [p.detach() - old for p, old in zip(net.parameters(), start, strict=True)],
                    start,
                )
            )
            torch.testing.assert_close(moved / whole, share * torch.tensor([0.1, 0.2]))


def test_a_comparison_goes_on_when_one_of_it_diverges() -> None:
    said = list(layerwise_rates.LayerwiseRates(num_epochs=5).run())
    lengths = {e.key: e.last for e in said if isinstance(e, Epoch)}
    assert lengths["layer-wise"] == 5 > lengths["SGD"] == 2
    (note,) = [event for event in said if isinstance(event, Note)]
    assert note.text.startswith("Training diverged at epoch 2")


def test_a_share_is_of_the_layer_whose_gradient_it_is() -> None:
    """Wrong wiring: the rate of one layer must not move with the gradient of another."""
    rows = torch.arange(2)
    lanes = Lanes.of([Lane(label="", train=rows, valid=rows, lr=0.1, seed=5)])
    optimizer = optim.LayerWise(MLP((3, 4, 2))(lanes), lanes, num_steps=2)
    value = torch.rand(1, 26, generator=torch.Generator().manual_seed(0))
    grad = torch.ones(1, 26)
    before = optimizer.trust(value, grad)
    grad[:, -10:] *= 7  # of the second layer alone: 4 x 2 weights and 2 biases
    torch.testing.assert_close(optimizer.trust(value, grad)[:, 0], before[:, 0])
    torch.testing.assert_close(7 * optimizer.trust(value, grad)[:, 1], before[:, 1])
