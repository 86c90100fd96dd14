"""The example of parity runs: the Grid LSTM learns four bits, and the network that it is set beside is of its size."""

from __future__ import annotations

import torch


def test_parity_of_four_bits_is_learnt(example):
    torch.manual_seed(0)
    known, unseen = example.divided(4, 0.75, seed=0)
    learnt = example.trained(example.Parity(example.Size(4, 16, 3)), known, unseen, steps=800, rate=0.02, seed=0)
    assert learnt.known == 1.0
    assert learnt.steps < 800


def test_every_string_is_known_or_unseen_and_odd_by_its_ones(example):
    known, unseen = example.divided(6, 0.6, seed=0)
    assert (len(known.odd), len(unseen.odd)) == (38, 26)
    bits, odd = torch.cat([known.bits, unseen.bits]), torch.cat([known.odd, unseen.odd])
    assert len(bits.unique(dim=0)) == 64
    assert torch.equal(odd.bool(), bits.prod(1) < 0)  # six bits: an odd number of ones is an odd number of zeros


def test_the_feed_forward_network_has_as_many_weights(example):
    for wanted in (2000, 20000):
        other = example.FeedForward(example.Size(8, 64, 4), wanted)
        assert wanted <= sum(parameter.numel() for parameter in other.parameters()) < 1.1 * wanted
