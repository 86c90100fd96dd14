"""Files of Keras: those that Keras has written, and Keras's equations in NumPy for files written as it writes them."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import cellwright
from cellwright import CellwrightError, from_keras, layers_from_keras
from cellwright.crossbar import ChipSettings, program

DATA = Path(__file__).parent / "data"
Array = np.ndarray[Any, Any]
Weights = Mapping[str, Array]


# Keras's equations (keras.io/api/layers/recurrent_layers; keras/src/layers/rnn/lstm.py and gru.py), in float64


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def lstm(x: Array, weights: Weights) -> Array:
    """(batch, time, features) to (batch, time, units)."""
    units = len(weights["recurrent_kernel"])
    h = c = np.zeros((len(x), units))
    outputs = []
    for step in range(x.shape[1]):
        gates = x[:, step] @ weights["kernel"] + h @ weights["recurrent_kernel"] + weights.get("bias", 0.0)
        i, f, candidate, o = np.split(gates, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(candidate)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, 1)


def gru(x: Array, weights: Weights) -> Array:
    """Two rows of biases: the reset gate acts after the recurrent matrix; one: before it."""
    units = len(weights["recurrent_kernel"])
    of_z, of_r, of_h = np.split(weights["recurrent_kernel"], 3, -1)
    bias = weights["bias"]
    reset_after = bias.ndim == 2
    input_bias, (z_bias, r_bias, h_bias) = (bias[0], np.split(bias[1], 3)) if reset_after else (bias, (0.0, 0.0, 0.0))
    h = np.zeros((len(x), units))
    outputs = []
    for step in range(x.shape[1]):
        x_z, x_r, x_h = np.split(x[:, step] @ weights["kernel"] + input_bias, 3, -1)
        z, r = sigmoid(x_z + h @ of_z + z_bias), sigmoid(x_r + h @ of_r + r_bias)
        candidate = np.tanh(x_h + (r * (h @ of_h + h_bias) if reset_after else (r * h) @ of_h))
        h = z * h + (1 - z) * candidate
        outputs.append(h)
    return np.stack(outputs, 1)


def drawn(inputs: int, units: int, gates: int, *bias: int, seed: int = 0) -> dict[str, Array]:
    """Weights of a layer by Keras's names, in Keras's shapes."""
    draw = np.random.default_rng(seed).normal
    weights = {"kernel": draw(size=(inputs, gates * units)), "recurrent_kernel": draw(size=(units, gates * units))}
    return weights | ({"bias": draw(size=(*bias, gates * units))} if bias != (0,) else {})


def sequences(features: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).normal(size=(3, 4, features))


def run(module: torch.nn.Module, x: Array) -> Array:
    with torch.no_grad():
        output = module(torch.from_numpy(x))
    return (output[0] if isinstance(output, tuple) else output).numpy()


def close(got: Array, wanted: Array) -> bool:
    return got.shape == wanted.shape and bool(abs(got - wanted).max() <= 1e-12 * max(1.0, abs(wanted).max()))


# Files as Keras writes them


def write_counted(path: Path, layers: Mapping[str, list[Array]], root: str = "layers/", slash: str = "/") -> Path:
    """``*.weights.h5``: arrays by place and number; ``slash`` as some releases join names on Windows."""
    with h5py.File(path, "w") as file:
        for place, arrays in layers.items():
            for number, array in enumerate(arrays):
                file[f"{(root + place).replace('/', slash)}/vars/{number}"] = array
        file.create_group("vars")
        file["optimizer/vars/0"] = np.array(7)
    return path


def write_listed(path: Path, layers: Mapping[str, Mapping[str, Array]], config: Any = None, pieces: int = 0) -> Path:
    """``*.h5`` of old: arrays by the lists ``layer_names`` and ``weight_names``."""
    with h5py.File(path, "w") as file:
        weights = file if config is None else file.create_group("model_weights")
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
        names = [name.encode() for name in layers]
        for number, piece in enumerate(np.array_split(np.array(names), pieces) if pieces else [np.array(names)]):
            weights.attrs[f"layer_names{number}" if pieces else "layer_names"] = piece
        for name, arrays in layers.items():
            group = weights.create_group(name)
            group.attrs["weight_names"] = [path.encode() for path in arrays]
            for path_in_layer, array in arrays.items():
                group[path_in_layer] = array
    return path


def sequential(*layers: tuple[str, str, Mapping[str, Any]]) -> dict[str, Any]:
    entries = [{"class_name": kind, "config": {"name": name, **options}} for kind, name, options in layers]
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": entries}}


def write_archive(path: Path, config: Any, layers: Mapping[str, list[Array]]) -> Path:
    weights = write_counted(path.with_suffix(".inner.h5"), layers)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(config))
        archive.write(weights, "model.weights.h5")
    return path


LAST = {"return_sequences": False}


# What Keras wrote


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("generation", ["keras2", "keras3"])
def test_a_model_of_keras_predicts_what_keras_predicted(generation: str, ending: str) -> None:
    wanted = np.load(DATA / f"{generation}.npz")
    model = from_keras(DATA / f"{generation}.{ending}")
    assert [name for name, _ in model.named_children()] == [
        "lower", "upper", "every_step", "every_step_activation", "both", "dropped", "before", "hidden",
        "hidden_activation", "output",
    ]  # fmt: skip
    outputs = run(model, wanted["inputs"])
    assert outputs.dtype == np.float32
    assert abs(outputs - wanted["outputs"]).max() < 1e-6
    assert abs(wanted["outputs"]).min() > 0.01  # the last layers pass on what came before


@pytest.mark.parametrize("name", ["keras2_weights.h5", "keras3.weights.h5"])
def test_weights_alone_are_the_same_layers(name: str) -> None:
    whole, layers = from_keras(DATA / "keras3.keras"), layers_from_keras(DATA / name)
    assert layers.keys() == {"lower", "upper", "every_step", "both", "before", "hidden", "output"}
    for key, layer in layers.items():
        module = whole.get_submodule(key)
        wanted = getattr(module, "layer", module).state_dict()
        assert all(torch.equal(tensor, wanted[part]) for part, tensor in layer.state_dict().items())
        assert layer.state_dict().keys() == wanted.keys()


def test_a_model_of_keras_goes_onto_a_chip() -> None:
    model = from_keras(DATA / "keras3.keras")
    x = torch.from_numpy(np.load(DATA / "keras3.npz")["inputs"])
    outputs = program(model, ChipSettings().ideal(), chips=2, calibration=x)(x)
    wanted = model(x).detach()
    assert outputs.shape == (2, *wanted.shape)
    assert abs(outputs - wanted).max() < 1e-6


# Keras's equations


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 99), st.sampled_from(["lstm", "lstm0", "after", "before"]))
def test_layers_compute_keras_equations(
    tmp_path_factory: pytest.TempPathFactory, inputs: int, units: int, seed: int, kind: str
) -> None:
    gates, bias, reference = {
        "lstm": (4, (), lstm), "lstm0": (4, (0,), lstm), "after": (3, (2,), gru), "before": (3, (), gru),
    }[kind]  # fmt: skip
    weights = drawn(inputs, units, gates, *bias, seed=seed)
    path = write_counted(tmp_path_factory.mktemp("keras") / "a.weights.h5", {"rnn/cell": list(weights.values())})
    x = sequences(inputs, seed)
    assert close(run(layers_from_keras(path)["rnn"], x), reference(x, weights))


@pytest.mark.parametrize(("root", "slash"), [("layers/", "/"), ("_layer_checkpoint_dependencies/", "/"),
                                             ("_layer_checkpoint_dependencies/", "\\"), ("", "/")])  # fmt: skip
def test_every_layout_by_count_is_read(tmp_path: Path, root: str, slash: str) -> None:
    forward, backward = drawn(2, 3, 3, 2), drawn(2, 3, 3, 2, seed=1)
    stored = {"a/backward_layer/cell": list(backward.values()), "a/forward_layer/cell": list(forward.values()),
              "dense": [np.eye(2, 3), np.arange(3.0)], "a/seed_generator": [np.array([0, 1])]}  # fmt: skip
    layers = layers_from_keras(write_counted(tmp_path / "a.weights.h5", stored, root, slash))
    assert layers.keys() == {"a", "dense"}
    x = sequences(2)
    wanted = np.concatenate([gru(x, forward), gru(x[:, ::-1], backward)[:, ::-1]], -1)
    assert close(run(layers["a"], x), wanted)
    assert close(run(layers["dense"], x), x @ np.eye(2, 3) + np.arange(3.0))


@pytest.mark.parametrize("form", ["{layer}/lstm_cell/{weight}:0", "{layer}/{weight}:0", "model/{layer}/cell/{weight}"])
@pytest.mark.parametrize("pieces", [0, 2])
def test_layouts_of_old_are_read(tmp_path: Path, form: str, pieces: int) -> None:
    each = {"zeta": drawn(2, 3, 4), "alpha": drawn(3, 2, 4, seed=1)}
    listed = {
        layer: {form.format(layer=layer, weight=weight): array for weight, array in weights.items()}
        for layer, weights in each.items()
    }
    layers = layers_from_keras(write_listed(tmp_path / "a.h5", {**listed, "flatten": {}}, pieces=pieces))
    assert list(layers) == ["zeta", "alpha"]  # in the model's order
    x = sequences(2)
    assert close(run(layers["zeta"], x), lstm(x, each["zeta"]))


def test_a_model_is_put_together_as_its_architecture_says(tmp_path: Path) -> None:
    first, second = drawn(2, 3, 4), drawn(3, 2, 3, 2, seed=1)
    config = sequential(
        ("InputLayer", "input", {}),
        ("LSTM", "b", {"return_sequences": True}),
        ("GRU", "a", {**LAST, "reset_after": True}),
        ("Dense", "out", {"activation": "softmax", "units": 3}),
    )
    kernel = np.arange(6.0).reshape(2, 3) / 5
    x = sequences(2)
    last = gru(lstm(x, first), second)[:, -1] @ kernel
    wanted = np.exp(last) / np.exp(last).sum(-1, keepdims=True)
    archive = write_archive(
        tmp_path / "m.keras",
        config,
        {"lstm/cell": list(first.values()), "gru/cell": list(second.values()), "dense": [kernel]},
    )
    old = write_listed(
        tmp_path / "m.h5",
        {
            "b": {f"b/lstm_cell/{name}:0": array for name, array in first.items()},
            "a": {f"a/gru_cell/{name}:0": array for name, array in second.items()},
            "out": {"out/kernel:0": kernel},
        },
        config,
    )
    for path in (archive, old):
        assert close(run(from_keras(path), x), wanted)


def test_layers_of_a_class_are_counted_in_the_order_of_the_model(tmp_path: Path) -> None:
    each = [drawn(2, 2, 4, seed=seed) for seed in range(3)]
    config = sequential(*(("LSTM", f"layer{9 - k}", {"return_sequences": True}) for k in range(3)))
    stored = {f"lstm{suffix}/cell": list(each[k].values()) for k, suffix in enumerate(("", "_1", "_2"))}
    x = sequences(2)
    wanted = lstm(lstm(lstm(x, each[0]), each[1]), each[2])
    assert close(run(from_keras(write_archive(tmp_path / "m.keras", config, stored)), x), wanted)


@pytest.mark.parametrize(
    ("mode", "merge"),
    [("concat", lambda a, b: np.concatenate([a, b], -1)), ("sum", np.add), ("mul", np.multiply),
     ("ave", lambda a, b: (a + b) / 2)],
)  # fmt: skip
@pytest.mark.parametrize("return_sequences", [True, False])
def test_directions_are_merged_as_in_keras(
    tmp_path: Path, mode: str, merge: Callable[[Array, Array], Array], return_sequences: bool
) -> None:
    forward, backward = drawn(2, 3, 4), drawn(2, 3, 4, seed=1)
    inner = {"class_name": "LSTM", "config": {"name": "inner", "return_sequences": return_sequences}}
    config = sequential(("Bidirectional", "both", {"layer": inner, "merge_mode": mode}))
    stored = {"bidirectional/forward_layer/cell": list(forward.values()),
              "bidirectional/backward_layer/cell": list(backward.values())}  # fmt: skip
    x = sequences(2)
    ahead, back = lstm(x, forward), lstm(x[:, ::-1], backward)
    wanted = merge(ahead, back[:, ::-1]) if return_sequences else merge(ahead[:, -1], back[:, -1])
    assert close(run(from_keras(write_archive(tmp_path / "m.keras", config, stored)), x), wanted)


@pytest.mark.parametrize(("name", "squash"), [("linear", lambda x: x), ("sigmoid", sigmoid)])
def test_other_activations_of_an_lstm_are_those_of_our_cell(
    tmp_path: Path, name: str, squash: Callable[[Array], Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = drawn(2, 3, 4)
    config = sequential(("LSTM", "a", {"return_sequences": True, "activation": name}))
    model = from_keras(write_archive(tmp_path / "m.keras", config, {"lstm/cell": list(weights.values())}))
    monkeypatch.setattr(np, "tanh", squash)
    x = sequences(2)
    assert close(run(model, x), lstm(x, weights))


def test_a_chain_of_the_functional_interface_is_read_and_a_branch_refused(tmp_path: Path) -> None:
    kernel = np.eye(2)
    dense = {"activation": "linear"}
    keras3 = [{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["{}", 0, 0]}}], "kwargs": {}}]
    for nodes in (json.dumps(keras3), '[[["{}", 0, 0, {}]]]'):

        def entry(name: str, *sources: str, nodes: str = nodes) -> dict[str, Any]:
            inbound = [node for source in sources for node in json.loads(nodes.replace('"{}"', f'"{source}"'))]
            kind = "Dense" if sources else "InputLayer"
            return {"class_name": kind, "config": {"name": name, **dense}, "inbound_nodes": inbound}

        chain = [entry("in"), entry("a", "in"), entry("b", "a")]
        stored = {"dense": [kernel], "dense_1": [2 * kernel]}
        path = write_archive(tmp_path / "m.keras", {"class_name": "Functional", "config": {"layers": chain}}, stored)
        assert close(run(from_keras(path), sequences(2)), 2 * sequences(2))
        branch = [entry("in"), entry("a", "in"), entry("b", "in")]
        path = write_archive(tmp_path / "m.keras", {"class_name": "Functional", "config": {"layers": branch}}, stored)
        with pytest.raises(CellwrightError, match="layer 'b' reads 'in'"):
            from_keras(path)


# What cannot be read


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("LSTM", {"recurrent_activation": "hard_sigmoid"}, "'a' has recurrent_activation='hard_sigmoid'"),
        ("LSTM", {"activation": "relu"}, "'a' has activation='relu', which is not read; known are linear, sigmoid"),
        ("GRU", {"activation": "linear"}, "'a' has activation='linear', which is not read; known are tanh"),
        ("LSTM", {"activation": {"class_name": "function", "config": "mine"}}, "activation='function'"),
        ("LSTM", {"go_backwards": True}, "'a' has go_backwards=True"),
        ("LSTM", {"stateful": True}, "'a' has stateful=True"),
        ("LSTM", {"units": 7}, "'a' has units=7, but its weights in the file are of 3"),
        ("Embedding", {}, "layer 'a' is of the class Embedding, which is not read; known are LSTM, GRU"),
        ("Masking", {}, "layer 'a' is of the class Masking"),
        ("Dense", {"activation": "gelu"}, "'a' has activation='gelu'"),
        ("TimeDistributed", {"layer": {"class_name": "LSTM", "config": {}}}, "'a' is a TimeDistributed LSTM"),
        ("Bidirectional", {"layer": {"class_name": "SimpleRNN", "config": {}}}, "'a' is a Bidirectional SimpleRNN"),
        ("Bidirectional", {"layer": {"class_name": "LSTM", "config": LAST}, "merge_mode": None}, "merge_mode=None"),
        ("Dense", {}, "the weights of layer 'a' are missing"),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_names_the_layer(
    tmp_path: Path, kind: str, options: Mapping[str, Any], message: str
) -> None:
    path = write_archive(
        tmp_path / "m.keras",
        sequential((kind, "a", {**LAST, **options})),
        {"lstm/cell": list(drawn(2, 3, 4).values()), "gru/cell": list(drawn(2, 3, 3).values())},
    )
    with pytest.raises(CellwrightError, match=message):
        from_keras(path)


def test_directions_that_differ_are_refused(tmp_path: Path) -> None:
    inner = {"class_name": "LSTM", "config": {**LAST, "units": 3}}
    other = {"class_name": "LSTM", "config": {**LAST, "units": 4}}
    config = sequential(("Bidirectional", "a", {"layer": inner, "backward_layer": other}))
    path = write_archive(tmp_path / "m.keras", config, {"x": [np.eye(2)]})
    with pytest.raises(CellwrightError, match="the directions of layer 'a' differ in units"):
        from_keras(path)


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({"lstm/cell": [np.ones((2, 12)), np.ones((3, 12)), np.ones(11)]}, r"of the class LSTM, .* \(11,\); expected"),
        ({"lstm/cell": [np.ones((2, 12)), np.ones((3, 11))]}, "it is none of LSTM and GRU"),
        ({"lstm/cell": [np.ones((2, 12)), np.ones((3, 3))]}, "it is none of LSTM and GRU"),
        ({"gru/cell": [np.ones((2, 9)), np.ones((3, 9))]}, "does not|do not say where its reset gate acts"),
        ({"gru/cell": [np.ones((2, 9)), np.ones((3, 9)), np.ones((3, 9))]}, "'gru' is of the class GRU, with"),
        ({"dense": [np.ones((2, 3)), np.ones(2)]}, "'dense' is a Dense, but"),
        ({"embedding": [np.ones((5, 3))]}, "of a Dense without bias or of an Embedding"),
        ({"norm": [np.ones(3), np.ones(3)]}, "it is neither a Dense nor"),
        ({"dense": [np.ones((2, 3), dtype=np.int8), np.ones(3)]}, "int8"),
    ],
)  # fmt: skip
def test_weights_of_other_shapes_name_the_layer(
    tmp_path: Path, stored: Mapping[str, list[Array]], message: str
) -> None:
    with pytest.raises(CellwrightError, match=message):
        layers_from_keras(write_counted(tmp_path / "a.weights.h5", stored))


def test_files_that_are_none_of_keras(tmp_path: Path) -> None:
    with pytest.raises(CellwrightError, match=r"there is no file 'nowhere\.h5'"):
        from_keras("nowhere.h5")
    text = tmp_path / "text.h5"
    text.write_text("not a file of Keras")
    with pytest.raises(CellwrightError, match=r"text.h5 is damaged, or neither an HDF5 file nor"):
        from_keras(text)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["measurements/data"] = np.ones(3)
    with pytest.raises(CellwrightError, match=r"other.h5 is an HDF5 file without layers of Keras"):
        layers_from_keras(tmp_path / "other.h5")
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(CellwrightError, match=r"without model.weights.h5"):
        from_keras(tmp_path / "other.keras")
    with pytest.raises(
        CellwrightError, match="weights without an architecture: take its layers with layers_from_keras"
    ):
        from_keras(DATA / "keras3.weights.h5")


@pytest.mark.parametrize(
    ("config", "message"),
    [("{", "the architecture in m.keras is damaged"), ("[]", "is not one of Keras: it is a list"),
     ('{"config": {"layers": [{"class_name": "Dense"}]}}', "is not one of Keras: it lacks 'config'")],
)  # fmt: skip
def test_architectures_that_are_none(tmp_path: Path, config: str, message: str) -> None:
    weights = write_counted(tmp_path / "inner.h5", {"dense": [np.eye(2)]})
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", config)
        archive.write(weights, "model.weights.h5")
    with pytest.raises(CellwrightError, match=message):
        from_keras(tmp_path / "m.keras")


def test_damaged_files(tmp_path: Path) -> None:
    cut = tmp_path / "cut.h5"
    cut.write_bytes((DATA / "keras3.h5").read_bytes()[:9000])
    with pytest.raises(CellwrightError, match=r"cut.h5 is damaged"):
        from_keras(cut)
    archive = bytearray((DATA / "keras3.keras").read_bytes())
    archive[1000:1010] = b"0123456789"
    (tmp_path / "m.keras").write_bytes(archive)
    with pytest.raises(CellwrightError, match=r"m.keras is damaged"):
        from_keras(tmp_path / "m.keras")


def test_a_list_without_its_weights(tmp_path: Path) -> None:
    old = write_listed(tmp_path / "m.h5", {"dense": {"dense/kernel:0": np.eye(2)}})
    with h5py.File(old, "r+") as file:
        del file["dense/dense/kernel:0"]
    with pytest.raises(CellwrightError, match=r"m.h5 lists 'dense/kernel:0' among the weights of 'dense', but"):
        layers_from_keras(old)


def test_a_model_of_its_own_class_is_told_how_to_go_on(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "m.keras", {"class_name": "Mine", "config": {}}, {"dense": [np.eye(2)]})
    with pytest.raises(CellwrightError, match="the model is a Mine of its own"):
        from_keras(path)


def test_without_h5py_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(CellwrightError, match=r'pip install "cellwright\[keras\]"'):
        cellwright.from_keras(DATA / "keras3.keras")
