"""Where weights lie: pairs, sizes, tiles."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cellwright import LSTM
from cellwright.crossbar import ChipSettings, check_room, program
from cellwright.crossbar.layout import LAYOUTS, PairLayout, find_layout, tiles
from cellwright.crossbar.mapping import conductances
from cellwright.errors import CellwrightError

layouts = st.sampled_from(sorted(LAYOUTS)).map(find_layout)
sizes = st.integers(1, 9)


@given(layouts, sizes, sizes, st.integers(0, 2**31 - 1))
def test_an_array_computes_its_signed_weights(layout, rows, columns, seed):
    """Currents of the bit lines, summed and subtracted as the layout has it, are inputs times signed weights."""
    generator = torch.Generator().manual_seed(seed)
    positive, negative, inputs = (
        torch.rand(*shape, dtype=torch.float64, generator=generator)
        for shape in ((rows, columns), (rows, columns), (rows,))
    )
    if layout.along == "reference":
        negative = negative[:, :1].expand(-1, columns)
    array = layout.place(positive, negative)
    assert array.shape == layout.physical_shape(rows, columns)
    torch.testing.assert_close(layout.combine(layout.drive(inputs) @ array), inputs @ (positive - negative))
    torch.testing.assert_close(layout.signed(array), positive - negative)
    assert torch.equal(layout.parts(array)[0], positive)
    assert torch.equal(layout.parts(array)[1], negative)


@given(layouts, sizes, st.integers(0, 2**31 - 1))
def test_folding_rows_is_the_transpose_of_driving(layout, rows, seed):
    generator = torch.Generator().manual_seed(seed)
    lines = layout.physical_shape(rows, 1)[0]
    form = torch.randn(lines, lines, dtype=torch.float64, generator=generator)
    inputs = torch.randn(rows, dtype=torch.float64, generator=generator)
    driven = layout.drive(inputs)
    folded = layout.fold_rows(layout.fold_rows(form, -2), -1)
    torch.testing.assert_close(inputs @ folded @ inputs, driven @ form @ driven)
    torch.testing.assert_close(inputs.square() @ layout.fold_squares(form), driven.square() @ form)
    assert torch.equal(inputs[layout.row_of_lines(rows)].abs(), driven.abs())


def test_stacked_rows_are_those_of_li():
    assert LAYOUTS["rows stacked"].drive(torch.tensor([1.0, 2.0])).tolist() == [1.0, 2.0, -1.0, -2.0]
    assert LAYOUTS["rows interleaved"].drive(torch.tensor([1.0, 2.0])).tolist() == [1.0, -1.0, 2.0, -2.0]


@pytest.mark.parametrize("name", ["rows stacked", "rows interleaved"])
@pytest.mark.parametrize(
    ("rows", "columns", "devices"),
    [
        (1 + 15 + 1, 4 * 15, (34, 60)),  # the airline LSTM: 1 input, 15 units, a bias
        (15 + 1, 1, (32, 1)),  # its dense layer
        (50 + 14, 4 * 14, (128, 56)),  # the gait LSTM: 50 inputs, 14 units, no bias
        (14, 8, (28, 8)),  # its dense layer
    ],
)
def test_array_sizes_of_li2019(name, rows, columns, devices):
    assert find_layout(name).physical_shape(rows, columns) == devices
    assert len(tiles(rows, columns, find_layout(name), (128, 64))) == 1


@given(layouts, st.integers(1, 40), st.integers(1, 40), st.integers(2, 12), st.integers(2, 12))
def test_tiles_cover_every_weight_once_and_fit(layout, rows, columns, most_rows, most_columns):
    cover = torch.zeros(rows, columns, dtype=torch.int64)
    for tile in tiles(rows, columns, layout, (most_rows, most_columns)):
        cover[tile.rows, tile.columns] += 1
        word_lines, bit_lines = layout.physical_shape(*tile.shape)
        assert word_lines <= most_rows
        assert bit_lines <= most_columns
    assert bool((cover == 1).all())


def test_a_tile_too_small_for_a_pair_is_refused():
    with pytest.raises(CellwrightError, match="no room for a pair"):
        tiles(3, 3, LAYOUTS["rows stacked"], (1, 8))


@pytest.mark.parametrize("encoding", ["balanced", "one-sided"])
def test_pairs_use_the_whole_window_and_stand_for_the_weights(encoding):
    weights = torch.tensor([[0.5, -2.0], [0.0, 1.0]], dtype=torch.float64)
    found = conductances(weights, (2e-6, 10e-6), encoding)
    torch.testing.assert_close((found.positive - found.negative) / found.scale, weights)
    both = torch.stack([found.positive, found.negative])
    assert both.min().item() == pytest.approx(2e-6)
    assert both.max().item() == pytest.approx(10e-6)
    assert found.scale.tolist() == pytest.approx([8e-6 / 2.0] * 2)


def test_weights_of_zero_are_pairs_of_equals():
    found = conductances(torch.zeros(2, 2), (1e-6, 3e-6))
    assert torch.equal(found.positive, found.negative)


def test_wrong_words_are_refused():
    with pytest.raises(CellwrightError, match="along 'rows' or 'columns'"):
        PairLayout("diagonals", "stacked")
    with pytest.raises(CellwrightError, match="rows stacked"):
        find_layout("stacked")
    with pytest.raises(CellwrightError, match="balanced"):
        conductances(torch.ones(1, 1), (0.0, 1.0), "lopsided")
    with pytest.raises(CellwrightError, match="NaN"):
        conductances(torch.tensor([[float("nan")]]), (0.0, 1.0))


@pytest.mark.parametrize(
    ("layout", "devices"),
    [("rows interleaved", "12 x 12"), ("columns stacked", "6 x 24"), ("reference column", "6 x 13")],
)
def test_without_tiling_a_matrix_that_is_too_large_is_refused_before_it_is_programmed(layout, devices):
    """Three units on two inputs: six rows with the bias, four gates of three columns."""
    model = LSTM(2, 3)
    lines, bits = map(int, devices.split(" x "))
    fitting = ChipSettings(layout=layout, tile=(lines, bits), tiling=False).ideal()
    check_room(model, fitting)
    (array,) = program(model, fitting, chips=1).arrays.values()
    assert [tile.shape for tile in array.tiles] == [(lines, bits)]
    for tile in ((lines - 1, bits), (lines, bits - 1)):
        short = replace(fitting, tile=tile)
        for refuse in (check_room, partial(program, chips=1)):
            with pytest.raises(CellwrightError) as caught:
                refuse(model, short)
            assert f"has 6 x 12 weights and takes {devices} devices, but the largest array has {tile[0]} x" in str(
                caught.value
            )
            assert "switch tiling on" in str(caught.value)
        check_room(model, replace(short, tiling=True))


def test_tiling_is_on_or_off():
    with pytest.raises(CellwrightError, match="tiling is True or False, got 1"):
        ChipSettings(tiling=1)
