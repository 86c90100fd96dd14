"""Times an LSTM on aihwkit's inference tiles; run by a Python that has it.

Its arguments are steps, rows, features, units and how often to call.
"""

import json
import sys
import time
import warnings
from importlib.metadata import version

import torch
from aihwkit.nn import AnalogLSTMCell, AnalogLSTMCellCombinedWeight, AnalogRNN
from aihwkit.simulator.configs import InferenceRPUConfig
from aihwkit.simulator.presets.inference import StandardHWATrainingPreset

warnings.simplefilter("ignore")
steps, rows, features, units, repeats = map(int, sys.argv[1:])
x = torch.randn(steps, rows, features)  # its layers are time first


def times(work):
    work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds


def on_tiles(cell, configuration):
    layer = AnalogRNN(cell, features, units, bias=True, rpu_config=configuration())
    layer.eval()
    layer.program_analog_weights()
    layer.drift_analog_weights(1.0)

    def forward():
        with torch.no_grad():
            layer(x)

    return forward


def training_step():
    reference.zero_grad()
    reference(x)[0].square().mean().backward()


reference = torch.nn.LSTM(features, units)
found = {
    configuration.__name__: {
        cell.__name__: times(on_tiles(cell, configuration)) for cell in (AnalogLSTMCell, AnalogLSTMCellCombinedWeight)
    }
    for configuration in (InferenceRPUConfig, StandardHWATrainingPreset)
}
print(json.dumps({"version": version("aihwkit"), "seconds": found, "training step": times(training_step)}))
