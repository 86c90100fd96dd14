"""The example that scans digits runs, and on digits that lie anywhere the scan beats what compares pixel with pixel."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(scope="module")
def digits(example, needs):
    return example.read(needs.data("mnist_t10k"))


def test_parts_have_no_image_in_common_and_digits_stay_whole(example, digits):
    parts = example.drawn(digits, (30, 20, 10), 22, seed=0)
    assert [len(part.digits) for part in parts] == [30, 20, 10]
    images = torch.cat([part.images for part in parts])
    assert images.shape[1:] == (1, 22, 22)
    kept = digits.images.sum((1, 2, 3))
    found = [int((kept - total).abs().argmin()) for total in images.sum((1, 2, 3))]
    assert len(set(found)) == 60
    assert torch.allclose(kept[found], images.sum((1, 2, 3)), rtol=1e-5)


def test_a_scan_finds_digits_wherever_they_are(example, digits):
    parts = example.drawn(digits, (300, 100, 300), 20, seed=0)
    scanned = example.scanner(parts, seed=0, epochs=8, hidden_size=12)
    assert scanned > max(example.nearest(parts), example.linear(parts, seed=0, epochs=5)) + 0.05
