"""Hierarchies: against loops over chunks by hand; CTC networks on top of one another."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright import CellwrightError
from cellwright.layers import HierarchicalCTC, HierarchicalRecurrent
from cellwright.layers.ctc import ctc_loss


def hierarchy(cell: str = "lstm", hidden_sizes: tuple[int, ...] = (4, 5), **options: object) -> HierarchicalRecurrent:
    torch.manual_seed(0)
    return HierarchicalRecurrent(cell, 3, hidden_sizes, dtype=torch.float64, **options)


def of_chunks(level: torch.nn.Module, chunks: list[torch.Tensor], resets: bool) -> torch.Tensor:
    """What a level hands on of chunks (steps, features) of one sequence: (chunks, size)."""
    half = level.hidden_size
    ends = torch.tensor([len(chunk) for chunk in chunks]).cumsum(0)
    parts = [level(chunk)[0] for chunk in chunks] if resets else level(torch.cat(chunks))[0].tensor_split(ends[:-1])
    return torch.stack([torch.cat([part[-1, :half], part[0, half:]]) for part in parts])


def cut(x: torch.Tensor, starts: list[int]) -> list[torch.Tensor]:
    """One sequence at its chunks."""
    return [part for part in x.tensor_split([start for start in starts if start > 0]) if len(part)]


@settings(max_examples=10)
@given(
    st.lists(st.tuples(st.integers(0, 7), st.sets(st.integers(0, 6))), min_size=1, max_size=3),
    st.booleans(),
    st.booleans(),
)
def test_levels_by_hand(laws, rows: list[tuple[int, set[int]]], resets: bool, bidirectional: bool) -> None:
    """Of ragged sequences, whose padding is NaN and marked as full of starts."""
    model = hierarchy(resets=resets, bidirectional=bidirectional)
    x = torch.randn(7, len(rows), 3, dtype=torch.float64)
    starts = torch.zeros(7, len(rows), dtype=torch.bool)
    for row, (length, places) in enumerate(rows):
        starts[sorted(places), row] = True
        starts[length:, row] = True
        x[length:, row] = torch.nan
    output, state, counts = model(x, starts, lengths=[length for length, _ in rows])
    for row, (length, places) in enumerate(rows):
        if not length:
            assert counts[row] == 0
            assert not output[:, row].any()
            continue
        chunks = cut(x[:length, row], sorted(place for place in places if place < length))
        expected, final = model.levels[1](of_chunks(model.levels[0], chunks, resets))
        assert counts[row] == len(chunks)
        laws.same(output[: len(chunks), row], expected)
        assert not output[len(chunks) :, row].any()
        laws.same([part[:, row] for part in state], final)


def test_three_levels_with_clocks(laws) -> None:
    """Every second step, then every third of these: slower and slower."""
    model = hierarchy("gru", (4, 4, 4), resets=False, batch_first=True)
    x = torch.randn(2, 13, 3, dtype=torch.float64)
    output, _, counts = model(x, [2, 3])
    assert counts.tolist() == [3, 3]
    for row in range(2):
        below = of_chunks(model.levels[0], list(x[row].split(2)), False)
        below = of_chunks(model.levels[1], list(below.split(3)), False)
        laws.same(output[row], model.levels[2](below)[0])


def test_levels_of_a_cell_that_projects() -> None:
    assert hierarchy("lstmp", proj_size=2)(torch.zeros(5, 2, 3, dtype=torch.float64), 2)[0].shape == (3, 2, 2)
    by_labels = HierarchicalCTC("lstmp", 3, [(4, 5), (4, 6)], proj_size=2)
    assert [output.shape[-1] for output in by_labels(torch.zeros(5, 2, 3))] == [5, 6]


def test_chunks_of_one_step_are_a_stack_without_memory_below(laws) -> None:
    model, x = hierarchy(), torch.randn(5, 2, 3, dtype=torch.float64)
    below = torch.cat([model.levels[0](x[step : step + 1])[0] for step in range(5)])
    laws.same(model(x, 1)[0], model.levels[1](below)[0])


def test_gradients() -> None:
    model = hierarchy("gru", (2, 2), bidirectional=True)
    x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)
    starts = torch.tensor([[1, 0, 1, 0, 0], [1, 0, 0, 1, 1]], dtype=torch.bool).T

    def output(x: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return model(x, starts, lengths=[5, 4])[0]

    parameters = tuple(model.parameters())
    assert torch.autograd.gradcheck(output, (x, *parameters), fast_mode=True)
    assert torch.autograd.gradgradcheck(output, (x, *parameters), fast_mode=True)


@pytest.mark.parametrize(
    ("starts", "message"),
    [
        (0, "a number of steps among starts is a whole number from 1, got 0"),
        ([2, 2], "starts are given for 2 levels, expected 1: all but the top one"),
        (torch.zeros(4, 1, dtype=torch.bool), r"starts are booleans \(time, batch\) = \(5, 1\), got \(4, 1\)"),
        (torch.zeros(5, 1), r"got \(5, 1\) of torch.float32"),
    ],
)
def test_bad_starts_are_told(starts: object, message: str) -> None:
    with pytest.raises(CellwrightError, match=message):
        hierarchy()(torch.zeros(5, 1, 3, dtype=torch.float64), starts)


def test_bad_options_and_inputs_are_told() -> None:
    with pytest.raises(CellwrightError, match="hidden_sizes holds the units of two levels at least"):
        hierarchy(hidden_sizes=(4,))
    with pytest.raises(CellwrightError, match="expected three dimensions: add a batch"):
        hierarchy()(torch.zeros(5, 3, dtype=torch.float64), 2)
    with pytest.raises(CellwrightError, match=r"levels holds \(units, labels\) for each level"):
        HierarchicalCTC("lstm", 3, [4, 5])


def test_each_level_of_ctc_reads_the_probabilities_below(laws) -> None:
    torch.manual_seed(0)
    model = HierarchicalCTC("lstm", 3, [(4, 5), (3, 4)], dtype=torch.float64)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    phonemes, words = model(x, lengths=[6, 4])
    below = model.readouts[0](model.layers[0](x, lengths=[6, 4])[0])
    laws.same(phonemes, below.log_softmax(-1))
    laws.same(words, model.readouts[1](model.layers[1](below.softmax(-1), lengths=[6, 4])[0]).log_softmax(-1))


def test_gradients_of_the_top_loss_reach_the_bottom() -> None:
    torch.manual_seed(0)
    model = HierarchicalCTC("lstm", 2, [(2, 3), (2, 3)], dtype=torch.float64)
    x = torch.randn(4, 2, 2, dtype=torch.float64)

    def loss(*_: torch.Tensor) -> torch.Tensor:
        bottom, top = model(x, lengths=[4, 3])
        return ctc_loss(top, [[1], [2]], [4, 3]) + ctc_loss(bottom, [[1, 2], [2]], [4, 3])

    assert torch.autograd.gradcheck(loss, tuple(model.parameters()), fast_mode=True)
    ctc_loss(model(x)[1], [[1], [2]]).backward()
    assert all(parameter.grad.any() for parameter in model.layers[0].parameters())
