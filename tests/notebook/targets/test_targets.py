"""What every target must hold: found by inspection, so that a new one is tried unasked."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import mlops_nb.notebook.targets
from mlops_nb import terminal
from mlops_nb.errors import BadArgument
from mlops_nb.notebook.intermediate import PipelinePlan, pipeline_plan
from mlops_nb.notebook.records import Notebook, NotebookCell
from mlops_nb.notebook.service import export
from mlops_nb.notebook.targets.records import SCRIPT, TARGETS, Place, Written, module_of
from mlops_nb.notebook.targets.wiring import unshared, wired

OTHERS = [name for name in TARGETS if name != SCRIPT]
SHARED = {"__init__", "plain", "records", "service", "wiring", "yaml"}


def plan(*cells: str, path: str = "wine.ipynb") -> PipelinePlan:
    """Cells that begin with `#md ` are Markdown, with `#par ` the parameters."""
    made = []
    for cell in cells:
        kind, _, text = cell.partition(" ")
        if kind == "#md":
            made.append(NotebookCell("markdown", text))
        else:
            made.append(
                NotebookCell("code", text, tags=("parameters",)) if kind == "#par" else NotebookCell("code", cell)
            )
    return pipeline_plan(Notebook(path, tuple(made)))


def written(target: str, *cells: str) -> Written:
    return module_of(target).written(plan(*cells), Place("wine", "notebooks", ("pandas==3.1.1",)))


def texts(target: str, *cells: str) -> dict[str, str]:
    return {file.path: file.text for file in written(target, *cells).files}


CELLS = (
    "#md # Wine\n\nWhich grower?",
    "import numpy as np\nfrom math import sqrt",
    "#par trees: int = 20  # in the forest\nkind = 'gini'  # @param ['gini', 'entropy']\nshare = 0.3  # @param {min: "
    "0.1, max: 0.5}\nsure = True\nnames = ['a', 'b']\ndepth: int | None = None\npair = (1, 2)",
    "#md ## Load",
    "data = np.arange(trees) * share",
    "#md ## Train",
    "def scaled(x):\n    return sqrt(x)",
    "model = [scaled(each) for each in data], kind, sure, names, depth, pair",
    "#md ## Evaluate",
    "accuracy = float(len(model[0]))",
)


def test_every_file_of_a_target_is_in_the_table_and_every_target_has_its_file():
    (folder,) = mlops_nb.notebook.targets.__path__
    files = {file.stem for file in Path(folder).glob("*.py")} - SHARED
    assert {name.replace("_", "-") for name in files} == {*OTHERS}


@pytest.mark.parametrize("target", OTHERS)
def test_a_target_gives_the_same_bytes_for_the_same_notebook(target):
    assert texts(target, *CELLS) == texts(target, *CELLS)


@pytest.mark.parametrize("target", OTHERS)
def test_every_file_of_a_target_is_python_or_yaml_and_says_where_it_comes_from(target):
    for path, text in texts(target, *CELLS).items():
        assert "Exported from wine.ipynb by mlops_nb." in text
        if path.endswith(".py"):
            compile(text, path, "exec")
        else:
            assert yaml.safe_load(text)


def dvc_parameters(files: dict[str, str]) -> dict[str, object]:
    return yaml.safe_load(files["params.yaml"])


def test_dask_keeps_type_default_choices_range_and_help_of_a_parameter():
    (text,) = texts("dask", *CELLS).values()
    assert "add_argument('--trees', type=int, default=20, help='in the forest')" in text
    assert "add_argument('--kind', default='gini', choices=['gini', 'entropy'])" in text
    assert "add_argument('--share', type=float, default=0.3)" in text
    assert "if not 0.1 <= arguments.share <= 0.5:" in text
    assert "add_argument('--sure', action=argparse.BooleanOptionalAction, default=True)" in text
    assert "add_argument('--names', type=ast.literal_eval, default=['a', 'b'])" in text
    assert "add_argument('--depth', type=int, default=None)" in text
    assert "add_argument('--pair', type=ast.literal_eval, default=(1, 2))" in text


def test_dvc_keeps_type_default_choices_range_and_help_of_a_parameter():
    files = texts("dvc", *CELLS)
    assert yaml.safe_load(files["params.yaml"]) == {
        "trees": 20, "kind": "gini", "share": 0.3, "sure": True, "names": ["a", "b"], "depth": None, "pair": "(1, 2)",
    }  # fmt: skip
    assert "# in the forest\ntrees: 20\n# one of gini, entropy\nkind: gini\n# from 0.1 to 0.5\n" in files["params.yaml"]
    shared = files["wine_stages/wine_shared.py"]
    assert "'trees': (int, False, (), None, None)," in shared
    assert "'kind': (str, False, ('gini', 'entropy'), None, None)," in shared
    assert "'share': ((int, float), False, (), 0.1, 0.5)," in shared
    assert "'depth': (int, True, (), None, None)," in shared


def test_github_actions_keeps_type_default_choices_and_help_of_a_parameter():
    files = texts("github-actions", *CELLS)
    workflow = yaml.safe_load(files[".github/workflows/wine.yml"])
    assert workflow[True]["workflow_dispatch"]["inputs"] == {  # YAML 1.1 reads `on` as true
        "trees": {"description": "in the forest", "type": "number", "default": 20},
        "kind": {"type": "choice", "options": ["gini", "entropy"], "default": "gini"},
        "share": {"description": "from 0.1 to 0.5", "type": "number", "default": 0.3},
        "sure": {"type": "boolean", "default": True},
        "names": {"type": "string", "default": '["a", "b"]'},
        "depth": {"type": "number"},
        "pair": {"type": "string", "default": "[1, 2]"},
    }
    assert workflow["jobs"]["run"]["defaults"]["run"]["working-directory"] == "notebooks"
    assert "notebooks/wine.py" in files


def test_kubeflow_keeps_type_default_choices_range_and_help_of_a_parameter():
    (text,) = texts("kubeflow", *CELLS).values()
    (pipeline,) = (node for node in ast.parse(text).body if getattr(node, "name", "") == "wine")
    given = {
        each.arg: (ast.unparse(each.annotation), ast.literal_eval(default))
        for each, default in zip(pipeline.args.args, pipeline.args.defaults, strict=True)
    }
    assert given == {
        "trees": ("int", 20), "kind": ("str", "gini"), "share": ("float", 0.3), "sure": ("bool", True),
        "names": ("list", ["a", "b"]), "depth": ("str", "None"), "pair": ("str", "(1, 2)"),
    }  # fmt: skip
    assert "trees: in the forest" in ast.get_docstring(pipeline)
    assert "if kind not in ['gini', 'entropy']:" in text
    assert "if not 0.1 <= share <= 0.5:" in text


def function_parameters(text: str) -> dict[str, tuple[str, object]]:
    """The types and defaults of the flow's function."""
    (flow,) = (node for node in ast.parse(text).body if getattr(node, "name", "") == "wine")
    pairs = zip(flow.args.args, flow.args.defaults, strict=True)
    return {each.arg: (ast.unparse(each.annotation), ast.literal_eval(default)) for each, default in pairs}


