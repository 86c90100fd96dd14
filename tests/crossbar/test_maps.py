"""Maps: what is written is read back to the last bit, gives the weights, and bad ones are refused in one line."""

import json

import numpy as np
import pytest
import torch

import cellwright
from cellwright.crossbar import ChipSettings, load_conductances, load_stuck, program, save_maps
from cellwright.errors import CellwrightError


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return cellwright.LSTM(2, 5, batch_first=True)


@pytest.fixture(scope="module")
def chip(model):
    settings = ChipSettings(tile=(8, 12), stuck_on=0.05, stuck_off=0.05, layout="rows stacked")
    return program(model, settings, chips=3, calibration=torch.rand(4, 6, 2))


def test_npz_is_read_back_exactly(chip, tmp_path):
    save_maps(chip, tmp_path / "maps.npz")
    for name, array in chip.arrays.items():
        for index, tile in enumerate(array.tiles):
            shape = (3, *tile.shape)
            read = load_conductances(tmp_path / "maps.npz", shape, name=f"{name}/{index}/conductance")
            assert read.equal(tile.conductances)
            assert load_stuck(tmp_path / "maps.npz", shape, name=f"{name}/{index}/stuck").equal(tile.programmed.stuck)


def test_csv_is_read_back_exactly(chip, tmp_path):
    save_maps(chip, tmp_path / "maps")
    stuck = 0
    for name, array in chip.arrays.items():
        for index, tile in enumerate(array.tiles):
            for number in range(3):
                stem = f"{name}-{index}-chip{number}"
                read = load_conductances(tmp_path / "maps" / f"{stem}-conductance.csv", tile.shape)
                assert read.equal(tile.conductances[number])
                found = load_stuck(tmp_path / "maps" / f"{stem}-stuck.csv", tile.shape)
                assert found.equal(tile.programmed.stuck[number])
                stuck += int(found.abs().sum())
    assert stuck > 0


@pytest.mark.parametrize("layout", ["rows interleaved", "rows stacked", "columns interleaved", "columns stacked"])
def test_other_tools_get_the_weights_back_from_the_file_alone(model, layout, tmp_path):
    """In numpy, by what ``about`` says: no class of ours takes part."""
    settings = ChipSettings(tile=(8, 12), layout=layout).ideal()
    chip = program(model, settings, chips=2, calibration=torch.rand(4, 6, 2))
    save_maps(chip, tmp_path / "maps.npz")
    with np.load(tmp_path / "maps.npz") as maps:
        about = json.loads(str(maps["about"]))["arrays"]["l0"]
        ranges = np.array([*about["ranges"], *([1.0] if about["bias_row"] else [])])
        inputs = sum(count for _, count in about["row_groups"]) + about["bias_row"]
        weights = np.zeros((inputs, sum(count for _, count in about["column_groups"])))
        for index, tile in enumerate(about["tiles"]):
            g = maps[f"l0/{index}/conductance"][1]
            axis = 0 if about["pairs_along"] == "rows" else 1
            halves = (
                np.split(g, 2, axis)
                if about["pair_order"] == "stacked"
                else ((g[::2], g[1::2]) if axis == 0 else (g[:, ::2], g[:, 1::2]))
            )
            place = slice(*tile["rows"]), slice(*tile["columns"])
            weights[place] = (halves[0] - halves[1]) / np.array(tile["siemens_a_unit"])
    weights /= ranges[:, None]
    expected = chip.arrays["l0"].spec.with_bias.numpy()
    assert len(about["tiles"]) > 1
    np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def written(tmp_path, text):
    path = tmp_path / "map.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_units_and_comments(tmp_path):
    read = load_conductances(written(tmp_path, "# measured in May\n# unit: uS\n\n1; 2.5\n 30 ;0\n"), (2, 2))
    torch.testing.assert_close(
        read, torch.tensor([[1e-6, 2.5e-6], [3e-5, 0.0]], dtype=torch.float64), rtol=1e-15, atol=0
    )
    assert read.dtype == torch.float64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1e-6,5\n1e-6,2e-6\n", "map.csv, word line 0, bit line 1 (from 0): 5 S is beyond any device: give siemens"),
        ("1e-6,2e-6\n-1e-6,-2e-6\n", "word line 1, bit line 0 (from 0): -1e-06 S is negative"),
        ("1e-6,2e-6\n-1e-6,-2e-6\n", "; so are 1 more"),
        ("1e-6,2e-6\n1e-6,\n", "map.csv, line 2, column 2: conductance is empty: fill the gap"),
        ("1e-6,2e-6\n1e-6,nan\n", "line 2, column 2: conductance is nan: expected a finite number"),
        ("1e-6,inf\n1e-6,1\n", "line 1, column 2: conductance is inf: expected a finite number"),
        ("1e-6,high\n1e-6,1e-6\n", "line 1, column 2: conductance is 'high': expected a number"),
        ("1e-6,2e-6\n1e-6\n", "map.csv, line 2 has 1 columns and the first 2"),
        ("1e-6,2e-6\n", "a map of 1 x 2 devices, expected 2 x 2"),
        ("# nothing\n", "map.csv has no rows"),
        ("# unit: ohm\n1,2\n3,4\n", "no unit of conductance is called 'ohm'"),
    ],
)
def test_bad_conductances_are_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(CellwrightError) as caught:
        load_conductances(written(tmp_path, text), (2, 2))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_stuck_map_has_three_numbers(tmp_path):
    assert load_stuck(written(tmp_path, "1,0\n-1,0\n")).tolist() == [[1, 0], [-1, 0]]
    with pytest.raises(CellwrightError, match=r"word line 0, bit line 1 .*: 2 is none of 1"):
        load_stuck(written(tmp_path, "1,2\n0,0\n"))
    with pytest.raises(CellwrightError, match=r"0\.5 is none of"):
        load_stuck(written(tmp_path, "0.5,0\n0,0\n"))


