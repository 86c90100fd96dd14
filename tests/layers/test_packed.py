"""Packed sequences go in and come out as they do in torch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence

from cellwright import GRU, LSTM, Recurrent
from cellwright.errors import CellwrightError


def pair(kind: type[LSTM] | type[GRU] = LSTM, **options: object) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(3)
    ours = kind(3, 5, dtype=torch.float64, **options)
    theirs = kind.torch_class(3, 5, dtype=torch.float64, **options)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def results(layer: nn.Module, packed: PackedSequence, leaf: torch.Tensor, state: tuple[torch.Tensor, ...]):
    """Packed output, final states in the caller's order, gradients of the padded input, the states and parameters."""
    output, final = layer(packed, (state if len(state) > 1 else state[0]) if state else None)
    final = (final,) if isinstance(final, torch.Tensor) else final
    padded, _ = pad_packed_sequence(output)
    total = sum((t * torch.linspace(-1, 2, t.numel(), dtype=t.dtype).reshape(t.shape)).sum() for t in (padded, *final))
    gradients = torch.autograd.grad(total, [leaf, *state, *layer.parameters()])
    return output, [output.data, *final, *gradients]


@settings(max_examples=60)
@given(
    kind=st.sampled_from([LSTM, GRU]),
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    sort=st.booleans(),
    with_state=st.booleans(),
    options=st.fixed_dictionaries(
        {
            "num_layers": st.integers(1, 2),
            "bidirectional": st.booleans(),
            "batch_first": st.booleans(),
        }
    ),
    projection=st.sampled_from([0, 2]),
)
def test_it_computes_what_torch_computes(
    laws, kind: type, lengths: list[int], sort: bool, with_state: bool, options: dict, projection: int
) -> None:
    if kind is LSTM:
        options["proj_size"] = projection
    ours, theirs = pair(kind, **options)
    lengths = sorted(lengths, reverse=True) if sort else lengths
    x = torch.randn(max(lengths), len(lengths), 3, dtype=torch.float64, requires_grad=True)
    rows = options["num_layers"] * (1 + options["bidirectional"])
    sizes = ((projection or 5, 5) if kind is LSTM else (5,)) if with_state else ()
    state = tuple(torch.randn(rows, len(lengths), n, dtype=torch.float64, requires_grad=True) for n in sizes)
    both = [
        results(layer, pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=sort), x, state)
        for layer in (ours, theirs)
    ]
    (own, own_values), (other, other_values) = both
    laws.same(own_values, other_values)
    assert torch.equal(own.batch_sizes, other.batch_sizes)
    for name in ("sorted_indices", "unsorted_indices"):
        indices, expected = getattr(own, name), getattr(other, name)
        assert (indices is None) == (expected is None)
        assert indices is None or torch.equal(indices, expected)


def test_an_order_of_ones_own_among_equal_lengths_is_kept(laws) -> None:
    """Sorting the lengths again could break ties in another way than whoever packed them did."""
    ours, theirs = pair(bidirectional=True)
    data = torch.randn(9, 3, dtype=torch.float64)
    packed = PackedSequence(data, torch.tensor([3, 3, 3]), sorted_indices=torch.tensor([2, 0, 1]))
    output, state = ours(packed)
    expected, expected_state = theirs(packed)
    laws.same([output.data, *state], [expected.data, *expected_state])
    laws.same(pad_packed_sequence(output)[0], pad_packed_sequence(expected)[0])
    assert torch.equal(output.sorted_indices, packed.sorted_indices)


def test_recorded_signals_come_packed_in_the_same_order(laws) -> None:
    ours, _ = pair(num_layers=2, bidirectional=True)
    sequences = [torch.randn(n, 3, dtype=torch.float64) for n in (2, 4, 3)]
    output, _, recorded = ours(pack_sequence(sequences, enforce_sorted=False), record=("h", "i"))
    assert all(isinstance(signal, PackedSequence) for signal in recorded.values())
    last = torch.cat([recorded["h_l1"].data, recorded["h_l1_reverse"].data], -1)
    laws.same(output.data, last)
    padded, lengths = pad_packed_sequence(recorded["i_l1_reverse"])
    for index, sequence in enumerate(sequences):
        alone = ours(sequence, record="i")[2]["i_l1_reverse"]
        laws.same(padded[: lengths[index], index], alone)


def test_any_cell_takes_packed_sequences(laws, workbench, cell) -> None:
    if cell.sequences.keys() != {"x"}:
        layer = workbench.layer(cell)
        with pytest.raises(CellwrightError, match="pass lengths"):
            layer(
                pack_sequence([torch.randn(2, 3)]), **{name: torch.randn(2) for name in cell.sequences if name != "x"}
            )
        return
    layer = workbench.layer(cell, num_layers=2, bidirectional=True, batch_first=True)
    x = torch.randn(3, 5, 3, dtype=torch.float64)
    lengths = torch.tensor([3, 5, 1])
    packed, packed_state = layer(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
    output, state = layer(x, lengths=lengths)
    laws.same([pad_packed_sequence(packed, batch_first=True)[0], packed_state], [output, state])


def test_what_does_not_fit_is_refused() -> None:
    layer = LSTM(3, 4)
    packed = pack_sequence([torch.randn(3, 3), torch.randn(2, 3)])
    with pytest.raises(CellwrightError, match=r"initial h has the shape \(1, 1, 4\), expected \(1, 2, 4\)"):
        layer(packed, (torch.zeros(1, 1, 4), torch.zeros(1, 2, 4)))
    with pytest.raises(CellwrightError, match=r"data of the shape \(5, 2\), expected \(steps, 3\)"):
        layer(pack_sequence([torch.randn(3, 2), torch.randn(2, 2)]))
    with pytest.raises(CellwrightError, match="brings its lengths"):
        layer(packed, lengths=[3, 2])
    with pytest.raises(CellwrightError, match="brings its lengths"):
        layer(packed, resets=torch.zeros(3, 2, dtype=torch.bool))
    with pytest.raises(CellwrightError, match=r"torch.float64.*torch.float32"):
        layer(pack_sequence([torch.randn(3, 3, dtype=torch.float64)]))
    with pytest.raises(CellwrightError, match="no signal 'z'"):
        Recurrent("peephole", 3, 4)(packed, record="z")
