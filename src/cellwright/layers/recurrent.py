"""Recurrent layers of any cell: stacked, in one direction or both, with ragged lengths and resets."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from cellwright.cells import Cell, find
from cellwright.errors import CellwrightError
from cellwright.layers.scan import Masks, Scanned, scan
from cellwright.layers.sequences import (
    checked_lengths,
    repack,
    reverse_in_time,
    reversed_resets,
    unpack,
    valid_steps,
)
from cellwright.program import Family, GroupFunction, families

Tensor: TypeAlias = torch.Tensor
State: TypeAlias = "Tensor | tuple[Tensor, ...]"

# torch's order, on which the same initial weights from the same seed depend; a cell's own families follow.
_TORCH_ORDER = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


class Recurrent(nn.Module):
    """A stack of recurrent layers of one cell.

    Args:
        cell: a cell, its name in the catalogue, or ``FILE.py:CLASS``.
        input_size, hidden_size: features of the input, units of each layer.
        num_layers: layers on top of one another.
        batch_first: the input is (batch, time, features) instead of (time, batch, features).
        dropout: probability of dropping an output between layers, in training.
        bidirectional: a second set of layers runs from the end; the outputs are concatenated.
        proj_size: size of the projected output, for cells with a projection.
        device, dtype: of the parameters.

    Parameters are stored in torch's layout, gates concatenated in ``cell.gates`` order: ``weight_ih_l0``,
    ``weight_hh_l0``, ``bias_ih_l0``, and by their own names what else the cell has (``weight_peephole_l0``).

    Raises:
        CellwrightError: a size, probability or cell that makes no sense.
    """

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
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.cell = find(cell) if isinstance(cell, str) else cell
        self.input_size = _positive("input_size", input_size)
        self.hidden_size = _positive("hidden_size", hidden_size)
        self.num_layers = _positive("num_layers", num_layers)
        self.batch_first = batch_first
        self.dropout = _probability(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        if dropout > 0 and num_layers == 1:
            warnings.warn(f"dropout={dropout} acts between layers and does nothing with num_layers=1", stacklevel=2)
        self.all_weight_names: list[list[str]] = []
        for layer, suffix in self._directions():
            names = []
            for family in self._families(layer):
                name = family.name + suffix
                self.register_parameter(name, nn.Parameter(torch.empty(family.shape, device=device, dtype=dtype)))
                names.append(name)
            self.all_weight_names.append(names)
        self.reset_parameters()

    @property
    def num_directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """Features of the output: those of the cell's first state, once a direction."""
        return self.num_directions * self._state_sizes()[self._state_names()[0]]

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters of each layer and direction, as ``torch.nn.LSTM.all_weights`` gives them."""
        return [[getattr(self, name) for name in names] for names in self.all_weight_names]

    def reset_parameters(self) -> None:
        """Draw every parameter from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)), as torch does.

        The biases that the cell starts at a value of its own are then set to it.
        """
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)
        initial = self.cell.initial_biases()
        for layer, suffix in self._directions():
            for family in self._families(layer):
                for part in family.parts:
                    gate = part.name.partition(".")[2]
                    if family.name.startswith("bias_") and gate in initial:
                        value = initial[gate] if family.name == "bias_ih" else 0.0
                        with torch.no_grad():
                            getattr(self, family.name + suffix)[part.rows] = value

    def flatten_parameters(self) -> None:
        """Nothing to do: parameters are stored concatenated already."""

    def forward(
        self,
        input: Tensor | PackedSequence,
        state: State | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        resets: Tensor | None = None,
        record: Sequence[str] = (),
        **sequences: Tensor,
    ) -> Any:
        """Run the layers over a sequence.

        Args:
            input: (time, batch, features), or batch first as set, or (time, features) for one sequence, or packed.
            state: the initial state: one tensor (layers * directions, batch, size) for each state of the cell, as a
                tuple where there are several; zeros by default.
            lengths: steps of each sequence of a padded batch. Beyond its length a sequence keeps its state and
                its output is zero.
            resets: (time, batch), or batch first, boolean: True starts that row from a zero state before that step.
            record: names of gates, states and signals (``i``, ``c``, ...) to return at every step.
            sequences: further sequences that the cell reads by name, (time, batch, features) or (time, batch).

        Returns:
            ``output, state``; with ``record`` also a dict of tensors shaped like the output, named ``i_l0``,
            ``i_l0_reverse``, ...

        Raises:
            CellwrightError: shapes that do not fit, unknown names.
        """
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, state, lengths, resets, record, sequences)
        self._check_input(input)
        batched = input.ndim == 3
        time_first = self._time_first(batched)
        inputs = {name: time_first(tensor) for name, tensor in {"x": input, **sequences}.items()}
        if inputs["x"].shape[0] == 0:
            raise CellwrightError("the input has no time steps: expected at least one")
        self._check_sequences(inputs)
        initial = self._initial_states(state, inputs["x"], batched)
        steps, batch = inputs["x"].shape[:2]
        checked = None if lengths is None else checked_lengths(lengths, steps, batch, input.device)
        masks = Masks(
            None if checked is None else valid_steps(checked, steps),
            None if resets is None else self._check_resets(time_first(resets), steps, batch),
        )
        output, final, recorded = self._run(inputs, initial, checked, masks, record)
        back = self._time_back(batched)
        states = tuple(s if batched else s.squeeze(1) for s in final)
        result = back(output), states[0] if len(states) == 1 else states
        return (*result, {name: back(tensor) for name, tensor in recorded.items()}) if record else result

    def step(self, input: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """One time step, for streaming: input (batch, features) or (features,), and the state of the step before.

        Returns:
            output (batch, size) and the new state, to be passed to the next call.
        """
        if self.bidirectional:
            raise CellwrightError("a bidirectional layer needs the whole sequence: call it, or build it with one direction")
        time_axis = 1 if self.batch_first and input.ndim == 2 else 0
        output, new = self(input.unsqueeze(time_axis), state)
        return output.squeeze(time_axis), new

    def extra_repr(self) -> str:
        return f"{self.cell}, {self._options_repr()}"

    def _options_repr(self) -> str:
        words = [str(self.input_size), str(self.hidden_size)]
        defaults = {"num_layers": 1, "batch_first": False, "dropout": 0.0, "bidirectional": False, "proj_size": 0}
        words += [f"{name}={getattr(self, name)}" for name, default in defaults.items() if getattr(self, name) != default]
        return ", ".join(words)

    def group_functions(self, layer: int, suffix: str) -> Mapping[str, GroupFunction] | None:
        """What evaluates the linear groups of one layer instead of its weights. A programmed layer overrides this."""
        return None

    def layer_sizes(self, layer: int) -> dict[str, int]:
        """Sizes of the cell's axes in one layer."""
        width = self.input_size if layer == 0 else self.output_size
        return self.cell.sizes(width, self.hidden_size, self.proj_size)

    def stored(self, layer: int, suffix: str) -> dict[str, Tensor]:
        """The parameters of one layer and direction by family."""
        return {family.name: getattr(self, family.name + suffix) for family in self._families(layer)}

    def _run(
        self, inputs: dict[str, Tensor], initial: list[Tensor], lengths: Tensor | None, masks: Masks, record: Sequence[str]
    ) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:
        self._check_names(record)
        names = self._state_names()
        final: list[list[Tensor]] = [[] for _ in names]
        recorded: dict[str, Tensor] = {}
        outputs: list[Tensor] = []
        for index, (layer, suffix) in enumerate(self._directions()):
            start = {name: state[index] for name, state in zip(names, initial, strict=True)}
            scanned = self._run_direction(layer, suffix, inputs, start, lengths, masks, record)
            outputs.append(scanned.output)
            for collected, name in zip(final, names, strict=True):
                collected.append(scanned.states[name])
            recorded |= {name + suffix: tensor for name, tensor in scanned.recorded.items()}
            if len(outputs) == self.num_directions:
                output = torch.cat(outputs, -1) if self.bidirectional else outputs[0]
                outputs = []
                is_last = layer == self.num_layers - 1
                between = output if is_last else nn.functional.dropout(output, self.dropout, self.training)
                inputs = inputs | {"x": between}
        return inputs["x"], [torch.stack(states) for states in final], recorded

    def _run_direction(
        self,
        layer: int,
        suffix: str,
        inputs: Mapping[str, Tensor],
        start: Mapping[str, Tensor],
        lengths: Tensor | None,
        masks: Masks,
        record: Sequence[str],
    ) -> Scanned:
        backward = suffix.endswith("_reverse")
        if backward:
            inputs = {name: reverse_in_time(tensor, lengths) for name, tensor in inputs.items()}
            if masks.resets is not None:
                masks = Masks(masks.valid, reversed_resets(masks.resets, lengths))
        scanned = scan(
            self.cell,
            self.layer_sizes(layer),
            self.stored(layer, suffix),
            inputs,
            start,
            masks,
            record,
            self.group_functions(layer, suffix),
        )
        if not backward:
            return scanned
        recorded = {name: reverse_in_time(tensor, lengths) for name, tensor in scanned.recorded.items()}
        return Scanned(reverse_in_time(scanned.output, lengths), scanned.states, recorded)

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
            raise CellwrightError("a packed sequence brings its lengths: pass lengths, resets and others with a padded tensor")
        padded, own_lengths = unpack(packed)
        if self.batch_first:
            padded = padded.transpose(0, 1)
        output, *rest = self(padded, state, lengths=own_lengths, record=record)
        return (repack(output.transpose(0, 1) if self.batch_first else output, packed), *rest)

    def _directions(self) -> Iterator[tuple[int, str]]:
        """Layers and directions in torch's order, with the suffix of their parameters."""
        for layer in range(self.num_layers):
            yield layer, f"_l{layer}"
            if self.bidirectional:
                yield layer, f"_l{layer}_reverse"

    def _families(self, layer: int) -> list[Family]:
        found = families(self.cell.program(), self.layer_sizes(layer))
        first = [found[name] for name in _TORCH_ORDER if name in found]
        return first + [family for name, family in found.items() if name not in _TORCH_ORDER]

    def _state_names(self) -> tuple[str, ...]:
        return tuple(self.cell.state_axes())

    def _state_sizes(self) -> dict[str, int]:
        return self.cell.state_sizes(self.cell.sizes(self.input_size, self.hidden_size, self.proj_size))

    def _time_first(self, batched: bool) -> Any:
        if not batched:
            return lambda tensor: tensor.unsqueeze(1)
        return (lambda tensor: tensor.transpose(0, 1)) if self.batch_first else (lambda tensor: tensor)

    def _time_back(self, batched: bool) -> Any:
        return (lambda tensor: tensor.squeeze(1)) if not batched else self._time_first(batched)

    def _initial_states(self, state: State | None, x: Tensor, batched: bool) -> list[Tensor]:
        sizes = self._state_sizes()
        rows = self.num_layers * self.num_directions
        if state is None:
            return [x.new_zeros(rows, x.shape[1], size) for size in sizes.values()]
        given = (state,) if isinstance(state, Tensor) else tuple(state)
        if len(given) != len(sizes):
            raise CellwrightError(f"the state of this cell is ({', '.join(sizes)}), got {len(given)} tensor(s)")
        initial = []
        for (name, size), tensor in zip(sizes.items(), given, strict=True):
            expected = (rows, x.shape[1], size) if batched else (rows, size)
            if tuple(tensor.shape) != expected:
                raise CellwrightError(f"the initial {name} has the shape {tuple(tensor.shape)}, expected {expected}")
            initial.append(tensor if batched else tensor.unsqueeze(1))
        return initial

    def _check_input(self, input: Tensor) -> None:
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            order = "batch, time" if self.batch_first else "time, batch"
            raise CellwrightError(
                f"the input has the shape {tuple(input.shape)}, expected ({order}, {self.input_size}) or (time, {self.input_size})"
            )

    def _check_sequences(self, inputs: Mapping[str, Tensor]) -> None:
        if inputs.keys() != self.cell.sequences.keys():
            raise CellwrightError(
                f"this cell reads the sequences {', '.join(self.cell.sequences)}, got {', '.join(inputs)}: pass them by name"
            )
        expected = inputs["x"].shape[:2]
        for name, tensor in inputs.items():
            if tensor.shape[:2] != expected or tensor.ndim != 2 + len(self.cell.sequences[name]):
                raise CellwrightError(
                    f"the sequence {name} has the shape {tuple(tensor.shape)} in (time, batch, ...), expected to begin with "
                    f"{tuple(expected)} and to have {2 + len(self.cell.sequences[name])} dimensions"
                )

    def _check_resets(self, resets: Tensor, steps: int, batch: int) -> Tensor:
        if resets.shape != (steps, batch):
            raise CellwrightError(f"resets has the shape {tuple(resets.shape)} in (time, batch), expected ({steps}, {batch})")
        return resets.bool()

    def _check_names(self, record: Sequence[str]) -> None:
        known = self.cell.program().named
        for name in record:
            if name not in known:
                raise CellwrightError(f"the cell has no signal {name!r} to record; it has: {', '.join(known)}")


def _positive(name: str, value: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise CellwrightError(f"{name} is a whole number from 1, got {value!r}")
    return value


def _probability(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= value <= 1:
        raise CellwrightError(f"dropout is a probability between 0 and 1, got {value!r}")
    return float(value)
