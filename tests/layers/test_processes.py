"""Layers in several processes: torch's data-parallel training, and the workers of a loader."""

from __future__ import annotations

import subprocess
import sys

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset

from cellwright.layers import LSTM


def made() -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    return LSTM(2, 3, batch_first=True, dtype=torch.float64), torch.randn(4, 5, 2, dtype=torch.float64)


def save_gradients_of_a_half(rank: int, store: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    layer, inputs = made()
    parallel = DistributedDataParallel(layer)
    parallel(inputs[2 * rank : 2 * rank + 2])[0].square().mean().backward()
    torch.save({name: p.grad for name, p in layer.named_parameters()}, f"{store}.{rank}")
    distributed.destroy_process_group()


def test_data_parallel_gradients_are_those_of_the_whole_batch(tmp_path):
    store = tmp_path / "store"
    processes = [subprocess.Popen([sys.executable, __file__, str(rank), store]) for rank in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    layer, inputs = made()
    layer(inputs)[0].square().mean().backward()
    for rank in range(2):
        shared = torch.load(f"{store}.{rank}", weights_only=True)
        for name, parameter in layer.named_parameters():
            torch.testing.assert_close(shared[name], parameter.grad, rtol=1e-12, atol=1e-14)


class Encoded(Dataset[torch.Tensor]):
    """Sequences as a layer encodes them, in whichever process asks."""

    def __init__(self, layer: nn.Module, inputs: torch.Tensor) -> None:
        self.layer, self.inputs = layer, inputs

    def __len__(self) -> int:
        return len(self.inputs)

    @torch.no_grad()
    def __getitem__(self, index: int) -> torch.Tensor:
        return self.layer(self.inputs[index])[0]


def test_workers_of_a_loader_run_layers():
    """After the process itself has: what is compiled and what threads there are does not hold workers up."""
    layer, inputs = made()
    layer(inputs)[0].sum().backward()
    data = Encoded(layer, inputs)
    encoded = torch.cat(list(DataLoader(data, batch_size=2, num_workers=2, timeout=60)))
    assert torch.equal(encoded, torch.stack([data[k] for k in range(len(data))]))


if __name__ == "__main__":
    save_gradients_of_a_half(int(sys.argv[1]), sys.argv[2])