def test_bad_files_are_refused_in_one_line(tmp_path):
    with pytest.raises(CellwrightError, match=r"there is no file .*missing.csv"):
        load_conductances(tmp_path / "missing.csv")
    with pytest.raises(CellwrightError, match=r"cannot read .*missing.npz"):
        load_conductances(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("1,2\n", encoding="utf-8")
    with pytest.raises(CellwrightError, match=r"text.npz is no NPZ file"):
        load_conductances(tmp_path / "text.npz")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CellwrightError, match=r"binary.csv is no text file"):
        load_stuck(tmp_path / "binary.csv")


def test_bad_npz_maps_are_refused_in_one_line(tmp_path):
    path = tmp_path / "maps.npz"
    gap = np.full((2, 3, 4), 1e-6)
    gap[1, 2, 3] = np.nan
    np.savez(path, **{"a/conductance": gap, "b/conductance": np.array(["x"]), "c/stuck": np.zeros((2, 2))})
    with pytest.raises(CellwrightError, match="2 maps of this kind: name one; it has a/conductance, b/conductance"):
        load_conductances(path)
    with pytest.raises(CellwrightError, match=r"chip 1, word line 2, bit line 3 .*nan is no number"):
        load_conductances(path, name="a/conductance")
    with pytest.raises(CellwrightError, match="a map has numbers in"):
        load_conductances(path, name="b/conductance")
    with pytest.raises(CellwrightError, match="did you mean 'a/conductance'"):
        load_conductances(path, name="a/conductanc")
    assert load_stuck(path).shape == (2, 2)
    np.savez(path, objects=np.array([{}], dtype=object))
    with pytest.raises(CellwrightError, match="is no NPZ file of numbers"):
        load_conductances(path, name="objects")


def test_a_chip_from_its_own_maps_is_the_chip(chip, model, tmp_path):
    """Conductances and failures read from files stand in for programming and draws."""
    save_maps(chip, tmp_path / "maps.npz")
    settings = ChipSettings(tile=(8, 12), layout="rows stacked")  # fewer failures than the maps have
    again = program(model, settings, chips=3, calibration=torch.rand(4, 6, 2), maps=tmp_path / "maps.npz")
    for name, array in chip.arrays.items():
        for tile, other in zip(array.tiles, again.arrays[name].tiles, strict=True):
            assert tile.conductances.equal(other.conductances)
            assert tile.programmed.stuck.equal(other.programmed.stuck)
            assert int(other.programmed.pulses.sum()) == 0
    x = torch.rand(4, 6, 2)
    assert again(x)[0].shape == (3, 4, 6, 5)


def test_moved_rows_come_back_in_their_order(model, tmp_path):
    x = torch.rand(4, 6, 2)
    settings = ChipSettings(tile=(32, 12), remap=True, stuck_on=0.05, stuck_off=0.05, read_noise=False)
    chip = program(model, settings, chips=3, calibration=x)
    assert chip.arrays["l0"].tiles[0].order is not None
    save_maps(chip, tmp_path / "maps.npz")
    again = program(model, settings, chips=3, calibration=x, maps=tmp_path / "maps.npz")
    torch.testing.assert_close(again(x)[0], chip(x)[0])


def test_failures_of_a_map_are_programmed_around(chip, model):
    """A map of stuck devices alone: all others are programmed, the same on every chip."""
    tile = chip.arrays["l0"].tiles[0]
    stuck = torch.zeros(tile.shape, dtype=torch.int8)
    stuck[1, 2], stuck[3, 0] = 1, -1
    settings = ChipSettings(tile=(8, 12), stuck_on=0.0, stuck_off=0.0)
    found = program(model, settings, chips=2, calibration=torch.rand(4, 6, 2), maps={"l0/0/stuck": stuck})
    programmed = found.arrays["l0"].tiles[0].programmed
    assert programmed.stuck.equal(stuck.expand(2, -1, -1))
    assert programmed.conductances[:, 1, 2].tolist() == [found.arrays["l0"].tiles[0].device.window[1]] * 2
    assert programmed.conductances[:, 3, 0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ({"l0/0/resistance": torch.ones(2, 2)}, "ARRAY/TILE/conductance or ARRAY/TILE/stuck"),
        ({"l7/0/stuck": torch.zeros(2, 2)}, "no array has a place for the map 'l7/0/stuck'"),
        ({"l0/0/stuck": torch.full((8, 10), 7)}, "other numbers than 1"),
        ({"l0/0/conductance": torch.full((8, 10), 5.0)}, "no device has: give siemens"),
        ({"l0/0/conductance": torch.full((8, 10), float("nan"))}, "has gaps"),
        ({"l0/0/stuck": torch.zeros(2, 2)}, r"has the shape \(2, 2\); expected \(8, 10\)"),
    ],
)
def test_maps_that_fit_nothing_are_refused(model, maps, message):
    with pytest.raises(CellwrightError, match=message):
        program(model, ChipSettings(tile=(8, 12)), chips=2, calibration=torch.rand(4, 6, 2), maps=maps)
