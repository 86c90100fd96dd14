"""LSTM as torch names it: a drop-in for ``torch.nn.LSTM``, and a swap of those in a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from cellwright import cells
from cellwright.errors import CellwrightError
from cellwright.layers import checks
from cellwright.layers.recurrent import Recurrent, State, Tensor


class LSTM(Recurrent):
    """Drop-in for ``torch.nn.LSTM``: the same signature, parameter names, initial weights and results.

    Beyond it, as every ``Recurrent``: ``lengths``, ``resets``, ``record``, ``step``; backward in eval mode, double
    backward, forward mode, vmap.

    What differs from torch: errors are ``CellwrightError``; dropout between the layers of a *packed* batch draws other
    numbers from the same seed; in half precision each operation of a step rounds, as in torch without oneDNN; under
    autocast the states, and with them the output, keep the dtype of the input; a parametrised weight is read once a
    call; it is no instance of ``torch.nn.LSTM``, and ``torch.jit.script`` does not take it (``torch.export`` does).

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device, dtype:
            as in torch.

    Raises:
        CellwrightError: a size or probability that makes no sense.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        checks.flag("bias", bias)
        checks.projection(proj_size, checks.positive("hidden_size", hidden_size))
        super().__init__(
            cells.LSTM(biases="all" if bias else "none", recurrent_bias=bias, projection=proj_size > 0),
            input_size,
            hidden_size,
            num_layers,
            batch_first=batch_first,
            dropout=dropout,
            bidirectional=bidirectional,
            proj_size=proj_size,
            device=device,
            dtype=dtype,
        )
        self.bias = bias

    def forward(
        self,
        input: Tensor | PackedSequence,
        state: State | None = None,
        *,
        hx: State | None = None,
        lengths: Tensor | Sequence[int] | None = None,
        resets: Tensor | None = None,
        record: str | Sequence[str] = (),
        **sequences: Tensor,
    ) -> Any:
        """Run the layers over a sequence: see ``Recurrent.forward``.

        Args:
            input: (time, batch, features), or batch first as set, or (time, features) for one sequence, or packed.
            state: the initial state (h_0, c_0); by name also ``hx``, as torch calls it.
            lengths, resets, record: as for every ``Recurrent``.

        Returns:
            ``output, (h_n, c_n)`` as in torch; with ``record`` also a dict of signals.

        Raises:
            CellwrightError: shapes or dtypes that do not fit, unknown names, no time steps, a state given twice.
        """
        if hx is not None and state is not None:
            raise CellwrightError("the initial state is given twice, as hx and as state: leave one of them out")
        initial = state if hx is None else hx
        return super().forward(input, initial, lengths=lengths, resets=resets, record=record, **sequences)

    @classmethod
    def from_torch(cls, layer: nn.LSTM) -> LSTM:
        """The same layer on the same parameters: an optimiser that holds them goes on working.

        Raises:
            CellwrightError: the layer is more than a plain ``torch.nn.LSTM``: a subclass, parametrised, pruned, with
                hooks. What that adds would be lost.
        """
        _check_plain(layer)
        new = cls(
            layer.input_size,
            layer.hidden_size,
            layer.num_layers,
            layer.bias,
            layer.batch_first,
            bidirectional=layer.bidirectional,
            proj_size=layer.proj_size,
            device="meta",
        )
        own = dict(layer.named_parameters(remove_duplicate=False))
        if own.keys() != dict(new.named_parameters()).keys() or any(True for _ in layer.buffers()):
            raise CellwrightError(
                "it holds other tensors than a torch.nn.LSTM's, so it is pruned or reparametrised: make that permanent "
                "(prune.remove, remove_weight_norm), replace the layer, then apply it again"
            )
        for name, parameter in own.items():
            setattr(new, name, parameter)
        new.dropout = float(layer.dropout)
        return new.train(layer.training)

    def extra_repr(self) -> str:
        options = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
        return self._options_repr({**options, "bidirectional": False})


_HOOKS = (
    "_forward_pre_hooks",
    "_forward_hooks",
    "_backward_pre_hooks",
    "_backward_hooks",
    "_state_dict_pre_hooks",
    "_state_dict_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


def _check_plain(layer: nn.LSTM) -> None:
    if nn.utils.parametrize.is_parametrized(layer):
        raise CellwrightError(
            "it is parametrised: remove that (torch.nn.utils.parametrize.remove_parametrizations), replace the layer, "
            "then parametrise it again"
        )
    if type(layer) is not nn.LSTM:
        raise CellwrightError(f"it is a {type(layer).__name__}, and what that adds to torch.nn.LSTM would be lost")
    if kinds := [kind for kind in _HOOKS if getattr(layer, kind, None)]:
        raise CellwrightError(
            f"it has hooks ({', '.join(kind.strip('_') for kind in kinds)}) that would be lost, such as those of "
            "pruning: remove them, replace the layer, then add them to the new one"
        )


def replace(model: nn.Module) -> nn.Module:
    """Swap every ``torch.nn.LSTM`` in a model for ``cellwright.LSTM``, in place, on the same parameters.

    A layer that is used in several places stays one layer. All are swapped, or none.

    Returns:
        the model itself, or its replacement if it is an LSTM.

    Raises:
        CellwrightError: an LSTM is a subclass, parametrised, pruned, or has hooks; the message names it.
    """
    if isinstance(model, nn.LSTM):
        return _replacement("the model", model)
    swapped: dict[nn.Module, LSTM] = {}
    places: list[tuple[nn.Module, str, nn.Module]] = []
    for path, module in model.named_modules():
        for name, child in module._modules.items():  # named_children() leaves out the second name of a shared layer
            if isinstance(child, nn.LSTM):
                places.append((module, name, child))
                if child not in swapped:
                    swapped[child] = _replacement(f"{path}.{name}".lstrip("."), child)
    for module, name, child in places:
        setattr(module, name, swapped[child])
    return model


def _replacement(path: str, layer: nn.LSTM) -> LSTM:
    try:
        return LSTM.from_torch(layer)
    except CellwrightError as error:
        raise CellwrightError(f"{path} cannot be replaced: {error}") from None
