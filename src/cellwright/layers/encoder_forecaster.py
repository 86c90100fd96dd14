"""The encoder-forecaster: frames that were seen are folded into states, frames to come are unfolded from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from cellwright.cells import Cell
from cellwright.layers import checks
from cellwright.layers.convolutional import ConvolutionalRecurrent
from cellwright.layers.listing import Topology
from cellwright.program.convolution import convolve

Tensor = torch.Tensor

TOPOLOGIES: Mapping[str, Topology] = {
    "encoder-forecaster": Topology(
        "one stack reads frames; a second one starts from its states and, without input, forecasts frames",
        "Shi, Chen, Wang, Yeung, Wong & Woo 2015, NIPS 28, 802, section 3.2; Srivastava, Mansimov & Salakhutdinov 2015",
        (
            r"E_t = f(W_E * X_t,\; U_E * E_{t-1})",
            r"F_0 = E_T, \quad F_k = f(U_F * F_{k-1})",
            r"\hat{X}_{T+k} = V * F_k",
        ),
        (("", "", "Y_1", "Y_2"), ("E_1", "E_2", "F_1", "F_2"), ("X_1", "X_2", "", "")),
        (
            ("X_1", "E_1"), ("X_2", "E_2"), ("E_1", "E_2"), ("E_2", "F_1"), ("F_1", "F_2"), ("F_1", "Y_1"),
            ("F_2", "Y_2"),
        ),
        ("moving_digits.py",),
    ),
}  # fmt: skip


class EncoderForecaster(nn.Module):
    """Forecasts maps from maps (Shi et al. 2015, section 3.2; the unconditioned one of Srivastava et al. 2015).

    An encoder reads the frames. A forecaster of the same shape starts from its final states and reads zeros; a kernel
    of one place (``readout``) makes each frame out of the outputs of all its layers. Frames are what the readout
    returns: logits, where a loss takes them as such.

    Args:
        cell: a cell of maps, its name in the catalogue (``convlstm``), or ``FILE.py:CLASS``.
        channels: of a frame.
        hidden_channels: of each layer's states.
        num_layers: of the encoder, and of the forecaster.
        batch_first, dropout, map_size: as ``ConvolutionalRecurrent`` takes them.
        device, dtype: of the parameters.

    Raises:
        CellwrightError: as ``ConvolutionalRecurrent``.
    """

    def __init__(
        self,
        cell: Cell | str,
        channels: int,
        hidden_channels: int,
        num_layers: int = 1,
        *,
        batch_first: bool = False,
        dropout: float = 0.0,
        map_size: int | Sequence[int] | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.forecaster = (
            ConvolutionalRecurrent(
                cell,
                channels,
                hidden_channels,
                num_layers,
                batch_first=batch_first,
                dropout=dropout,
                map_size=map_size,
                device=device,
                dtype=dtype,
            )
            for _ in range(2)
        )
        kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(self.encoder.space) - 1]
        self.readout = kind(num_layers * self.encoder.output_channels, channels, 1, device=device, dtype=dtype)

    def forward(self, input: Tensor, steps: int) -> Tensor:
        """Forecast.

        Args:
            input: frames, (time, batch, channels, *space), or batch first as set, or without the batch.
            steps: frames to forecast.

        Returns:
            the frames that follow, laid out as the input is.

        Raises:
            CellwrightError: frames of another shape; no steps.
        """
        checks.positive("steps", steps)
        _, state = self.encoder(input)
        time = 1 if self.encoder.batch_first and input.ndim == 3 + len(self.encoder.space) else 0
        nothing = torch.zeros_like(input.narrow(time, 0, 1)).expand(
            *(steps if axis == time else -1 for axis in range(input.ndim))
        )
        output_name = next(iter(self.forecaster.cell.state_axes()))
        _, _, recorded = self.forecaster(nothing, state, record=output_name)
        outputs = [recorded[f"{output_name}_l{layer}"] for layer in range(self.forecaster.num_layers)]
        return convolve(torch.cat(outputs, -1 - len(self.encoder.space)), self.readout.weight, self.readout.bias)
