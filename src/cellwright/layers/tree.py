"""Recurrent layers over trees: every node reads its children, or its parent; level by level, all trees at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

import torch
from torch import nn
from torch.nn.functional import dropout, pad

from cellwright.cells import Cell
from cellwright.errors import CellwrightError
from cellwright.layers import checks, parameters
from cellwright.layers.listing import Topology
from cellwright.layers.stages import Sizes, staged
from cellwright.layers.trees import Direction, Level, Levels, Trees
from cellwright.layers.wavefront import Reading
from cellwright.program import Interpreter, from_zero_states, merge_sums
from cellwright.program.storage import size_of
from cellwright.program.values import PREDECESSOR, unprimed

Tensor: TypeAlias = torch.Tensor
States: TypeAlias = dict[str, Tensor]

TOPOLOGIES: Mapping[str, Topology] = {
    "tree": Topology(
        "a node reads the states of its children, of any number (child-sum) or in order (N-ary)",
        "Tai, Socher & Manning 2015, ACL, 1556",
        (
            r"\tilde{h}_j = \sum_{k \in C(j)} h_k",
            r"f_{jk} = \sigma(W_f x_j + U_f h_k + b_f)",
            r"c_j = i_j \odot g_j + \sum_{k \in C(j)} f_{jk} \odot c_k",
            r"h_j = o_j \odot \tanh(c_j)",
        ),
        (
            ("", "", "", "", "h_5", ""),
            ("", "", "h_4", "", "", "x_5"),
            ("h_1", "", "h_2", "x_4", "h_3", ""),
            ("x_1", "", "x_2", "", "x_3", ""),
        ),
        (
            ("x_1", "h_1"), ("x_2", "h_2"), ("x_3", "h_3"), ("x_4", "h_4"), ("x_5", "h_5"),
            ("h_1", "h_4"), ("h_2", "h_4"), ("h_4", "h_5"), ("h_3", "h_5"),
        ),
        ("sentiment_trees.py",),
    ),
}  # fmt: skip

_SUFFIX = "_l0"
_DIRECTIONS: tuple[Direction, ...] = ("up", "down")
_INPUTS = ("nodes", "leaves")


class TreeRecurrent(nn.Module):
    """A layer that runs a cell over the nodes of trees.

    The nodes of a level are one batched evaluation of the cell's program, for all trees; what a node sees of x, W x, is
    computed for all nodes before that. A predecessor that is missing counts as states of zero, and nodes without any
    are run first, all at once, without the products that would read zeros.

    Args:
        cell: a cell that walks trees, its name in the catalogue, or ``FILE.py:CLASS``.
        input_size, hidden_size: features of the input, units of the layer.
        direction: ``up`` runs from the leaves to the root, each node reading its children; ``down`` from the root to
            the leaves, each node reading its parent.
        inputs: which nodes have an x: all ``nodes`` (dependency trees), or ``leaves`` alone (constituency trees). The
            others then read zeros, so that their gates see their biases and their children.
        dropout: probability of dropping a unit of h on its way to those that read it, in training: the same units in
            the whole tree (Gal & Ghahramani 2016). The output is not dropped.
        proj_size: size of the projected output, for cells with a projection.
        device, dtype: of the parameters.

    Parameters are called and stored as those of ``Recurrent``, so that the child-sum tree LSTM takes the weights of an
    LSTM. With several predecessors in order, columns of ``weight_hh_l0`` stand predecessor after predecessor, and so do
    the rows of its f.

    Raises:
        CellwrightError: a size, probability or cell that makes no sense.
    """

    def __init__(
        self,
        cell: Cell | str,
        input_size: int,
        hidden_size: int,
        *,
        direction: Direction = "up",
        inputs: str = "nodes",
        dropout: float = 0.0,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.cell = checks.walks(checks.cell(cell), "tree")
        if alone := [name for name, axes in self.cell.previous_axes().items() if PREDECESSOR not in axes]:
            raise CellwrightError(
                f"{self.cell} reads {', '.join(alone)} of one node, but a node has several children: let "
                f'previous_axes() say ("{PREDECESSOR}", ...), and sum over that'
            )
        self.input_size = checks.positive("input_size", input_size)
        self.hidden_size = checks.positive("hidden_size", hidden_size)
        self.direction: Direction = checks.choice("direction", direction, _DIRECTIONS)
        self.inputs = checks.choice("inputs", inputs, _INPUTS)
        self.dropout = checks.probability("dropout", dropout)
        self.proj_size = checks.projection(proj_size, hidden_size)
        checks.projection_of(self.cell, proj_size)
        # A cell that reads all predecessors alike need not say how many they are.
        sizes = {PREDECESSOR: 1, **self.cell.sizes(input_size, hidden_size, proj_size)}
        self._sizes: Sizes = tuple(sorted(sizes.items()))
        self._families = parameters.families_in_order(self.cell, dict(self._sizes))
        parameters.register(self, self._families, _SUFFIX, device, dtype)
        self.reset_parameters()

    @property
    def output_size(self) -> int:
        """Features of the output: those of the cell's first state."""
        return next(iter(self.cell.state_sizes(dict(self._sizes)).values()))

    def reset_parameters(self) -> None:
        """Draw every parameter from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)), but for what the cell starts."""
        parameters.draw(self, self.hidden_size)
        parameters.start(self, self.cell, self._families, _SUFFIX)

    def stored(self) -> dict[str, Tensor]:
        """The parameters by family."""
        return {family.name: getattr(self, family.name + _SUFFIX) for family in self._families}

    def extra_repr(self) -> str:
        defaults = {"direction": "up", "inputs": "nodes", "dropout": 0.0, "proj_size": 0}
        own = [
            f"{name}={getattr(self, name)!r}" for name, default in defaults.items() if getattr(self, name) != default
        ]
        return ", ".join([str(self.cell), str(self.input_size), str(self.hidden_size), *own])

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # trees differ: a graph breaks there, and goes on after it
    def forward(self, input: Tensor, trees: Trees) -> tuple[Tensor, Tensor | tuple[Tensor, ...]]:
        """Run the cell over all nodes.

        Args:
            input: (nodes, features), in the order of the nodes' numbers; (leaves, features) with ``inputs="leaves"``.
            trees: which node hangs on which.

        Returns:
            ``output, state``: the output of every node, (nodes, size), and the states of the roots, (trees, size), one
            for each state of the cell, as a tuple where there are several.

        Raises:
            CellwrightError: shapes or dtypes that do not fit; a node with more children than the cell takes.
        """
        levels = self._levels_of(input, trees)
        start, rest = self._in_order(input, trees, levels)
        states = self._run(start, rest, trees, levels)
        back, roots = levels.back.to(input.device), trees.roots.to(input.device)
        whole = [state.index_select(0, back).flatten(1) for state in states.values()]
        of_roots = tuple(state.index_select(0, roots) for state in whole)
        return whole[0], of_roots[0] if len(of_roots) == 1 else of_roots

    def _levels_of(self, input: Tensor, trees: Trees) -> Levels:
        """The levels of trees that fit the input and the cell."""
        if not isinstance(trees, Trees):
            raise CellwrightError(f"the trees are a Trees (see Trees.from_parents), got {type(trees).__name__}")
        rows = len(trees) if self.inputs == "nodes" else len(trees.leaves)
        if not isinstance(input, Tensor) or input.shape != (rows, self.input_size):
            got = f"the shape {tuple(input.shape)}" if isinstance(input, Tensor) else type(input).__name__
            raise CellwrightError(
                f"the input has one row for each of the {rows} {self.inputs}: expected the shape "
                f"({rows}, {self.input_size}), got {got}"
            )
        checks.same_dtype(input, {}, next(self.parameters(), None))
        levels = trees.levels(self.direction)
        taken = _predecessors(self.cell, self._sizes)
        if taken is not None and levels.most > taken:
            raise CellwrightError(
                f"a node has {levels.most} {'children' if self.direction == 'up' else 'parents'} or a child at that "
                f"place, but {self.cell} takes {taken}: raise its arity, or take a cell that adds its children up"
            )
        return levels

    def _in_order(self, input: Tensor, trees: Trees, levels: Levels) -> tuple[Tensor, Tensor]:
        """The x of nodes without predecessors and of the others, as they are run; one row of zeros if none has an x."""
        order = levels.order.to(input.device)
        if self.inputs == "leaves":
            if self.direction == "up":
                return input.index_select(0, levels.start_ranks.to(input.device)), input.new_zeros(1, self.input_size)
            leaves = trees.leaves.to(input.device)
            rows = input.new_zeros(len(trees), self.input_size).index_copy(0, leaves, input)
        else:
            rows = input
        start, rest = rows.index_select(0, order).tensor_split((levels.starting,))
        return start, rest

    def _run(self, start: Tensor, rest: Tensor, trees: Trees, levels: Levels) -> States:
        """The states of all nodes, in the order in which they are run."""
        stored = self.stored()
        first = self._from_zeros(start, stored)
        sizes = [level.nodes for level in levels.each]
        loop = staged(self.cell, self._sizes).loop(stored, {"x": rest.unsqueeze(0)}, start, ())
        ready = {name: _split(tensor.squeeze(0), sizes) for name, tensor in loop.per_step.items()}
        kept = self._kept(start, trees, levels)
        waiting = _split_states(first, [level.starting for level in levels.each])
        width = _predecessors(self.cell, self._sizes)
        found, before = [first], States()
        for number, level in enumerate(levels.each):
            parts = [waiting[number]] if level.starting else []
            if level.nodes:
                at_level = {name: tensors[number] for name, tensors in ready.items()}
                states = self._shaped(loop.body({**loop.fixed, **at_level, **_read(before, level, width)}), level.nodes)
                found.append(states)
                parts = [states, *parts]
            before = _joined(parts)
            if kept is not None:
                output = next(iter(before))
                before[output] = before[output] * kept[number]
        return _joined(found)

    def _from_zeros(self, x: Tensor, stored: Mapping[str, Tensor]) -> States:
        """The states of nodes without predecessors."""
        interpreter = _start(self.cell, self._sizes)
        sizes = dict(self._sizes)
        zeros = {
            name: x.new_zeros(len(x), *size_of(axes, sizes))
            for name, axes in self.cell.previous_axes().items()
            if name in {value.name for value in interpreter.program.inputs}
        }
        return self._shaped(interpreter.bind(stored, x)({"x": x, **zeros}), len(x))

    def _shaped(self, states: Mapping[str, Tensor], rows: int) -> States:
        """States by name, in the cell's order, one row a node also where they depend on none."""
        sizes = dict(self._sizes)
        return {name: states[name].expand(rows, *size_of(axes, sizes)) for name, axes in self.cell.state_axes().items()}

    def _kept(self, like: Tensor, trees: Trees, levels: Levels) -> list[Tensor] | None:
        """Which units of h are handed on, scaled, for the nodes of each level; None for all of them."""
        if not (self.training and self.dropout):
            return None
        axes = next(iter(self.cell.state_axes().values()))
        ones = like.new_ones(len(trees.counts), *size_of(axes, dict(self._sizes)))
        units = dropout(ones, self.dropout)
        return [units.index_select(0, trees.tree_of[level.numbers].to(like.device)) for level in levels.each]


