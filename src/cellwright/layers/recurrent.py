"""Recurrent layers of any cell: stacked, in one direction or both, with ragged lengths and resets."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeAlias

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from cellwright.cells import Cell, find
from cellwright.cells import Topology as CellTopology
from cellwright.errors import CellwrightError
from cellwright.layers import checks, parameters
from cellwright.layers.compiled import Packed, compiled_step
from cellwright.layers.listing import Topology
from cellwright.layers.regularisation import Regularisation
from cellwright.layers.scan import Scanned, loop_in_graph, run_plainly, scan, scan_in_graph
from cellwright.layers.sequences import Masks, RowOrder, repack, reverse_in_time, unpack
from cellwright.layers.timing import backwards, with_times
from cellwright.program import Arithmetic, Family, GroupFunction

Tensor: TypeAlias = torch.Tensor
State: TypeAlias = "Tensor | tuple[Tensor, ...]"

TOPOLOGIES: Mapping[str, Topology] = {
    "stacked": Topology(
        "layers on top of one another: the output of each is the input of the next",
        "Graves, Mohamed & Hinton 2013, ICASSP, 6645; tutorial, equation 52",
        (r"X_i = \begin{bmatrix} h_{i-1} \\ h_i \end{bmatrix}",),
        (("h_1^2", "h_2^2", "h_3^2"), ("h_1^1", "h_2^1", "h_3^1"), ("x_1", "x_2", "x_3")),
        (
            *((f"x_{t}", f"h_{t}^1") for t in (1, 2, 3)),
            *((f"h_{t}^1", f"h_{t}^2") for t in (1, 2, 3)),
            *((f"h_{t}^{layer}", f"h_{t + 1}^{layer}") for layer in (1, 2) for t in (1, 2)),
        ),
    ),
    "bidirectional": Topology(
        "a second layer reads the sequence from its end; the outputs stand side by side",
        "Schuster & Paliwal 1997, IEEE Transactions on Signal Processing 45, 2673; Graves & Schmidhuber 2005",
        (
            r"\overrightarrow{h}_t = f(x_t, \overrightarrow{h}_{t-1})",
            r"\overleftarrow{h}_t = f(x_t, \overleftarrow{h}_{t+1})",
            r"y_t = \begin{bmatrix} \overrightarrow{h}_t \\ \overleftarrow{h}_t \end{bmatrix}",
        ),
        (("y_1", "y_2", "y_3"), ("b_1", "b_2", "b_3"), ("f_1", "f_2", "f_3"), ("x_1", "x_2", "x_3")),
        (
            *((f"x_{t}", f"{d}_{t}") for t in (1, 2, 3) for d in "fb"),
            *((f"{d}_{t}", f"y_{t}") for t in (1, 2, 3) for d in "fb"),
            ("f_1", "f_2"), ("f_2", "f_3"), ("b_3", "b_2"), ("b_2", "b_1"),
        ),
    ),
}  # fmt: skip

_NO_MASKS = Masks()
_scan_outside_of_graphs = torch.compiler.disable(scan)  # a graph breaks there, and goes on after it
_MANY_ROWS, _MANY_UNITS = 16, 96  # from which on ragged rows are put in order


class Recurrent(nn.Module):
    """A stack of recurrent layers of one cell.

    Args:
        cell: a cell, its name in the catalogue, or ``FILE.py:CLASS``.
        input_size, hidden_size: features of the input, units of each layer.
        num_layers: layers on top of one another.
        batch_first: the input is (batch, time, features) instead of (time, batch, features).
        dropout: probability of dropping an output between layers, in training.
        bidirectional: a second set of layers runs from the end; the outputs are concatenated.
        proj_size: size of the projected output, for cells with a projection, or number of output units, for cells
            that have some.
        recompute: keep the states alone for the backward pass, and compute the gates there again: less memory for
            more work.
        zoneout: probability that a unit of a state keeps its value at a step: of all states, or by name
            (``{"h": 0.05, "c": 0.5}``). In evaluation each state is the expectation.
        input_dropout: probability of dropping a feature of what each layer reads, for a whole sequence.
        recurrent_dropout: probability of dropping an output for the recurrent matrix ``weight_hh``, for a whole
            sequence.
        weight_dropout: probability of dropping a weight of ``weight_hh``, for a whole call.
        device, dtype: of the parameters.

    Parameters are stored in torch's layout, gates concatenated in ``cell.gates`` order: ``weight_ih_l0``,
    ``weight_hh_l0``, ``bias_ih_l0``, and by their own names what else the cell has (``weight_peephole_l0``).

    Raises:
        CellwrightError: a size, probability or cell that makes no sense.
    """

    _topology: ClassVar[CellTopology] = "sequence"

    def __init__(
        self,
        cell: Cell | str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        recompute: bool = False,
        zoneout: float | Mapping[str, float] = 0.0,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        weight_dropout: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        own = checks.walks(checks.cell(find(cell) if isinstance(cell, str) else cell), self._topology)
        self.regularisation = Regularisation.of(own, zoneout, input_dropout, recurrent_dropout, weight_dropout)
        self.cell = self.regularisation.in_evaluation(own)
        self._in_training = self.regularisation.in_training(own)
        self._in_evaluation = self.cell.in_evaluation()
        self.input_size = checks.positive("input_size", input_size)
        self.hidden_size = checks.positive("hidden_size", hidden_size)
        self.num_layers = checks.positive("num_layers", num_layers)
        self.batch_first = checks.flag("batch_first", batch_first)
        self.dropout = checks.probability("dropout", dropout)
        self.bidirectional = checks.flag("bidirectional", bidirectional)
        self.proj_size = checks.projection_of(self.cell, proj_size)
        self.recompute = checks.flag("recompute", recompute)
        if dropout > 0 and num_layers == 1:
            warnings.warn(f"dropout={dropout} acts between layers and does nothing with num_layers=1", stacklevel=2)
        self._directions = tuple(self.directions())
        is_alone = len(self._directions) == 1 and dict(self.cell.sequences) == {"x": ("feature",)}
        self._is_single = is_alone and not self.batch_first
        self._signals = tuple(self.cell.program().named)
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

    def forward(
        self,
        input: Tensor | PackedSequence,
        state: State | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        resets: Tensor | None = None,
        record: str | Sequence[str] = (),
        **sequences: Tensor,
    ) -> Any:
        """Run the layers over a sequence.

        Args:
            input: (time, batch, features), or batch first as set, or (time, features) for one sequence, or packed.
            state: the initial state: one tensor (layers * directions, batch, size) for each state of the cell, as a
                tuple where there are several; zeros by default. Without the batch axis for one sequence.
            lengths: steps of each sequence of a padded batch, from 0. Beyond its length a sequence keeps its state,
                its output and recorded signals are zero, and what the padding holds has no effect.
            resets: (time, batch), or batch first, or (time,) for one sequence, boolean. True begins a new sequence
                before that step of that row: its states, and those that the backward direction brings to the step
                before, start from zero, and no gradient crosses.
            record: names of gates, states and signals (``i``, ``c``, ...) to return at every step.
            sequences: further sequences that the cell reads by name, (time, batch, features) or (time, batch). Those
                that tell the time (``cell.timing``) are made up where they are left out: the steps of the call are at
                0, 1, 2, ..., intervals are 1.

        Returns:
            ``output, state``: the output (time, batch, directions * size) laid out as the input is, and the states
            after each sequence's last step (the first one, for the backward direction), shaped as the initial ones.
            With ``record`` also a dict of tensors (time, batch, size) laid out in the same way, named ``i_l0``,
            ``i_l0_reverse``, ...

        Raises:
            CellwrightError: shapes or dtypes that do not fit, unknown names, no time steps.
        """
        if record:
            record = (record,) if isinstance(record, str) else tuple(record)
            checks.signals(record, self._signals)
        if state is None and not sequences:
            results = self._run_plainly(input, lengths, resets, tuple(record))
            if results is not None:
                return results
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, state, lengths, resets, record, sequences)
        self._check_input(input)
        batched = input.ndim == 2 + len(self.cell.sequences["x"])
        time_first, time_back = self._time_first(batched), self._time_back(batched)
        inputs = {"x": time_first(input)}
        for name, tensor in sequences.items():
            inputs[name] = time_first(tensor)
        inputs = with_times(inputs, self.cell.timing)
        checks.sequences(inputs, self.cell.sequences)
        initial = {} if state is None else self._initial_states(state, inputs["x"], batched)
        own = next(iter(self._parameters.values()), None)
        checks.same_dtype(input, initial, next(self.parameters(), None) if own is None else own)
        masks = _NO_MASKS
        if lengths is not None or resets is not None:
            masks = self._masks(lengths, None if resets is None else time_first(resets), inputs["x"])
        output, final, recorded = self._run_in_order(inputs, initial, masks, record)
        new_states = tuple(final) if batched else tuple(tensor.squeeze(1) for tensor in final)
        result = time_back(output), new_states[0] if len(new_states) == 1 else new_states
        return (*result, {name: time_back(tensor) for name, tensor in recorded.items()}) if record else result

    def _run_plainly(
        self, input: Any, lengths: Tensor | Sequence[int] | None, resets: Tensor | None, record: tuple[str, ...]
    ) -> Any:
        """The results of the commonest calls, by the shortest way; None for what ``forward`` has to look at."""
        if not self._is_single or self.group_functions(0, "_l0") is not None or self.arithmetic(0, "_l0") is not None:
            return None
        if type(input) is not Tensor or torch.compiler.is_compiling() or self._draws_masks:
            return None
        if input.ndim != 3 or input.shape[2] != self.input_size or input.shape[0] == 0:
            return None
        if lengths is not None and self._is_worth_ordering(input.shape[1]):
            return None
        masks = _NO_MASKS if lengths is None and resets is None else self._masks(lengths, resets, input)
        step = compiled_step(self.running_cell, self._sizes[0], record, self.recompute)
        packed = None if self._packed is None else self._packed["_l0"]
        results = run_plainly(step, input, self.stored(0, "_l0"), masks, packed)
        if results is None:
            return None
        after = len(results) - len(record)
        found = results[0], results[1] if after == 2 else tuple(results[1:after])
        if not record:
            return found
        return (*found, dict(zip((f"{name}_l0" for name in record), results[after:], strict=True)))

    def step(self, input: Tensor, state: State | None = None, **sequences: Tensor) -> tuple[Tensor, State]:
        """One time step, for streaming.

        Args:
            input: (batch, features), or (features,) for one sequence.
            state: what the call before returned; zeros by default.
            sequences: further sequences that the cell reads by name, (batch, features) or (batch,); the moment of the
                step has to be among them if the cell reads it.

        Returns:
            output (batch, size) and the new state, to be passed to the next call.

        Raises:
            CellwrightError: the layer is bidirectional, and as ``forward``.
        """
        if self.bidirectional:
            raise CellwrightError(
                "a bidirectional layer needs the whole sequence: call it, or build it with one direction"
            )
        checks.moments(sequences, self.cell.timing)
        if self.training and self.regularisation.keeps_masks:
            raise CellwrightError(
                "a step in training would draw other masks than the step before: call eval() first, or the layer on "
                "whole sequences"
            )
        time_axis = 1 if self.batch_first and input.ndim == 1 + len(self.cell.sequences["x"]) else 0
        one_step = {name: tensor.unsqueeze(time_axis) for name, tensor in sequences.items()}
        output, new = self(input.unsqueeze(time_axis), state, **one_step)
        return output.squeeze(time_axis), new

    def extra_repr(self) -> str:
        options = {"num_layers": 1, "batch_first": False, "dropout": 0.0, "bidirectional": False, "proj_size": 0}
        return ", ".join([str(self.cell), self._options_repr(options), *self.regularisation.options()])

    def _options_repr(self, defaults: Mapping[str, object]) -> str:
        """The sizes, and the options that differ from their defaults."""
        own = {name: getattr(self, name) for name, default in defaults.items() if getattr(self, name) != default}
        return ", ".join(
            [str(self.input_size), str(self.hidden_size), *(f"{name}={value}" for name, value in own.items())]
        )

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
        run = _scan_outside_of_graphs if torch.compiler.is_compiling() else scan
        return run(cell, sizes, stored, inputs, start, masks, record, functions, self.recompute, packed, arithmetic)

    @torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
    def _loop_in_graph(
        self, layer: int, record: tuple[str, ...], dtype: torch.dtype, training: bool
    ) -> tuple[Any, ...] | None:
        """A compiled loop as a graph may hold it; None where the step has to be interpreted."""
        cell = self._in_training if training else self._in_evaluation
        return loop_in_graph(cell, self._sizes[layer], record, self.recompute, dtype)

    def _forward_packed(
        self,
        packed: PackedSequence,
        state: State | None,
        lengths: Tensor | Sequence[int] | None,
        resets: Tensor | None,
        record: Sequence[str],
        sequences: Mapping[str, Tensor],
    ) -> Any:
        if lengths is not None or resets is not None or sequences:
            raise CellwrightError(
                "a packed sequence brings its lengths: pass lengths, resets and others with a padded tensor"
            )
        self._check_input(packed)
        padded, own_lengths = unpack(packed)
        initial = {} if state is None else self._initial_states(state, padded, True)
        checks.same_dtype(padded, initial, next(self.parameters(), None))
        order = None
        if packed.sorted_indices is not None and packed.unsorted_indices is not None:
            order = RowOrder(packed.sorted_indices, packed.unsorted_indices)
            initial = {name: order.taken(tensor) for name, tensor in initial.items()}
        masks = Masks(own_lengths.to(padded.device), None, len(padded))
        inputs = with_times({"x": padded}, self.cell.timing)
        checks.sequences(inputs, self.cell.sequences)
        output, final, recorded = self._run(inputs, initial, masks, record)
        new = tuple(final) if order is None else tuple(order.restored(tensor) for tensor in final)
        result = repack(output, own_lengths, packed), new[0] if len(new) == 1 else new
        signals = {name: repack(tensor, own_lengths, packed) for name, tensor in recorded.items()}
        return (*result, signals) if record else result

    def _check_input(self, input: Any) -> None:
        if isinstance(input, PackedSequence):
            checks.packed_shape(input, self.input_size)
        else:
            checks.input_shape(input, self.input_size, self.batch_first)

    def _swapped(self, tensor: Tensor) -> Tensor:
        """Between (time, batch, ...) and the order in which this layer takes and returns tensors."""
        return tensor.transpose(0, 1) if self.batch_first else tensor

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

    def _time_first(self, batched: bool) -> Callable[[Tensor], Tensor]:
        return self._swapped if batched else lambda tensor: tensor.unsqueeze(1)

    def _time_back(self, batched: bool) -> Callable[[Tensor], Tensor]:
        return self._swapped if batched else lambda tensor: tensor.squeeze(1)

    def _initial_states(self, given: State, x: Tensor, batched: bool) -> dict[str, Tensor]:
        """The initial states by name, (layers * directions, batch, size)."""
        shapes = self._state_shapes(x)
        rows = (self.num_layers * self.num_directions, *([x.shape[1]] if batched else []))
        tensors = checks.states(given, {name: (*rows, *shape) for name, shape in shapes.items()})
        return {name: t if batched else t.unsqueeze(1) for name, t in zip(shapes, tensors, strict=True)}

    def _state_shapes(self, x: Tensor) -> dict[str, tuple[int, ...]]:
        """The states of a sample, with an input (time, batch, ...)."""
        return {name: (size,) for name, size in self._state_sizes().items()}

    def _masks(self, lengths: Tensor | Sequence[int] | None, resets: Tensor | None, x: Tensor) -> Masks:
        steps, batch = x.shape[:2]
        return Masks.of(
            None if lengths is None else checks.lengths(lengths, steps, batch, x.device),
            None if resets is None else checks.resets(resets, steps, batch, x.device),
            steps,
        )


def _is_uniform(*named: Mapping[str, Tensor]) -> bool:
    """Whether a graph's tensors are what a compiled loop reads: all on the CPU, of one dtype, and no autocast."""
    tensors = [tensor for tensors in named for tensor in tensors.values()]
    same = all(tensor.device.type == "cpu" and tensor.dtype == tensors[0].dtype for tensor in tensors)
    return same and not torch.is_autocast_enabled("cpu")
