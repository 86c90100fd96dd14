"""Writes the files of Keras beside this script, and what Keras itself predicts with them.

    pip install keras torch h5py && KERAS_BACKEND=torch python make_keras_files.py keras3
    pip install tensorflow-cpu tf-keras && python make_keras_files.py keras2

The files in the repository were written by Keras 3.15.1 with torch 2.13.0, and by tf-keras 2.21.0 with TensorFlow
2.21.0. One model holds every layer that is read. Each generation writes it whole as ``.keras`` and ``.h5``, and its
weights alone, Keras 3 as ``.weights.h5`` and Keras 2 in the layout of old.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent
WEIGHTS = {"keras3": "keras3.weights.h5", "keras2": "keras2_weights.h5"}
STEPS, FEATURES = 4, 2


def main(generation: str) -> None:
    keras = imported(generation)
    model = build(keras)
    give_weights(model)
    model.save(FOLDER / f"{generation}.keras")
    model.save(FOLDER / f"{generation}.h5", include_optimizer=False)
    model.save_weights(FOLDER / WEIGHTS[generation])
    inputs = np.random.default_rng(1).normal(size=(3, STEPS, FEATURES)).astype("float32")
    np.savez(FOLDER / f"{generation}.npz", inputs=inputs, outputs=model.predict(inputs, verbose=0))


def imported(generation: str) -> ModuleType:
    if generation == "keras3":
        import keras

        return keras
    import tf_keras

    return tf_keras


def build(keras: ModuleType) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((STEPS, FEATURES)),
            layers.LSTM(2, return_sequences=True, name="lower"),
            layers.LSTM(2, return_sequences=True, name="upper"),
            layers.TimeDistributed(layers.Dense(2, activation="tanh"), name="every_step"),
            layers.Bidirectional(layers.GRU(1, return_sequences=True), merge_mode="concat", name="both"),
            layers.Dropout(0.5, name="dropped"),
            layers.GRU(2, reset_after=False, name="before"),
            layers.Dense(2, activation="relu", name="hidden"),
            layers.Dense(1, name="output"),
        ]
    )


def give_weights(model: Any) -> None:
    """Numbers that no layer starts with, biases above all."""
    generator = np.random.default_rng(0)
    model.set_weights([generator.normal(0, 0.7, array.shape) for array in model.get_weights()])


if __name__ == "__main__":
    main(sys.argv[1])
