"""Draws depend on their key and on nothing else."""

import pytest
import torch
from scipy.stats import kstest

from cellwright.crossbar.draws import Draws, _box_muller, key_words, philox


def words(*numbers):
    return tuple(torch.tensor(number) for number in numbers)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_published_answers(counter, key, expected):
    """The known answers of the Random123 library for philox4x32-10."""
    assert tuple(int(word) for word in philox(words(*counter), words(*key))) == expected


def test_numbers_are_normal_and_uniform():
    draws = Draws(1, 4, "array")
    assert kstest(draws.normal("noise", 0, 5000).flatten().numpy(), "norm").pvalue > 1e-3
    assert kstest(draws.uniform("stuck", 0, 5000).flatten().numpy(), "uniform").pvalue > 1e-3


def test_a_chip_is_the_same_in_any_batch():
    few, many = Draws(3, 5, "array", 0), Draws(3, 50, "array", 0)
    assert torch.equal(few.normal("noise", 7, 33), many.normal("noise", 7, 33)[:5])
    assert torch.equal(few.uniform("stuck", 0, 33), many.uniform("stuck", 0, 33)[:5])


def test_an_element_is_the_same_for_any_count():
    draws = Draws(3, 2, "array")
    assert torch.equal(draws.normal("noise", 1, 10), draws.normal("noise", 1, 64)[:, :10])


@pytest.mark.parametrize(("steps", "count"), [(range(3), 17), (range(5, 8), 64), (range(2**20, 2**20 + 1), 1)])
def test_compiled_numbers_are_those_of_the_definition(steps, count):
    """Box and Muller's transform of Philox's words, as written on torch integers."""
    draws = Draws(3, 4, "array")
    words = draws._words("noise", steps, -(-count // 4))
    pairs = [*_box_muller(words[0], words[1]), *_box_muller(words[2], words[3])]
    expected = torch.stack(pairs, -1).flatten(-2)[..., :count]
    torch.testing.assert_close(draws.normal_steps("noise", steps, count), expected, rtol=0, atol=1e-14)


def test_several_steps_at_once_are_the_same_steps():
    draws = Draws(3, 2, "array")
    together = draws.normal_steps("noise", range(4, 9), 17)
    assert all(torch.equal(together[k], draws.normal("noise", 4 + k, 17)) for k in range(5))


def test_every_part_of_the_key_counts():
    base = Draws(0, 2, "array", 1)
    reference = base.normal("noise", 0, 8)
    others = [
        Draws(1, 2, "array", 1).normal("noise", 0, 8),
        Draws(0, 2, "other", 1).normal("noise", 0, 8),
        Draws(0, 2, "array", 2).normal("noise", 0, 8),
        base.normal("programming", 0, 8),
        base.normal("noise", 1, 8),
        reference.flip(0),
    ]
    assert not any((other == reference).any() for other in others)
    assert key_words("a", "bc") != key_words("ab", "c")
    assert key_words(1) != key_words("1")


def test_pairs_are_drawn_for_those_elements_alone():
    draws = Draws(0, 3, "array")
    chip, element = torch.tensor([0, 2, 1]), torch.tensor([5, 5, 9])
    first, second = draws.normal_pairs("programming", 4, chip, element)
    again = draws.normal_pairs("programming", 4, chip[1:], element[1:])
    assert torch.equal(first[1:], again[0])
    assert torch.equal(second[1:], again[1])
    assert first.unique().numel() == 3
