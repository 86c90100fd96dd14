"""What a circuit does, in sentences; the numbers in them are the record's."""

from __future__ import annotations

from cellwright.report.circuit_record import CircuitReport, SignalTrace
from cellwright.report.wording import Numbers, counted
from cellwright.units import area, quantity, significant

IDEAL_WORDS = {
    "supply": "the supply",
    "clock": "the clocks and their complements",
    "reference": "reference voltages and currents",
    "input": "the inputs and their inverse",
    "measurement": "sources of 0 V that measure currents",
    "behaviour": "sources that obey an equation in the place of transistors",
}
"""What serves as what, of components that are no circuit."""


def headline(record: CircuitReport) -> str:
    """How far the circuit lies from software, and from what the twin foretells."""
    output = record.output
    software, twin = output.departure("spice_vs_software"), output.departure("spice_vs_twin")
    return (
        f"Over {counted(record.steps, 'step')} the transistors' {output.name} departs from software by at most "
        f"{number(software.largest)} (rms {number(software.rms)}), and from the circuit's twin by "
        f"{number(twin.largest)} (rms {number(twin.rms)})."
    )


def number(value: float) -> str:
    """A departure of a state or a gate, whose range is about 2."""
    return f"{value:.4f}"


def task(record: CircuitReport) -> str:
    """What that does to the task."""
    numbers = Numbers(record.decimals)
    return (
        f"In the place of the network's recurrent layer the twin forecasts the test period with an error of "
        f"{numbers.error(record.twin)} {record.unit}, software with {numbers.error(record.software)}."
    )


def forecast(record: CircuitReport) -> str:
    """The one forecast that the simulated sequence leads to."""
    if not record.forecast:
        return (
            f"The recipe's sequences have another length than {counted(record.steps, 'step')}: what the network "
            "answers after them is no forecast that it was trained for."
        )
    numbers = Numbers(record.decimals)
    told = {"software": "software", "twin": "the twin", "spice": "ngspice"}
    parts = ", ".join(f"{name} {numbers.error(record.forecast[source])}" for source, name in told.items())  # type: ignore[index]
    return f"The simulated sequence forecasts {record.label}: {parts}; observed {numbers.error(record.observed)}."


def conditions(record: CircuitReport) -> str:
    """Where it was simulated."""
    remedy = f" It converged with a remedy: {record.remedy}." if record.remedy else " It converged as it stands."
    return (
        f"{record.technology_title} ({record.technology_source}), corner {record.corner}, "
        f"{significant(record.temperature)} °C, ngspice {record.ngspice}.{remedy}"
    )


def power(record: CircuitReport) -> str:
    """What the supply gives, and whether that may be claimed."""
    given = (
        f"All sources together give {quantity(record.power, 'W')} on average, "
        f"{quantity(record.energy_per_step, 'J')} for a step of {quantity(record.period, 's')}; "
        f"the components take {area(record.area)}"
    )
    if record.claims:
        return f"{given}."
    return f"{given}. These are nobody's transistors, so that no claim rests on it."


def not_drawn(record: CircuitReport) -> str:
    """Signals that are no voltage anywhere, and units that the figure leaves out."""
    inferred = [signal.name for signal in record.signals if not signal.voltage]
    said = []
    if inferred:
        said.append(
            f"{_and(inferred)} {'is' if len(inferred) == 1 else 'are'} no voltage of the circuit, which multiplies "
            "inside of a block: drawn is the squashing function of the voltage that drives it."
        )
    return " ".join(said)


def ideal(record: CircuitReport) -> str:
    """What is no circuit yet."""
    parts = [f"{IDEAL_WORDS.get(kind, kind)} ({count})" for kind, count in record.ideal.items()]
    return (
        f"Still ideal: {'; '.join(parts)}. Memristors are read as the conductances that they were programmed to; "
        "the network's dense layer is computed in software. Noise and wires are left out, and mismatch from "
        "what ngspice runs."
    )


def signal_words(record: CircuitReport, signal: SignalTrace) -> str:
    """A row's departures in words."""
    twin, software = signal.departure("spice_vs_twin"), signal.departure("spice_vs_software")
    return f"{signal.name}: from the twin {number(twin.largest)}, from software {number(software.largest)}"


def describe(record: CircuitReport, name: str) -> str:
    """A figure in words, for those who cannot see it."""
    if name.startswith("waveforms"):
        parts = "; ".join(signal_words(record, signal) for signal in record.signals)
        names = _and([signal.name for signal in record.signals])
        return (
            f"Waveforms over {counted(record.steps, 'step')} of the clocks and of {names} in ngspice, "
            f"with marks for twin and software. Largest departures: {parts}."
        )
    if name == "departures":
        states = _and([signal.name for signal in record.states])
        return f"Line chart: the largest departure of {states} at each of {counted(record.steps, 'step')}."
    assert record.draws is not None
    errors = record.spread(record.draws.errors)
    told = f"Histogram: the error of {counted(errors.count, 'draw')} of mismatch, median {errors.median:.4g}"
    trimmed = "" if record.trimmed is None else f"; trimmed, {record.spread(record.trimmed.errors).median:.4g}"
    return f"{told}{trimmed}."


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
