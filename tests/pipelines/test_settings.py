from __future__ import annotations

from pathlib import Path

import pytest

from mlops_nb.errors import MlopsError
from mlops_nb.pipelines.parameters import Parameter
from mlops_nb.pipelines.settings import environment_values, file_values
from tests.notebook.test_export import terminal
from tests.pipelines.test_command_line import SCRIPT

PARAMETERS = (
    Parameter("n_rows", "int", 4, low=0, high=50),
    Parameter("rate", "float", 0.5),
    Parameter("mode", "str", "fast", choices=("fast", "wait")),
    Parameter("flag", "bool", False),
    Parameter("columns", "json", ["a"], container="list", item="str"),
    Parameter("depth", "int", None, allows_none=True),
)
VALUES = {"n_rows": 7, "rate": 1.0, "mode": "wait", "flag": True, "columns": ["b", "c"]}
FILES = {
    "a.toml": 'n_rows = 7\nrate = 1\nmode = "wait"\nflag = true\ncolumns = ["b", "c"]\n',
    "table.toml": '[parameters]\nn-rows = 7\nrate = 1.0\nmode = "wait"\nflag = true\ncolumns = ["b", "c"]\n',
    "a.json": '{"n_rows": 7, "rate": 1.0, "mode": "wait", "flag": true, "columns": ["b", "c"]}',
    "a.yaml": "n_rows: 7\nrate: 1\nmode: wait\nflag: yes\ncolumns: [b, c]\n",
}


@pytest.mark.parametrize("name", FILES)
def test_file_gives_parameters_of_their_types(tmp_path: Path, name: str):
    (tmp_path / name).write_text(FILES[name])
    found = file_values(PARAMETERS, tmp_path / name)
    assert found == VALUES
    assert type(found["rate"]) is float


def test_none_is_a_value_where_the_parameter_allows_it(tmp_path: Path):
    (tmp_path / "a.json").write_text('{"depth": null}')
    assert file_values(PARAMETERS, tmp_path / "a.json") == {"depth": None}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.toml", "n_row = 3", "a.toml sets 'n_row', which is no parameter\nn_rows = ..."),
        ("a.toml", "n_rows = 99", "a.toml: n_rows == 99, must be between 0 and 50"),
        ("a.toml", 'n_rows = "x"', "must be of type int"),
        ("a.toml", "mode = 3", "mode == 3, must be text"),
        ("a.toml", "n_rows = ", "a.toml is not TOML"),
        ("a.json", "[1]", "a.json holds no names with values"),
        ("a.yaml", "a: [", "a.yaml is not YAML"),
        ("a.yaml", "!!python/object/apply:os.system ['true']", "a.yaml is not YAML"),
        ("a.ini", "", "a.ini is no file of parameters"),
        ("a.toml", b"\xff", "cannot be read"),
    ],
)
def test_file_that_gives_no_parameters_is_named_in_words(tmp_path: Path, name, content, said):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(MlopsError) as error:
        file_values(PARAMETERS, tmp_path / name)
    assert said in str(error.value)


def test_environment_gives_parameters_by_the_pipelines_name():
    environment = {"LATE_FLIGHTS_N_ROWS": "9", "LATE_FLIGHTS_FLAG": "yes", "N_ROWS": "3"}
    assert environment_values(PARAMETERS, "late-flights", environment) == {"n_rows": 9, "flag": True}
    with pytest.raises(MlopsError, match="LATE_FLIGHTS_N_ROWS: n_rows == 99"):
        environment_values(PARAMETERS, "late-flights", {"LATE_FLIGHTS_N_ROWS": "99"})


def test_command_line_stands_over_environment_over_file_over_default(folder: Path):
    (folder / "numbers.py").write_text(SCRIPT.replace('"numbers"', '"some-numbers"'))
    (folder / "a.toml").write_text("n_rows = 5\nflag = true\n")
    script = ["python", "numbers_script.py", "--config", "a.toml", "--quiet", "--no-store"]
    (folder / "numbers.py").rename(folder / "numbers_script.py")
    assert terminal(*script, folder=folder).stdout == "5\n"
    assert terminal(*script, folder=folder, SOME_NUMBERS_N_ROWS="6").stdout == "6\n"
    assert terminal(*script, "--n-rows", "7", folder=folder, SOME_NUMBERS_N_ROWS="6").stdout == "7\n"
    wrong = terminal("python", "numbers_script.py", "--config", "none.toml", folder=folder)
    assert (wrong.returncode, "none.toml cannot be read" in wrong.stderr) == (2, True)
