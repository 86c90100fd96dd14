"""Memristive devices: one file each, found by name.

A file in this folder lists its devices in a mapping ``CATALOGUE``; adding a device is adding a file. A device of one's
own is a file anywhere, named by its path.
"""

from __future__ import annotations

from functools import cache

from cellwright.cells.listing import listed
from cellwright.crossbar.devices.device import Device, Pulse
from cellwright.crossbar.devices.own import device_from_file, is_file
from cellwright.errors import CellwrightError, named

__all__ = ["Device", "Pulse", "catalogue", "find"]


@cache
def _entries() -> dict[str, Device]:
    return {name: device for name, (_, device) in listed(__name__, "CATALOGUE", ()).items()}


def catalogue() -> dict[str, Device]:
    """Every device by name."""
    return dict(_entries())


def find(device: str | Device) -> Device:
    """A device by its name in the catalogue or its file, ``FILE.json`` or ``FILE.py:NAME``; a device passes through.

    Raises:
        CellwrightError: no device has that name; it is a class of devices or something else; the file has none.
    """
    if isinstance(device, type) and issubclass(device, Device):
        raise CellwrightError(f"the device is the class {device.__name__}: pass an instance, {device.__name__}()")
    if not isinstance(device, str | Device):
        raise CellwrightError(f"a device is a name or an instance of Device, got {device!r}")
    if isinstance(device, Device):
        return device
    if is_file(device):
        return device_from_file(device)
    return named("device", device, _entries(), "; your own is FILE.json or FILE.py:NAME")
