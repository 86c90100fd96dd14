"""Lengths and resets: a batch of ragged sequences computes what each of them computes alone."""

from __future__ import annotations

from itertools import pairwise

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright import LSTM, Recurrent
from cellwright.cells import Cell

STACKS = st.fixed_dictionaries({"num_layers": st.integers(1, 2), "bidirectional": st.booleans()})


def tuple_of(state: object) -> tuple[torch.Tensor, ...]:
    return (state,) if isinstance(state, torch.Tensor) else tuple(state)


def piece(inputs: dict[str, torch.Tensor], row: int, start: int, stop: int) -> dict[str, torch.Tensor]:
    return {name: tensor[start:stop, row] for name, tensor in inputs.items()}


def of_row(state: tuple[torch.Tensor, ...], row: int) -> torch.Tensor | tuple[torch.Tensor, ...]:
    alone = tuple(tensor[:, row] for tensor in state)
    return alone[0] if len(alone) == 1 else alone


@settings(max_examples=5)
@given(lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4), stack=STACKS)
def test_lengths_equal_each_sequence_alone(laws, workbench, cell, lengths: list[int], stack: dict) -> None:
    layer = workbench.layer(cell, **stack)
    inputs = workbench.inputs(cell, 6, len(lengths))
    state = workbench.state(layer, len(lengths))
    output, final, recorded = layer(**inputs, state=state_of(state), lengths=lengths, record=signals(cell))
    for row, length in enumerate(lengths):
        assert not output[length:, row].any()
        assert not any(signal[length:, row].any() for signal in recorded.values())
        own_final = [tensor[:, row] for tensor in tuple_of(final)]
        if length == 0:
            laws.same(own_final, [tensor[:, row] for tensor in state])
            continue
        alone = layer(**piece(inputs, row, 0, length), state=of_row(state, row), record=signals(cell))
        laws.same(output[:length, row], alone[0])
        laws.same(own_final, tuple_of(alone[1]))
        laws.same({name: signal[:length, row] for name, signal in recorded.items()}, alone[2])


@settings(max_examples=5)
@given(data=st.data(), stack=STACKS, ragged=st.booleans())
def test_resets_equal_the_pieces_alone(laws, workbench, cell, data: st.DataObject, stack: dict, ragged: bool) -> None:
    """Run backwards, a border lies on the other side: the last piece begins with the initial state."""
    layer = workbench.layer(cell, **stack)
    steps, batch = 6, 2
    inputs, state = workbench.inputs(cell, steps, batch), workbench.state(layer, batch)
    borders = [sorted(data.draw(st.sets(st.integers(0, steps - 1)))) for _ in range(batch)]
    lengths = [data.draw(st.integers(1, steps)) for _ in range(batch)] if ragged else [steps] * batch
    resets = torch.zeros(steps, batch, dtype=torch.bool)
    for row, starts in enumerate(borders):
        resets[starts, row] = True
    output, final = layer(
        **inputs, state=state_of(state), resets=resets, lengths=torch.tensor(lengths) if ragged else None
    )
    for row, (starts, length) in enumerate(zip(borders, lengths, strict=True)):
        own_output, own_final = in_pieces(layer, inputs, state, row, [s for s in starts if s < length], length)
        laws.same(output[:length, row], own_output)
        laws.same([tensor[:, row] for tensor in tuple_of(final)], own_final)


