"""How many inputs and how many outputs: one recurrent layer with a readout, arranged in one of five ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from cellwright.cells import Cell
from cellwright.errors import CellwrightError
from cellwright.layers import checks
from cellwright.layers.decoder import TEACHER_FORCING, Decoder, as_tuple, moments, reads_tokens_alone
from cellwright.layers.listing import Topology
from cellwright.layers.recurrent import Recurrent
from cellwright.layers.scheduled_sampling import Sampling
from cellwright.layers.seq2seq import Seq2Seq

Arrangement: TypeAlias = Literal["one-to-one", "one-to-many", "many-to-one", "many-to-many", "encoder-decoder"]

ARRANGEMENTS: tuple[Arrangement, ...] = (
    "one-to-one",
    "one-to-many",
    "many-to-one",
    "many-to-many",
    "encoder-decoder",
)


class Arranged(nn.Module):
    """A recurrent layer of any cell with a linear readout, and what it reads and says as one choice.

    ==================  ============================  ==================================
    arrangement         input                         output
    ==================  ============================  ==================================
    ``one-to-one``      (batch, features)             (batch, outputs), after one step
    ``one-to-many``     (batch, features), and steps  (batch, steps, outputs)
    ``many-to-one``     (batch, time, features)       (batch, outputs), after the last
    ``many-to-many``    (batch, time, features)       (batch, time, outputs), at each
    ``encoder-decoder`` (batch, time, features), and  (batch, steps, outputs): scores of
                        a target (batch, steps)       the target's tokens
    ==================  ============================  ==================================

    Args:
        arrangement: one of these.
        cell: a cell or its name in the catalogue; of sequences beside x it may read those that tell the time.
        input_size, hidden_size, output_size: features, units, outputs; in ``encoder-decoder`` the outputs are tokens.
        num_layers: recurrent layers on top of one another.
        bidirectional: for those that read many; the encoder's, in ``encoder-decoder``.
        proj_size: of the projected output, for cells that have one.
        feeds: what ``one-to-many`` reads after the first step: ``output``, what it said (so that output_size is
            input_size); ``input``, the same input again; ``nothing``, zeros.

    Raises:
        CellwrightError: an arrangement, sizes or options that do not fit together.
    """

    def __init__(
        self,
        arrangement: Arrangement,
        cell: Cell | str,
        input_size: int,
        hidden_size: int,
        output_size: int,
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
        proj_size: int = 0,
        feeds: Literal["output", "input", "nothing"] = "output",
    ) -> None:
        super().__init__()
        checks.choice("arrangement", arrangement, ARRANGEMENTS)
        checks.choice("feeds", feeds, ("output", "input", "nothing"))
        self.arrangement, self.feeds = arrangement, feeds
        self.output_size = checks.positive("output_size", output_size)
        self._reads_many = arrangement not in ("one-to-one", "one-to-many")
        if bidirectional and not self._reads_many:
            raise CellwrightError(f"{arrangement} reads one input, which has one direction: bidirectional is for many")
        if arrangement == "one-to-many" and feeds == "output" and output_size != input_size:
            raise CellwrightError(
                f"feeds='output' reads {output_size} outputs where it read {input_size} features: they are as many"
            )
        self.layer = Recurrent(
            cell,
            input_size,
            hidden_size,
            num_layers,
            batch_first=True,
            bidirectional=bidirectional,
            proj_size=proj_size,
        )
        reads_tokens_alone(self.layer.cell)
        if arrangement == "encoder-decoder":
            decoder = Decoder(cell, output_size, hidden_size, hidden_size, num_layers, proj_size=proj_size)
            self.pair = Seq2Seq(self.layer, decoder)
        else:
            self.readout = nn.Linear(self.layer.output_size, output_size)

    def forward(
        self,
        input: Tensor,
        target: Tensor | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        steps: int | None = None,
        sampling: Sampling = TEACHER_FORCING,
    ) -> Tensor:
        """Run it.

        Args:
            input: see the table.
            target: of ``encoder-decoder``: tokens, the marker of the end last, then padding; see ``Seq2Seq``.
            lengths: steps of each input, for those that read many. Beyond them outputs are zero, and what the padding
                holds has no effect.
            steps: how many outputs ``one-to-many`` has.
            sampling: of ``encoder-decoder``.

        Returns:
            see the table.

        Raises:
            CellwrightError: what another arrangement takes; shapes that do not fit.
        """
        sampled = None if sampling is TEACHER_FORCING else sampling
        self._check(input, target=target, lengths=lengths, steps=steps, sampling=sampled)
        if self.arrangement == "one-to-one":
            return self._read(self.layer(input.unsqueeze(1))[0][:, 0])
        if self.arrangement == "one-to-many":
            return self._say_many(input, checks.positive("steps", steps))
        if self.arrangement == "many-to-one":
            return self._read(self._last(self.layer(input, lengths=lengths)[1]))
        if target is not None:
            logits, _ = self.pair(input, target, lengths, sampling)
            return logits
        said = self._read(self.layer(input, lengths=lengths)[0])
        if lengths is None:
            return said
        ends = checks.lengths(lengths, said.shape[1], len(said), said.device)
        return said.masked_fill((torch.arange(said.shape[1], device=said.device) >= ends[:, None])[..., None], 0.0)

    def _say_many(self, input: Tensor, steps: int) -> Tensor:
        if self.feeds != "output":
            held = input.unsqueeze(1).expand(-1, steps, -1)
            first = torch.arange(steps, device=input.device).unsqueeze(-1) == 0
            return self._read(self.layer(held if self.feeds == "input" else held * first)[0])
        said: list[Tensor] = []
        state = None
        for step in range(steps):
            x = said[-1] if said else input
            output, state = self.layer.step(x, state, **moments(self.layer.cell, x, step))
            said.append(self._read(output))
        return torch.stack(said, 1)

    def _read(self, output: Tensor) -> Tensor:
        said: Tensor = self.readout(output)
        return said

    def _last(self, state: Any) -> Tensor:
        """The output after each sequence's last step; of a second direction, after its first step."""
        directions = self.layer.num_directions
        return as_tuple(state)[0][-directions:].transpose(0, 1).flatten(1)

    def _check(self, input: Any, **given: Any) -> None:
        decodes = ("encoder-decoder",)
        takes = {"target": decodes, "sampling": decodes, "steps": ("one-to-many",), "lengths": ARRANGEMENTS[2:]}
        for name, value in given.items():
            if value is not None and self.arrangement not in takes[name]:
                raise CellwrightError(f"{self.arrangement} takes no {name}: that is for {', '.join(takes[name])}")
            if value is None and name in ("target", "steps") and self.arrangement in takes[name]:
                raise CellwrightError(f"{self.arrangement} needs {name}: see Arranged.forward")
        dimensions, size = 3 if self._reads_many else 2, self.layer.input_size
        if not isinstance(input, Tensor) or input.ndim != dimensions or input.shape[-1] != size:
            got = tuple(input.shape) if isinstance(input, Tensor) else type(input).__name__
            expected = f"(batch, time, {size})" if self._reads_many else f"(batch, {size})"
            raise CellwrightError(f"the input of {self.arrangement} has the shape {got}, expected {expected}")

    def extra_repr(self) -> str:
        return f"{self.arrangement!r}" + (f", feeds={self.feeds!r}" if self.arrangement == "one-to-many" else "")