def test_prefect_keeps_type_default_choices_range_and_help_of_a_parameter():
    (text,) = texts("prefect", *CELLS).values()
    assert function_parameters(text) == {
        "trees": ("Annotated[int, Field(description='in the forest')]", 20),
        "kind": ("Literal['gini', 'entropy']", "gini"),
        "share": ("Annotated[float, Field(ge=0.1, le=0.5)]", 0.3), "sure": ("bool", True),
        "names": ("list[str]", ["a", "b"]), "depth": ("int | None", None), "pair": ("tuple[int, ...]", (1, 2)),
    }  # fmt: skip


def test_zenml_keeps_type_default_choices_range_and_help_of_a_parameter():
    (text,) = texts("zenml", *CELLS).values()
    assert function_parameters(text) == {
        "trees": ("Annotated[int, Field(description='in the forest')]", 20),
        "kind": ("Literal['gini', 'entropy']", "gini"),
        "share": ("Annotated[float, Field(ge=0.1, le=0.5)]", 0.3), "sure": ("bool", True),
        "names": ("list[str]", ["a", "b"]), "depth": ("int | None", None), "pair": ("list[int]", [1, 2]),
    }  # fmt: skip
    assert "pair = tuple(pair)" in text


def test_dagster_keeps_type_default_choices_range_and_help_of_a_parameter():
    (text,) = texts("dagster", *CELLS, "level = 1").values()
    (parameters,) = (node for node in ast.parse(text).body if getattr(node, "name", "") == "Parameters")
    assert [ast.unparse(node) for node in parameters.body[1:]] == [
        "trees: int = Field(20, description='in the forest')",
        "kind: Literal['gini', 'entropy'] = 'gini'",
        "share: float = Field(0.3, ge=0.1, le=0.5)",
        "sure: bool = True",
        "names: list[str] = Field(['a', 'b'])",
        "depth: int | None = None",
        "pair: list[int] = Field([1, 2])",
    ]
    assert "pair = tuple(parameters.pair)" in text


