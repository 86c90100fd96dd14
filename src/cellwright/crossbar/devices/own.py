"""Devices of a person's own: FILE.json, fitted or written by hand, or FILE.py:NAME, with a law of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

from cellwright.cells.listing import line_in, not_among, reason, user_module
from cellwright.crossbar.devices.device import Device
from cellwright.crossbar.devices.stored import load_device
from cellwright.errors import CellwrightError


def is_file(name: str) -> bool:
    """Whether a name stands for a file, not for a device of the catalogue."""
    return ":" in name or name.endswith((".py", ".json"))


def device_from_file(name: str) -> Device:
    """A device from a file.

    Args:
        name: ``FILE.json``, or ``FILE.py:NAME`` where NAME is a device, a class of devices, or an entry of the file's
            ``CATALOGUE``; a file with a single one needs no NAME.

    Raises:
        CellwrightError: there is no such file; it does not import; it has no such device.
    """
    file, _, wanted = name.partition(":")
    path = Path(file)
    if not path.is_file():
        raise CellwrightError(f"no file {file!r}: a device of your own is named FILE.json or FILE.py:NAME")
    if path.suffix == ".json":
        return load_device(path)
    module = user_module(path.resolve())
    known = _devices(module)
    if not wanted and len(known) == 1:
        (wanted,) = known
    if wanted not in known:
        raise CellwrightError(not_among(module, wanted, list(known), "device", "cellwright.crossbar.Device", file))
    return _instance(known[wanted], name)


def _devices(module: ModuleType) -> dict[str, Device | Callable[[], Device]]:
    found: dict[str, Device | Callable[[], Device]] = {}
    for name, value in vars(module).items():
        own_class = isinstance(value, type) and issubclass(value, Device) and value.__module__ == module.__name__
        if own_class or isinstance(value, Device):
            found[name] = value
    listed: Mapping[str, Device] = getattr(module, "CATALOGUE", {})
    return found | dict(listed)


def _instance(device: Device | Callable[[], Device], name: str) -> Device:
    if isinstance(device, Device):
        return device
    path = Path(name.partition(":")[0])
    try:
        return device()
    except CellwrightError as error:
        raise CellwrightError(f"{name}{line_in(path, error)}: {error}") from error
    except Exception as error:
        raise CellwrightError(
            f"{name}{line_in(path, error)} cannot be made without arguments: {reason(error)}"
        ) from error
