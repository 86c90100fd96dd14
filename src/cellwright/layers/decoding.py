"""Decoding: the best sequences of tokens that a model says, greedily or with a beam, many samples in one call a step.

A model is a function ``step(tokens, state) -> (log_probabilities, state)``: from the last tokens (rows,) and its state
to the logarithms of the probabilities of the next ones, (rows, tokens). Its state is a tensor whose first axis are the
rows, tuples, lists or dicts of such, or an object with ``take(rows)``. One with an attribute ``alignment``, (rows,
places), says where it looked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor

from cellwright.cells.checks import is_finite
from cellwright.errors import CellwrightError
from cellwright.layers import checks

S = TypeVar("S")
Step: TypeAlias = Callable[[Tensor, S], tuple[Tensor, S]]

_NEVER_SEEN = 1e-10  # what counts as seen of a place that was not looked at, so that its logarithm is a number


@dataclass(frozen=True)
class Hypothesis:
    """A sequence of tokens that a model says.

    Attributes:
        tokens: without the marker of the end.
        log_probability: of all of them, the marker of the end included.
        score: by which it was ranked.
        ended: whether it ends by itself, or was cut off at the greatest length.
        alignment: (steps, places), where the model looked when it said each token and the end; None if it did not tell.
    """

    tokens: tuple[int, ...]
    log_probability: float
    score: float
    ended: bool
    alignment: Tensor | None = None


@dataclass(frozen=True)
class LanguageModel:
    """Scores of a second model that are added to those of the first one, token by token (shallow fusion).

    Attributes:
        step: as that of the first one, over the same tokens.
        state: before the first token, a row for each sample.
        weight: of its log-probabilities, from 0; with 0 it is not asked.
    """

    step: Step[Any]
    state: Any
    weight: float

    def __post_init__(self) -> None:
        if not is_finite(self.weight) or self.weight < 0:
            raise CellwrightError(f"the weight of a language model is a number from 0, got {self.weight!r}")


def take(state: Any, rows: Tensor) -> Any:
    """Some rows of a state, in the order given.

    Raises:
        CellwrightError: the state is nothing that has rows.
    """
    if state is None:
        return None
    if isinstance(state, Tensor):
        return state.index_select(0, rows)
    if hasattr(state, "take"):
        return state.take(rows)
    if isinstance(state, Mapping):
        return {name: take(part, rows) for name, part in state.items()}
    if isinstance(state, (tuple, list)):
        taken = (take(part, rows) for part in state)
        return type(state)(*taken) if hasattr(state, "_fields") else type(state)(taken)
    raise CellwrightError(
        f"the state of a step is made of tensors, tuples, lists and dicts, or has take(rows); got "
        f"{type(state).__name__}"
    )


@torch.no_grad()
def greedy(
    step: Step[Any],
    state: Any,
    batch: int,
    *,
    start: int,
    end: int,
    max_length: int = 100,
    device: torch.device | str | None = None,
) -> list[Hypothesis]:
    """The likeliest token at each step, until all samples have ended.

    Args:
        step, state: the model, and its state before the first token: a row for each sample.
        batch: how many samples.
        start, end: what is read first, and what says that a sequence is over.
        max_length: of a sequence, its end included.
        device: of the tokens.

    Raises:
        CellwrightError: a model that does not say log-probabilities (rows, tokens), or says NaN; an end that is no
            token of its.
    """
    _check(batch, start, end, max_length)
    if batch == 0:
        return []
    active = torch.arange(batch, device=device)
    last = torch.full((batch,), start, device=device)
    found: list[list[int]] = [[] for _ in range(batch)]
    looked: list[list[Tensor]] = [[] for _ in range(batch)]
    scores, ended = [0.0] * batch, [False] * batch
    for _ in range(max_length):
        said, state = _said(step, last, state, end)
        best, last = said.max(-1)
        alignment = getattr(state, "alignment", None)
        for row, (sample, gain, token) in enumerate(zip(active.tolist(), best.tolist(), last.tolist(), strict=True)):
            scores[sample] += gain
            ended[sample] = token == end
            found[sample] += [token] * (token != end)
            looked[sample] += [] if alignment is None else [alignment[row]]
        going = (last != end).nonzero().squeeze(-1)
        if len(going) == 0:
            break
        if len(going) < len(active):
            active, last, state = active[going], last[going], take(state, going)
    _check_numbers(scores)
    alignments = [torch.stack(steps) if steps else None for steps in looked]
    return [
        Hypothesis(tuple(tokens), score, score, over, alignment)
        for tokens, score, over, alignment in zip(found, scores, ended, alignments, strict=True)
    ]


@torch.no_grad()
def beam_search(
    step: Step[Any],
    state: Any,
    batch: int,
    *,
    start: int,
    end: int,
    width: int = 4,
    best: int = 1,
    max_length: int = 100,
    length_penalty: float = 0.0,
    coverage_penalty: float = 0.0,
    lengths: Tensor | Sequence[int] | None = None,
    language_model: LanguageModel | None = None,
    device: torch.device | str | None = None,
) -> list[list[Hypothesis]]:
    """The best sequences found with a beam: all hypotheses of all samples in one call a step.

    A beam keeps the ``width`` likeliest hypotheses. One that has ended keeps its place, so that the search becomes
    narrower and is over when all have ended (Sutskever, Vinyals & Le 2014; Bahdanau, Cho & Bengio 2015). A width of 1
    is greedy; a width of V^T, for V tokens and a greatest length T, finds the best sequence that there is.

    Hypotheses are then ranked by log P / ((5 + n) / 6)^length_penalty + coverage_penalty * sum_j log(min(seen_j, 1)),
    with n tokens, the end included, and seen_j the sum of the alignments at place j (Wu et al. 2016, arXiv:1609.08144,
    equation 14). A place that was never looked at counts as seen by 1e-10.

    Args:
        step, state, batch, start, end, max_length, device: as for ``greedy``.
        width: hypotheses that are kept.
        best: hypotheses that are returned.
        length_penalty: 0 prefers short sequences, 1 goes by the mean of the log-probabilities for long ones.
        coverage_penalty: 0 does not look at alignments.
        lengths: places that each sample's alignments have, where they are padded.
        language_model: adds its scores.

    Returns:
        for each sample its best hypotheses, the best one first; fewer where there are not as many.

    Raises:
        CellwrightError: arguments that make no sense; log-probabilities that are no numbers, or of other tokens than
            the language model's; no alignments to go by.
    """
    _check(batch, start, end, max_length)
    _check_beam(width, best, length_penalty, coverage_penalty, language_model)
    if batch == 0:
        return []
    search = _Search(batch, width, end, device)
    last = torch.full((batch,), start, device=device)
    second = None if language_model is None else language_model.state
    for _ in range(max_length):
        said, state = _said(step, last, state, end)
        if language_model is not None and language_model.weight:
            also, second = _said(language_model.step, last, second, end)
            if also.shape != said.shape:
                raise CellwrightError(f"the step says {said.shape[1]} tokens, the language model {also.shape[1]}")
            said = said + language_model.weight * also
        rows, last = search.extend(said, getattr(state, "alignment", None))
        if len(rows) == 0:
            break
        state, second = take(state, rows), take(second, rows)
    return search.results(best, length_penalty, coverage_penalty, lengths)


class _Search:
    """The beams of all samples.

    Samples whose hypotheses have all ended leave: ``active`` are those that are left, and the other tensors have rows
    for them alone, and a column for each place in the beam. ``ended_scores`` has what became of all.
    """

    def __init__(self, batch: int, width: int, end: int, device: torch.device | str | None) -> None:
        self.batch, self.width, self.end = batch, width, end
        self.active = torch.arange(batch, device=device)
        self.scores = torch.zeros(batch, 1, device=device)
        self.ended = torch.zeros(batch, 1, dtype=torch.bool, device=device)
        self.lengths = torch.zeros(batch, 1, dtype=torch.int64, device=device)
        self.steps: list[tuple[Tensor, Tensor, Tensor, Tensor | None]] = []
        self.left: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []

    def extend(self, said: Tensor, alignment: Tensor | None) -> tuple[Tensor, Tensor]:
        """One step: which rows go on, and with which tokens."""
        samples, places = self.scores.shape
        parents, tokens = self._choose(said.view(samples, places, -1))
        looked = None if alignment is None else alignment.view(samples, places, -1)
        self.steps.append((self.active, parents, tokens, looked))
        going = ~(self.ended | self.scores.isneginf()).all(1)
        self._leave(~going)
        first_rows = places * torch.arange(samples, device=parents.device).unsqueeze(-1)
        return (first_rows + parents)[going].flatten(), tokens[going].flatten()

    def _choose(self, said: Tensor) -> tuple[Tensor, Tensor]:
        """Where the best hypotheses come from, and what they end with; (samples, places in the beam)."""
        tokens = said.shape[-1]
        total = (self.scores.unsqueeze(-1) + said).masked_fill(self.ended.unsqueeze(-1), -torch.inf)
        rank = total.clone()
        # The one continuation of an ended hypothesis is itself, before all others.
        rank[..., self.end] = rank[..., self.end].masked_fill(self.ended, torch.inf)
        chosen = rank.flatten(1).topk(min(self.width, rank[0].numel())).indices
        parents, last = chosen // tokens, chosen % tokens
        kept = self.ended.gather(1, parents) & (last == self.end)
        self.scores = torch.where(kept, self.scores.gather(1, parents), total.flatten(1).gather(1, chosen))
        self.ended = (last == self.end) & ~self.scores.isneginf()
        self.lengths = self.lengths.gather(1, parents) + ~kept
        return parents, last

    def _leave(self, done: Tensor) -> None:
        own = (self.active, self.scores, self.ended, self.lengths)
        self.left.append(tuple(tensor[done] for tensor in own))  # type: ignore[arg-type]
        self.active, self.scores, self.ended, self.lengths = (tensor[~done] for tensor in own)

    def results(
        self, best: int, length_penalty: float, coverage_penalty: float, lengths: Tensor | Sequence[int] | None
    ) -> list[list[Hypothesis]]:
        """The best hypotheses of each sample."""
        self._leave(torch.ones_like(self.active, dtype=torch.bool))
        scores = self._gathered(1, -torch.inf)
        _check_numbers(scores.flatten().tolist())
        ended, counts = self._gathered(2, False), self._gathered(3, 0)
        tokens, looked = self._traced(counts)
        ranked = scores / ((5.0 + counts.to(scores.dtype)) / 6.0) ** length_penalty
        if coverage_penalty:
            ranked = ranked + coverage_penalty * _coverage(looked, lengths)
        order = ranked.argsort(dim=1, descending=True, stable=True)[:, :best]
        found: list[list[Hypothesis]] = []
        for sample, columns in enumerate(order.tolist()):
            there = [column for column in columns if scores[sample, column] > -torch.inf]
            found.append([self._hypothesis(sample, k, tokens, looked, scores, ranked, ended, counts) for k in there])
        return found

    def _hypothesis(
        self,
        sample: int,
        column: int,
        tokens: Tensor,
        looked: Tensor | None,
        scores: Tensor,
        ranked: Tensor,
        ended: Tensor,
        counts: Tensor,
    ) -> Hypothesis:
        place = sample, column
        count, over = int(counts[place]), bool(ended[place])
        return Hypothesis(
            tuple(tokens[:, sample, column][: count - over].tolist()),
            float(scores[place]),
            float(ranked[place]),
            over,
            None if looked is None else looked[:count, sample, column],
        )

    def _gathered(self, which: int, absent: float) -> Tensor:
        """Of all samples, (batch, width), what they left with."""
        like = self.left[-1][which]
        found = like.new_full((self.batch, self.width), absent)
        for left in self.left:
            found[left[0], : left[which].shape[1]] = left[which].to(like.dtype)
        return found

    def _traced(self, counts: Tensor) -> tuple[Tensor, Tensor | None]:
        """Tokens (time, batch, width) and alignments (time, batch, width, places), zero after the end of each."""
        identity = torch.arange(self.width, device=counts.device).expand(self.batch, -1)
        columns, tokens, alignments = identity, [], []
        for time, (samples, parents, last, looked) in reversed(tuple(enumerate(self.steps))):
            said = torch.full_like(identity, self.end)
            said[samples, : last.shape[1]] = last
            came_from = identity.clone()
            came_from[samples, : last.shape[1]] = parents
            tokens.append(said.gather(1, columns))
            columns = came_from.gather(1, columns)
            if looked is not None:
                places = looked.shape[-1]
                full = looked.new_zeros(self.batch, self.width, places)
                full[samples, : looked.shape[1]] = looked
                own = full.gather(1, columns.unsqueeze(-1).expand(-1, -1, places))
                alignments.append(own.masked_fill((time >= counts).unsqueeze(-1), 0.0))
        return torch.stack(tokens[::-1]), torch.stack(alignments[::-1]) if alignments else None


def _coverage(looked: Tensor | None, lengths: Tensor | Sequence[int] | None) -> Tensor:
    """How much of the places was looked at, (batch, width): 0 where all were, below it where some were not."""
    if looked is None:
        raise CellwrightError("coverage_penalty goes by alignments, and the step's state has none: leave it 0")
    seen = looked.sum(0).clamp(_NEVER_SEEN, 1.0).log()
    if lengths is None:
        return seen.sum(-1)
    batch, _, places = seen.shape
    ends = checks.lengths(lengths, places, batch, seen.device)
    exists = torch.arange(places, device=seen.device) < ends.unsqueeze(-1)
    return seen.masked_fill(~exists.unsqueeze(1), 0.0).sum(-1)


def _said(step: Step[Any], last: Tensor, state: Any, end: int) -> tuple[Tensor, Any]:
    """What a model says, with the shape that it should have."""
    answer = step(last, state)
    said, new = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, None)
    if not isinstance(said, Tensor) or said.ndim != 2 or len(said) != len(last):
        got = tuple(said.shape) if isinstance(said, Tensor) else type(said).__name__
        raise CellwrightError(f"a step returns log-probabilities ({len(last)}, tokens) and its state, got {got}")
    if end >= said.shape[1]:
        raise CellwrightError(f"end is the token {end}, but a step says tokens from 0 to {said.shape[1] - 1} alone")
    return said, new


def _check(batch: int, start: int, end: int, max_length: int) -> None:
    for name, value in (("batch", batch), ("start", start), ("end", end)):
        checks.count(name, value)
    checks.positive("max_length", max_length)


def _check_numbers(scores: Iterable[float]) -> None:
    if any(math.isnan(score) for score in scores):
        raise CellwrightError("the step's log-probabilities are no numbers (NaN): look at the model")


def _check_beam(
    width: int, best: int, length_penalty: float, coverage_penalty: float, language_model: LanguageModel | None
) -> None:
    checks.positive("width", width)
    if not isinstance(language_model, LanguageModel | None):
        raise CellwrightError(
            f"language_model is a LanguageModel, got {type(language_model).__name__}: give its step, state and weight"
        )
    if checks.positive("best", best) > width:
        raise CellwrightError(f"best is at most the width of the beam, {width}; got {best}")
    for name, value in (("length_penalty", length_penalty), ("coverage_penalty", coverage_penalty)):
        if not is_finite(value) or value < 0:
            raise CellwrightError(f"{name} is a number from 0, got {value!r}")
