"""Optimisers with one learning rate and one weight decay a lane, over one flat tensor (L, P)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cache, partial

import torch
from torch import Tensor, nn

from ml.lanes import Lanes

SMALL = torch.finfo(torch.float32).tiny  # for layers without a gradient


class Flat:
    """All parameters of L lanes as rows of one tensor (L, P); the net's own become views of it."""

    def __init__(self, net: nn.Module) -> None:
        names, self.parameters = zip(*net.named_parameters(), strict=True)
        own: Mapping[str, tuple[float, float]] = getattr(net, "multipliers", {})
        self.value = torch.cat([p.detach().flatten(1) for p in self.parameters], dim=1)
        self.grad = torch.zeros_like(self.value)
        self.decays = torch.cat(
            [  # weights, not biases, as 4.5.4 sets it; Gluon by itself, so in 4.10, decays both
                torch.full_like(p[0].flatten(), own.get(name, (1, not name.endswith("bias")))[1])
                for name, p in zip(names, self.parameters, strict=True)
            ]
        ).detach()
        self.rates = torch.cat(
            [
                torch.full_like(p[0].flatten(), own.get(name, (1, 1))[0])
                for name, p in zip(names, self.parameters, strict=True)
            ]
        ).detach()
        at = 0
        for p in self.parameters:
            columns = slice(at, at := at + p[0].numel())
            p.data = self.value[:, columns].unflatten(1, p.shape[1:])

    def gradient(self, loss: Tensor) -> Tensor:
        """Derivative of a scalar with respect to all parameters: (L, P), a buffer used again."""
        grads = torch.autograd.grad(loss, self.parameters)
        return torch.cat([grad.flatten(1) for grad in grads], dim=1, out=self.grad)


class Optimizer(ABC):
    """One step for all lanes; lanes that are not active keep parameters, moments and step count."""

    def __init__(self, net: nn.Module, lanes: Lanes) -> None:
        self.flat = Flat(net)
        self.lr, self.weight_decay = lanes.lr[:, None], lanes.weight_decay[:, None]
        self.decay = bool((lanes.weight_decay > 0).any())
        self.t = torch.zeros_like(self.lr)  # (L, 1) steps taken

    def state(self) -> dict[str, Tensor]:
        """Everything a step reads and writes: tensors of L rows."""
        return {"value": self.flat.value, "t": self.t}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Continue from what `state()` once gave."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])

    def step(self, loss: Tensor, active: Tensor | None = None) -> None:
        """Move against the gradient of the scalar `loss`; `active` (L,) is None where all are."""
        self.move(self.flat.gradient(loss), active)

    @torch.no_grad()
    def move(self, grad: Tensor, active: Tensor | None) -> None:
        """One step by grad (L, P), for the lanes that are active."""
        before = None if active is None else [tensor.clone() for tensor in self.state().values()]
        self.t += 1
        self.update(self.flat.value, grad)
        if before is not None and active is not None:
            for tensor, old in zip(self.state().values(), before, strict=True):
                tensor.copy_(torch.where(active[:, None], tensor, old))

    @abstractmethod
    def update(self, value: Tensor, grad: Tensor) -> None:
        """Change value (L, P) in place by grad (L, P)."""


