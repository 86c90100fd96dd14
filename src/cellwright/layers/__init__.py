"""Layers: torch modules that run a cell over sequences."""

from cellwright.layers.arrangement import Arranged
from cellwright.layers.attention import AdditiveAttention, Attention, DotAttention, LocationAwareAttention
from cellwright.layers.convolutional import ConvolutionalRecurrent
from cellwright.layers.decoder import Decoder, Markers
from cellwright.layers.decoding import Hypothesis, LanguageModel, beam_search, greedy
from cellwright.layers.encoder_forecaster import EncoderForecaster
from cellwright.layers.grid import GridRecurrent
from cellwright.layers.gru import GRU
from cellwright.layers.hierarchical import HierarchicalCTC, HierarchicalRecurrent
from cellwright.layers.keras_models import from_keras, layers_from_keras
from cellwright.layers.listing import Topology, topologies
from cellwright.layers.lstm import LSTM
from cellwright.layers.multidimensional import MultidimensionalRecurrent
from cellwright.layers.pyramidal import PyramidalRecurrent
from cellwright.layers.recurrent import Recurrent
from cellwright.layers.rnn import RNN
from cellwright.layers.scan import scan
from cellwright.layers.scheduled_sampling import Sampling
from cellwright.layers.seq2seq import Seq2Seq
from cellwright.layers.swap import replace
from cellwright.layers.tree import TreeRecurrent
from cellwright.layers.trees import Trees
from cellwright.layers.weights import StoredWeights, load_weights, read_weights

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AdditiveAttention",
    "Arranged",
    "Attention",
    "ConvolutionalRecurrent",
    "Decoder",
    "DotAttention",
    "EncoderForecaster",
    "GridRecurrent",
    "HierarchicalCTC",
    "HierarchicalRecurrent",
    "Hypothesis",
    "LanguageModel",
    "LocationAwareAttention",
    "Markers",
    "MultidimensionalRecurrent",
    "PyramidalRecurrent",
    "Recurrent",
    "Sampling",
    "Seq2Seq",
    "StoredWeights",
    "Topology",
    "TreeRecurrent",
    "Trees",
    "beam_search",
    "from_keras",
    "greedy",
    "layers_from_keras",
    "load_weights",
    "read_weights",
    "replace",
    "scan",
    "topologies",
]