def test_airflow_keeps_type_default_choices_range_and_help_of_a_parameter():
    text = texts("airflow", *CELLS)["wine.py"]
    found = [ast.unparse(node) for node in ast.walk(ast.parse(text)) if ast.unparse(node).startswith("Param(")]
    assert found == [
        "Param(20, type='integer', description='in the forest')",
        "Param('gini', type='string', enum=['gini', 'entropy'])",
        "Param(0.3, type='number', minimum=0.1, maximum=0.5)",
        "Param(True, type='boolean')",
        "Param(['a', 'b'], type='array', items={'type': 'string'})",
        "Param(None, type=['null', 'integer'])",
        "Param([1, 2], type='array', items={'type': 'integer'})",
    ]
    assert "tuple(parameter('pair'))" in text


def test_a_parameter_that_is_named_like_an_option_of_the_script_has_the_scripts_own_name_for_it():
    cells = ("#par plan = 1\nforce = False\ncache = True\nhelp = 's'", "found = plan, force, cache, help")
    text = texts("github-actions", *cells)[".github/workflows/wine.yml"]
    for said in ("--plan-value=$PARAM_PLAN", "'--force-value'", "'--no-cache-value'", "--help-value=$PARAM_HELP"):
        assert said in text


HOSTILE = [
    '"""\nopen("owned", "w")\n"""',
    "'); open('owned', 'w') #",
    "a\ropen('owned', 'w')",
    "a\u2028open('owned', 'w')\x85\x0c",
    '\\" ${{ github.token }} $(touch owned) `touch owned`',
    "x: [1\n- !!python/object/apply:os.system ['touch owned']",
    "# -*- coding: utf-7 -*-",
    "{name} {0} %s %(x)s",
]


@pytest.mark.parametrize("target", OTHERS)
@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_a_notebook_never_becomes_code(target, text):
    """Headings, prose, helps, choices and values are data in Python and in YAML."""
    help_text = " ".join(text.split())
    cells = (
        f"#md # {text}\n\n{text}",
        f"#par value = {text!r}  # {help_text}\nkind: Literal[{text!r}, 'b'] = {text!r}",
        f"#md ## {text}",
        "found = value + kind",
        "accuracy = float(len(found))",
    )
    plain = texts(
        target, "#md # a\n\nb", "#par value = 'a'  # b\nkind: Literal['a', 'b'] = 'a'", "#md ## c", *cells[3:]
    )
    for (path, made), other in zip(sorted(texts(target, *cells).items()), sorted(plain.items()), strict=True):
        if path.endswith(".py"):
            assert made.startswith("# -*- coding: utf-8 -*-\n")
            assert calls(made) == calls(other[1])
        else:
            assert target != "github-actions" or "${{ github" not in made
            assert path != "dvc.yaml" or "${" not in made
            loaded, is_left = yaml.safe_load(made), "${{" in text and target == "github-actions"
            assert keys(loaded) == keys(yaml.safe_load(other[1])) or path == "dvc.yaml" or is_left


