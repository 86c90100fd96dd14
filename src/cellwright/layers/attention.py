"""Attention: where to look in a memory of vectors, and what is seen there.

All kinds have a score e for each place j of the memory, an alignment a = softmax(e) over the places that exist, and a
context c, the mean of the memory's vectors m weighted by it: c = sum_j a_j m_j (Bahdanau, Cho & Bengio 2015, equations
5 and 6). They differ in the score.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from cellwright.cells.checks import is_finite
from cellwright.errors import CellwrightError
from cellwright.layers import checks
from cellwright.layers.listing import Topology


@dataclass(frozen=True)
class Memory:
    """What is looked at, prepared once for all queries.

    Attributes:
        values: (batch, places, size), zeros in the padding.
        keys: (batch, places, ...), what the score reads of them.
        valid: (batch, places), False in the padding; None where there is none.
    """

    values: Tensor
    keys: Tensor
    valid: Tensor | None = None

    def take(self, rows: Tensor) -> Memory:
        """The memories of some rows of the batch, in the order given."""
        valid = None if self.valid is None else self.valid[rows]
        return Memory(self.values[rows], self.keys[rows], valid)


class Attention(nn.Module, ABC):
    """What the kinds of attention have in common.

    A subclass has ``keys`` (what its score reads of the memory, computed once) and ``scores``.

    Args:
        query_size: features of a query: the state of a decoder.
        memory_size: features of the memory: the outputs of an encoder.
    """

    reads_previous: ClassVar[bool] = False
    """Whether the score reads the previous alignment, so that queries come one after the other."""

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.query_size = checks.positive("query_size", query_size)
        self.memory_size = checks.positive("memory_size", memory_size)

    @abstractmethod
    def keys(self, values: Tensor) -> Tensor:
        """What the score reads of a memory (batch, places, size)."""

    @abstractmethod
    def scores(self, query: Tensor, keys: Tensor, previous: Tensor) -> Tensor:
        """Scores (batch, queries, places) of queries (batch, queries, size); ``previous`` is the alignment before."""

    def weights(self, scores: Tensor) -> Tensor:
        """The alignment, from scores that are minus infinity where there is nothing."""
        return torch.softmax(scores, -1)

    def memory(self, values: Tensor, lengths: Tensor | Sequence[int] | None = None) -> Memory:
        """Prepare a memory.

        Args:
            values: (batch, places, memory_size).
            lengths: places of each row, from 1. What the padding holds has no effect.

        Raises:
            CellwrightError: another shape or dtype; a row without a place.
        """
        if not isinstance(values, Tensor) or values.ndim != 3 or values.shape[-1] != self.memory_size:
            got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise CellwrightError(f"the memory has the shape {got}, expected (batch, places, {self.memory_size})")
        if not values.shape[1]:
            raise CellwrightError(
                "attention needs something to look at: the memory has no places, expected one at least"
            )
        checks.same_dtype(values, {}, next(self.parameters(), None), "the memory")
        if lengths is None:
            return Memory(values, self.keys(values))
        batch, places = values.shape[:2]
        ends = checks.lengths(lengths, places, batch, values.device)
        if batch and not ends.is_meta and int(ends.min()) < 1:
            raise CellwrightError("attention needs something to look at: lengths of a memory are from 1, got 0")
        valid = torch.arange(places, device=values.device) < ends.unsqueeze(-1)
        values = values.masked_fill(~valid.unsqueeze(-1), 0.0)
        return Memory(values, self.keys(values), valid)

    def forward(self, query: Tensor, memory: Memory, previous: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Look.

        Args:
            query: (batch, query_size), or (batch, queries, query_size) for several of each row.
            memory: what ``memory`` returned.
            previous: the alignment before, for kinds that read it: (batch, places), or (batch, queries, places).
                Without one nothing has been looked at yet: zeros.

        Returns:
            context (batch, memory_size) and alignment (batch, places), with an axis of queries where the query has.

        Raises:
            CellwrightError: shapes or dtypes that do not fit.
        """
        if not isinstance(memory, Memory) or not isinstance(query, Tensor):
            got = f"{type(query).__name__} and {type(memory).__name__}"
            raise CellwrightError(f"attention takes a tensor and what its memory() prepared, got {got}")
        batch, places = memory.keys.shape[:2]
        if query.ndim not in (2, 3) or (query.shape[0], query.shape[-1]) != (batch, self.query_size):
            raise CellwrightError(
                f"the query has the shape {tuple(query.shape)}, expected ({batch}, {self.query_size}) or "
                f"({batch}, queries, {self.query_size})"
            )
        expected = (*query.shape[:-1], places)
        if previous is not None and previous.shape != expected:
            raise CellwrightError(f"the alignment before has the shape {tuple(previous.shape)}, expected {expected}")
        checks.same_dtype(query, {}, next(self.parameters(), memory.values), "the query")
        queries = query if query.ndim == 3 else query.unsqueeze(1)
        before = (
            queries.new_zeros(*queries.shape[:2], places)
            if previous is None
            else previous.view(*queries.shape[:2], places)
        )
        scores = self.scores(queries, memory.keys, before)
        if memory.valid is not None:
            scores = scores.masked_fill(~memory.valid.unsqueeze(1), -torch.inf)
        alignment = self.weights(scores)
        context = alignment @ memory.values
        return (context, alignment) if query.ndim == 3 else (context.squeeze(1), alignment.squeeze(1))

    def extra_repr(self) -> str:
        return f"{self.query_size}, {self.memory_size}"


