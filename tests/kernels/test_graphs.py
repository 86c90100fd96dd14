"""Compiled loops in graphs of torch.compile and torch.export."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch.testing import assert_close

from cellwright import LSTM, Recurrent

CELLS = ("lstm", "peephole", "fgr", "gru", "gru-cho", "lnlstm")


@pytest.fixture(autouse=True)
def _graphs_of_their_own() -> Iterator[None]:
    # In torch's deterministic mode, graphs that fill new memory differ from those of an application.
    torch.use_deterministic_algorithms(False)
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def gradients(layer: torch.nn.Module, call: object, x: torch.Tensor, **options: object) -> list[torch.Tensor]:
    x = x.clone().requires_grad_()
    output, state = call(x, **options)
    states = (state,) if isinstance(state, torch.Tensor) else state
    loss = output.square().sum() + sum(s.sum() for s in states)
    found = torch.autograd.grad(loss, [x, *layer.parameters()])
    return [output.detach(), *(s.detach() for s in states), *found]


@pytest.mark.parametrize("name", CELLS)
def test_one_graph_computes_the_same(name: str) -> None:
    """Whole, with gradients, ragged, and at other sizes."""
    layer = Recurrent(name, 3, 5, num_layers=2, bidirectional=True, dtype=torch.float64)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x = torch.randn(4, 6, 3, dtype=torch.float64)
    assert_close(gradients(layer, compiled, x), gradients(layer, layer, x))
    lengths = torch.tensor([4, 0, 2, 3, 1, 4])
    assert_close(gradients(layer, compiled, x, lengths=lengths), gradients(layer, layer, x, lengths=lengths))
    with torch.no_grad():
        for steps, rows in ((4, 6), (7, 2), (3, 9)):
            other = torch.randn(steps, rows, 3, dtype=torch.float64)
            assert_close(compiled(other), layer(other))


def test_a_graph_holds_the_loop_as_one_operator() -> None:
    layer = LSTM(3, 5)
    seen = []

    def backend(graph: torch.fx.GraphModule, _: object) -> object:
        seen.extend(str(node.target) for node in graph.graph.nodes if node.op == "call_function")
        return graph.forward

    torch.compile(layer, fullgraph=True, backend=backend)(torch.randn(40, 2, 3))
    assert seen.count("cellwright.scan") == 1
    assert len(seen) < 20


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own, within its compiler
def test_a_graph_with_inductor() -> None:
    layer = LSTM(3, 5)
    x = torch.randn(4, 6, 3)
    assert_close(gradients(layer, torch.compile(layer, fullgraph=True), x), gradients(layer, layer, x))


def test_an_initial_state_and_recorded_signals_in_a_graph() -> None:
    layer = Recurrent("peephole", 3, 5)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x, state = torch.randn(4, 6, 3), (torch.randn(1, 6, 5, requires_grad=True), torch.randn(1, 6, 5))
    results = []
    for call in (layer, compiled):
        output, _, signals = call(x, state, record=("f", "c"))
        loss = output.sum() + signals["f_l0"].square().sum()
        results.append((output, signals, torch.autograd.grad(loss, [state[0], layer.weight_hh_l0])))
    assert_close(results[1], results[0])


def test_an_exported_program() -> None:
    layer = LSTM(3, 5)
    x = torch.randn(4, 6, 3)
    exported = torch.export.export(layer, (x,)).module()
    with torch.no_grad():
        assert_close(exported(x), layer(x))