@pytest.mark.parametrize("target", OTHERS)
def test_the_name_of_a_notebook_and_of_a_step_never_become_code(target):
    name = "a\"b'c); open('owned') #\r{{ x }} ${{ github.token }} ${y}\n- z: 1.ipynb"
    cells = (
        "#par n = 1",
        "#md ## `{{ x }}` ${{ github.token }} ${y}",
        "m = n + sum([1])",
        "#md ## B",
        "k = m + sum([2])",
    )
    place = Place("wine", "notebooks", ("pandas==3.1.1",))
    made = module_of(target).written(plan(*cells, path=name), place)
    plain = module_of(target).written(plan(*cells, path="wine.ipynb"), place)
    for file, other in zip(made.files, plain.files, strict=True):
        assert "${{ github" not in file.text or not file.path.startswith(".github")
        if file.path.endswith(".py"):
            assert calls(file.text) == calls(other.text)
        else:
            assert keys(yaml.safe_load(file.text)) == keys(yaml.safe_load(other.text))


def test_no_text_of_a_notebook_makes_airflow_read_a_file():
    files = texts("airflow", "#md # See /etc/notes.md", "#md ## /etc/step.md", "n = sum([1])")
    (dag,) = (text for path, text in files.items() if path == "wine.py")
    found = [ast.get_docstring(node, clean=False) for node in ast.parse(dag).body if isinstance(node, ast.FunctionDef)]
    assert not [each for each in found if each.endswith(".md")]


def calls(text: str) -> list[str]:
    """What a Python text calls, whatever the names of its steps."""
    tree = ast.parse(text)
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    found = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return sorted(each for each in found if not {*each.split(".")} & own and not each.endswith("__doc__"))


def keys(value: object) -> object:
    """The names in a YAML document, without its texts."""
    if isinstance(value, dict):
        return {name: keys(each) for name, each in value.items()}
    return [keys(each) for each in value] if isinstance(value, list) else type(value).__name__


def test_a_hostile_value_comes_back_from_yaml_as_it_was():
    for text in HOSTILE:
        files = texts("dvc", f"#par value = {text!r}", "found = value")
        assert dvc_parameters(files) == {"value": text}


@pytest.mark.parametrize("target", OTHERS)
def test_a_name_of_the_notebook_is_never_taken_by_the_file(target):
    cells = (
        "#par scheduler = 'a'\nhelp = 1\ndsl = 2\nmetrics = 3\nparser = 4",
        "compute = delayed = json = Client = pickle = read = write = parameter = main = done = Real = 5\n"
        "Path = file = arguments = results = uuid4 = yaml = task = 6\nscheduler, help, dsl, metrics, parser",
        "total = compute + Path + file + read + main",
    )
    for path, text in texts(target, *cells).items():
        if path.endswith(".py"):
            compile(text, path, "exec")


def test_a_default_that_github_would_evaluate_is_left_to_the_script():
    files = texts("github-actions", "#par title = '${{ github.token }}'\nn = 1", "found = title * n")
    inputs = yaml.safe_load(files[".github/workflows/wine.yml"])[True]["workflow_dispatch"]["inputs"]
    assert inputs == {"title": {"type": "string"}, "n": {"type": "number", "default": 1}}


def test_a_file_that_a_step_writes_is_an_output_of_its_stage_and_a_dependency_of_who_reads_it():
    cells = ("#md ## A", "open('a.csv', 'w').write('1')", "#md ## B", "y = open('a.csv').read()")
    stages = yaml.safe_load(texts("dvc", *cells)["dvc.yaml"])["stages"]
    (first, second) = stages.values()
    assert first["outs"] == ["a.csv"]
    assert "a.csv" in second["deps"]
    assert not [each for each in second["deps"] if each.endswith("done.txt")]


@pytest.mark.parametrize(
    "cells",
    [
        ("open('a.csv', 'w').write('1')", "open('a.csv', 'a').write('2')"),
        ("x = open('a.csv').read()", "open('a.csv', 'w').write('1')"),
        ("open('/tmp/a.csv', 'w').write('1')", "y = open('/tmp/a.csv').read()"),
        ("open('../a.csv', 'w').write('1')", "y = open('../a.csv').read()"),
        ("open(input(), 'w').write('1')", "y = open(input()).read()"),
    ],
)
def test_a_file_that_two_steps_write_or_one_before_reads_or_that_lies_elsewhere_is_no_output_of_a_stage(cells):
    first, second = cells
    stages = yaml.safe_load(texts("dvc", "#md ## A", first, "#md ## B", second)["dvc.yaml"])["stages"]
    outs = [each for stage in stages.values() for each in stage.get("outs", [])]
    assert all(each.startswith("wine_data/") for each in outs)