class SGD(Optimizer):
    """Minibatch stochastic gradient descent; decay is the gradient of lambda/2 ||w||^2 (4.5)."""

    def update(self, value: Tensor, grad: Tensor) -> None:
        """value -= lr (grad + lambda value)."""
        if self.decay:
            grad.addcmul_(self.weight_decay * self.flat.decays, value)
        value.addcmul_(self.lr, grad, value=-1)


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015); decoupled decay is AdamW (Loshchilov and Hutter, 2019)."""

    def __init__(
        self,
        net: nn.Module,
        lanes: Lanes,
        *,
        decoupled: bool = False,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        super().__init__(net, lanes)
        self.decoupled, self.betas, self.eps = decoupled, betas, 1e-8
        self.m, self.v = torch.zeros_like(self.flat.value), torch.zeros_like(self.flat.value)

    def state(self) -> dict[str, Tensor]:
        """Parameters, both moments and the step count."""
        return super().state() | {"m": self.m, "v": self.v}

    def update(self, value: Tensor, grad: Tensor) -> None:
        """value -= lr m_hat / (sqrt(v_hat) + eps), the decay before it."""
        lr = self.rate()
        if self.decay and self.decoupled:
            value.mul_(1 - lr * self.weight_decay * self.flat.decays)
        elif self.decay:
            grad.addcmul_(self.weight_decay * self.flat.decays, value)
        first, second = self.betas
        self.m.lerp_(grad, 1 - first)
        self.v.mul_(second).addcmul_(grad, grad, value=1 - second)
        spread = (self.v / (1 - second**self.t)).sqrt_().add_(self.eps)
        value.addcdiv_(self.m * (lr / (1 - first**self.t)), spread, value=-1)

    def rate(self) -> Tensor:
        """The learning rate of each parameter in this step: (L, 1), or (L, P) where they differ."""
        return self.lr


class Waves(Adam):
    """AdamW whose rate swings four times between 0 and lr, ever slower (Holzmüller et al., 2024).

    The rate is lr ½(1 - cos(2π log2(1 + 15 t / T))) of step t of T, times each parameter's own
    multiplier, which the net gives beside that of its decay: "coslog4" of RealMLP.
    """

    def __init__(self, net: nn.Module, lanes: Lanes, *, num_steps: int) -> None:
        super().__init__(net, lanes, decoupled=True, betas=(0.9, 0.95))
        self.num_steps = num_steps

    def rate(self) -> Tensor:
        """Where the wave stands, for each parameter: (L, P)."""
        waves = torch.log2(1 + 15 * (self.t - 1) / self.num_steps)
        return self.lr * 0.5 * (1 - torch.cos(2 * torch.pi * waves)) * self.flat.rates


class LayerWise(Optimizer):
    """SGD whose layers each have the rate lr (1 - t / T) ||w|| / ||g||: LARS (You et al., 2017).

    T is the number of steps; a bias is of its layer.
    """

    def __init__(self, net: nn.Module, lanes: Lanes, *, num_steps: int) -> None:
        super().__init__(net, lanes)
        self.num_steps = num_steps
        layers = [layer for layer in net.children() if [*layer.parameters()]]
        lengths = [sum(p[0].numel() for p in layer.parameters()) for layer in layers]
        of = torch.arange(len(layers)).repeat_interleave(torch.tensor(lengths))
        self.layer = of.to(self.t.device)  # (P,) the layer of each parameter

    def update(self, value: Tensor, grad: Tensor) -> None:
        """value -= rate grad, layer by layer."""
        eta = self.lr * (1 - (self.t - 1) / self.num_steps)
        value.sub_((eta * self.trust(value, grad))[:, self.layer] * grad)

    def trust(self, value: Tensor, grad: Tensor) -> Tensor:
        """How long each layer is beside its gradient: (L, P), (L, P) -> (L, layers)."""
        return self.lengths(value) / self.lengths(grad).clamp(min=SMALL)

    def lengths(self, rows: Tensor) -> Tensor:
        """Norm of each layer's part of a row, as double: a square may overflow."""
        squares = rows.new_zeros(len(rows), int(self.layer[-1]) + 1, dtype=torch.float64)
        return squares.index_add_(1, self.layer, rows.double().square()).sqrt()


# ---- rules of a penalty: w, its gradient (L, P), lr (L, 1) and lambda (L, P) give the next w


def proximal(w: Tensor, grad: Tensor, lr: Tensor, decay: Tensor) -> Tensor:
    """L1: a step on the loss alone, then lr lambda towards 0 and no further."""
    w = w - lr * grad
    return w.sign() * (w.abs() - lr * decay).clamp(min=0)


def subgradient(w: Tensor, grad: Tensor, lr: Tensor, decay: Tensor) -> Tensor:
    """L1: what differentiating |w| gives; it jumps over 0 and back."""
    return w - lr * (grad + decay * w.sign())


def shrinking(w: Tensor, grad: Tensor, lr: Tensor, decay: Tensor) -> Tensor:
    """L2: (4.5.3)."""
    return (1 - lr * decay) * w - lr * grad


class ByRule(Optimizer):
    """Steps by such a rule; lambda is 0 of biases."""

    def __init__(self, net: nn.Module, lanes: Lanes, *, rule: Callable[..., Tensor]) -> None:
        super().__init__(net, lanes)
        self.rule = rule

    def update(self, value: Tensor, grad: Tensor) -> None:
        """What the rule makes of w."""
        value.copy_(self.rule(value, grad, self.lr, self.weight_decay * self.flat.decays))


@cache
def waves(num_steps: int) -> Callable[[nn.Module, Lanes], Optimizer]:
    """`Waves` over so many steps; the same for the same, so that trainings can be one program."""
    return partial(Waves, num_steps=num_steps)


OPTIMIZERS: dict[str, Callable[[nn.Module, Lanes], Optimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": partial(Adam, decoupled=True),
}
"""By the names that the fields of experiments use."""
