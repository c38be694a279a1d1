"""The graph that autograd records: as names, places and arrows, its size, the bytes it keeps."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def slope(phi: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """The derivative of an elementwise function at z, of the same shape."""
    z = z.clone().requires_grad_()
    return torch.autograd.grad(phi(z).sum(), z)[0]


@dataclass(frozen=True, slots=True)
class Traced:
    """Nodes (name, x, y), arrows between them by index, and the index of each named tensor."""

    nodes: tuple[tuple[str, float, float], ...]
    edges: tuple[tuple[int, int], ...]
    names: dict[str, int]

    @property
    def depends(self) -> str:
        """What each variable is computed from, operators skipped: "h: z, z: W1 x"."""
        found = {name: sorted(self.before(at)) for name, at in self.names.items()}
        return ", ".join(
            f"{name}: {' '.join(found[name])}" for name in sorted(found) if found[name]
        )

    def before(self, node: int) -> set[str]:
        """The nearest variables that lead to a node."""
        variables = {at: name for name, at in self.names.items()}
        found: set[str] = set()
        for source in (a for a, b in self.edges if b == node):
            found |= {variables[source]} if source in variables else self.before(source)
        return found


@dataclass(slots=True)
class _Walk:
    """What is known of the graph so far."""

    variables: Mapping[Any, str]  # by the node that made it, or by the leaf's own id
    labels: list[str] = field(default_factory=list)
    edges: list[tuple[int, int]] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    seen: dict[Any, int] = field(default_factory=dict)

    def add(self, label: str) -> int:
        self.labels.append(label)
        return len(self.labels) - 1

    def visit(self, node: Any) -> int:
        """The index of what this node of autograd's gives: its variable if it has a name."""
        if node in self.seen:
            return self.seen[node]
        sources = [self.visit(before) for before, _ in node.next_functions if before is not None]
        leaf = getattr(node, "variable", None)
        name = self.variables.get(node if leaf is None else id(leaf))
        at = -1
        if leaf is None:
            at = self.add(f"[{node.name().rstrip('0123456789').removesuffix('Backward')}]")
            self.edges += [(source, at) for source in sources]
        if name is not None:
            self.names[name] = variable = self.add(name)
            self.edges += [(at, variable)] if leaf is None else []
            at = variable
        self.seen[node] = at
        return at


def trace(result: Tensor, named: Mapping[str, Tensor]) -> Traced:
    """What led to `result`: operators in brackets, and a node for each of the named tensors."""
    walk = _Walk({tensor.grad_fn or id(tensor): name for name, tensor in named.items()})
    walk.visit(result.grad_fn)
    return Traced(_placed(walk.labels, walk.edges), tuple(walk.edges), walk.names)


def _placed(
    labels: list[str], edges: list[tuple[int, int]]
) -> tuple[tuple[str, float, float], ...]:
    """Each node right of all that leads to it, and near the height of what it comes from."""
    before, after = defaultdict(list), defaultdict(list)
    for a, b in edges:
        before[b].append(a)
        after[a].append(b)
    column = [0] * len(labels)
    for node in range(len(labels)):  # sources have smaller indices
        column[node] = max((column[a] + 1 for a in before[node]), default=0)
    for node in range(len(labels)):
        if not before[node] and after[node]:  # an input stands just before it is first used
            column[node] = min(column[b] for b in after[node]) - 1
    height = [0.0] * len(labels)
    for x in range(max(column) + 1):
        nodes = [node for node in range(len(labels)) if column[node] == x]
        nodes.sort(key=lambda node: _mean([height[a] for a in before[node]]))
        for rank, node in enumerate(nodes):
            height[node] = rank - (len(nodes) - 1) / 2
    return tuple(zip(labels, map(float, column), height, strict=True))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


# ---- what it costs


def kept(work: Callable[[], T], given: Iterable[Tensor]) -> tuple[T, int]:
    """What `work` gives, and the bytes that autograd keeps to go back: each memory once, and
    none of the tensors given."""
    saved: list[Tensor] = []  # held: memory that is freed would be used again, and not counted

    def pack(tensor: Tensor) -> Tensor:
        saved.append(tensor.detach())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = work()
    at = {tensor.data_ptr(): size(tensor) for tensor in saved}
    return result, sum(at[place] for place in at.keys() - {tensor.data_ptr() for tensor in given})


def size(tensor: Tensor) -> int:
    """Bytes of its numbers."""
    return tensor.numel() * tensor.element_size()


def count_nodes(result: Tensor) -> int:
    """Operators and parameters in the graph that led to `result`."""
    seen, waiting = {result.grad_fn}, [result.grad_fn]
    while waiting:
        node = waiting.pop()
        before = {source for source, _ in node.next_functions if source} - seen if node else set()
        seen |= before
        waiting += before
    return len(seen)
