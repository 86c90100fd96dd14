"""What a sweep can vary: every field of a point's settings by name, found in the dataclasses themselves.

A field that a chip gets tomorrow can be swept tomorrow: nothing here lists them. A few names for people stand beside,
for fields that are usually varied together.
"""

from __future__ import annotations

import math
import re
import types
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from functools import cache
from itertools import groupby
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from cellwright.crossbar import ChipSettings
from cellwright.errors import CellwrightError, named
from cellwright.units import PREFIXES

T = TypeVar("T")
FieldPath = tuple[str, ...]
Members = tuple[Any, ...]

_NONE, _ON, _OFF = ("none", "off"), ("on", "true", "yes"), ("off", "false", "no")
_FACTORS = {prefix: 10.0**exponent for exponent, prefix in PREFIXES.items()} | {"u": 1e-6, "%": 1e-2}
_NUMBER = re.compile(rf"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([{''.join(_FACTORS)}]?)")


@dataclass(frozen=True, kw_only=True)
class PointSettings:
    """All that distinguishes one point of a sweep from another.

    Attributes:
        recipe, cell: how the networks are learnt, as in ``RunSettings``; a cell that is empty is the recipe's own.
        chip: what they are programmed into.
    """

    recipe: str
    cell: str
    chip: ChipSettings


@dataclass(frozen=True)
class Setting:
    """Something that a sweep can vary.

    Attributes:
        name: for people.
        paths: the fields that it sets, each as the way to it from ``PointSettings``.
        members: the types of which a value is one; a choice of a ``Literal`` is a member by itself.
        share: the part of a value that each of the fields gets.
    """

    name: str
    paths: tuple[FieldPath, ...]
    members: Members
    share: float = 1.0

    def parse(self, text: str) -> Any:
        """A value from text: a number (5m is 0.005, 2% is 0.02), on, off, none, 128x64, or a name.

        Raises:
            CellwrightError: the text is no such value.
        """
        text = text.strip()
        for read in (_none, _switch, _choice, _number, _pair, _name):
            if (found := read(text, self.members)) is not _NOTHING:
                return found
        raise CellwrightError(
            f"{self.name}={text}: expected {' or '.join(dict.fromkeys(map(_expected, self.members)))}"
        )

    def changes(self, value: Any) -> dict[FieldPath, Any]:
        """The value of every field that the setting sets."""
        return dict.fromkeys(self.paths, value if self.share == 1 else value * self.share)

    def read(self, point: PointSettings) -> Any:
        """The value that a point has; None where its fields have several, or are part of something left out."""
        found = [_at(point, path) for path in self.paths]
        if any(value != found[0] for value in found[1:]):
            return None
        return found[0] if self.share == 1 or found[0] is None else found[0] / self.share


_TOGETHER: Mapping[str, tuple[tuple[str, ...], float]] = {
    "bits": (("input_bits", "output_bits"), 1.0),
    "stuck": (("stuck_on", "stuck_off"), 0.5),
    "segment_ohm": (("wires.row_segment", "wires.column_segment"), 1.0),
    "row_segment_ohm": (("wires.row_segment",), 1.0),
    "column_segment_ohm": (("wires.column_segment",), 1.0),
    "driver_ohm": (("wires.driver",), 1.0),
    "sense_ohm": (("wires.sense",), 1.0),
}
"""Names for people: the fields that they set, and the part of the value that each gets."""


@cache
def available(kind: type = PointSettings) -> Mapping[str, Setting]:
    """Every setting of a dataclass by the name under which it is listed: that of its field, where it has it alone."""
    found = {_dotted(path): (path, members) for path, members in _settings_of(kind)}
    last = Counter(path[-1] for path, _ in found.values())
    together = {
        name: Setting(name, tuple(found[part][0] for part in parts), found[parts[0]][1], share)
        for name, (parts, share) in _TOGETHER.items()
        if found.keys() >= set(parts)
    }
    names = {full: path[-1] if last[path[-1]] == 1 else full for full, (path, _) in found.items()}
    return together | {names[full]: Setting(names[full], (path,), members) for full, (path, members) in found.items()}


@dataclass(frozen=True)
class Axis:
    """A setting and the values that it takes in a sweep."""

    setting: Setting
    values: tuple[Any, ...]

    @property
    def name(self) -> str:
        return self.setting.name

    def __str__(self) -> str:
        return f"{self.name}={','.join(map(text_of, self.values))}"


def parse_axis(text: str) -> Axis:
    """An axis from ``NAME=VALUE,VALUE``.

    Raises:
        CellwrightError: nothing has that name, or a value is none of its.
    """
    name, equals, values = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or not values.strip(" ,"):
        raise CellwrightError(f"--over {text}: expected NAME=VALUE,VALUE, such as bits=4,6,8")
    full = {_dotted(setting.paths[0]): setting for setting in available().values() if setting.name not in _TOGETHER}
    setting = full[name] if name in full else named("setting to sweep", name, available())
    return Axis(setting, tuple(dict.fromkeys(setting.parse(value) for value in values.split(",") if value.strip())))


