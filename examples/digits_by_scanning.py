"""Digits read by a multidimensional LSTM that scans them from all four corners (Graves, Fernández & Schmidhuber 2007).

    CELLWRIGHT_DATA=FOLDER python examples/digits_by_scanning.py [--seeds 3]

FOLDER holds mnist_t10k, the 10000 images of MNIST's test half. 1000 of them are for training, 500 for validation, 2000
for the test, other ones for each seed. Two tasks: digits as they are, and digits at a random place in a larger frame.

What has to be beaten, on the same images: the nearest neighbour and a linear classifier. Both compare pixel with pixel.
They do well on digits that lie where others lie, and fail on those that do not. A scan meets a stroke in the same way
wherever it is, so that it should lose less.

All images are halved to 14 x 14 first. What is chosen (weight decay, the epoch to stop at) is chosen on the validation
part. The 2007 paper has no figure for so few digits: its own are of other tasks.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy, pad

from cellwright.data.known import data_folder
from cellwright.layers import MultidimensionalRecurrent

CLASSES = 10
BATCH = 25


class Part(NamedTuple):
    """Images (number, 1, height, width) between 0 and 1, and their digits."""

    images: Tensor
    digits: Tensor


class Parts(NamedTuple):
    """What is trained on, what choices are made on, and what is told of."""

    training: Part
    validation: Part
    test: Part


def read(folder: Path) -> Part:
    """All images of MNIST's test half, from files as they are distributed, halved to 14 x 14."""

    def numbers(name: str, header: int) -> Tensor:
        content = gzip.decompress((folder / name).read_bytes())[header:]
        return torch.frombuffer(bytearray(content), dtype=torch.uint8)

    images = numbers("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)
    return Part(avg_pool2d(images / 255, 2), numbers("t10k-labels-idx1-ubyte.gz", 8).long())


def drawn(digits: Part, sizes: tuple[int, int, int], frame: int, seed: int) -> Parts:
    """Three parts without an image in common, each image at a random place in a frame of so many pixels a side."""
    draws = torch.Generator().manual_seed(seed)
    free = frame - digits.images.shape[-1]
    parts = []
    for chosen in torch.randperm(len(digits.digits), generator=draws)[: sum(sizes)].split(list(sizes)):
        corners = torch.randint(free + 1, (len(chosen), 2), generator=draws).tolist()
        images = [
            pad(image, (left, free - left, top, free - top))
            for image, (top, left) in zip(digits.images[chosen], corners, strict=True)
        ]
        parts.append(Part(torch.stack(images), digits.digits[chosen]))
    return Parts(*parts)


class Scanner(nn.Module):
    """Patches of 2 x 2 pixels, scanned from four corners; mean and maximum over all places tell the digit."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.patches = nn.PixelUnshuffle(2)
        self.scan = MultidimensionalRecurrent("mdlstm", 4, hidden_size, directions="all")
        self.digit = nn.Linear(2 * self.scan.output_size, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Scores (number, 10)."""
        places = self.scan(self.patches(images)).flatten(2)
        return self.digit(torch.cat([places.mean(2), places.amax(2)], 1))


def trained(model: nn.Module, parts: Parts, epochs: int, rate: float, decay: float, seed: int) -> tuple[float, float]:
    """Accuracy on the validation and the test part, after the epoch that is the best on the validation part."""
    mean, deviation = parts.training.images.mean(), parts.training.images.std()
    training, validation, test = (Part((part.images - mean) / deviation, part.digits) for part in parts)
    draws = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=decay)
    steps = epochs * -(-len(training.digits) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps)
    best = (-1.0, 0.0)
    for _ in range(epochs):
        for chosen in torch.randperm(len(training.digits), generator=draws).split(BATCH):
            optimizer.zero_grad()
            cross_entropy(model(training.images[chosen]), training.digits[chosen]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        if (found := accuracy(model, validation)) > best[0]:
            best = found, accuracy(model, test)
    return best


@torch.no_grad()
def accuracy(model: Callable[[Tensor], Tensor], part: Part) -> float:
    """Share of digits that get the highest score."""
    scores = torch.cat([model(images) for images in part.images.split(200)])
    return float((scores.argmax(1) == part.digits).double().mean())


def scanner(parts: Parts, seed: int, epochs: int = 12, hidden_size: int = 16) -> float:
    """Test accuracy of a scan from four corners."""
    torch.manual_seed(seed)
    return trained(Scanner(hidden_size), parts, epochs, 0.02, 0.01, seed)[1]


def linear(parts: Parts, seed: int, epochs: int = 20) -> float:
    """Test accuracy of a linear classifier, with the weight decay that is the best on the validation part."""
    pixels = parts.training.images[0].numel()
    found = []
    for decay in (0.01, 0.1, 1.0, 3.0):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Flatten(), nn.Linear(pixels, CLASSES))
        found.append(trained(model, parts, epochs, 0.01, decay, seed))
    return max(found)[1]


def nearest(parts: Parts) -> float:
    """Test accuracy of the nearest training image."""
    known, asked = parts.training.images.flatten(1), parts.test.images.flatten(1)
    return float((parts.training.digits[torch.cdist(asked, known).argmin(1)] == parts.test.digits).double().mean())


def main(seeds: int = 3, sizes: tuple[int, int, int] = (1000, 500, 2000)) -> None:
    """Print test accuracies on both tasks."""
    digits = read(data_folder() / "mnist_t10k")
    print(f"accuracy on {sizes[2]} digits after {sizes[0]}, mean of {seeds} seeds [least to most]")
    for task, frame in (("as they are, 14 x 14", 14), ("anywhere in 22 x 22", 22)):
        found: dict[str, list[float]] = {"scan from four corners": [], "nearest neighbour": [], "linear classifier": []}
        for seed in range(seeds):
            parts = drawn(digits, sizes, frame, seed)
            for scores, score in zip(
                found.values(), (scanner(parts, seed), nearest(parts), linear(parts, seed)), strict=True
            ):
                scores.append(score)
        for name, scores in found.items():
            print(
                f"{task:<22} {name:<24} {statistics.mean(scores):.3f} [{min(scores):.3f} to {max(scores):.3f}]",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    main(arguments.seeds)
