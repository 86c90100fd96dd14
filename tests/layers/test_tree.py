"""Layers over trees against recursions written by hand, an LSTM on chains, and trees one by one."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright.cells import LSTM, Cell, TreeLSTM, affine, linear, sigmoid, sum_over, tanh
from cellwright.errors import CellwrightError
from cellwright.layers import Recurrent, TreeRecurrent, Trees

INPUT, HIDDEN = 3, 4
CELLS = {
    "sum": TreeLSTM(),
    "sum, peepholes": TreeLSTM(peepholes=True),
    "sum, projection": TreeLSTM(projection=True),
    "ordered": TreeLSTM(children="ordered", arity=3),
    "ordered, peepholes": TreeLSTM(children="ordered", arity=3, peepholes=True),
    "ordered, no output gate": TreeLSTM(children="ordered", arity=3, output_gate=False, output_activation="identity"),
    "ordered, projection": TreeLSTM(children="ordered", arity=3, projection=True),
}
SHAPES = [[-1, 0, 0, 1, 1, 1, 2], [1, 2, -1], [-1], [4, 4, 4, -1, 3]]


class GatedSum(Cell):
    """A tree cell of another family: states of zero do not vanish in it, and its output is read through a gate."""

    topology = "tree"

    def previous_axes(self):
        return {"h": ("predecessor", "unit")}

    def step(self, x, h):
        total = sum_over(h, "predecessor")
        r = sigmoid(linear("r", x, bias=True) + linear("r", h, reads=("unit",)))
        z = sigmoid(affine("z", x, total))
        n = tanh(affine("n", x, sum_over(r * h, "predecessor")))
        return (1 - z) * n + z * total + (1 - total) * 0.1


def layer_of(cell, seed=0, **options):
    torch.manual_seed(seed)
    projection = 2 if cell.projects else 0
    return TreeRecurrent(cell, INPUT, HIDDEN, proj_size=projection, dtype=torch.float64, **options)


def inputs(count):
    return torch.randn(count, INPUT, dtype=torch.float64, generator=torch.Generator().manual_seed(count))


def logistic(value):
    return 1 / (1 + np.exp(-value))


def by_hand(layer, x, parents):
    """Tai et al. 2015, equations 2 to 8 and 9 to 14, node by node: h of every node, and the c of the root."""
    cell = layer.cell
    stored = {name.removesuffix("_l0"): t.detach().numpy() for name, t in layer.named_parameters()}
    n = cell.arity if cell.children == "ordered" else 1
    w, b = (dict(zip("ifgo", np.split(stored[name], 4), strict=True)) for name in ("weight_ih", "bias_ih"))
    rows = np.split(stored["weight_hh"], np.cumsum([HIDDEN, n * HIDDEN, HIDDEN]))
    u = dict(zip("ifgo", rows, strict=True))
    kids = [[k for k, parent in enumerate(parents) if parent == node] for node in range(len(parents))]

    def run(node):
        below = [run(k) for k in kids[node]]
        if cell.children == "ordered":
            below += [(np.zeros(HIDDEN), np.zeros(HIDDEN))] * (n - len(below))
            read = np.concatenate([h for h, _ in below])
            f = logistic(np.tile(w["f"] @ x[node] + b["f"], n) + u["f"] @ read).reshape(n, HIDDEN)
        else:
            read = sum((h for h, _ in below), np.zeros(HIDDEN))
            f = [logistic(w["f"] @ x[node] + u["f"] @ h + b["f"]) for h, _ in below]
        i, o = (logistic(w[gate] @ x[node] + u[gate] @ read + b[gate]) for gate in "io")
        g = np.tanh(w["g"] @ x[node] + u["g"] @ read + b["g"])
        c = i * g + sum(f[k] * c for k, (_, c) in enumerate(below))
        outputs[node] = o * np.tanh(c)
        return outputs[node], c

    outputs = np.zeros((len(parents), HIDDEN))
    return outputs, run(parents.index(-1))[1]


@pytest.mark.parametrize("name", ["sum", "ordered"])
def test_nodes_compute_the_equations_of_the_paper(name, laws):
    layer = layer_of(CELLS[name])
    trees = Trees.from_parents(SHAPES)
    x = inputs(len(trees))
    output, (h, c) = layer(x, trees)
    hands = [by_hand(layer, own.numpy(), shape) for own, shape in zip(x.split(list(trees.counts)), SHAPES, strict=True)]
    laws.same(output, torch.from_numpy(np.concatenate([outputs for outputs, _ in hands])))
    laws.same(h, output[trees.roots])
    laws.same(c, torch.from_numpy(np.stack([root for _, root in hands])))


@pytest.mark.parametrize("fields", [{}, {"peepholes": True}, {"forget_gate": False}, {"projection": True}], ids=str)
@pytest.mark.parametrize("children", ["sum", "ordered"])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_chain_is_an_lstm(children, fields, direction, laws):
    layer = layer_of(TreeLSTM(children=children, arity=1, **fields), direction=direction)
    sequence = Recurrent(LSTM(**fields), INPUT, HIDDEN, proj_size=layer.proj_size, dtype=torch.float64)
    sequence.load_state_dict(layer.state_dict())
    x = inputs(6).requires_grad_()
    chain = Trees.from_parents([[1, 2, 3, 4, 5, -1] if direction == "up" else [-1, 0, 1, 2, 3, 4]])
    output, states = layer(x, chain)
    expected, final = sequence(x)
    laws.same(output, expected)
    if direction == "up":
        laws.same(states, [state[-1:] for state in final])
    gradients, theirs = (
        torch.autograd.grad(out.square().sum(), [x, *module.parameters()])
        for out, module in ((output, layer), (expected, sequence))
    )
    laws.same(gradients, theirs)


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("kind", ["nodes", "leaves"])
@pytest.mark.parametrize("cell", [CELLS["sum"], CELLS["ordered, peepholes"], GatedSum()], ids=str)
def test_a_batch_is_its_trees_one_by_one(cell, kind, direction, laws):
    if direction == "down" and isinstance(cell, TreeLSTM):
        cell = TreeLSTM(children=cell.children, arity=1)
    layer = layer_of(cell, direction=direction, inputs=kind)
    alone = [Trees.from_parents([shape]) for shape in SHAPES]
    together = Trees.join(alone)
    counts = [len(tree) if kind == "nodes" else len(tree.leaves) for tree in alone]
    x = inputs(sum(counts))
    output, states = layer(x, together)
    one_by_one = [layer(own, tree) for own, tree in zip(x.split(counts), alone, strict=True)]
    laws.same(output, torch.cat([out for out, _ in one_by_one]))
    of_trees = [state if isinstance(state, tuple) else (state,) for _, state in one_by_one]
    laws.same(
        states if isinstance(states, tuple) else (states,),
        [torch.cat(parts) for parts in zip(*of_trees, strict=True)],
    )


@pytest.mark.parametrize("direction", ["up", "down"])
def test_inner_nodes_without_x_read_zeros(direction, laws):
    trees = Trees.from_parents(SHAPES)
    with_leaves = layer_of(CELLS["sum"], direction=direction, inputs="leaves")
    with_nodes = layer_of(CELLS["sum"], direction=direction)
    x = inputs(len(trees.leaves)).requires_grad_()
    zeros = torch.zeros(len(trees), INPUT, dtype=torch.float64)
    results = [with_leaves(x, trees), with_nodes(zeros.index_copy(0, trees.leaves, x), trees)]
    laws.same(*results)
    gradients = [
        torch.autograd.grad(output.square().sum(), [x, *layer.parameters()])
        for (output, _), layer in zip(results, (with_leaves, with_nodes), strict=True)
    ]
    laws.same(*gradients)


SHAPE = st.integers(1, 12).flatmap(lambda n: st.tuples(*(st.integers(0, max(0, k - 1)) for k in range(n))))


@given(st.lists(SHAPE, min_size=1, max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_any_shapes_are_run_as_by_hand_and_numbers_do_not_matter(laws, drawn, random):
    """Random trees, renumbered at random: the child-sum output of a node is the same wherever it stands."""
    layer = layer_of(TreeLSTM())
    shapes, orders = [], []
    for parents in drawn:
        order = list(range(len(parents)))
        random.shuffle(order)  # the number that each node gets
        shape = [0] * len(parents)
        for node, parent in enumerate(parents):
            shape[order[node]] = order[parent] if node else -1
        shapes.append(shape)
        orders.append(order)
    trees = Trees.from_parents(shapes)
    x = inputs(len(trees))
    output = layer(x, trees)[0].split(list(trees.counts))
    for own, shape, given_x in zip(output, shapes, x.split(list(trees.counts)), strict=True):
        laws.same(own, torch.from_numpy(by_hand(layer, given_x.numpy(), shape)[0]))
    plain = Trees.from_parents([[-1, *parents[1:]] for parents in drawn])
    renumbered = torch.cat([own[order] for own, order in zip(x.split(list(trees.counts)), orders, strict=True)])
    again = layer(renumbered, plain)[0].split(list(trees.counts))
    laws.same(again, [own[order] for own, order in zip(output, orders, strict=True)])


def test_the_order_of_children_matters_where_they_are_ordered(laws):
    x = inputs(3)
    swapped = x[[0, 2, 1]]
    trees = Trees.from_parents([[-1, 0, 0]])
    for name, matters in (("sum", False), ("ordered", True)):
        layer = layer_of(CELLS[name])
        (h, _), (other, _) = layer(x, trees)[1], layer(swapped, trees)[1]
        assert torch.allclose(h, other, rtol=0, atol=1e-12) != matters


def test_a_missing_child_is_a_child_of_zero_states():
    """The right child alone is not the left child alone; and both are not what an only child is in a sum."""
    layer = layer_of(TreeLSTM(children="ordered"))
    x = inputs(2)
    left, right = (layer(x, Trees.from_nested([tree]))[1][0] for tree in ([0, None], [None, 0]))
    assert not torch.allclose(left, right)
    assert torch.equal(left, layer(x, Trees.from_nested([[0]]))[1][0])
    summed = layer_of(TreeLSTM())
    left, right = (summed(x, Trees.from_nested([tree]))[1][0] for tree in ([0, None], [None, 0]))
    assert torch.equal(left, right)


@pytest.mark.parametrize("name", CELLS)
def test_derivatives(name):
    """Of every state with respect to input and parameters, once and twice."""
    layer = layer_of(CELLS[name])
    trees = Trees.from_parents([[-1, 0, 0, 1, 0], [1, -1]])
    x = inputs(len(trees)).requires_grad_()
    names = [n for n, _ in layer.named_parameters()]

    def run(x, *parameters):
        output, state = torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x, trees))
        return output, *(state if isinstance(state, tuple) else (state,))

    leaves = (x, *layer.parameters())
    assert torch.autograd.gradcheck(run, leaves, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, leaves, fast_mode=True)


def test_dropout_drops_the_same_units_of_a_whole_tree_and_only_in_training():
    layer = layer_of(TreeLSTM(), dropout=0.5)
    with torch.no_grad():
        layer.weight_ih_l0.zero_()
        layer.bias_ih_l0.fill_(1.0)
        layer.weight_hh_l0.copy_(torch.eye(HIDDEN, dtype=torch.float64).repeat(4, 1))
    trees = Trees.from_parents([[-1, 0, 0, 0]] * 200)
    x = inputs(len(trees))
    plain, dropped = layer.eval()(x, trees)[0], layer.train()(x, trees)[0]
    assert torch.equal(plain[trees.leaves], dropped[trees.leaves])
    changed = dropped[trees.roots] - plain[trees.roots]
    assert not (changed == 0).any()
    # A unit of the root reads three children, which lose the unit all together: two values in all.
    assert len(dropped[trees.roots, 0].unique()) == 2
    assert 0.4 < (changed > 0).double().mean() < 0.6
    torch.manual_seed(1)
    first = layer(x, trees)[0]
    torch.manual_seed(1)
    assert torch.equal(first, layer(x, trees)[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_precisions(dtype):
    layer, trees = layer_of(TreeLSTM()), Trees.from_parents(SHAPES)
    x = inputs(len(trees))
    exact = layer(x, trees)[0]
    got = layer.to(dtype)(x.to(dtype), trees)[0]
    assert got.dtype == dtype
    assert (got.double() - exact).abs().max() <= 16 * torch.finfo(dtype).eps


@pytest.mark.parametrize("direction", ["up", "down"])
def test_trees_that_were_first_seen_in_inference_mode_serve_training_too(direction):
    layer = layer_of(TreeLSTM(), direction=direction, inputs="leaves")
    with torch.inference_mode():
        trees = Trees.from_parents(SHAPES)
        seen = layer(inputs(len(trees.leaves)), trees)[0]
    output, _ = layer(inputs(len(trees.leaves)), trees)
    output.sum().backward()
    assert torch.equal(output, seen)


def test_compiled_by_torch_as_not_compiled():
    layer, trees = layer_of(TreeLSTM()), Trees.from_parents(SHAPES)
    x = inputs(len(trees))
    assert torch.equal(torch.compile(layer, backend="eager")(x, trees)[0], layer(x, trees)[0])


def test_what_a_layer_is_made_of():
    layer = TreeRecurrent("nary-tree", 3, 4, inputs="leaves", dropout=0.1)
    assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == {
        "weight_ih_l0": (16, 3),
        "weight_hh_l0": (20, 8),
        "bias_ih_l0": (16,),
    }
    assert repr(layer) == "TreeRecurrent(TreeLSTM(children='ordered'), 3, 4, inputs='leaves', dropout=0.1)"
    assert TreeRecurrent(TreeLSTM(forget_bias=1.0), 3, 4).bias_ih_l0[4:8].tolist() == [1.0] * 4
    assert TreeRecurrent(TreeLSTM(projection=True), 3, 4, proj_size=2).output_size == 2


CALLS = [
    (
        (torch.zeros(2, 3), Trees.from_parents([[-1]])),
        "one row for each of the 1 nodes: expected the shape (1, 3)",
    ),
    ((torch.zeros(1, 2), Trees.from_parents([[-1]])), "expected the shape (1, 3), got the shape (1, 2)"),
    (([[0.0]], Trees.from_parents([[-1]])), "expected the shape (1, 3), got list"),
    ((torch.zeros(1, 3), [[-1]]), "the trees are a Trees (see Trees.from_parents), got list"),
    ((torch.zeros(1, 3).double(), Trees.from_parents([[-1]])), "the input has the dtype torch.float64"),
    ((torch.zeros(4, 3), Trees.from_parents([[-1, 0, 0, 0]])), "a node has 3 children or a child at that place, but"),
]


@pytest.mark.parametrize(("arguments", "message"), CALLS, ids=[message for _, message in CALLS])
def test_calls_that_do_not_fit(arguments, message):
    with pytest.raises(CellwrightError, match=re.escape(message)):
        TreeRecurrent("nary-tree", 3, 4)(*arguments)


class Alone(Cell):
    topology = "tree"

    def step(self, x, h):
        return tanh(affine("n", x, h))


BUILDS = [
    ({"cell": Alone()}, "Alone() reads h of one node, but a node has several children: let previous_axes() say"),
    ({"cell": "lstm"}, "LSTM() walks a sequence, this layer a tree: build a Recurrent of it"),
    ({"direction": "left"}, "direction is one of up, down; got 'left'"),
    ({"inputs": "roots"}, "inputs is one of nodes, leaves; got 'roots'"),
    ({"dropout": 2}, "dropout is a probability between 0 and 1, got 2"),
    ({"hidden_size": 0}, "hidden_size is a whole number from 1, got 0"),
    ({"proj_size": 2}, "proj_size=2, but TreeLSTM() has no projection"),
]


@pytest.mark.parametrize(("options", "message"), BUILDS, ids=str)
def test_what_makes_no_layer(options, message):
    with pytest.raises(CellwrightError, match=re.escape(message)):
        TreeRecurrent(**{"cell": "childsum-tree", "input_size": 3, "hidden_size": 4, **options})


def test_sequences_refuse_cells_of_trees():
    message = "TreeLSTM() walks a tree, this layer a sequence: build a TreeRecurrent of it"
    with pytest.raises(CellwrightError, match=re.escape(message)):
        Recurrent("childsum-tree", 3, 4)
