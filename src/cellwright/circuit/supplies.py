"""Who draws how much: every kind of block on a supply node of its own, behind a source of 0 V that measures it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cellwright.circuit.components import SUPPLY, Component, Instance, Source

REFERENCES = "references"
"""The name under which currents of references are measured."""


def measured(components: Iterable[Component], kinds: dict[str, str]) -> list[Component]:
    """The same components, those at the supply moved to the measured node of their kind.

    Args:
        kinds: of blocks by the names of their subcircuits.
    """
    return [_moved(component, kinds) for component in components]


def meters(components: Iterable[Component]) -> list[Source]:
    """The measuring sources of components that were moved, one a kind."""
    moved = dict.fromkeys(
        node.removeprefix(_PREFIX) for component in components for node in _fed(component) if node.startswith(_PREFIX)
    )
    return [Source(meter(kind), "V", SUPPLY, f"{_PREFIX}{kind}", "0", "measurement") for kind in moved]


def meter(kind: str) -> str:
    """The name of the source that measures a kind."""
    return f"supply_{kind}"


_PREFIX = f"{SUPPLY}_"


def _fed(component: Component) -> tuple[str, ...]:
    """The nodes among which that of its supply is."""
    if isinstance(component, Instance):
        return component.nodes
    return (component.a,) if isinstance(component, Source) and component.kind == "I" else ()


def _moved(component: Component, kinds: dict[str, str]) -> Component:
    if isinstance(component, Instance):
        own = f"{_PREFIX}{kinds[component.block]}"
        return replace(component, nodes=tuple(own if node == SUPPLY else node for node in component.nodes))
    if isinstance(component, Source) and component.kind == "I" and component.a == SUPPLY:
        return replace(component, a=f"{_PREFIX}{REFERENCES}")
    return component
