"""A network in fixed point: every operation of its cells rounds to a grid, as digital hardware does.

The program of a cell is interpreted as it stands; only the arithmetic differs. So every cell works, a cell of one's own
too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_map

from cellwright.digital.arithmetic import FixedPoint, FixedPointArithmetic, Formats
from cellwright.errors import CellwrightError
from cellwright.layers import Recurrent
from cellwright.program import Arithmetic, Value

Tensor = torch.Tensor


class FixedPointLinear(nn.Module):
    """What stands in for a ``torch.nn.Linear``, whose weights are on their grid."""

    def __init__(self, linear: nn.Linear, arithmetic: FixedPointArithmetic) -> None:
        super().__init__()
        self.linear, self.arithmetic = linear, arithmetic

    def forward(self, input: Tensor) -> Tensor:
        product = self.arithmetic.product(self.arithmetic.entered(input), self.linear.weight, self.linear.bias)
        return self.arithmetic.summed(product)


class FixedPointNetwork(nn.Module):
    """A model in fixed point; call it as the model.

    Attributes:
        model: the copy that computes in fixed point.
        settings: what it was made with.
        formats: by the name of the layer (``lstm_l0``, ``dense``).
        unrounded: names of the modules with parameters that compute in float64.
    """

    def __init__(self, model: nn.Module, settings: FixedPoint, unrounded: Sequence[str]) -> None:
        super().__init__()
        self.model, self.settings, self.unrounded = model, settings, tuple(unrounded)
        self.formats: dict[str, Formats] = {}

    @property
    def is_exact(self) -> bool:
        """Whether every result is that of integer arithmetic, bit for bit."""
        return all(formats.is_exact for formats in self.formats.values())

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """The model's outputs, in float64, which holds the numbers of every format exactly."""
        with torch.no_grad():
            return self.model(*tree_map(_double, inputs), **tree_map(_double, options))


def fixed_point(
    model: nn.Module,
    settings: FixedPoint | None = None,
    *,
    calibration: Tensor | Sequence[Any] | None = None,
    allow_float: Sequence[str] = (),
) -> FixedPointNetwork:
    """A trained model in fixed point: ``torch.nn.Linear`` and the recurrent layers of Cellwright.

    Each layer and direction has formats of its own. Their binary points are set so that the weights, and what the
    calibration makes of the rest, fit without overflow. What a model computes between its layers stays in float64.

    Args:
        model: stays as it is; a copy in eval mode is rounded.
        calibration: training inputs, one tensor or the tuple of the model's arguments; not needed where ``settings``
            give the formats of states and sums.
        allow_float: names or classes of modules with parameters that may stay in float64.

    Raises:
        CellwrightError: a module has parameters and is no such layer, and ``allow_float`` does not name it; nothing
            says where a binary point lies; the calibration misses a layer.
    """
    settings = settings or FixedPoint()
    copy = deepcopy(model).eval().requires_grad_(False).double()
    network = FixedPointNetwork(copy, settings, _unrounded(copy, allow_float))
    places = list(_places(network))
    if not places:
        raise CellwrightError("the model has no torch.nn.Linear and no recurrent layer of Cellwright to round")
    seen = _observed(network, places, calibration)
    for place in places:
        formats = _formats(settings, place, seen.get(place.name, {}))
        for tensor in place.parameters:
            tensor.copy_(formats.weights.round(tensor, settings.rounding))
        place.install(FixedPointArithmetic(settings, formats))
        network.formats[place.name] = formats
    return network


class _Place(ABC):
    """One layer and direction, or one linear module.

    Attributes:
        longest: products in its longest sum, biases among them.
    """

    name: str
    parameters: tuple[Tensor, ...]
    longest: int

    @abstractmethod
    def watch(self, ranges: _Ranges) -> None:
        """From now on, keep the ranges of what it computes; until ``install``."""

    @abstractmethod
    def install(self, arithmetic: FixedPointArithmetic) -> None:
        """Compute in this way."""


class _RecurrentPlace(_Place):
    def __init__(self, path: str, layer: Recurrent, index: int, suffix: str, installed: _Installed) -> None:
        self.name = f"{path}{suffix}".lstrip("_")
        self.parameters = tuple(layer.stored(index, suffix).values())
        self.longest = sum(tensor.shape[1] for tensor in self.parameters if tensor.ndim == 2) + 2
        self._installed, self._key = installed, (index, suffix)

    def watch(self, ranges: _Ranges) -> None:
        self._installed.by_layer[self._key] = ranges

    def install(self, arithmetic: FixedPointArithmetic) -> None:
        self._installed.by_layer[self._key] = arithmetic