def check_apart(axes: Sequence[Axis], where: str = "") -> None:
    """Raise a CellwrightError where two axes set the same field, as ``bits`` and ``input_bits`` do."""
    setters: dict[FieldPath, str] = {}
    for axis in axes:
        for path in axis.setting.paths:
            for other, name in setters.items():
                shorter = min(len(path), len(other))
                if path[:shorter] == other[:shorter]:
                    raise CellwrightError(f"{name} and {axis.name} both set {_dotted(path)}{where}: keep one of them")
        setters |= dict.fromkeys(axis.setting.paths, axis.name)


def changed(settings: T, changes: Mapping[FieldPath, Any]) -> T:
    """The same settings with other values in some fields, all of them put there at once.

    Raises:
        CellwrightError: values that do not fit each other.
    """
    together = {}
    for name, group in groupby(sorted(changes.items(), key=lambda change: change[0]), key=lambda change: change[0][0]):
        inner = {path[1:]: value for path, value in group}
        together[name] = inner[()] if () in inner else changed(_nested(settings, name), inner)
    return replace(settings, **together)  # type: ignore[type-var]  # all that has fields is a dataclass


def text_of(value: Any) -> str:
    """A value as it is typed on the command line."""
    if value is None:
        return "none"
    if isinstance(value, bool) or is_dataclass(value):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _settings_of(kind: type, above: FieldPath = ()) -> Iterator[tuple[FieldPath, Members]]:
    """The fields of a dataclass that text can set, and those of the dataclasses in it."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        path, members = (*above, field.name), _members(hints[field.name])
        nested = [member for member in members if isinstance(member, type) and is_dataclass(member)]
        if any(_is_simple(member) for member in members):
            yield path, members
        # What has a name is chosen by it, not put together from its fields.
        if len(nested) == 1 and str not in members:
            yield from _settings_of(nested[0], path)


def _members(hint: Any) -> Members:
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(member for part in get_args(hint) for member in _members(part))
    return get_args(hint) if get_origin(hint) is Literal else (hint,)


def _is_simple(member: Any) -> bool:
    return member in (types.NoneType, bool, int, float, str, tuple[int, int]) or isinstance(member, str | int)


def _dotted(path: FieldPath) -> str:
    return ".".join(part for part in path if part != "chip")


def _at(settings: Any, path: FieldPath) -> Any:
    for name in path:
        settings = None if settings is None else getattr(settings, name)
    return settings


def _nested(settings: Any, name: str) -> Any:
    """A part of the settings; where it is left out, as the class has it."""
    found = getattr(settings, name)
    if found is not None:
        return found
    (kind,) = (member for member in _members(get_type_hints(type(settings))[name]) if is_dataclass(member))
    return _default(kind)


def _default(kind: Any) -> Any:
    if any(field.init and field.default is MISSING and field.default_factory is MISSING for field in fields(kind)):
        raise CellwrightError(
            f"{kind.__name__} has no default to start from: give it to the chip in a program of yours"
        )
    return kind()


_NOTHING = object()


def _none(text: str, members: Members) -> Any:
    return None if types.NoneType in members and text.lower() in _NONE else _NOTHING


def _switch(text: str, members: Members) -> Any:
    """On and off of what is either; on alone of what is a dataclass or left out."""
    on, off = text.lower() in _ON, text.lower() in _OFF
    if bool in members and (on or off):
        return on
    whole = [member for member in members if is_dataclass(member)]
    return _default(whole[0]) if on and types.NoneType in members and len(whole) == 1 else _NOTHING


def _choice(text: str, members: Members) -> Any:
    return next(
        (m for m in members if isinstance(m, str | int) and not isinstance(m, type) and str(m) == text), _NOTHING
    )


def _number(text: str, members: Members) -> Any:
    found = _NUMBER.fullmatch(text)
    if not found:
        return _NOTHING
    value = float(found[1]) * _FACTORS[found[2]] if found[2] else float(found[1])
    if int in members and value.is_integer():
        return int(value)
    return value if float in members and math.isfinite(value) else _NOTHING


def _pair(text: str, members: Members) -> Any:
    found = re.fullmatch(r"(\d+)\s*[x×]\s*(\d+)", text)
    return (int(found[1]), int(found[2])) if found and tuple[int, int] in members else _NOTHING


def _name(text: str, members: Members) -> Any:
    return text if str in members else _NOTHING


def _expected(member: Any) -> str:
    if is_dataclass(member):
        return "on"
    words = {types.NoneType: "none", bool: "on or off", int: "a whole number", float: "a number", str: "a name"}
    return words.get(member, "ROWSxCOLUMNS" if member == tuple[int, int] else repr(member))
