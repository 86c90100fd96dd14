import pytest
import torch

from cellwright.errors import CellwrightError
from cellwright.learning import SequenceData
from cellwright.learning.data import as_source


def test_select_takes_sequences_in_the_order_asked_for():
    data = SequenceData(torch.arange(12.0).view(3, 4, 1), torch.arange(3.0).view(3, 1))
    batch = data.select(torch.tensor([2, 0]))
    assert batch.inputs[:, 0, 0].tolist() == [8.0, 0.0]
    assert batch.targets[:, 0].tolist() == [2.0, 0.0]
    assert batch.mask is None


def test_time_major_data_is_the_transpose_of_batch_first_data():
    x, y = torch.randn(3, 5, 2), torch.randn(3, 5, 1)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [True] * 4 + [False]])
    first = SequenceData(x, y, mask).select(torch.tensor([1, 2]))
    second = SequenceData(x.transpose(0, 1), y.transpose(0, 1), mask.T, batch_first=False).select(torch.tensor([1, 2]))
    assert torch.equal(first.inputs, second.inputs.transpose(0, 1))
    assert torch.equal(first.targets, second.targets.transpose(0, 1))
    assert torch.equal(first.mask, second.mask.T)


def test_time_major_data_with_one_target_a_sequence():
    data = SequenceData(torch.randn(5, 3, 2), torch.arange(3.0), batch_first=False)
    assert len(data) == 3
    assert data.select(torch.tensor([2])).targets.tolist() == [2.0]


def test_digest_tells_values_shapes_and_masks_apart():
    x, y = torch.arange(6.0).view(2, 3, 1), torch.ones(2, 3, 1)
    full = torch.ones(2, 3, dtype=torch.bool)
    partial = full.clone()
    partial[0, 0] = False
    made = [
        SequenceData(x, y),
        SequenceData(x + 1e-6, y),
        SequenceData(x.double(), y),
        SequenceData(x.view(2, 1, 3), y[:, :1]),
        SequenceData(x, y, full),
        SequenceData(x, y, partial),
    ]
    assert len({data.digest() for data in made}) == len(made)
    assert SequenceData(x.clone(), y.clone()).digest() == SequenceData(x, y).digest()


@pytest.mark.parametrize(
    ("inputs", "targets", "mask", "says"),
    [
        (torch.zeros(0, 3, 1), torch.zeros(0, 3, 1), None, "hold no sequences"),
        (torch.zeros(2, 0, 1), torch.zeros(2, 0, 1), None, "hold no sequences"),
        (torch.zeros(4), torch.zeros(4), None, "hold no sequences"),
        (torch.zeros(2, 3, 1), torch.zeros(3, 3, 1), None, "expected 2 sequences"),
        (torch.zeros(2, 3, 1), torch.tensor(1.0), None, "expected 2 sequences"),
        (torch.zeros(2, 3, 1), torch.zeros(2, 3, 1), torch.ones(2, 3), "expected bool"),
        (torch.zeros(2, 3, 1), torch.zeros(2, 3, 1), torch.ones(2, 2, dtype=torch.bool), "leading axes"),
        (torch.zeros(2, 3, 1), torch.zeros(2, 3, 1), torch.zeros(2, 3, dtype=torch.bool), "counts no target"),
        ([1.0], torch.zeros(1, 1, 1), None, "inputs must be a tensor, not list"),
    ],
)
def test_bad_data_is_named(inputs, targets, mask, says):
    with pytest.raises(CellwrightError, match=says):
        SequenceData(inputs, targets, mask)


@pytest.mark.parametrize("data", [3, "abc", None, (torch.zeros(1, 1, 1),), torch.zeros(2, 3, 1)])
def test_what_is_no_data_is_refused(data):
    with pytest.raises(CellwrightError, match="validation is a"):
        as_source(data, "validation")


def test_an_empty_source_is_refused():
    class Empty:
        batch_first = True

        def __len__(self):
            return 0

        def select(self, indices):
            raise AssertionError("never asked")

    with pytest.raises(CellwrightError, match="data is empty"):
        as_source(Empty())