def test_steps_that_share_a_file_keep_their_order():
    steps = wired(
        plan(
            "#md ## A",
            "open('a.txt', 'w').write('1')",
            "#md ## B",
            "x = sum([1])",
            "#md ## C",
            "y = open('a.txt').read()",
        )
    )
    assert [one.after for one in steps] == [(), (), (steps[0].step.name,)]
    assert [one.is_awaited for one in steps] == [True, False, False]


def test_a_step_that_changes_what_another_one_reads_waits_for_it():
    steps = wired(
        plan("#md ## A", "a = [1]", "#md ## B", "print(a)", "#md ## C", "a.append(2)", "#md ## D", "b = sum(a)")
    )
    assert [one.after for one in steps] == [(), (), (steps[1].step.name,), ()]


PLOTS = (
    "import matplotlib.pyplot as plt",
    "#md ## Make",
    "data = sorted([3, 1, 2])",
    "#md ## Look",
    "plt.plot(data)\nplt.show()\nplt.hist(data)",
    "#md ## Count",
    "total = sum(data)",
)


def test_the_plots_of_a_step_are_saved_by_every_target():
    for target, text in (
        ("airflow", "@plots_of('look')"),
        ("dagster", "@plots_of('look')"),
        ("dask", "@plots_of('look')"),
        ("dvc", "@plots_of('look')"),
        ("kubeflow", "dsl.Output[dsl.HTML]"),
        ("prefect", "@plots_of('look')"),
        ("zenml", "@plots_of('look')"),
        ("github-actions", "            notebooks/plots"),
    ):
        assert "".join(texts(target, *PLOTS).values()).count(text) == 1, target
        assert text not in "".join(texts(target, *CELLS).values()), target


def test_a_stage_saves_what_it_plots_and_what_is_shown_is_closed(folder):
    for path, text in texts("dvc", *PLOTS).items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
    stages = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    for stage in stages.values():
        subprocess.run([sys.executable, *stage["cmd"].split()[1:]], check=True)
    assert stages["look"]["plots"] == ["plots/look"]
    assert sorted(each.name for each in Path("plots/look").iterdir()) == ["1.png", "2.png"]


def test_steps_that_bind_the_same_names_for_themselves_do_not_wait_for_each_other():
    own = "model = {}(a)\nscore = model"
    cells = ("#md ## A", "a = sorted([1])", "#md ## B", own.format("sum"), "#md ## C", own.format("max"))
    assert [one.after for one in wired(plan(*cells))] == [(), (), ()]


def test_what_a_step_shows_orders_nothing():
    cells = ("#md ## A", "a = sorted([1])", "#md ## B", "max(a)", "#md ## C", "open('c.txt', 'w').write('1')")
    assert [one.after for one in wired(plan(*cells))] == [(), (), ()]


def test_a_step_that_may_do_anything_keeps_its_place():
    cells = ("#md ## A", "a = sorted([1])", "#md ## B", "exec(input())", "#md ## C", "b = sum([1])")
    assert [one.after for one in wired(plan(*cells))] == [(), ("make_a",), ("make_b",)]


def test_metrics_of_the_same_name_are_kept_by_step():
    cells = ("#md ## A", "a = [1]", "#md ## B", "accuracy = sum(a) / 2", "#md ## C", "accuracy = max(a) / 3")
    for target in ("dask", "prefect"):
        (text,) = texts(target, *cells).values()
        assert len(re.findall(r"\[['\"]\w+['\"]\] = .*accuracy", text)) == 2


def test_what_a_step_hands_on_by_a_path_is_said_where_another_machine_would_not_see_it():
    cells = ("#md ## A", "open('a.csv', 'w').write('1')", "#md ## B", "y = open('a.csv').read()")
    for target in ("airflow", "dask", "kubeflow", "zenml"):
        assert [each for each in written(target, *cells).warnings if "a.csv" in each]


def test_a_file_that_no_container_has_is_said_for_kubeflow():
    made = plan(
        "import pandas as pd", "#md ## A", "a = pd.read_csv('here.csv')", "#md ## B", "b = pd.read_csv('no.csv')"
    )
    place = Place("wine", present=frozenset(("here.csv",)))
    told = module_of("kubeflow").written(made, place).warnings
    assert [each.partition(",")[0] for each in told] == ["make_a reads here.csv"]


