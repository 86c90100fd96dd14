"""Recurrent layers of any cell: stacked, in one direction or both, with ragged lengths and resets."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import torch
from torch.nn.utils.rnn import PackedSequence

from cellwright.cells import Cell
from cellwright.cells import Topology as CellTopology
from cellwright.errors import CellwrightError
from cellwright.layers import checks
from cellwright.layers.compiled import compiled_step
from cellwright.layers.listing import Topology
from cellwright.layers.regularisation import Regularisation
from cellwright.layers.scan import run_plainly
from cellwright.layers.sequences import Masks, RowOrder, repack, unpack
from cellwright.layers.stack import Stack
from cellwright.layers.timing import with_times

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


class Recurrent(Stack):
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
        own = checks.walks(checks.cell(cell), self._topology)
        super().__init__(
            own,
            input_size,
            hidden_size,
            num_layers,
            regularisation=Regularisation.of(own, zoneout, input_dropout, recurrent_dropout, weight_dropout),
            dropout=dropout,
            bidirectional=bidirectional,
            proj_size=proj_size,
            recompute=recompute,
            device=device,
            dtype=dtype,
        )
        self.batch_first = checks.flag("batch_first", batch_first)
        if dropout > 0 and num_layers == 1:
            warnings.warn(f"dropout={dropout} acts between layers and does nothing with num_layers=1", stacklevel=2)
        is_alone = len(self._directions) == 1 and dict(self.cell.sequences) == {"x": ("feature",)}
        self._is_single = is_alone and not self.batch_first
        self._signals = tuple(self.cell.program().named)

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
            record = (record,) if isinstance(record, str) else tuple(dict.fromkeys(record))
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
        checks.sequences(inputs, self.cell.sequences, self.cell.timing)
        inputs = with_times(inputs, self.cell.timing)
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
        checks.sequences({"x": padded}, self.cell.sequences, self.cell.timing)
        inputs = with_times({"x": padded}, self.cell.timing)
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