class _LinearPlace(_Place):
    def __init__(self, path: str, module: nn.Linear, replace: Callable[[nn.Module], None]) -> None:
        self.name = path or "linear"
        self.parameters = tuple(module.parameters(recurse=False))
        self.longest = module.in_features + 1
        self._module, self._replace = module, replace
        self._stop: Callable[[], None] = lambda: None

    def watch(self, ranges: _Ranges) -> None:
        def keep(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            ranges.keep("states", inputs[0])
            ranges.keep("sums", output)

        self._stop = self._module.register_forward_hook(keep).remove

    def install(self, arithmetic: FixedPointArithmetic) -> None:
        self._stop()
        self._replace(FixedPointLinear(self._module, arithmetic))


class _Installed:
    """What a layer asks for its arithmetic, by layer and direction."""

    def __init__(self) -> None:
        self.by_layer: dict[tuple[int, str], Arithmetic] = {}

    def __call__(self, layer: int, suffix: str) -> Arithmetic | None:
        return self.by_layer.get((layer, suffix))


class _Ranges(Arithmetic):
    """Computes as torch does and keeps the largest magnitude of each group."""

    def __init__(self) -> None:
        self.largest: dict[str, float] = {}

    def computed(self, value: Value, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        if value.operator in ("constant", "less", "equal"):
            return function
        group = "sums" if value.operator == "linear" else "states"

        def watched(*arguments: Tensor) -> Tensor:
            result = function(*arguments)
            self.keep(group, result)
            return result

        return watched

    def keep(self, group: str, values: Tensor) -> None:
        if values.numel():
            self.largest[group] = max(self.largest.get(group, 0.0), float(values.abs().max()))


def _places(network: FixedPointNetwork) -> Iterator[_Place]:
    paths: dict[nn.Module, list[str]] = {}
    for path, module in network.named_modules(remove_duplicate=False):
        paths.setdefault(module, []).append(path)
    for module, found in paths.items():
        name = found[0].removeprefix("model").lstrip(".")
        if isinstance(module, Recurrent) and not module.convolves:
            installed = _Installed()
            module.__dict__["arithmetic"] = installed
            yield from (_RecurrentPlace(name, module, *place, installed) for place in module.directions())
        elif isinstance(module, nn.Linear) and _is_plain(module):
            yield _LinearPlace(name, module, _replacing(network, found))


def _replacing(network: FixedPointNetwork, paths: Sequence[str]) -> Callable[[nn.Module], None]:
    def replace(module: nn.Module) -> None:
        for path in paths:
            parent, _, name = path.rpartition(".")
            setattr(network.get_submodule(parent), name, module)

    return replace


def _observed(
    network: FixedPointNetwork, places: Sequence[_Place], calibration: Tensor | Sequence[Any] | None
) -> dict[str, dict[str, float]]:
    """Run the model on the calibration inputs; the largest magnitudes of every place by group."""
    if calibration is None:
        return {}
    ranges = {place.name: _Ranges() for place in places}
    for place in places:
        place.watch(ranges[place.name])
    network(*([calibration] if isinstance(calibration, Tensor) else calibration))
    if missed := [name for name, found in ranges.items() if not found.largest]:
        raise CellwrightError(f"the calibration did not reach {', '.join(missed)}: pass inputs that use all layers")
    return {name: found.largest for name, found in ranges.items()}


def _formats(settings: FixedPoint, place: _Place, seen: Mapping[str, float]) -> Formats:
    heaviest = max(float(tensor.abs().max()) for tensor in place.parameters)
    formats = Formats(
        weights=settings.format("weights", heaviest),
        states=settings.format("states", seen.get("states")),
        sums=settings.format("sums", seen.get("sums")),
        longest=place.longest,
    )
    accumulator = formats.accumulator(settings)
    if accumulator is not None and (reached := seen.get("sums", 0.0)) / accumulator.step > accumulator.largest:
        raise CellwrightError(
            f"an accumulator of {accumulator.bits} bits is {accumulator} in {place.name}, and its sums reach "
            f'{reached:.3g}: give it more bits, or accumulator="wide"'
        )
    return formats


def _unrounded(model: nn.Module, allowed: Sequence[str]) -> list[str]:
    """The modules that are no layer to round and have parameters of their own."""
    found, used = [], set()
    for path, module in model.named_modules():
        is_rounded = _is_plain(module) or (isinstance(module, Recurrent) and not module.convolves)
        if is_rounded or not list(module.parameters(recurse=False)):
            continue
        kind = type(module).__name__
        names = {path, kind} & set(allowed)
        if not names:
            advice = (
                "swap it with cellwright.replace(model) first"
                if isinstance(module, nn.RNNBase)
                else f"convolutions are not rounded, pass allow_float=[{path or kind!r}]"
                if isinstance(module, Recurrent)
                else f"pass allow_float=[{path or kind!r}] to leave it in float64"
            )
            raise CellwrightError(
                f"{path or 'the model'} is a {kind} with parameters, and what is rounded are torch.nn.Linear and "
                f"Cellwright's recurrent layers: {advice}"
            )
        used |= names
        found.append(path)
    if unused := [name for name in allowed if name not in used]:
        raise CellwrightError(f"allow_float names {', '.join(unused)}, which the model does not have")
    return found


def _is_plain(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) and type(module).forward is nn.Linear.forward


def _double(item: Any) -> Any:
    return item.double() if isinstance(item, Tensor) and item.is_floating_point() else item