def in_pieces(
    layer: Recurrent, inputs: dict, state: tuple, row: int, starts: list[int], length: int
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Output and final state of one row, each piece run by a call of its own."""
    backward = torch.tensor([layer.bidirectional and index % 2 == 1 for index in range(state[0].shape[0])])
    given_ones = [tensor[:, row] for tensor in state]
    final = [torch.empty_like(tensor) for tensor in given_ones]
    edges = sorted({0, *starts, length})
    outputs = []
    for start, stop in pairwise(edges):
        from_before = ~backward & (start == 0 and 0 not in starts)
        from_behind = backward & (stop == length)
        use = (from_before | from_behind).unsqueeze(-1)
        initial = tuple(torch.where(use, tensor, 0.0) for tensor in given_ones)
        output, new = layer(**piece(inputs, row, start, stop), state=state_of(initial))
        outputs.append(output)
        for kept, tensor in zip(final, tuple_of(new), strict=True):
            if stop == length:
                kept[~backward] = tensor[~backward]
            if start == 0:
                kept[backward] = tensor[backward]
    return torch.cat(outputs), final


def state_of(tensors: tuple[torch.Tensor, ...]) -> torch.Tensor | tuple[torch.Tensor, ...]:
    return tensors[0] if len(tensors) == 1 else tensors


def signals(cell: Cell) -> tuple[str, ...]:
    return tuple(cell.program().named)


def test_no_gradient_crosses_a_reset(workbench, smooth_cell) -> None:
    layer = workbench.layer(smooth_cell, num_layers=2, bidirectional=True)
    inputs = {name: tensor.requires_grad_() for name, tensor in workbench.inputs(smooth_cell, 6, 1).items()}
    state = tuple(tensor.requires_grad_() for tensor in workbench.state(layer, 1))
    resets = torch.zeros(6, 1, dtype=torch.bool)
    resets[3] = True
    output, _ = layer(**inputs, state=state_of(state), resets=resets)
    for part, others in ((slice(None, 3), slice(3, None)), (slice(3, None), slice(None, 3))):
        gradients = torch.autograd.grad(output[part].square().sum(), inputs.values(), retain_graph=True)
        for gradient in gradients:
            assert not gradient[others].any()
        assert gradients[0][part].all()
    # The forward direction brings the initial state to the first part alone, the backward one to the second.
    for gradient in torch.autograd.grad(output[3:].square().sum(), state, retain_graph=True, materialize_grads=True):
        assert not gradient[0::2].any()
    for gradient in torch.autograd.grad(output[:3].square().sum(), state, materialize_grads=True):
        assert not gradient[1::2].any()


def test_a_reset_forgets_even_what_is_not_a_number(laws, workbench, smooth_cell) -> None:
    layer = workbench.layer(smooth_cell)
    inputs = workbench.inputs(smooth_cell, 4, 1)
    inputs["input"][1] = float("nan")
    resets = torch.tensor([[False], [False], [True], [False]])
    output, _ = layer(**inputs, resets=resets)
    assert output[1].isnan().any()
    laws.same(output[2:, 0], layer(**piece(inputs, 0, 2, 4))[0])


def test_what_the_padding_holds_has_no_effect(laws, workbench, cell) -> None:
    layer = workbench.layer(cell, num_layers=2, bidirectional=True)
    inputs, lengths = workbench.inputs(cell, 5, 3), torch.tensor([5, 2, 0])
    results = []
    for filling in (0.0, float("nan"), float("inf")):
        filled = {name: tensor.clone() for name, tensor in inputs.items()}
        for tensor in filled.values():
            tensor[2:, 1], tensor[:, 2] = filling, filling
            tensor.requires_grad_()
        output, final = layer(**filled, lengths=lengths)
        total = output.sum() + sum(tensor.sum() for tensor in tuple_of(final))
        results.append([output, *tuple_of(final), *torch.autograd.grad(total, [*filled.values(), *layer.parameters()])])
    laws.same(results[1], results[0])
    laws.same(results[2], results[0])


def test_resets_and_lengths_are_batch_first_with_the_layer(laws) -> None:
    torch.manual_seed(0)
    layer = LSTM(3, 4, 2, bidirectional=True, dtype=torch.float64)
    swapped = LSTM(3, 4, 2, bidirectional=True, batch_first=True, dtype=torch.float64)
    swapped.load_state_dict(layer.state_dict())
    x, resets = torch.randn(6, 3, 3, dtype=torch.float64), torch.rand(6, 3) < 0.4
    lengths = torch.tensor([4, 6, 5], dtype=torch.uint8)
    output, state, recorded = layer(x, lengths=lengths, resets=resets, record=("i", "c"))
    own = swapped(x.transpose(0, 1), lengths=lengths.tolist(), resets=resets.T, record=("i", "c"))
    laws.same(own[0].transpose(0, 1), output)
    laws.same(own[1], state)
    laws.same({name: tensor.transpose(0, 1) for name, tensor in own[2].items()}, recorded)


def test_one_sequence_without_a_batch_takes_them_too(laws) -> None:
    torch.manual_seed(0)
    layer = LSTM(3, 4, bidirectional=True, batch_first=True, dtype=torch.float64)
    x, resets = torch.randn(6, 3, dtype=torch.float64), torch.tensor([0, 0, 1, 0, 1, 0]).bool()
    output, state = layer(x, lengths=[5], resets=resets)
    batched, batched_state = layer(x.unsqueeze(0), lengths=[5], resets=resets.unsqueeze(0))
    laws.same([output, *state], [batched[0], *(tensor[:, 0] for tensor in batched_state)])