_SOURCE = "Karpathy 2015, The unreasonable effectiveness of recurrent neural networks; survey 2019, table 3"
_HIDDEN = ("h_1", "h_2", "h_3")
_ON = (("h_1", "h_2"), ("h_2", "h_3"))

TOPOLOGIES: Mapping[str, Topology] = {
    "one-to-one": Topology(
        "one input, one output: a single step",
        _SOURCE,
        (r"h = f(x, 0), \quad y = V h + b",),
        (("y",), ("h",), ("x",)),
        (("x", "h"), ("h", "y")),
    ),
    "one-to-many": Topology(
        "one input, many outputs: what was said is read again (or the input, or nothing)",
        _SOURCE,
        (r"h_1 = f(x, 0), \quad h_t = f(y_{t-1}, h_{t-1}), \quad y_t = V h_t + b",),
        (("y_1", "y_2", "y_3"), _HIDDEN, ("x", "", "")),
        (("x", "h_1"), *_ON, *((f"h_{t}", f"y_{t}") for t in (1, 2, 3)), ("y_1", "h_2"), ("y_2", "h_3")),
    ),
    "many-to-one": Topology(
        "many inputs, one output, after the last",
        _SOURCE,
        (r"h_t = f(x_t, h_{t-1}), \quad y = V h_T + b",),
        (("", "", "y"), _HIDDEN, ("x_1", "x_2", "x_3")),
        (*((f"x_{t}", f"h_{t}") for t in (1, 2, 3)), *_ON, ("h_3", "y")),
    ),
    "many-to-many": Topology(
        "as many outputs as inputs, one at each step",
        _SOURCE,
        (r"h_t = f(x_t, h_{t-1}), \quad y_t = V h_t + b",),
        (("y_1", "y_2", "y_3"), _HIDDEN, ("x_1", "x_2", "x_3")),
        (*(arrow for t in (1, 2, 3) for arrow in ((f"x_{t}", f"h_{t}"), (f"h_{t}", f"y_{t}"))), *_ON),
    ),
}
