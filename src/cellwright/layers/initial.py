"""Where parameters start: at a number, or drawn from a range by torch's generator."""

from __future__ import annotations

import math

import torch
from torch import nn

from cellwright.cells import LogUniform, Uniform
from cellwright.cells.initial import Initial


def start_at(parameter: torch.Tensor, initial: Initial) -> None:
    """Set every element to the number, or draw it from the range."""
    if isinstance(initial, LogUniform):
        nn.init.uniform_(parameter, math.log(initial.low), math.log(initial.high))
        with torch.no_grad():
            parameter.exp_()
    elif isinstance(initial, Uniform):
        nn.init.uniform_(parameter, initial.low, initial.high)
    else:
        nn.init.constant_(parameter, initial)
