"""What torch does with its modules, it can do with ours: copy, store, move, freeze, reparametrise, distribute."""

from __future__ import annotations

import copy
import io
import pickle
import tempfile
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.utils import parametrizations, parametrize, prune

from cellwright import LSTM, Recurrent, replace

GPU = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device: run on a machine that has one, with TORCH=cuda"
)


def pair(**options: object) -> tuple[LSTM, nn.LSTM]:
    torch.manual_seed(3)
    ours = LSTM(3, 4, **{"dtype": torch.float64, **options})
    theirs = nn.LSTM(3, 4, **{"dtype": torch.float64, **options})
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def results(layer: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """Output, final states and the gradients of the parameters."""
    output, state = layer(x)
    gradients = torch.autograd.grad(output.square().sum(), [p for p in layer.parameters() if p.requires_grad])
    return [output, *state, *gradients]


@pytest.fixture
def x() -> torch.Tensor:
    torch.manual_seed(5)
    return torch.randn(5, 2, 3, dtype=torch.float64)


def through_pickle(layer: nn.Module) -> nn.Module:
    return pickle.loads(pickle.dumps(layer))


def through_a_file(layer: nn.Module) -> nn.Module:
    buffer = io.BytesIO()
    torch.save(layer, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


@pytest.mark.parametrize("copied", [copy.deepcopy, through_pickle, through_a_file])
def test_copies_are_equal_and_apart(laws, workbench, cell, copied) -> None:
    layer = workbench.layer(cell, num_layers=2, bidirectional=True).eval()
    twin = copied(layer)
    assert twin.cell == layer.cell
    assert not twin.training
    assert repr(twin) == repr(layer)
    inputs = workbench.inputs(cell, 4, 2)
    before = layer(**inputs)
    laws.same(list(twin(**inputs)), list(before))
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    laws.same(list(layer(**inputs)), list(before))


def test_state_dicts_go_through_files_without_code(laws, workbench, cell) -> None:
    layer, other = workbench.layer(cell, seed=1), workbench.layer(cell, seed=2)
    buffer = io.BytesIO()
    torch.save(layer.state_dict(), buffer)
    buffer.seek(0)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    inputs = workbench.inputs(cell, 4, 2)
    laws.same(list(other(**inputs)), list(layer(**inputs)))


def test_frozen_parameters_stay(laws, x) -> None:
    ours, theirs = pair(num_layers=2)
    for layer in (ours, theirs):
        layer.weight_hh_l0.requires_grad_(False)
        layer.bias_ih_l1.requires_grad_(False)
    laws.same(results(ours, x), results(theirs, x))
    ours(x)[0].sum().backward()
    assert ours.weight_hh_l0.grad is None
    assert ours.weight_hh_l1.grad.any()
    ours.requires_grad_(False)
    assert not ours(x)[0].requires_grad


@pytest.mark.parametrize(
    "kind", [parametrizations.weight_norm, parametrizations.spectral_norm, parametrizations.orthogonal]
)
def test_parametrisations_act_as_on_torchs(laws, x, kind) -> None:
    ours, theirs = pair(bidirectional=True)
    for layer in (ours, theirs):
        # In training, spectral norm takes a step at each reading of the weight: ours is read once a call, torch's more.
        kind(layer.eval(), "weight_hh_l0_reverse")
    theirs.load_state_dict(ours.state_dict())
    assert "weight_hh_l0_reverse" not in dict(ours.named_parameters())
    both = []
    for layer in (ours, theirs):
        optimiser = torch.optim.SGD(layer.parameters(), lr=0.1)
        seen = results(layer, x)
        for _ in range(2):
            optimiser.zero_grad()
            layer(x)[0].square().sum().backward()
            optimiser.step()
        parametrize.remove_parametrizations(layer, "weight_hh_l0_reverse")
        both.append([*seen, *layer(x), *layer.state_dict().values()])
    laws.same(*both, tolerance=1e-11)  # two steps of training between


def test_pruned_weights_are_zero_in_the_output_and_after_a_step(laws, x) -> None:
    ours, theirs = pair()
    for layer in (ours, theirs):
        prune.l1_unstructured(layer, "weight_hh_l0", amount=0.5)
        prune.random_unstructured(layer, "weight_ih_l0", amount=0)
    laws.same(results(ours, x), results(theirs, x))
    for layer in (ours, theirs):
        optimiser = torch.optim.SGD(layer.parameters(), lr=0.1)
        layer(x)[0].square().sum().backward()
        optimiser.step()
    laws.same(list(ours(x)), list(theirs(x)))
    prune.remove(ours, "weight_hh_l0")
    assert (ours.weight_hh_l0 == 0).sum() == 32
    prune.remove(ours, "weight_ih_l0")
    assert ours.state_dict().keys() == LSTM(3, 4).state_dict().keys()


def test_functional_call_takes_other_parameters(laws, x) -> None:
    ours, theirs = pair(num_layers=2, bidirectional=True)
    others = {name: torch.randn_like(parameter) for name, parameter in ours.named_parameters()}
    laws.same(list(functional_call(ours, others, (x,))), list(functional_call(theirs, others, (x,))))
    laws.same(list(ours(x)), list(theirs(x)))


def test_it_trains_like_torchs(laws, x) -> None:
    ours, theirs = pair(num_layers=2, bidirectional=True)
    for layer in (ours, theirs):
        optimiser = torch.optim.Adam(layer.parameters(), lr=0.01)
        for _ in range(5):
            optimiser.zero_grad()
            layer(x)[0].square().sum().backward()
            nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
            optimiser.step()
    laws.same(list(ours.parameters()), list(theirs.parameters()), tolerance=1e-9)


def test_distributed_data_parallel(laws, x, needs) -> None:
    distributed = torch.distributed
    available = distributed.is_available() and distributed.is_gloo_available()
    needs(available, "torch.distributed with gloo", "install a build of torch that has it")
    ours, theirs = pair(num_layers=2)
    with tempfile.TemporaryDirectory() as folder:
        meeting = f"file://{Path(folder) / 'meeting'}"
        distributed.init_process_group("gloo", init_method=meeting, rank=0, world_size=1)
        try:
            wrapped = nn.parallel.DistributedDataParallel(ours)
            output, _ = wrapped(x)
            output.square().sum().backward()
        finally:
            distributed.destroy_process_group()
    theirs(x)[0].square().sum().backward()
    laws.same(output, theirs(x)[0])
    laws.same([p.grad for p in ours.parameters()], [p.grad for p in theirs.parameters()])


def test_changing_dtype_in_place(laws, x) -> None:
    ours, theirs = pair(bidirectional=True)
    parameters = list(ours.parameters())
    for change in ("float", "half", "bfloat16", "double"):
        getattr(ours, change)()
        getattr(theirs, change)()
        dtype = ours.weight_ih_l0.dtype
        assert all(own is kept for own, kept in zip(ours.parameters(), parameters, strict=True))
        output, state = ours(x.to(dtype))
        expected, _ = theirs(x.to(dtype))
        assert output.dtype == expected.dtype == state[0].dtype == state[1].dtype == dtype
        laws.same(output, expected, tolerance=4 * torch.finfo(dtype).eps)
    assert ours.to(torch.float32)(x.float())[0].dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_autocast_takes_inputs_of_either_dtype(x, dtype: torch.dtype) -> None:
    ours, theirs = pair(dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = ours(x.to(dtype))
        assert output.dtype == dtype
        output.sum().backward()
    error = (output - theirs(x.float())[0]).abs().max()
    assert 0 < error < 2**-7
    assert ours.weight_hh_l0.grad.dtype == torch.float32


def test_the_meta_device_has_shapes_alone_until_to_empty(laws, workbench, cell) -> None:
    layer = workbench.layer(cell, num_layers=2, bidirectional=True, device="meta")
    real = workbench.layer(cell, num_layers=2, bidirectional=True)
    inputs = workbench.inputs(cell, 4, 2)
    output, state = layer(**{name: tensor.to("meta") for name, tensor in inputs.items()}, lengths=[4, 2])
    expected, expected_state = real(**inputs)
    assert output.is_meta
    assert output.shape == expected.shape
    assert [t.shape for t in state] == [t.shape for t in expected_state]
    with pytest.raises(NotImplementedError, match="to_empty"):
        layer.to("cpu")
    layer.to_empty(device="cpu").load_state_dict(real.state_dict())
    laws.same(layer(**inputs)[0], expected)


def test_it_can_be_exported(laws, x) -> None:
    ours, theirs = pair(num_layers=2, bidirectional=True)
    other = torch.randn_like(x)
    laws.same(list(torch.export.export(ours, (x,)).module()(other)), list(theirs(other)))


def test_building_on_the_meta_device_draws_no_numbers() -> None:
    torch.manual_seed(0)
    LSTM(3, 4, device="meta")
    drawn = torch.rand(())
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(()))


def test_the_default_dtype_and_device_are_followed() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        assert LSTM(3, 4)(torch.randn(2, 1, 3))[0].dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.device("meta"):
        assert LSTM(3, 4).weight_hh_l0.is_meta


@GPU
def test_on_a_gpu(laws, workbench, cell) -> None:
    layer = workbench.layer(cell, num_layers=2, bidirectional=True)
    inputs, lengths = workbench.inputs(cell, 4, 2), torch.tensor([4, 2])
    resets = torch.tensor([[0, 0], [1, 0], [0, 1], [0, 0]]).bool()
    expected = layer(**inputs, lengths=lengths, resets=resets)
    layer.cuda()
    there = {name: tensor.cuda() for name, tensor in inputs.items()}
    output, state = layer(**there, lengths=lengths.cuda(), resets=resets.cuda())
    states = (state,) if isinstance(state, torch.Tensor) else state
    laws.same([output.cpu(), *(tensor.cpu() for tensor in states)], [expected[0], expected[1]])


@GPU
def test_a_torch_gpu_lstm_is_matched(laws) -> None:
    ours, theirs = pair(num_layers=2, bidirectional=True, device="cuda")
    x = torch.randn(5, 2, 3, dtype=torch.float64, device="cuda")
    laws.same(results(ours, x), results(theirs, x))
    packed = nn.utils.rnn.pack_sequence(list(x.unbind(1)), enforce_sorted=False)
    laws.same(ours(packed)[0].data, theirs(packed)[0].data)
    assert all(parameter.is_cuda for parameter in replace(theirs).parameters())


def test_a_layer_of_a_cell_from_a_file_can_be_copied(laws, tmp_path) -> None:
    """By pickle, too, within the process that read the file."""
    path = tmp_path / "own_cell.py"
    path.write_text(
        "from cellwright.cells import Cell, affine, tanh\n\n\n"
        "class Own(Cell):\n    def step(self, x, h):\n        return tanh(affine('h', x, h))\n"
    )
    layer = Recurrent(f"{path}:Own", 3, 4)
    x = torch.randn(2, 1, 3)
    laws.same([through_pickle(layer)(x)[0], copy.deepcopy(layer)(x)[0]], [layer(x)[0]] * 2)
