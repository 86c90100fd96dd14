"""From sequence to sequence: an encoder reads, a bridge hands over, a decoder says, with or without attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from cellwright.errors import CellwrightError
from cellwright.layers import checks
from cellwright.layers.decoder import TEACHER_FORCING, Decoder, DecoderState, as_tuple, check_tokens, reads_tokens_alone
from cellwright.layers.decoding import Hypothesis, LanguageModel, beam_search, greedy
from cellwright.layers.listing import Topology
from cellwright.layers.recurrent import Recurrent
from cellwright.layers.scheduled_sampling import Sampling


@dataclass(frozen=True)
class Encoded:
    """What an encoder made of its input.

    Attributes:
        outputs: (batch, places, size).
        lengths: (batch,), the places of each; None where there is no padding.
        states: final states, (layers * directions, batch, size) each; none of an encoder that has no such.
    """

    outputs: Tensor
    lengths: Tensor | None
    states: tuple[Tensor, ...] = ()


class Bridge(nn.Module):
    """From what an encoder has read to the initial state of a decoder.

    ``learned`` is one layer of tanh units for each state of each of the decoder's layers, which reads what the encoder
    ended with: the final outputs of its last layer, of both directions where it has two (Bahdanau, Cho & Bengio 2015,
    appendix A.2.2, read the backward one), or, of an encoder without states, the mean of its outputs.
    ``copy`` hands over the states themselves (Sutskever, Vinyals & Le 2014), which takes two layers that are built
    alike, in one direction. ``zero`` hands over nothing: what is known comes through the attention alone.
    """

    def __init__(self, encoder: nn.Module, decoder: Recurrent, kind: Literal["learned", "copy", "zero"]) -> None:
        super().__init__()
        checks.choice("bridge", kind, ("learned", "copy", "zero"))
        self.kind, self.num_layers = kind, decoder.num_layers
        self.sizes = decoder.cell.state_sizes(decoder.layer_sizes(0))
        if kind == "copy" and not _is_alike(encoder, decoder):
            raise CellwrightError(
                "bridge='copy' takes an encoder of one direction with the cell, sizes and layers of the decoder: "
                "use bridge='learned'"
            )
        like = next(decoder.parameters())
        self.maps = nn.ModuleDict(
            {
                name: nn.Linear(_output_size(encoder), decoder.num_layers * size, device=like.device, dtype=like.dtype)
                for name, size in self.sizes.items()
                if kind == "learned"
            }
        )

    def forward(self, encoded: Encoded) -> tuple[Tensor, ...]:
        """The initial states, (layers, batch, size) each."""
        if self.kind == "copy":
            return encoded.states
        rows = len(encoded.outputs)
        if self.kind == "zero":
            return tuple(encoded.outputs.new_zeros(self.num_layers, rows, size) for size in self.sizes.values())
        summary = _summary(encoded)
        made = (torch.tanh(linear(summary)) for linear in self.maps.values())
        return tuple(states.unflatten(-1, (self.num_layers, -1)).transpose(0, 1) for states in made)

    def extra_repr(self) -> str:
        return repr(self.kind)


class Seq2Seq(nn.Module):
    """An encoder and a decoder (Cho et al. 2014; Sutskever, Vinyals & Le 2014), with attention if the decoder has one.

    Sources and targets are batch first. A target holds the tokens to be said, the marker of the end last, and then
    padding; the marker of the start is not part of it.

    Args:
        encoder: a ``Recurrent``, a ``PyramidalRecurrent``, or any module with ``output_size`` that is called as
            ``encoder(source, lengths=lengths)`` and returns outputs and their lengths, or outputs, final states and
            lengths. The layout is its attribute ``batch_first``; without one, time is first.
        decoder: says the target.
        source_tokens: how many tokens there are on the side of the source, which is then (batch, time) of whole
            numbers, with padding at the end; each has a vector of ``encoder.input_size``. None: the source is (batch,
            time, features).
        bridge: see ``Bridge``.

    Raises:
        CellwrightError: parts that do not fit together.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: Decoder,
        *,
        source_tokens: int | None = None,
        bridge: Literal["learned", "copy", "zero"] = "learned",
    ) -> None:
        super().__init__()
        if isinstance(encoder, Recurrent):
            reads_tokens_alone(encoder.cell)
        if not isinstance(decoder, Decoder):
            raise CellwrightError(f"the decoder is a Decoder, got {type(decoder).__name__}")
        if decoder.attention is not None and decoder.attention.memory_size != _output_size(encoder):
            raise CellwrightError(
                f"the attention looks at vectors of {decoder.attention.memory_size} features, the encoder's outputs "
                f"have {_output_size(encoder)}"
            )
        self.encoder, self.decoder = encoder, decoder
        self.source_tokens = None if source_tokens is None else checks.positive("source_tokens", source_tokens)
        like = next(decoder.parameters())
        self.embedding = (
            None
            if source_tokens is None
            else nn.Embedding(source_tokens, int(encoder.input_size), device=like.device, dtype=like.dtype)  # type: ignore[arg-type]
        )
        self.bridge = Bridge(encoder, decoder.layer, bridge)

    def encode(self, source: Tensor, lengths: Tensor | Sequence[int] | None = None) -> Encoded:
        """Read.

        Args:
            source: (batch, time) of tokens, or (batch, time, features).
            lengths: steps of each; without them all last to the end.
        """
        if self.embedding is not None:
            check_tokens("source", source, self.embedding.num_embeddings)
            source = self.decoder.dropout(self.embedding(source))
        batch_first = bool(getattr(self.encoder, "batch_first", False))
        given = source if batch_first else source.transpose(0, 1)
        outputs, *states, ends = self.encoder(given, lengths=lengths)
        if isinstance(self.encoder, Recurrent):
            states, ends = [ends], None if lengths is None else torch.as_tensor(lengths, device=outputs.device)
        return Encoded(outputs if batch_first else outputs.transpose(0, 1), ends, as_tuple(states[0]) if states else ())

    def start(self, source: Tensor, lengths: Tensor | Sequence[int] | None = None) -> DecoderState:
        """The state of the decoder before its first token; arguments as for ``encode``."""
        return self._start(self.encode(source, lengths))

    def _start(self, encoded: Encoded) -> DecoderState:
        attention = self.decoder.attention
        memory = None if attention is None else attention.memory(encoded.outputs, encoded.lengths)
        return self.decoder.start(self.bridge(encoded), memory)

    def forward(
        self,
        source: Tensor,
        target: Tensor,
        lengths: Tensor | Sequence[int] | None = None,
        sampling: Sampling = TEACHER_FORCING,
    ) -> tuple[Tensor, Tensor | None]:
        """Read a source and say a target.

        Args:
            source, lengths: as for ``encode``.
            target: (batch, time), tokens with the marker of the end, then padding.
            sampling: how often a token of its own is fed in the place of the true one.

        Returns:
            what it says, (batch, time, tokens) before the softmax, and where it looked, (batch, time, places) or None.

        Raises:
            CellwrightError: shapes, dtypes and tokens that do not fit.
        """
        self.decoder.check(target)
        if len(source) != len(target):
            raise CellwrightError(f"{len(source)} sources but {len(target)} targets: expected one for each")
        logits, alignment = self.decoder(target, self.start(source, lengths), sampling)
        return logits, alignment

    def loss(
        self,
        source: Tensor,
        target: Tensor,
        lengths: Tensor | Sequence[int] | None = None,
        sampling: Sampling = TEACHER_FORCING,
    ) -> Tensor:
        """The mean cross-entropy of the target's tokens in nats, padding left out; arguments as for ``forward``.

        Raises:
            CellwrightError: as ``forward``; a target of padding alone.
        """
        logits, _ = self(source, target, lengths, sampling)
        padding = self.decoder.markers.padding
        if not target.is_meta and not bool((target != padding).any()):
            raise CellwrightError(
                f"the target is padding, {padding}, alone: expected a token, the marker of the end say"
            )
        return nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten().long(), ignore_index=padding)

    def greedy(
        self, source: Tensor, lengths: Tensor | Sequence[int] | None = None, *, max_length: int = 100
    ) -> list[Hypothesis]:
        """What it says by itself, the likeliest token at each step: see ``decoding.greedy``."""
        with torch.no_grad():
            state = self.start(source, lengths)
        marks = self.decoder.markers
        return greedy(
            self._step,
            state,
            len(source),
            start=marks.start,
            end=marks.end,
            max_length=max_length,
            device=source.device,
        )

    def beam_search(
        self,
        source: Tensor,
        lengths: Tensor | Sequence[int] | None = None,
        *,
        width: int = 4,
        best: int = 1,
        max_length: int = 100,
        length_penalty: float = 0.0,
        coverage_penalty: float = 0.0,
        language_model: LanguageModel | None = None,
    ) -> list[list[Hypothesis]]:
        """What it says by itself, searched with a beam: see ``decoding.beam_search``."""
        with torch.no_grad():
            encoded = self.encode(source, lengths)
            state = self._start(encoded)
        marks = self.decoder.markers
        return beam_search(
            self._step,
            state,
            len(source),
            start=marks.start,
            end=marks.end,
            width=width,
            best=best,
            max_length=max_length,
            length_penalty=length_penalty,
            coverage_penalty=coverage_penalty,
            lengths=encoded.lengths,
            language_model=language_model,
            device=source.device,
        )

    def _step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        logits, state = self.decoder.step(tokens, state)
        return torch.log_softmax(logits, -1), state