def _read(before: States, level: Level, width: int | None) -> States:
    """The states of each node's predecessors, from those of the level before; zeros where one is missing.

    Args:
        width: how many predecessors a node has, those that are missing included; as many as one has by default.
    """
    device = next(iter(before.values())).device
    most = level.predecessors.shape[1]
    missing = 0 if width is None else width - most
    table = (pad(level.predecessors, (0, missing), value=level.before) if missing else level.predecessors).to(device)
    reading = Reading(table.flatten(), has_zeros=not level.is_full or missing > 0)
    return {name: reading.of(state).unflatten(0, table.shape) for name, state in before.items()}


def _joined(parts: Sequence[States]) -> States:
    """The rows of several states, one after the other."""
    if len(parts) == 1:
        return dict(parts[0])
    return {name: torch.cat([states[name] for states in parts]) for name in parts[0]}


def _split_states(states: States, sizes: Sequence[int]) -> list[States]:
    split = {name: state.split(list(sizes)) for name, state in states.items()}
    return [{name: tensors[number] for name, tensors in split.items()} for number in range(len(sizes))]


def _split(tensor: Tensor, sizes: Sequence[int]) -> Sequence[Tensor]:
    """The rows of each level; a single row is that of every node."""
    if len(tensor) == 1 and sum(sizes) != 1:
        return [tensor.expand(size, *tensor.shape[1:]) for size in sizes]
    return tensor.split(list(sizes))


def _predecessors(cell: Cell, sizes: Sizes) -> int | None:
    """How many predecessors a matrix of the cell reads; None where each is read alike, so that any number will do."""
    axes = {axis for parameter in cell.program().parameters for axis in unprimed(parameter.axes)}
    return dict(sizes)[PREDECESSOR] if PREDECESSOR in axes else None


@lru_cache(maxsize=256)
def _start(cell: Cell, sizes: Sizes) -> Interpreter:
    """The step from states of zero."""
    return Interpreter(from_zero_states(merge_sums(cell.program())), dict(sizes))
