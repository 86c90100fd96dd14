"""Moving digits, forecast by a convolutional LSTM (after Shi, Chen, Wang, Yeung, Wong & Woo 2015, section 4.1).

    CELLWRIGHT_DATA=FOLDER python examples/moving_digits.py [--seeds 3]

FOLDER holds mnist_t10k, the 10000 images of MNIST's test half. Two digits of 10 x 10 pixels move through frames of
24 x 24, each at a constant speed, through one another, and bounce at the border; sequences are drawn anew for each
batch. Digits of the test are none of the training's.

Two tasks. **Next**: at each step of a sequence, the frame that follows, the first three steps left out, since one frame
tells of no speed. It has to beat copying the last frame, which is what a model does that sees no movement, and an LSTM
that sees each frame as a vector: it has 138 times the weights, but has to learn each movement at each place.
**Five from five**: an encoder-forecaster, as in the paper, beside copying the last frame it saw.

Printed is the squared error of a pixel, and the cross-entropy of a frame in nats, for the copy that of the frame with
its greys drawn towards the middle, by what is best on training sequences. The published figures are for other frames
(64 x 64, two digits, ten frames from ten, in patches): cross-entropy 3670.85 of ConvLSTM against 4832.49 of FC-LSTM.

Learning rates and the number of updates were chosen on the validation digits.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, binary_cross_entropy, binary_cross_entropy_with_logits, mse_loss

from cellwright import Recurrent
from cellwright.cells.convolutional import ConvLSTM
from cellwright.data.known import data_folder
from cellwright.layers import ConvolutionalRecurrent, EncoderForecaster

FRAME, DIGIT = 24, 10
SKIPPED = 3
"""Steps of the first task that are not judged."""
CELL = ConvLSTM(kernel_size=5, forget_bias=1.0)


class Error(NamedTuple):
    """Of forecasts: squared, of a pixel; cross-entropy of a frame, in nats."""

    squared: float
    entropy: float

    def __str__(self) -> str:
        return f"{self.squared:.4f}  {self.entropy:6.1f}"


class Digits(NamedTuple):
    """Images (number, 10, 10) between 0 and 1 of three parts without an image in common."""

    training: Tensor
    validation: Tensor
    test: Tensor


def read(folder: Path, seed: int = 0) -> Digits:
    """All digits, without their empty borders and halved."""
    content = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    images = torch.frombuffer(bytearray(content), dtype=torch.uint8).reshape(-1, 1, 28, 28)[..., 4:24, 4:24]
    halved = avg_pool2d(images / 255, 2).squeeze(1)
    order = torch.randperm(len(halved), generator=torch.Generator().manual_seed(seed))
    return Digits(*halved[order].split([len(halved) - 2000, 1000, 1000]))


def sequences(digits: Tensor, steps: int, batch: int, draws: torch.Generator, number: int = 2) -> Tensor:
    """Sequences (time, batch, 1, rows, columns) of ``number`` digits that move by 1 to 2 pixels a step, and bounce."""
    free = FRAME - DIGIT
    shape = (batch, number, 2)
    start = torch.rand(shape, generator=draws) * free
    speed = (1 + torch.rand(shape, generator=draws)) * (2 * torch.randint(2, shape, generator=draws) - 1)
    chosen = torch.randint(len(digits), (batch, number), generator=draws)
    travelled = (start + speed * torch.arange(steps).reshape(-1, 1, 1, 1)) % (2 * free)
    places = torch.where(travelled > free, 2 * free - travelled, travelled).round().long()
    frames = torch.zeros(steps, batch, 1, FRAME, FRAME)
    for time, row, which in torch.cartesian_prod(*(torch.arange(size) for size in places.shape[:3])).tolist():
        top, left = places[time, row, which].tolist()
        window = frames[time, row, 0, top : top + DIGIT, left : left + DIGIT]
        torch.maximum(window, digits[chosen[row, which]], out=window)
    return frames


def dark(readout: nn.Conv2d | nn.Linear) -> None:
    """Start with frames that are nearly black, as most pixels are."""
    assert readout.bias is not None
    nn.init.constant_(readout.bias, -2.0)


class NextFrame(nn.Module):
    """A ConvLSTM whose states tell the next frame, place by place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer = ConvolutionalRecurrent(CELL, 1, channels)
        self.readout = nn.Conv2d(channels, 1, 1)
        dark(self.readout)

    def forward(self, frames: Tensor) -> Tensor:
        states, _ = self.layer(frames)
        return self.readout(states.flatten(0, 1)).unflatten(0, frames.shape[:2])


