"""A step at a time, a chunk at a time: the same as the whole sequence in one call."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright import LSTM
from cellwright.errors import CellwrightError


@pytest.mark.parametrize("batch_first", [False, True])
def test_steps_equal_the_whole(laws, workbench, cell, batch_first: bool) -> None:
    layer = workbench.layer(cell, num_layers=2, batch_first=batch_first)
    inputs = workbench.inputs(cell, 5, 2)
    state = workbench.state(layer, 2)
    state = state if len(state) > 1 else state[0]
    whole = {name: tensor.transpose(0, 1) if batch_first else tensor for name, tensor in inputs.items()}
    output, final = layer(**whole, state=state)
    outputs = []
    for time in range(5):
        now, state = layer.step(**{name: tensor[time] for name, tensor in inputs.items()}, state=state)
        outputs.append(now)
    laws.same([torch.stack(outputs, dim=1 if batch_first else 0), state], [output, final])


def test_steps_of_one_sequence_without_a_batch(laws, workbench, cell) -> None:
    layer = workbench.layer(cell)
    inputs = workbench.inputs(cell, 4)
    output, final = layer(**inputs)
    state, outputs = None, []
    for time in range(4):
        now, state = layer.step(**{name: tensor[time] for name, tensor in inputs.items()}, state=state)
        outputs.append(now)
    laws.same([torch.stack(outputs), state], [output, final])


@settings(max_examples=4)
@given(chunks=st.lists(st.integers(1, 4), min_size=1, max_size=4), ragged=st.booleans())
def test_chunks_equal_the_whole(laws, workbench, cell, chunks: list[int], ragged: bool) -> None:
    """Also where sequences end within a chunk: they keep their state, and later chunks have length 0 for them."""
    layer = workbench.layer(cell, num_layers=2)
    steps, batch = sum(chunks), 3
    inputs = workbench.inputs(cell, steps, batch)
    lengths = torch.randint(0, steps + 1, (batch,)) if ragged else torch.full((batch,), steps)
    resets = torch.rand(steps, batch) < 0.2
    output, final = layer(**inputs, lengths=lengths, resets=resets)
    outputs, state, start = [], None, 0
    for chunk in chunks:
        here = slice(start, start + chunk)
        part, state = layer(
            **{name: tensor[here] for name, tensor in inputs.items()},
            state=state,
            lengths=(lengths - start).clamp(0, chunk),
            resets=resets[here],
        )
        outputs.append(part)
        start += chunk
    laws.same([torch.cat(outputs), state], [output, final])


def test_a_stream_trains_in_truncated_pieces(laws) -> None:
    """A state that is detached between chunks cuts the gradient there, and nothing else."""
    torch.manual_seed(0)
    layer = LSTM(3, 4, dtype=torch.float64)
    x = torch.randn(6, 2, 3, dtype=torch.float64, requires_grad=True)
    _, state = layer(x[:3])
    output, _ = layer(x[3:], tuple(tensor.detach() for tensor in state))
    (gradient,) = torch.autograd.grad(output.sum(), x)
    assert not gradient[:3].any()
    assert gradient[3:].all()
    whole = torch.autograd.grad(layer(x)[0][3:].sum(), x)[0]
    assert whole[:3].all()
    laws.same(gradient[3:], whole[3:])


def test_both_directions_cannot_be_streamed() -> None:
    with pytest.raises(CellwrightError, match="bidirectional layer needs the whole sequence"):
        LSTM(3, 4, bidirectional=True).step(torch.zeros(2, 3))
