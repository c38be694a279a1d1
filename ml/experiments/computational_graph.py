"""4.7 The computational graph: what leads to the objective, as autograd recorded it (4.7.2)."""

from collections.abc import Iterator
from typing import Literal

from ml.events import Event, Figure, Graph, Table
from ml.graphs import Traced, trace
from ml.one_hidden_layer import OneHiddenLayer, Values, shaped


class ComputationalGraph(OneHiddenLayer):
    """Draw the graph that leads from an example and weights to the objective, as it is recorded."""

    breakable = ("trace",)

    name: Literal["computational_graph"] = "computational_graph"

    @staticmethod
    def trace(values: Values) -> Traced:
        """All that leads to J, with a node for each of these variables."""
        return trace(values["J"], values)

    def answer(self) -> Iterator[Event]:
        """The graph; each variable with its shape and what it is computed from."""
        values = self.recorded(self.example())
        graph = self.trace(values)
        before = {name: " ".join(sorted(graph.before(at))) for name, at in graph.names.items()}
        operators = len(graph.nodes) - len(graph.names)
        yield Figure(
            "graph",
            "The computational graph, as autograd recorded it",
            f"{len(graph.names)} variables and {operators} operators lead from x to J; each arrow"
            " goes to the right.",
            graph=Graph(graph.nodes, graph.edges),
        )
        yield Table.of(
            "variables",
            "Variables",
            {
                "variable": [*before],
                "shape": [shaped(values[name]) for name in before],
                "computed from": [*before.values()],
            },
        )
        inputs = "W1 b1 x" if self.bias else "W1 x"
        yield self.equal(
            "Fig. 4.7.1: what each variable is computed from",
            f"J: L s, L: o y, h: z, o: W2 h, s: W1 W2, z: {inputs}",
            graph.depends,
            "ours" if self.bias else "words",
        )
