"""A decoder: a recurrent layer of any cell that says a token at each step, with or without attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from cellwright.cells import Cell
from cellwright.errors import CellwrightError
from cellwright.kernels.operator import say_once
from cellwright.layers import checks
from cellwright.layers.attention import Attention, Memory
from cellwright.layers.recurrent import Recurrent
from cellwright.layers.scheduled_sampling import Sampling

TEACHER_FORCING = Sampling()


@dataclass(frozen=True)
class Markers:
    """Tokens with a meaning of their own: what fills up, what a decoder reads first, what it says last."""

    padding: int = 0
    start: int = 1
    end: int = 2


@dataclass(frozen=True)
class DecoderState:
    """Where a decoder is.

    Attributes:
        recurrent: the states of its layers, (layers, rows, size) each.
        memory: what it looks at; each row of it serves as many rows in a row as there are times more of them.
        alignment: where it looked last, (rows, places).
        fed: what is fed back beside the token, (rows, size).
        time: how many tokens were read, for cells that read the moment.
    """

    recurrent: tuple[Tensor, ...]
    memory: Memory | None = None
    alignment: Tensor | None = None
    fed: Tensor | None = None
    time: int = 0

    def take(self, rows: Tensor) -> DecoderState:
        """The states of some rows, in the order given."""
        return DecoderState(
            tuple(state.index_select(1, rows) for state in self.recurrent),
            None if self.memory is None else self._memory_of(self.memory, rows),
            None if self.alignment is None else self.alignment[rows],
            None if self.fed is None else self.fed[rows],
            self.time,
        )

    def _memory_of(self, memory: Memory, rows: Tensor) -> Memory:
        """The memory of some rows; rows that follow one another and look at the same go on sharing it."""
        samples = len(memory.values)
        each = torch.div(rows, self.recurrent[0].shape[1] // samples, rounding_mode="floor")
        shared, counts = torch.unique_consecutive(each, return_counts=True)
        if not torch.equal(counts, counts[:1].expand_as(counts)):
            return memory.take(each)
        is_whole = len(shared) == samples and torch.equal(shared, torch.arange(samples, device=rows.device))
        return memory if is_whole else memory.take(shared)


class Decoder(nn.Module):
    """A decoder of any sequence cell.

    Without attention it reads the token before and says the next one, token by token (Sutskever, Vinyals & Le 2014).
    With attention the output h and the context c become h' = tanh(W [c; h]), from which the token is said (Luong, Pham
    & Manning 2015, equations 5 and 6); that readout is used for all kinds of attention.

    Args:
        cell: a cell, or its name in the catalogue; of sequences beside x it may read those that tell the time, whose
            steps are regular.
        tokens: how many there are, markers included.
        embedding_size, hidden_size, num_layers, proj_size: of the token's vector and of the recurrent layers.
        attention: what looks at the memory; its queries are the decoder's output.
        query: who looks: the ``new`` output, after the step (Luong et al.), or the ``previous`` one, before it, so that
            the step reads the context (Bahdanau, Cho & Bengio 2015).
        input_feeding: a step reads the h' before (Luong et al., section 3.3). Only with a ``new`` query.
        dropout: probability of dropping what layers read and what the token is said from, in training.
        markers: tokens with a meaning of their own.

    Where nothing but the true token is fed back, a whole target runs in one call of the recurrent layers, and attention
    after it for all steps at once. Attention within the loop, and a token of its own, run step by step.

    Raises:
        CellwrightError: sizes and options that do not fit together.
    """

    def __init__(
        self,
        cell: Cell | str,
        tokens: int,
        embedding_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        attention: Attention | None = None,
        query: Literal["new", "previous"] = "new",
        input_feeding: bool = False,
        dropout: float = 0.0,
        proj_size: int = 0,
        markers: Markers = Markers(),
    ) -> None:
        super().__init__()
        checks.choice("query", query, ("new", "previous"))
        self.tokens = checks.positive("tokens", tokens)
        self.markers = _checked(markers, tokens)
        self.query = query
        self.input_feeding = checks.flag("input_feeding", input_feeding)
        if input_feeding and (attention is None or query == "previous"):
            raise CellwrightError("input_feeding feeds back what attention with query='new' made: it needs that")
        if not isinstance(attention, Attention | None):
            raise CellwrightError(
                f"attention is an Attention, got {type(attention).__name__}: build a DotAttention, say"
            )
        fed = 0 if attention is None else attention.memory_size if query == "previous" else hidden_size * input_feeding
        between = dropout if num_layers != 1 else 0.0
        self.embedding = nn.Embedding(tokens, checks.positive("embedding_size", embedding_size))
        self.layer = Recurrent(
            cell, embedding_size + fed, hidden_size, num_layers, dropout=between, proj_size=proj_size
        )
        reads_tokens_alone(self.layer.cell)
        self.dropout = nn.Dropout(checks.probability("dropout", dropout))
        self.attention = attention
        size = self.layer.output_size
        if attention is not None:
            if attention.query_size != size:
                raise CellwrightError(
                    f"the attention takes queries of {attention.query_size} features, the decoder's output has {size}"
                )
            self.attentional = nn.Linear(attention.memory_size + size, hidden_size, bias=False)
        self.readout = nn.Linear(size if attention is None else hidden_size, tokens)

    @property
    def looks_within(self) -> bool:
        """Whether a step needs what attention saw at the step before, so that steps cannot run at once."""
        if self.attention is None:
            return False
        return self.query == "previous" or self.input_feeding or self.attention.reads_previous

    def start(self, recurrent: tuple[Tensor, ...], memory: Memory | None = None) -> DecoderState:
        """The state before the first token.

        Args:
            recurrent: the initial states of the layers, (layers, batch, size) each.
            memory: what the attention prepared, for a decoder that has one.
        """
        if (memory is None) != (self.attention is None):
            wanted = "the memory that its attention looks at" if memory is None else "no memory: it has no attention"
            raise CellwrightError(f"this decoder takes {wanted}")
        if memory is None:
            return DecoderState(recurrent)
        rows = recurrent[0].shape[1]
        fed = memory.values.new_zeros(rows, self.attentional.out_features) if self.input_feeding else None
        return DecoderState(recurrent, memory, memory.values.new_zeros(rows, memory.values.shape[1]), fed)

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """One step.

        Args:
            tokens: (rows,), those before.
            state: ``start``'s, or that of the step before.

        Returns:
            what it says of the next token, (rows, tokens) before the softmax, and the new state.
        """
        read = [self.dropout(self.embedding(tokens))]
        if self.query == "previous" and self.attention is not None:
            context, state = self._look(state.recurrent[0][-1], state)
            read.append(context)
        if state.fed is not None:
            read.append(state.fed)
        x = torch.cat(read, -1)
        output, new = self.layer.step(x, as_state(state.recurrent), **moments(self.layer.cell, x, state.time))
        state = replace(state, recurrent=as_tuple(new), time=state.time + 1)
        if self.attention is None:
            return self._said(output), state
        if self.query == "new":
            context, state = self._look(output, state)
        made = self._attentional(context, output)
        return self._said(made), replace(state, fed=made if self.input_feeding else None)

    def forward(
        self, target: Tensor, state: DecoderState, sampling: Sampling = TEACHER_FORCING
    ) -> tuple[Tensor, Tensor | None]:
        """Say a target.

        Args:
            target: (batch, time), the tokens to be said, the marker of the end among them; then padding.
            state: ``start``'s.
            sampling: how often its own token is fed in the place of the true one.

        Returns:
            what it says, (batch, time, tokens) before the softmax, and where it looked, (batch, time, places).

        Raises:
            CellwrightError: another shape or dtype; a token that there is not; a sampling that is none.
        """
        self.check(target)
        if not isinstance(sampling, Sampling):
            raise CellwrightError(f"sampling is a Sampling, got {sampling!r}: build Sampling(probability)")
        before = torch.cat([torch.full_like(target[:, :1], self.markers.start), target[:, :-1]], 1)
        if sampling.probability == 0 and not self.looks_within:
            return self._at_once(before, state)
        if self.looks_within:
            say_once(f"a decoder of {self.layer.cell} runs step by step, because its attention is within the loop")
        own = sampling.coins(target.shape[0], target.shape[1], target.device) if sampling.probability else None
        logits: list[Tensor] = []
        alignments: list[Tensor] = []
        for time, tokens in enumerate(before.unbind(1)):
            if own is not None and time:
                tokens = torch.where(own[:, time], sampling.tokens(logits[-1]), tokens)
            said, state = self.step(tokens, state)
            logits.append(said)
            if state.alignment is not None:
                alignments.append(state.alignment)
        return torch.stack(logits, 1), torch.stack(alignments, 1) if alignments else None

    def check(self, target: Any) -> None:
        """Whether a target holds tokens of this decoder.

        Raises:
            CellwrightError: another shape or dtype; a token that there is not.
        """
        check_tokens("target", target, self.tokens)

    def _at_once(self, before: Tensor, state: DecoderState) -> tuple[Tensor, Tensor | None]:
        output, _ = self.layer(self.dropout(self.embedding(before.T)), as_state(state.recurrent))
        output = output.transpose(0, 1)
        if self.attention is None or state.memory is None:
            return self._said(output), None
        context, alignment = self.attention(output, state.memory)
        return self._said(self._attentional(context, output)), alignment

    def _look(self, query: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """The context of each row, and the state with its alignment."""
        attention, memory, alignment = self.attention, state.memory, state.alignment
        if attention is None or memory is None or alignment is None:
            raise CellwrightError("a decoder with attention goes on from a state that start() made, with a memory")
        samples = len(memory.values)
        grouped, before = (tensor.unflatten(0, (samples, -1)) for tensor in (query, alignment))
        context, alignment = attention(grouped, memory, before)
        return context.flatten(0, 1), replace(state, alignment=alignment.flatten(0, 1))

    def _attentional(self, context: Tensor, output: Tensor) -> Tensor:
        return torch.tanh(self.attentional(torch.cat([context, output], -1)))

    def _said(self, features: Tensor) -> Tensor:
        logits: Tensor = self.readout(self.dropout(features))
        return logits


def reads_tokens_alone(cell: Cell) -> None:
    """Whether a cell reads nothing that a network of tokens cannot give it.

    Raises:
        CellwrightError: it reads further sequences, and they do not tell the time.
    """
    if further := [name for name in cell.sequences if name != "x" and name not in cell.timing]:
        raise CellwrightError(f"{cell} also reads {', '.join(further)}: use a cell that reads its input alone")


def moments(cell: Cell, x: Tensor, step: int) -> dict[str, Tensor]:
    """What a cell reads of the moment at a regular step of x (rows, features), by name."""
    return {name: x.new_full(x.shape[:1], step) for name, kind in cell.timing.items() if kind == "moment"}


def _checked(markers: Markers, tokens: int) -> Markers:
    if not isinstance(markers, Markers):
        raise CellwrightError(f"markers are Markers(padding, start, end), got {markers!r}")
    values = [checks.count(name, value) for name, value in vars(markers).items()]
    if len(set(values)) < 3 or max(values) >= tokens:
        raise CellwrightError(
            f"padding, start and end are three tokens from 0 to {tokens - 1}, got {', '.join(map(str, values))}"
        )
    return markers


def check_tokens(name: str, given: Any, tokens: int) -> None:
    if not isinstance(given, Tensor) or given.ndim != 2 or given.dtype not in (torch.int64, torch.int32):
        got = f"{tuple(given.shape)} of {given.dtype}" if isinstance(given, Tensor) else type(given).__name__
        raise CellwrightError(f"the {name} is a tensor (batch, time) of whole numbers, got {got}")
    if given.numel() == 0:
        raise CellwrightError(f"the {name} has the shape {tuple(given.shape)}: expected a sequence and a step at least")
    if given.is_meta:
        return  # it has a shape, and no values
    least, most = int(given.min()), int(given.max())
    if least < 0 or most >= tokens:
        raise CellwrightError(f"the {name} has tokens from {least} to {most}, expected 0 to {tokens - 1}")


def as_state(states: tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
    return states[0] if len(states) == 1 else states


def as_tuple(state: Tensor | tuple[Tensor, ...] | Sequence[Tensor]) -> tuple[Tensor, ...]:
    return (state,) if isinstance(state, Tensor) else tuple(state)
