"""Finding a cell by name or in a person's own file, and what is said when that fails."""

import copy
import os
import pickle
import subprocess
import sys
from types import ModuleType

import pytest
import torch

from cellwright.cells import LSTM, Cell, catalogue, describe, entries, find, listing
from cellwright.cells.listing import Listed
from cellwright.errors import CellwrightError
from cellwright.layers import listing as layers
from cellwright.program import equations, evaluate, families

TEN_LINES = '''\
from cellwright.cells import Cell, affine, sigmoid, tanh


class MinimalGatedUnit(Cell):
    """One gate for forgetting and for resetting (Zhou et al. 2016)."""

    def step(self, x, h):
        f = sigmoid(affine("f", x, h))
        candidate = tanh(affine("candidate", x, f * h))
        return (1 - f) * h + f * candidate
'''


@pytest.fixture
def file(tmp_path):
    """Writes a file of cells and returns its path."""

    def write(text, name="my_cell.py"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def failure(name):
    with pytest.raises(CellwrightError) as caught:
        find(str(name))
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_catalogue_by_name():
    assert find("lstm") == LSTM()
    assert catalogue() == {name: entry.cell for name, entry in entries().items()}
    assert describe("peephole").citation == "Gers, Schraudolph & Schmidhuber 2002, JMLR 3, 115"


def test_every_cell_of_the_catalogue_traces_runs_and_is_described():
    for name, entry in entries().items():
        program = entry.cell.program()
        assert equations(program), name
        assert entry.title, name
        assert entry.citation, name
        assert name == name.lower(), name
        assert pickle.loads(pickle.dumps(entry.cell)) == copy.deepcopy(entry.cell) == entry.cell


@pytest.mark.parametrize(("package", "table", "order"), [
    ("cellwright.cells", "CATALOGUE", listing._ORDER), ("cellwright.layers", "TOPOLOGIES", layers._ORDER),
])  # fmt: skip
def test_the_catalogue_goes_from_simple_to_complex(package, table, order):
    """Every file that lists something has its place."""
    assert tuple(dict.fromkeys(file for file, _ in listing.listed(package, table, order).values())) == order


def test_a_name_that_is_nearly_right():
    known = ", ".join(catalogue())
    assert failure("peepole").startswith(f"no cell is called 'peepole': did you mean 'peephole'? known are {known}; ")
    assert failure("quantum") == f"no cell is called 'quantum': known are {known}; your own is FILE.py:CLASS"


def test_a_name_in_two_files(monkeypatch):
    twin = ModuleType("cellwright.cells.twin")
    twin.CATALOGUE = {"lstm": Listed(LSTM(), "again", "nobody 1999")}
    monkeypatch.setitem(sys.modules, twin.__name__, twin)
    found = [*listing.pkgutil.iter_modules(sys.modules["cellwright.cells"].__path__)]
    monkeypatch.setattr(listing.pkgutil, "iter_modules", lambda path: [*found, found[0]._replace(name="twin")])
    with pytest.raises(CellwrightError, match=r"cells/twin.py lists names that are taken: lstm"):
        entries.__wrapped__()


def test_a_cell_of_ones_own(file):
    path = file(TEN_LINES)
    cell = find(f"{path}:MinimalGatedUnit")
    assert isinstance(cell, Cell)
    assert cell.gates == ("f", "candidate")
    assert [equation.unicode for equation in equations(cell.program())] == [
        "fₜ = σ(W_f xₜ + U_f hₜ₋₁ + b_f)",
        "candidateₜ = tanh(W_candidate xₜ + U_candidate (fₜ ⊙ hₜ₋₁) + b_candidate)",
        "hₜ = (1 − fₜ) ⊙ hₜ₋₁ + fₜ ⊙ candidateₜ",
    ]
    entry = describe(str(path))  # the class may be left out where there is only one
    assert entry.cell == cell
    assert entry.title == "One gate for forgetting and for resetting (Zhou et al. 2016)."
    assert entry.citation == "defined in my_cell.py"


def test_a_cell_of_ones_own_computes_its_formula(file):
    cell = find(f"{file(TEN_LINES)}:MinimalGatedUnit")
    sizes = cell.sizes(2, 3)
    torch.manual_seed(0)
    stored = {name: torch.randn(family.shape) for name, family in families(cell.program(), sizes).items()}
    x, h = torch.randn(4, 2), torch.randn(4, 3)
    w, u, b = (stored[name].split(3) for name in ("weight_ih", "weight_hh", "bias_ih"))
    f = torch.sigmoid(x @ w[0].T + h @ u[0].T + b[0])
    candidate = torch.tanh(x @ w[1].T + (f * h) @ u[1].T + b[1])
    got = evaluate(cell.program(), {"x": x, "h": h}, stored, sizes)["h"]
    torch.testing.assert_close(got, (1 - f) * h + f * candidate)


def test_a_cell_without_a_docstring_is_called_by_its_name(file):
    path = file(TEN_LINES.replace('    """One gate for forgetting and for resetting (Zhou et al. 2016)."""\n', ""))
    assert describe(str(path)).title == "MinimalGatedUnit"


def test_it_is_the_same_class_whenever_it_is_found(file):
    path = file(TEN_LINES)
    first, second = find(f"{path}:MinimalGatedUnit"), find(str(path))
    assert type(first) is type(second)
    assert first.program() is second.program()


def test_files_of_the_same_name_are_kept_apart(file, tmp_path):
    first = file(TEN_LINES)
    (tmp_path / "other").mkdir()
    second = file(TEN_LINES.replace("1 - f", "2 - f"), "other/my_cell.py")
    texts = [equations(find(str(path)).program())[-1].unicode for path in (first, second, first)]
    assert texts[0] == texts[2] == "hₜ = (1 − fₜ) ⊙ hₜ₋₁ + fₜ ⊙ candidateₜ"
    assert texts[1] == "hₜ = (2 − fₜ) ⊙ hₜ₋₁ + fₜ ⊙ candidateₜ"


def test_a_file_that_was_changed_is_read_again(file):
    path = file(TEN_LINES)
    before = find(str(path))
    file(TEN_LINES.replace("1 - f", "2 - f"))
    os.utime(path, ns=(1, 1))
    assert "2 − fₜ" in equations(find(str(path)).program())[-1].unicode
    assert "1 − fₜ" in equations(before.program())[-1].unicode


FIELDED = TEN_LINES.replace("    def step", "    leak: float = 1.0\n\n    def step").replace("1 - f", "self.leak - f")


def test_it_can_be_copied_and_pickled(file):
    cell = type(find(str(file(FIELDED))))(leak=0.5)
    for again in (copy.copy(cell), copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
        assert again == cell
        assert type(again) is type(cell)
        assert again.leak == 0.5


def test_it_can_be_unpickled_in_another_process(file, tmp_path):
    cell = type(find(str(file(FIELDED))))(leak=0.5)
    pickled = tmp_path / "cell.pickle"
    pickled.write_bytes(pickle.dumps(cell))
    code = f"import pickle; print(pickle.load(open({str(pickled)!r}, 'rb')))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "MinimalGatedUnit(leak=0.5)\n"


def test_unpickling_when_the_file_is_gone(file):
    path = file(TEN_LINES)
    pickled = pickle.dumps(find(str(path)))
    path.unlink()
    with pytest.raises(CellwrightError, match=r"MinimalGatedUnit was defined in .*my_cell.py, which is gone"):
        pickle.loads(pickled)


def test_a_file_that_is_not_there(tmp_path):
    assert failure(tmp_path / "none.py:Cell").endswith("none.py': a cell of your own is named FILE.py:CLASS")
    assert failure(f"{tmp_path}:Cell").startswith(f"no file '{tmp_path}'")
    assert failure("none.py").startswith("no file 'none.py'")


def test_a_file_that_is_no_python(file):
    assert failure(f"{file(TEN_LINES, 'cell.txt')}:MinimalGatedUnit") == (
        "cell.txt is not a Python file: name it with the ending .py"
    )


def test_a_file_without_the_cell(file):
    path = file(TEN_LINES)
    assert failure(f"{path}:Other") == f"{path} has no cell 'Other'; its cells are: MinimalGatedUnit"
    none = "its cells are: none (a cell is a subclass of cellwright.cells.Cell)"
    path = file("from cellwright.cells import Cell\nclass Gate: pass\n", "empty.py")
    assert failure(f"{path}:Gate") == f"{path}: Gate is no cell: expected a subclass of cellwright.cells.Cell; {none}"
    assert failure(f"{path}:Other") == f"{path} has no cell 'Other'; {none}"
    assert failure(path) == f"{path} has no single cell: name one as FILE.py:CLASS; {none}"


def test_the_nearest_cell_of_a_file(file):
    path = file(TEN_LINES)
    assert failure(f"{path}:MinimalGateUnit") == (
        f"{path} has no cell 'MinimalGateUnit': did you mean 'MinimalGatedUnit'? its cells are: MinimalGatedUnit"
    )


def test_a_state_that_is_missing_is_named(file):
    path = file(TEN_LINES.replace("    def step(self, x, h)", "    states = ('h', 'c')\n\n    def step(self, x, h, c)"))
    assert "must return 2 value(s) (h, c): c is missing, got: a value" in failure(path)


def test_a_file_with_two_cells(file):
    path = file(TEN_LINES + "\n\nclass Other(MinimalGatedUnit):\n    pass\n")
    assert failure(path).endswith(
        "has no single cell: name one as FILE.py:CLASS; its cells are: MinimalGatedUnit, Other"
    )
    assert type(find(f"{path}:Other")).__name__ == "Other"


def test_an_imported_cell_can_be_named_but_is_not_the_files_own(file):
    path = file("from cellwright.cells import LSTM\n" + TEN_LINES)
    assert find(f"{path}:LSTM") == LSTM()
    assert type(find(str(path))).__name__ == "MinimalGatedUnit"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing_of_that_name\n", ", line 1: ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("class Mine(:\n", ": SyntaxError: invalid syntax (my_cell.py, line 1)"),
        ("x = 1\ny = 'no\n", ": SyntaxError: unterminated string literal (detected at line 2) (my_cell.py, line 2)"),
        ("\n\nraise ValueError('two\\nlines')\n", ", line 3: ValueError: two lines"),
        ("import sys\nsys.exit(2)\n", ", line 2: SystemExit: 2"),
        (
            "import json\n\njson.loads('{')\n",
            ", line 3: JSONDecodeError: Expecting property name enclosed in double quote",
        ),
        ("x = '\0'", ": SyntaxError: source code string cannot contain null bytes"),
    ],
)
def test_a_file_that_does_not_import(file, text, reason):
    path = file(text)
    before = set(sys.modules)
    where, _, what = reason.partition(": ")
    assert failure(f"{path}:Mine").startswith(f"my_cell.py{where} does not import: {what}")
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            "return (1",
            "return h, (1",
            "must return 1 value(s) (h): what comes after them belongs to no state, got: a value, a value",
        ),
        ("step(self, x, h)", "step(self, x, c)", "step takes (x, c), but its inputs and states are (x, h)"),
        ("        f =", "        if h: pass\n        f =", "a traced value has no truth value"),
        (
            "        return (1 - f) * h + f * candidate\n",
            "",
            "(h): h is nothing that it computed (is there a return?), got: NoneType",
        ),
        ("return (1", "return 1.0 or (1", "must return 1 value(s) (h): h is nothing that it computed, got: float"),
        (
            "return (1 - f) * h + f * candidate",
            "return x",
            "returns h with the axes (batch, feature), expected (batch, u",
        ),
        ("tanh(affine", "tan(affine", ", line 9 cannot be traced: NameError: name 'tan' is not defined"),
        (
            "f * h)",
            "f @ h)",
            ", line 9 cannot be traced: TypeError: unsupported operand type(s) for @: 'Value' and 'Value'",
        ),
        (
            "    def step",
            "    k: int\n\n    def step",
            "cannot be traced: TypeError: MinimalGatedUnit.__init__() missing 1",
        ),
    ],
)
def test_a_cell_that_cannot_be_traced(file, old, new, reason):
    assert TEN_LINES.count(old) == 1
    path = file(TEN_LINES.replace(old, new))
    message = failure(f"{path}:MinimalGatedUnit")
    assert message.startswith(f"{path}:MinimalGatedUnit")
    assert reason in message


def test_torch_saves_it_with_a_model(file, tmp_path):
    cell = find(str(file(TEN_LINES)))
    torch.save({"cell": cell, "weight": torch.ones(2)}, tmp_path / "model.pt")
    assert torch.load(tmp_path / "model.pt", weights_only=False)["cell"] == cell
