"""Cells: the equations, each written once. The notation is everything a cell of your own needs."""

from cellwright.cells.convolutional import ConvGRU, ConvLSTM
from cellwright.cells.full_peepholes import FullPeepholeLSTM
from cellwright.cells.grid import GridLSTM
from cellwright.cells.gru import GRU, MinimalGatedUnit
from cellwright.cells.initial import LogUniform, Uniform
from cellwright.cells.layer_norm import LayerNormLSTM
from cellwright.cells.listing import Listed, catalogue, describe, entries, find
from cellwright.cells.lstm import LSTM
from cellwright.cells.multidimensional import MultidimensionalLSTM
from cellwright.cells.network import network_weights
from cellwright.cells.notation import (
    Cell,
    Timing,
    Topology,
    absolute,
    affine,
    convolution,
    equal,
    exp,
    less,
    linear,
    log,
    log_sigmoid,
    maximum,
    maximum_over,
    mean,
    minimum,
    mod,
    relu,
    sigmoid,
    sign,
    sqrt,
    sum_over,
    tanh,
    weight,
    where,
)
from cellwright.cells.simple import RNN, FeedForward, FullyRecurrent, Jordan
from cellwright.cells.timed import PhasedLSTM, TimeAwareLSTM
from cellwright.cells.tree import TreeLSTM
from cellwright.cells.xlstm import SLSTM

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "SLSTM",
    "Cell",
    "ConvGRU",
    "ConvLSTM",
    "FeedForward",
    "FullPeepholeLSTM",
    "FullyRecurrent",
    "GridLSTM",
    "Jordan",
    "LayerNormLSTM",
    "Listed",
    "LogUniform",
    "MinimalGatedUnit",
    "MultidimensionalLSTM",
    "PhasedLSTM",
    "TimeAwareLSTM",
    "Timing",
    "Topology",
    "TreeLSTM",
    "Uniform",
    "absolute",
    "affine",
    "catalogue",
    "convolution",
    "describe",
    "entries",
    "equal",
    "exp",
    "find",
    "less",
    "linear",
    "log",
    "log_sigmoid",
    "maximum",
    "maximum_over",
    "mean",
    "minimum",
    "mod",
    "network_weights",
    "relu",
    "sigmoid",
    "sign",
    "sqrt",
    "sum_over",
    "tanh",
    "weight",
    "where",
]
