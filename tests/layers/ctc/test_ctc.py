"""The loss of CTC and best path decoding, against sums over all paths written out."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright import CellwrightError, Recurrent
from cellwright.layers.ctc import best_path, collapse, ctc_loss, prefix_search


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(2, 4), st.integers(0, 3), st.integers(0, 99))
def test_the_loss_sums_over_all_paths(every_string, steps: int, labels: int, blank: int, seed: int) -> None:
    blank %= labels
    torch.manual_seed(seed)
    outputs = torch.randn(steps, 1, labels, dtype=torch.float64)
    for labelling, probability in every_string(outputs[:, 0], blank).items():
        loss = ctc_loss(outputs, [labelling], blank=blank, reduction="sum").item()
        assert loss == pytest.approx(-math.log(probability), rel=1e-12, abs=1e-12)


def test_reductions_are_torchs() -> None:
    outputs, targets = torch.randn(7, 3, 4, dtype=torch.float64), [[1, 1, 2], [3], []]
    each = ctc_loss(outputs, targets, [7, 5, 6], reduction="none")
    assert ctc_loss(outputs, targets, [7, 5, 6], reduction="sum").item() == pytest.approx(each.sum().item(), rel=1e-12)
    mean = (each / torch.tensor([3, 1, 1])).mean().item()
    assert ctc_loss(outputs, targets, [7, 5, 6]).item() == pytest.approx(mean, rel=1e-12)


def test_gradients_through_a_bidirectional_layer() -> None:
    torch.manual_seed(0)
    layer = Recurrent("lstm", 2, 3, bidirectional=True, dtype=torch.float64)
    readout = torch.nn.Linear(6, 4, dtype=torch.float64)
    x, targets = torch.randn(5, 2, 2, dtype=torch.float64, requires_grad=True), [[1, 1], [3]]

    def loss(x: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return ctc_loss(readout(layer(x, lengths=[5, 3])[0]), targets, [5, 3])

    assert torch.autograd.gradcheck(loss, (x, *layer.parameters(), *readout.parameters()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_that_of_the_outputs_alone(dtype: torch.dtype) -> None:
    outputs = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    assert torch.equal(ctc_loss(outputs, [[1], [2, 1]]), ctc_loss(outputs.float(), [[1], [2, 1]]))


def test_nothing_is_decoded_from_nan_or_for_no_sequence() -> None:
    with pytest.raises(CellwrightError, match="outputs hold NaN"):
        best_path(torch.full((2, 1, 3), torch.nan))
    assert best_path(torch.zeros(2, 0, 3)) == prefix_search(torch.zeros(2, 0, 3)) == []


def test_padding_has_no_effect() -> None:
    torch.manual_seed(0)
    outputs = torch.randn(6, 2, 3, dtype=torch.float64)
    outputs[4:, 1] = torch.nan
    outputs.requires_grad_()
    ctc_loss(outputs, [[1, 2], [2]], [6, 4], reduction="sum").backward()
    assert not outputs.grad[4:, 1].any()
    alone = ctc_loss(outputs[:4, 1:], [[2]], reduction="sum").item()
    assert ctc_loss(outputs, [[1, 2], [2]], [6, 4], reduction="none")[1].item() == pytest.approx(alone, rel=1e-12)
    assert best_path(outputs, [6, 4])[1] == best_path(outputs[:4, 1:])[0]


@given(st.lists(st.integers(0, 3), max_size=8), st.integers(0, 3))
def test_a_path_collapses_to_its_labelling(path: list[int], blank: int) -> None:
    expected = [label for step, label in enumerate(path) if label != blank and (step == 0 or path[step - 1] != label)]
    assert collapse(path, blank) == tuple(expected)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.integers(0, 3))
def test_best_path_is_the_collapsed_argmax(path: list[int], blank: int) -> None:
    outputs = torch.nn.functional.one_hot(torch.tensor(path), 4).double().unsqueeze(1)
    assert best_path(outputs, blank=blank) == [collapse(path, blank)]


OUTPUTS = torch.zeros(3, 1, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"targets": [[1, 2, 3, 1]]}, "target 0 has 4 labels, which take 4 steps, but sequence 0 has 3: divide"),
        ({"targets": [[1, 1, 1]]}, "which take 3 steps and 2 between equal ones, but sequence 0 has 3"),
        ({"targets": [[1, 2]], "lengths": [1]}, "but sequence 0 has 1"),
        ({"targets": [[1, 4]]}, "target 0 holds 4: labels are whole numbers from 0 to 3"),
        ({"targets": [[-1]]}, "target 0 holds -1"),
        ({"targets": [[1.5]]}, "target 0 holds 1.5"),
        ({"targets": [[1, 0]]}, "target 0 holds the blank, 0: leave it out"),
        ({"targets": [1]}, "target 0 is 1: expected a string of labels"),
        ({"targets": torch.ones(1, 1, 1)}, "expected a string of labels"),
        ({"targets": 3}, "targets hold a string of labels for each sequence, got int"),
        ({"targets": [[1], [2]]}, "targets hold 2 strings of labels, but the outputs 1 sequences"),
        ({"targets": [[1]], "blank": 4}, "blank is the number of a label from 0 to 3, got 4"),
        ({"targets": [[1]], "reduction": "average"}, "reduction is one of none, sum, mean; got 'average'"),
        ({"targets": [[1]], "lengths": [4]}, "lengths lie between 0 and the 3 time steps"),
        ({"targets": [[1]], "outputs": torch.zeros(3, 4)}, r"outputs are a tensor \(time, batch, labels\)"),
        ({"targets": [[1]], "outputs": torch.zeros(3, 1, 4, dtype=torch.int64)}, "of real numbers, got"),
        ({"targets": [[1]], "outputs": [[0.0]]}, "got list"),
        ({"targets": [], "outputs": torch.zeros(3, 0, 4)}, r"the shape \(3, 0, 4\): expected one sequence at least"),
        ({"targets": [[1]], "lengths": [None]}, r"lengths holds one whole number a sequence, got \[None\]"),
        ({"targets": [[1]], "outputs": torch.zeros(3, 1, 1)}, "a label beside the blank"),
        ({"targets": [[1]], "outputs": torch.zeros(0, 1, 4)}, "at least one step"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(arguments: dict, message: str) -> None:
    with pytest.raises(CellwrightError, match=message) as told:
        ctc_loss(**{"outputs": OUTPUTS, **arguments})
    assert "\n" not in str(told.value)