class DotAttention(Attention):
    """Products of query and memory (Luong, Pham & Manning 2015, equation 8).

    Args:
        query_size, memory_size: as for every attention; equal, but for ``general``.
        form: the score of a query s and a vector m: ``dot`` is s·m, ``scaled`` divides it by the root of the size
            (Vaswani et al. 2017, equation 1), ``general`` is s·W m.
    """

    def __init__(
        self, query_size: int, memory_size: int, form: Literal["dot", "scaled", "general"] = "general"
    ) -> None:
        super().__init__(query_size, memory_size)
        checks.choice("form", form, ("dot", "scaled", "general"))
        if form != "general" and query_size != memory_size:
            raise CellwrightError(
                f"{form} needs query and memory of one size, got {query_size} and {memory_size}: use form='general'"
            )
        self.form = form
        self.projection = nn.Linear(memory_size, query_size, bias=False) if form == "general" else nn.Identity()

    def keys(self, values: Tensor) -> Tensor:
        keys: Tensor = self.projection(values)
        return keys

    def scores(self, query: Tensor, keys: Tensor, previous: Tensor) -> Tensor:
        scale = self.query_size**-0.5 if self.form == "scaled" else 1.0
        return scale * (query @ keys.transpose(1, 2))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, form={self.form!r}"


class AdditiveAttention(Attention):
    """One hidden layer of tanh units (Bahdanau, Cho & Bengio 2015, appendix A.1.2): e = v·tanh(W s + U m).

    Args:
        query_size, memory_size: as for every attention.
        attention_size: hidden units.
        bias: a bias of the hidden units, which the paper has not.
    """

    def __init__(self, query_size: int, memory_size: int, attention_size: int, *, bias: bool = False) -> None:
        super().__init__(query_size, memory_size)
        self.attention_size = checks.positive("attention_size", attention_size)
        self.of_query = nn.Linear(query_size, attention_size, bias=checks.flag("bias", bias))
        self.of_memory = nn.Linear(memory_size, attention_size, bias=False)
        self.score = nn.Linear(attention_size, 1, bias=False)

    def keys(self, values: Tensor) -> Tensor:
        keys: Tensor = self.of_memory(values)
        return keys

    def scores(self, query: Tensor, keys: Tensor, previous: Tensor) -> Tensor:
        scores: Tensor = self.score(torch.tanh(self.seen(query, keys, previous))).squeeze(-1)
        return scores

    def seen(self, query: Tensor, keys: Tensor, previous: Tensor) -> Tensor:
        """What the hidden units see, (batch, queries, places, attention_size)."""
        return self.of_query(query).unsqueeze(2) + keys.unsqueeze(1)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.attention_size}"