def _is_alike(encoder: nn.Module, decoder: Recurrent) -> bool:
    """Whether the final states of an encoder can be the initial ones of a decoder."""
    if not isinstance(encoder, Recurrent) or encoder.bidirectional:
        return False
    return all(
        getattr(encoder, name) == getattr(decoder, name) for name in ("cell", "hidden_size", "num_layers", "proj_size")
    )


def _output_size(encoder: nn.Module) -> int:
    size: Any = getattr(encoder, "output_size", None)
    if not isinstance(size, int):
        raise CellwrightError(
            f"{type(encoder).__name__} has no output_size: an encoder says how many features its outputs have"
        )
    return size


def _summary(encoded: Encoded) -> Tensor:
    """What an encoder ended with, (batch, output_size)."""
    if encoded.states:
        directions = encoded.outputs.shape[-1] // encoded.states[0].shape[-1]
        return encoded.states[0][-directions:].transpose(0, 1).flatten(1)
    if encoded.lengths is None:
        return encoded.outputs.mean(1)
    places = torch.arange(encoded.outputs.shape[1], device=encoded.outputs.device)
    valid = (places < encoded.lengths.unsqueeze(-1)).unsqueeze(-1)
    total = encoded.outputs.masked_fill(~valid, 0.0).sum(1)
    return total / encoded.lengths.clamp_min(1).unsqueeze(-1)


TOPOLOGIES: Mapping[str, Topology] = {
    "encoder-decoder": Topology(
        "one layer reads the whole input; another one starts from what it ended with and says the output",
        "Sutskever, Vinyals & Le 2014, NIPS, arXiv:1409.3215; Cho et al. 2014, EMNLP, 1724",
        (
            r"h_t = f(x_t, h_{t-1}), \quad s_0 = \tanh(W h_T + b)",
            r"s_t = g(y_{t-1}, s_{t-1}), \quad p(y_t \mid y_{<t}, x) = \mathrm{softmax}(V s_t + b)",
        ),
        (("", "", "", "y_1", "y_2"), ("h_1", "h_2", "h_3", "s_1", "s_2"), ("x_1", "x_2", "x_3", "start", "")),
        (
            *((f"x_{t}", f"h_{t}") for t in (1, 2, 3)),
            *((f"s_{t}", f"y_{t}") for t in (1, 2)),
            ("start", "s_1"), ("y_1", "s_2"), ("h_1", "h_2"), ("h_2", "h_3"), ("h_3", "s_1"), ("s_1", "s_2"),
        ),
        ("reversing.py", "date_formats.py"),
    ),
}  # fmt: skip
