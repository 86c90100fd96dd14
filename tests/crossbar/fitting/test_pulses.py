"""Measured pulses: units, several devices, and tables that are refused."""

import pytest

from cellwright.crossbar.fitting import read_pulses
from cellwright.errors import CellwrightError


def written(tmp_path, text):
    path = tmp_path / "pulses.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("heading", "scale"),
    [
        ("pulse,voltage,conductance", 1),
        ("Pulse,Voltage (V),Conductance (uS)", 1e-6),
        ("pulse, voltage_V, conductance_µS", 1e-6),
        ("pulse;voltage;conductance [mS]", 1e-3),
        ("pulse\tvoltage\tconductance_nS", 1e-9),
    ],
)
def test_units_follow_the_name(tmp_path, heading, scale):
    delimiter = max(",;\t", key=heading.count)
    rows = "\n".join(delimiter.join(row) for row in [("0", "0", "0.01"), ("1", "1.5", "0.02"), ("2", "-1", "0.03")])
    (train,) = read_pulses(written(tmp_path, f"# batch 7\n{heading}\n{rows}\n"))
    assert train.conductance == pytest.approx([0.01 * scale, 0.02 * scale, 0.03 * scale])
    assert train.voltage.tolist() == [0, 1.5, -1]
    assert train.pulse.tolist() == [0, 1, 2]
    assert train.gate_voltage is None


def test_several_devices_are_told_apart_and_other_columns_left_alone(tmp_path):
    text = "device,pulse,gate_voltage_mV,conductance_uS,operator\nA,1,700,10,x\nB,1,800,20,\nA,2,900,30,y\n"
    first, second = read_pulses(written(tmp_path, text))
    assert (first.device, second.device) == ("A", "B")
    assert first.gate_voltage.tolist() == pytest.approx([0.7, 0.9])
    assert first.conductance.tolist() == pytest.approx([10e-6, 30e-6])
    assert second.voltage is None


GOOD = "pulse,voltage,conductance\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            GOOD + "0,1,5\n",
            "line 2: a conductance of 5 S is that of no device: expected siemens, or a unit in the heading",
        ),
        (GOOD + "0,1,-1e-6\n", "a conductance of -1e-06 S is that of no device"),
        (GOOD + "0,1000,1e-6\n", "a voltage of 1000 V is beyond any device: expected volts, or a unit"),
        (GOOD + "0,1,1e-6\n1,,1e-6\n", "pulses.csv, line 3, column 2: voltage is empty: fill the gap"),
        (GOOD + "0,1,1e-6\n1,1,nan\n", "line 3, column 3: conductance is nan"),
        (GOOD + "0,1,1e-6\n# later\n1,1,low\n", "line 4, column 3: conductance is 'low': expected a number"),
        (
            GOOD + "0,1,1e-6\n3,1,1e-6\n",
            "line 3: pulses 1 to 2 are missing: pulses of a device are numbered one by one",
        ),
        (GOOD + "5,1,1e-6\n1,1,1e-6\n", "line 3: pulse 1 comes after 5"),
        (GOOD + "0.5,1,1e-6\n1.5,1,1e-6\n", "line 2: pulse 0.5: expected a whole number, one more at every pulse"),
        (GOOD + "1e300,1,1e-6\n", "line 2: pulse 1e+300: expected a whole number"),
        (
            GOOD + '0,1,1e-6\n1,"1,1e-6\n2,1,1e-6\n',
            "pulses.csv, line 3 is no CSV: unexpected end of data; expected",
        ),
        ('"pulse,voltage,conductance\n0,1,1e-6\n', "pulses.csv, line 1 is no CSV"),
        (GOOD + "0,1\n", "line 2 has 2 columns and its heading 3"),
        (GOOD, "has a heading and no pulses"),
        ("", "pulses.csv has no rows"),
        ("0,1,1e-6\n1,1,1e-6\n", "has the columns 0, 1, 1e-6; expected pulse, conductance"),
        ("pulse,conductance\n0,1e-6\n", "expected pulse, conductance (or conductance_uS) and voltage or gate_voltage"),
        ("pulse,voltage,conductance_ohm\n0,1,1\n", "'conductance_ohm' has an unknown unit; known are S, mS, uS, nS"),
        ("pulse,voltage,conductance,conductance_uS\n0,1,1,1\n", "two columns of conductance: keep one"),
        ("pulse,voltage,device,conductance\n0,1,A,1e-6\n2,1,A,1e-6\n", "pulse 1 of device A is missing"),
    ],
)
def test_bad_tables_are_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(CellwrightError) as caught:
        read_pulses(written(tmp_path, text))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