class NextVector(nn.Module):
    """An LSTM to which a frame is a vector."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.layer = Recurrent("lstm", FRAME**2, hidden_size)
        self.readout = nn.Linear(hidden_size, FRAME**2)
        dark(self.readout)

    def forward(self, frames: Tensor) -> Tensor:
        states, _ = self.layer(frames.flatten(2))
        return self.readout(states).reshape(frames.shape)


Forecast = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From sequences to logits and the frames that they are for."""


def next_frames(model: nn.Module) -> Forecast:
    return lambda frames: (model(frames[:-1])[SKIPPED:], frames[1 + SKIPPED :])


def frames_after(model: EncoderForecaster, seen: int) -> Forecast:
    return lambda frames: (model(frames[:seen], len(frames) - seen), frames[seen:])


def copied(probabilities: Tensor, truth: Tensor, training: tuple[Tensor, Tensor]) -> Error:
    """The error of frames as a forecast, drawn towards the middle by the share that is best in training."""
    shares = (0.01, 0.02, 0.05, 0.1, 0.2)

    def entropy(frames: Tensor, of: Tensor, share: float) -> float:
        pixel = binary_cross_entropy((1 - share) * frames + share / 2, of)
        return float(pixel) * FRAME**2

    best = min(shares, key=lambda share: entropy(*training, share))
    return Error(float(mse_loss(probabilities, truth)), entropy(probabilities, truth, best))


def fit(
    parameters: nn.Module, forecast: Forecast, draw: Callable[[], Tensor], updates: int, learning_rate: float
) -> None:
    """Adam on the cross-entropy of pixels, each batch drawn anew."""
    optimizer = torch.optim.Adam(parameters.parameters(), lr=learning_rate)
    for _ in range(updates):
        optimizer.zero_grad()
        binary_cross_entropy_with_logits(*forecast(draw())).backward()
        nn.utils.clip_grad_norm_(parameters.parameters(), 1.0)
        optimizer.step()


def judged(forecast: Forecast, frames: Tensor) -> Error:
    with torch.no_grad():
        logits, truth = forecast(frames)
        entropy = binary_cross_entropy_with_logits(logits, truth) * FRAME**2
        return Error(float(mse_loss(logits.sigmoid(), truth)), float(entropy))


def run(
    digits: Digits,
    seed: int,
    *,
    steps: int = 10,
    batch: int = 8,
    updates: int = 300,
    channels: int = 8,
    hidden_size: int = 256,
    judged_sequences: int = 200,
    number: int = 2,
    several: bool = True,
    part: str = "test",
) -> Mapping[str, Error]:
    """Errors of all forecasts by name, from training with one seed.

    Args:
        number: of digits in a frame.
        several: run the second task, too.
        part: of the digits, whose sequences are judged.
    """
    torch.manual_seed(seed)
    draws, own = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(1000 + seed)
    training = sequences(digits.training, steps, judged_sequences, own, number)
    test = sequences(getattr(digits, part), steps, judged_sequences, own, number)

    def draw() -> Tensor:
        return sequences(digits.training, steps, batch, draws, number)

    def copy(before: slice, after: slice) -> Error:
        in_training = training[before].expand_as(training[after]), training[after]
        return copied(test[before].expand_as(test[after]), test[after], in_training)

    errors = {"next: copy": copy(slice(SKIPPED, -1), slice(1 + SKIPPED, None))}
    models = {"next: LSTM of vectors": NextVector(hidden_size), "next: ConvLSTM": NextFrame(channels)}
    for name, model in models.items():
        fit(model, next_frames(model), draw, updates, 0.01 if name.endswith("ConvLSTM") else 0.005)
        errors[name] = judged(next_frames(model), test)
    if several:
        seen = steps // 2
        errors["five from five: copy"] = copy(slice(seen - 1, seen), slice(seen, None))
        forecaster = EncoderForecaster(CELL, 1, channels)
        dark(forecaster.readout)
        fit(forecaster, frames_after(forecaster, seen), draw, updates, 0.01)
        errors["five from five: ConvLSTM"] = judged(frames_after(forecaster, seen), test)
    return errors


def weights(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def main(seeds: int = 3) -> None:
    digits = read(data_folder() / "mnist_t10k")
    runs = [run(digits, seed) for seed in range(seeds)]
    print(f"test digits, mean of {seeds} seeds (each seed): squared error, cross-entropy of a frame")
    print(f"weights: ConvLSTM {weights(NextFrame(8))}, LSTM of vectors {weights(NextVector(256))}")
    for name in runs[0]:
        found = [errors[name] for errors in runs]
        mean = Error(*(statistics.mean(column) for column in zip(*found, strict=True)))
        print(f"{name:<26} {mean}   ({', '.join(f'{error.squared:.4f}' for error in found)})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    main(parser.parse_args().seeds)
