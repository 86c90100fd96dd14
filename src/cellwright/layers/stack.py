"""A stack of layers of one cell: its parameters, and how it runs them over tensors (time, batch, ...)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, TypeAlias

import torch
from torch import nn

from cellwright.cells import Cell
from cellwright.layers import checks, parameters
from cellwright.layers.compiled import Packed
from cellwright.layers.regularisation import Regularisation
from cellwright.layers.scan import Scanned, loop_in_graph, scan, scan_in_graph
from cellwright.layers.sequences import Masks, RowOrder, reverse_in_time
from cellwright.layers.timing import backwards
from cellwright.program import Arithmetic, Family, GroupFunction

Tensor: TypeAlias = torch.Tensor

scan_outside_of_graphs = torch.compiler.disable(scan)  # a graph breaks there, and goes on after it
_MANY_ROWS, _MANY_UNITS = 16, 96  # from which on ragged rows are put in order


class Stack(nn.Module):
    """Layers of one cell on top of one another, in one direction or both.

    ``Recurrent`` says what its arguments mean, and brings what people pass to it into the form that runs here.
    """

    def __init__(
        self,
        cell: Cell,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        *,
        regularisation: Regularisation,
        dropout: float,
        bidirectional: bool,
        proj_size: int,
        recompute: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        self.regularisation = regularisation
        self.cell = regularisation.in_evaluation(cell)
        self._in_training = regularisation.in_training(cell)
        self._in_evaluation = self.cell.in_evaluation()
        self.input_size = checks.positive("input_size", input_size)
        self.hidden_size = checks.positive("hidden_size", hidden_size)
        self.num_layers = checks.positive("num_layers", num_layers)
        self.dropout = checks.probability("dropout", dropout)
        self.bidirectional = checks.flag("bidirectional", bidirectional)
        self.proj_size = checks.projection_of(self.cell, proj_size)
        self.recompute = checks.flag("recompute", recompute)
        self._directions = tuple(self.directions())
        self._packed: dict[str, Packed] | None = None
        self._sizes = tuple(tuple(sorted(self.layer_sizes(layer).items())) for layer in range(num_layers))
        self._family_names = tuple(family.name for family in self._families(0))
        self.all_weight_names = [[name + suffix for name in self._family_names] for _, suffix in self.directions()]
        for layer, suffix in self.directions():
            parameters.register(self, self._families(layer), suffix, device, dtype)
        self.reset_parameters()

    @property
    def running_cell(self) -> Cell:
        """The cell as it runs now, in training or in evaluation mode."""
        return self._in_training if self.training else self._in_evaluation

    @property
    def _draws_masks(self) -> bool:
        return self.training and self.regularisation.is_random

    @property
    def num_directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def convolves(self) -> bool:
        """Whether its weights are kernels, which chips, fixed point and exported files do not take."""
        return self.cell.topology == "maps"

    @property
    def output_size(self) -> int:
        """Features of the output: those of the cell's first state, once a direction."""
        return self.num_directions * next(iter(self._state_sizes().values()))

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters of each layer and direction, as ``torch.nn.LSTM.all_weights`` gives them."""
        return [[getattr(self, name) for name in names] for names in self.all_weight_names]

    def reset_parameters(self) -> None:
        """Draw every parameter from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)), as torch does.

        The biases and elementwise weights that the cell starts at a value of its own are then set to it.
        """
        parameters.draw(self, self._fan_in())
        for layer, suffix in self.directions():
            parameters.start(self, self.cell, self._families(layer), suffix)

    def _fan_in(self) -> int:
        """How many values of the state before a unit sees: on what the size of initial weights depends."""
        return self.hidden_size

    def flatten_parameters(self) -> None:
        """Nothing to do: parameters are stored concatenated already."""

    def freeze(self) -> Self:
        """Keep the matrices packed for the kernels from call to call, for inference with weights that stay.

        By default they are packed at each call, since training changes them at every step. Frozen, they are packed
        again when torch has counted a change of theirs; what it cannot see (writes through ``.data`` or NumPy) calls
        for another ``freeze()``. Gradients are as before.

        Returns:
            the layer itself.
        """
        self._packed = {suffix: Packed() for _, suffix in self._directions}
        return self

    def unfreeze(self) -> Self:
        """Pack the matrices at each call again. Returns the layer itself."""
        self._packed = None
        return self

    def group_functions(self, layer: int, suffix: str) -> Mapping[str, GroupFunction] | None:
        """What evaluates the linear groups of one layer instead of its weights. A programmed layer overrides this."""
        return None

    def arithmetic(self, layer: int, suffix: str) -> Arithmetic | None:
        """How one layer computes, if not as torch does. A layer in fixed point overrides this."""
        return None

    def layer_sizes(self, layer: int) -> dict[str, int]:
        """Sizes of the cell's axes in one layer."""
        width = self.input_size if layer == 0 else self.output_size
        return self.cell.sizes(width, self.hidden_size, self.proj_size)

    def stored(self, layer: int, suffix: str) -> dict[str, Tensor]:
        """The parameters of one layer and direction by family."""
        own = self._parameters
        found = {}
        for name in self._family_names:
            parameter = own.get(name + suffix)  # a parametrised one is an attribute instead
            found[name] = getattr(self, name + suffix) if parameter is None else parameter
        return found

    def directions(self) -> Iterator[tuple[int, str]]:
        """Layers and directions in torch's order, with the suffix of their parameters."""
        for layer in range(self.num_layers):
            yield layer, f"_l{layer}"
            if self.bidirectional:
                yield layer, f"_l{layer}_reverse"

    def _families(self, layer: int) -> list[Family]:
        return parameters.families_in_order(self.cell, self.layer_sizes(layer))

    def _state_sizes(self) -> dict[str, int]:
        return self.cell.state_sizes(self.cell.sizes(self.input_size, self.hidden_size, self.proj_size))

    def _run_in_order(
        self, inputs: dict[str, Tensor], initial: Mapping[str, Tensor], masks: Masks, record: Sequence[str]
    ) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:
        """``_run``, with the rows by length where products are so large that it pays to do none for what has ended."""
        if masks.lengths is None or not self._is_worth_ordering(len(masks.lengths)):
            return self._run(inputs, initial, masks, record)
        order = RowOrder.by_length(masks.lengths)
        inputs, initial = ({n: order.taken(tensor) for n, tensor in named.items()} for named in (inputs, initial))
        output, final, recorded = self._run(inputs, initial, order.masks(masks), record)
        signals = {name: order.restored(tensor) for name, tensor in recorded.items()}
        return order.restored(output), [order.restored(tensor) for tensor in final], signals

    def _is_worth_ordering(self, rows: int) -> bool:
        return rows >= _MANY_ROWS and self.hidden_size >= _MANY_UNITS

    def _run(
        self, inputs: dict[str, Tensor], initial: Mapping[str, Tensor], masks: Masks, record: Sequence[str]
    ) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:
        """Layer after layer: the last output, the final states and the recorded signals, time first."""
        final: dict[str, list[Tensor]] = {}
        recorded: dict[str, Tensor] = {}
        outputs: list[Tensor] = []
        all_ = self._directions
        for index, (layer, suffix) in enumerate(all_):
            start = {name: state[index : index + 1] for name, state in initial.items()} if len(all_) > 1 else initial
            scanned = self._run_direction(layer, suffix, inputs, start, masks, record)
            outputs.append(scanned.output)
            for name, tensor in scanned.states.items():
                final.setdefault(name, []).append(tensor)
            if record:
                recorded |= {name + suffix: tensor for name, tensor in scanned.recorded.items()}
            if len(outputs) == self.num_directions:
                output = torch.cat(outputs, 2) if self.bidirectional else outputs[0]
                outputs = []
                if layer < self.num_layers - 1 and self.dropout:
                    output = nn.functional.dropout(output, self.dropout, self.training)
                inputs = {**inputs, "x": output}
        return (
            inputs["x"],
            [states[0] if len(states) == 1 else torch.cat(states) for states in final.values()],
            recorded,
        )

    def _run_direction(
        self,
        layer: int,
        suffix: str,
        inputs: Mapping[str, Tensor],
        start: Mapping[str, Tensor],
        masks: Masks,
        record: Sequence[str],
    ) -> Scanned:
        backward = suffix.endswith("_reverse")
        if backward:
            inputs = backwards(inputs, self.cell.timing, masks)
        scanned = self._scan(layer, suffix, inputs, start, masks.reversed() if backward else masks, record)
        if not backward:
            return scanned
        recorded = {name: reverse_in_time(tensor, masks.lengths) for name, tensor in scanned.recorded.items()}
        return Scanned(reverse_in_time(scanned.output, masks.lengths), scanned.states, recorded)

    def _scan(
        self,
        layer: int,
        suffix: str,
        inputs: Mapping[str, Tensor],
        start: Mapping[str, Tensor],
        masks: Masks,
        record: Sequence[str],
    ) -> Scanned:
        functions, stored = self.group_functions(layer, suffix), self.stored(layer, suffix)
        arithmetic, cell, sizes = self.arithmetic(layer, suffix), self.running_cell, self._sizes[layer]
        if self._draws_masks:
            inputs = self.regularisation.drawn_inputs(cell, dict(sizes), inputs, masks.resets)
            stored = self.regularisation.drawn_weights(stored, functions is not None)
        is_plain = functions is None and arithmetic is None
        if torch.compiler.is_compiling() and is_plain and _is_uniform(inputs, stored, start):
            loop = self._loop_in_graph(layer, tuple(record), inputs["x"].dtype, self.training)
            if loop is not None:
                return scan_in_graph(loop, stored, inputs, start, masks)
        packed = None if self._packed is None else self._packed[suffix]
        run = scan_outside_of_graphs if torch.compiler.is_compiling() else scan
        return run(cell, sizes, stored, inputs, start, masks, record, functions, self.recompute, packed, arithmetic)

    @torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
    def _loop_in_graph(
        self, layer: int, record: tuple[str, ...], dtype: torch.dtype, training: bool
    ) -> tuple[Any, ...] | None:
        """A compiled loop as a graph may hold it; None where the step has to be interpreted."""
        cell = self._in_training if training else self._in_evaluation
        return loop_in_graph(cell, self._sizes[layer], record, self.recompute, dtype)


def _is_uniform(*named: Mapping[str, Tensor]) -> bool:
    """Whether a graph's tensors are what a compiled loop reads: all on the CPU, of one dtype, and no autocast."""
    tensors = [tensor for tensors in named for tensor in tensors.values()]
    same = all(tensor.device.type == "cpu" and tensor.dtype == tensors[0].dtype for tensor in tensors)
    return same and not torch.is_autocast_enabled("cpu")