def test_dagster_runs_in_one_process_only_where_steps_share_a_state_or_give_what_no_pickle_holds():
    apart = ("#md ## A", "a = sorted([1])", "#md ## B", "b = sum(a)")
    seeded = ("import numpy as np", "#md ## A", "np.random.seed(1)\nn = 3", "#md ## B", "a = np.random.rand(n)")
    functions = ("#md ## A", "k = sum([1])\nf = lambda x: x + k", "#md ## B", "b = f(1)")
    found = [
        "in_process_executor" in "".join(texts("dagster", *cells).values()) for cells in (apart, seeded, functions)
    ]
    assert found == [False, True, True]


def test_what_a_notebook_looks_up_by_name_is_installed_where_the_target_installs(folder):
    cells = ["from importlib.metadata import files", "paths = [str(each) for each in files('nbformat')]"]
    made = [{"cell_type": "code", "source": each, "metadata": {}, "outputs": []} for each in cells]
    path = folder / "looks.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}))
    assert "'nbformat==" in export(path, target="kubeflow").source.replace('"', "'")


def test_a_notebook_whose_name_begins_with_a_number_has_modules_that_can_be_imported():
    made = module_of("airflow").written(plan(*CELLS, path="02_wine.ipynb"), Place("02_wine"))
    assert [file.path for file in made.files] == ["02_wine.py", "steps_02_wine.py"]
    assert "import steps_02_wine" in made.files[0].text
    made = module_of("dvc").written(plan(*CELLS, path="02_wine.ipynb"), Place("02_wine"))
    assert all(ast.parse(file.text) for file in made.files if file.path.endswith(".py"))


def test_a_random_state_that_steps_share_is_said():
    told = unshared(
        plan("import numpy as np", "#md ## A", "np.random.seed(1)\nn = 3", "#md ## B", "a = np.random.rand(n)")
    )
    assert ["random state of numpy" in each for each in told] == [True]


def saved(folder: Path) -> Path:
    cells = [
        {"cell_type": "code", "source": "n = 3", "metadata": {"tags": ["parameters"]}, "outputs": []},
        {"cell_type": "code", "source": "accuracy = n / 4", "metadata": {}, "outputs": []},
    ]
    path = folder / "small.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))
    return path


@pytest.mark.parametrize("target", OTHERS)
def test_a_target_is_written_and_written_again_but_never_over_another_file(folder, target):
    done = export(saved(folder), target=target)
    files = {name: Path(name).read_bytes() for name in done.files}
    again = export(saved(folder), target=target)
    assert {name: Path(name).read_bytes() for name in again.files} == files
    for name in done.files:
        Path(name).write_text("mine = 1\n")
        with pytest.raises(BadArgument, match="is there already and was not exported"):
            export(saved(folder), target=target)
        assert Path(name).read_text() == "mine = 1\n"
        export(saved(folder), target=target, force=True)


def test_an_unknown_target_is_answered_with_the_nearest(folder, capsys):
    with pytest.raises(BadArgument, match="'dasc' is no target") as error:
        export(saved(folder), target="dasc")
    assert error.value.fix == "%mlops export --target dask"
    assert terminal.main(["export", "small.ipynb", "--target", "dasc"]) == 2
    assert "did you mean dask?" in capsys.readouterr().err


def test_what_only_a_script_can_do_is_refused_for_another_target(folder, capsys):
    saved(folder)
    assert terminal.main(["export", "small.ipynb", "--target", "dvc", "--verify"]) == 2
    assert "--verify is for the script, not the target dvc" in capsys.readouterr().err


def test_the_terminal_says_what_runs_the_target(folder, capsys):
    saved(folder)
    assert terminal.main(["export", "small.ipynb", "--target", "dvc"]) == 0
    assert "Next: dvc repro" in capsys.readouterr().out


def test_the_help_and_completion_name_every_target(shell):
    from mlops_nb.notebook.completion import offers

    assert list(offers("%", ["export", "--target", ""], {})) == [*TARGETS]
