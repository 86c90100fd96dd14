"""Prefix search: the most probable string, for certain."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import torch

from cellwright.errors import CellwrightError
from cellwright.layers import checks as layer_checks
from cellwright.layers.ctc import checks
from cellwright.layers.ctc.beam import Hypothesis
from cellwright.layers.ctc.checks import Labelling
from cellwright.layers.ctc.loss import ctc_loss
from cellwright.layers.ctc.string_models import Array

Tensor: TypeAlias = torch.Tensor


def prefix_search(
    outputs: Tensor,
    lengths: Tensor | Sequence[int] | None = None,
    *,
    blank: int = 0,
    threshold: float = 1.0,
    most_prefixes: int = 10_000,
) -> list[Hypothesis]:
    """The most probable string of each sequence (Graves et al. 2006, section 3.2).

    The prefix whose continuations are together most probable is extended, until no continuation can be more probable
    than the best string so far. Where outputs are not peaked that takes a number of prefixes that grows exponentially
    with the steps; the paper's remedy is ``threshold``.

    Args:
        outputs: (time, batch, labels), before the softmax or logarithms of probabilities.
        lengths: steps of each sequence; all of them by default. What the padding holds has no effect.
        blank: which label is the blank.
        threshold: outputs are cut where the blank is more probable than this, and the pieces searched one by one;
            0.9999 in the paper. The result is exact with 1, which cuts nowhere.
        most_prefixes: how many may be extended for one piece.

    Returns:
        the string of each sequence and its probability, over all alignments.

    Raises:
        CellwrightError: shapes that do not fit, NaN among the outputs, a search that takes too long.
    """
    logarithms, steps = checks.log_probabilities(outputs, lengths, torch.float64)
    checks.no_nan(logarithms)
    own = checks.blank(blank, outputs.shape[-1])
    layer_checks.probability("threshold", threshold)
    layer_checks.positive("most_prefixes", most_prefixes)
    strings = []
    for row, length in enumerate(steps.tolist()):
        y = logarithms[:length, row].detach().cpu().numpy()
        pieces = _pieces(y, own, threshold)
        strings.append(tuple(label for piece in pieces for label in _most_probable(piece, own, most_prefixes)))
    if not strings:
        return []
    found = (-ctc_loss(logarithms.detach(), strings, steps, blank=own, reduction="none")).tolist()
    return [Hypothesis(string, value, value) for string, value in zip(strings, found, strict=True)]


def _pieces(y: Array, blank: int, threshold: float) -> Iterator[Array]:
    """Runs of steps whose blank is not more probable than the threshold."""
    is_cut = np.exp(y[:, blank]) > threshold
    borders = np.flatnonzero(np.diff(is_cut, prepend=True, append=True))
    for start, end in borders.reshape(-1, 2):
        yield y[start:end]


class _Prefix(NamedTuple):
    """A prefix, by the order in which a heap gives them back.

    Attributes:
        order: minus ln p of all strings that begin with it and are longer.
        labels: the prefix.
        in_label: (steps + 1,), ln p of being at this prefix after so many steps, at its last label,
        in_blank: and at a blank.
    """

    order: float
    labels: Labelling
    in_label: Array
    in_blank: Array


def _most_probable(y: Array, blank: int, most_prefixes: int) -> Labelling:
    """The most probable string of one piece (steps, labels)."""
    nothing = np.full(len(y) + 1, -np.inf)
    in_blank = np.concatenate([[0.0], np.cumsum(y[:, blank])])
    best: Labelling = ()
    best_value = in_blank[-1]
    heap = [_Prefix(-_without(0.0, best_value), (), nothing, in_blank)]
    for _ in range(most_prefixes):
        if not heap or -heap[0].order <= best_value:
            return best
        prefix = heapq.heappop(heap)
        in_label, in_blank, begun = _with_a_label_more(prefix, y, blank)
        own = np.logaddexp(in_label[-1], in_blank[-1])
        for label in np.flatnonzero(begun > best_value).tolist():
            labels = (*prefix.labels, label)
            if own[label] > best_value:
                best, best_value = labels, own[label]
            rest = _without(begun[label], own[label])
            if rest > best_value:
                heapq.heappush(heap, _Prefix(-rest, labels, in_label[:, label], in_blank[:, label]))
    raise CellwrightError(
        f"prefix search has looked at {most_prefixes} prefixes without an end: cut the outputs by a threshold such as "
        "0.9999, or use prefix_beam_search"
    )


def _with_a_label_more(prefix: _Prefix, y: Array, blank: int) -> tuple[Array, Array, Array]:
    """The forward variables (steps + 1, labels) of a prefix with each label added, and ln p of all that begins so."""
    steps, labels = y.shape
    before = np.repeat(np.logaddexp(prefix.in_label, prefix.in_blank)[:-1, np.newaxis], labels, 1)
    if prefix.labels:
        before[:, prefix.labels[-1]] = prefix.in_blank[:-1]
    before[:, blank] = -np.inf
    in_label, in_blank = (np.full((steps + 1, labels), -np.inf) for _ in range(2))
    for step in range(steps):
        in_label[step + 1] = y[step] + np.logaddexp(before[step], in_label[step])
        in_blank[step + 1] = y[step, blank] + np.logaddexp(in_blank[step], in_label[step])
    return in_label, in_blank, np.logaddexp.reduce(before + y, 0)


def _without(whole: float, part: float) -> float:
    """ln(exp(whole) - exp(part)); -inf where rounding leaves nothing."""
    return float(whole + np.log(-np.expm1(part - whole))) if part < whole else -np.inf