class LocationAwareAttention(AdditiveAttention):
    """Attention that knows where it looked (Chorowski, Bahdanau, Serdyuk, Cho & Bengio 2015, section 2.2).

    e = v·tanh(W s + U m + V f + b), with f = F * a: features of the previous alignment a by a convolution over places.

    Args:
        query_size, memory_size, attention_size: as for ``AdditiveAttention``.
        filters: features of the previous alignment.
        width: places that a filter covers; odd, so that it has a middle.
        sharpening: factor of the scores (section 2.3): above 1 the alignment is narrower.
        smoothing: sigmoids in the place of exponentials (section 2.3): the alignment is broader.
    """

    reads_previous = True

    def __init__(
        self,
        query_size: int,
        memory_size: int,
        attention_size: int,
        *,
        filters: int = 10,
        width: int = 15,
        sharpening: float = 1.0,
        smoothing: bool = False,
    ) -> None:
        super().__init__(query_size, memory_size, attention_size, bias=True)
        if checks.positive("width", width) % 2 == 0:
            raise CellwrightError(f"width is odd, so that a filter has a middle; got {width}")
        if not is_finite(sharpening) or sharpening <= 0:
            raise CellwrightError(f"sharpening is a number above 0, got {sharpening!r}")
        self.sharpening = float(sharpening)
        self.smoothing = checks.flag("smoothing", smoothing)
        features = checks.positive("filters", filters)
        self.filters = nn.Conv1d(1, features, width, padding=width // 2, bias=False)
        self.of_location = nn.Linear(features, attention_size, bias=False)

    def seen(self, query: Tensor, keys: Tensor, previous: Tensor) -> Tensor:
        features = self.filters(previous.flatten(0, 1).unsqueeze(1)).transpose(1, 2)
        location: Tensor = self.of_location(features).unflatten(0, previous.shape[:2])
        return super().seen(query, keys, previous) + location

    def weights(self, scores: Tensor) -> Tensor:
        sharpened = self.sharpening * scores
        if not self.smoothing:
            return super().weights(sharpened)
        # In logarithms, so that scores far below zero do not leave a sum of nothing.
        return torch.softmax(nn.functional.logsigmoid(sharpened), -1)


_CONTEXT = r"\alpha_{t,j} = \frac{\exp e_{t,j}}{\sum_k \exp e_{t,k}}, \quad c_t = \sum_j \alpha_{t,j} m_j"
_ROWS = (("", "c_t", "", ""), ("α_1", "α_2", "α_3", "s_t"), ("m_1", "m_2", "m_3", ""))
_ARROWS = tuple(arrow for j in (1, 2, 3) for arrow in ((f"m_{j}", f"α_{j}"), ("s_t", f"α_{j}"), (f"α_{j}", "c_t")))

TOPOLOGIES: Mapping[str, Topology] = {
    "additive attention": Topology(
        "a state looks at a memory through one hidden layer, and sees a weighted mean of it",
        "Bahdanau, Cho & Bengio 2015, ICLR, arXiv:1409.0473",
        (r"e_{t,j} = v^\top \tanh(W s_t + U m_j)", _CONTEXT),
        _ROWS,
        _ARROWS,
        ("date_formats.py",),
    ),
    "dot attention": Topology(
        "a state looks at a memory through products: dot, scaled or general",
        "Luong, Pham & Manning 2015, EMNLP, 1412; scaled: Vaswani et al. 2017, NIPS",
        (r"e_{t,j} = s_t^\top m_j \;\text{ or }\; s_t^\top m_j / \sqrt{n} \;\text{ or }\; s_t^\top W m_j", _CONTEXT),
        _ROWS,
        _ARROWS,
        ("reversing.py",),
    ),
    "location-aware attention": Topology(
        "additive attention that also sees features of where it looked before",
        "Chorowski, Bahdanau, Serdyuk, Cho & Bengio 2015, NIPS, arXiv:1506.07503",
        (
            r"f_t = F * \alpha_{t-1}, \quad e_{t,j} = v^\top \tanh(W s_t + U m_j + V f_{t,j} + b)",
            _CONTEXT,
        ),
        (*_ROWS[:2], (*_ROWS[2][:3], "α_t-1")),
        (*_ARROWS, *(("α_t-1", f"α_{j}") for j in (1, 2, 3))),
    ),
}
