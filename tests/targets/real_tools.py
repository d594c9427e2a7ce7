"""A notebook exported to every target, run by the tool itself: it must give the notebook's own metrics."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from mlops_nb.notebook.service import export
from mlops_nb.notebook.targets.records import SCRIPT, TARGETS
from tests.targets.environments import environment
from tests.targets.notebook import NAMES_CELLS, PARAMETER_CELLS, executed, given_values, used_value, write_notebook

EXAMPLE = "wine.ipynb"


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """What the notebook gives in its own kernel."""
    return executed(write_notebook(tmp_path_factory.mktemp("executed") / EXAMPLE))


@pytest.fixture
def notebook(folder: Path) -> Path:
    return write_notebook(folder / EXAMPLE)


def ran(*command: str | Path, environment: dict[str, str] | None = None, ok: bool = True) -> str:
    """What a command printed; the test fails with it where the command does."""
    settings = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        list(map(str, command)), env=settings | (environment or {}), capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) is ok, f"{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    return done.stdout + done.stderr


def with_path(tools: Path) -> dict[str, str]:
    return {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}


def last_json(printed: str) -> dict[str, object]:
    return json.loads([line for line in printed.splitlines() if line.startswith("{")][-1])


def test_dask_gives_the_metrics_of_the_notebook(notebook, metrics):
    export(notebook, target="dask")
    python = environment("dask") / "python"
    assert last_json(ran(python, "wine_dask.py")) == {"forest": metrics}
    assert "invalid choice: 'ginny'" in ran(python, "wine_dask.py", "--criterion", "ginny", ok=False)
    assert "must be from 0.1 to 0.5" in ran(python, "wine_dask.py", "--held-out", "0.9", ok=False)


def test_dask_runs_on_a_cluster_that_is_there(notebook, metrics):
    export(notebook, target="dask")
    python = environment("dask") / "python"
    elsewhere = Path("elsewhere")
    elsewhere.mkdir()
    command = [python, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    file = str(Path("scheduler.json").absolute())
    worker = [python, "-m", "distributed.cli.dask_worker", "--nworkers", "2", "--nthreads", "1", "--host", "127.0.0.1"]
    with (
        started(*command, "--scheduler-file", file),
        started(*worker, "--no-dashboard", "--scheduler-file", file, folder=elsewhere),
    ):
        address = json.loads(waited_for(Path(file)))["address"]
        assert last_json(ran(python, "wine_dask.py", "--scheduler", address)) == {"forest": metrics}


@contextmanager
def started(*command: str | Path, folder: Path = Path()) -> Iterator[None]:
    process = subprocess.Popen(
        list(map(str, command)), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def waited_for(file: Path) -> str:
    """The text of a file that another process writes."""
    while not (file.exists() and file.read_text()):
        time.sleep(0.05)
    return file.read_text()


def test_dvc_gives_the_metrics_of_the_notebook_and_then_skips_every_stage(notebook, metrics):
    done = export(notebook, target="dvc")
    tools = with_path(environment("dvc"))
    ran("dvc", "init", "--quiet", "--no-scm", environment=tools)
    ran("dvc", "repro", environment=tools)
    given = json.loads(Path("wine_metrics/forest.json").read_text())
    assert given == metrics
    again = ran("dvc", "repro", environment=tools)
    assert again.count("didn't change, skipping") == len(done.steps)
    assert "Running stage" not in again
    parameters = Path("params.yaml").read_text()
    Path("params.yaml").write_text(parameters.replace("n_estimators: 20", "n_estimators: 3"))
    changed = ran("dvc", "repro", environment=tools)
    assert changed.count("Running stage") == 1
    Path("params.yaml").write_text(parameters.replace("criterion: gini", "criterion: ginny"))
    assert "'ginny', must be one of" in ran("dvc", "repro", environment=tools, ok=False)


def test_dvc_keeps_the_files_that_stages_write_and_skips_what_did_not_change(folder):
    cells = [
        ("markdown", "## Write"), ("code", "open('table.csv', 'w').write('1,2,3')"),
        ("markdown", "## Read"), ("code", "accuracy = float(len(open('table.csv').read()))"),
    ]  # fmt: skip
    export(write_notebook(Path("wine.ipynb"), cells), target="dvc")
    tools = with_path(environment("dvc"))
    ran("dvc", "init", "--quiet", "--no-scm", environment=tools)
    ran("dvc", "repro", environment=tools)
    assert "Running stage" not in ran("dvc", "repro", environment=tools)
    Path("table.csv").unlink()
    assert "skipping run, checking out outputs" in ran("dvc", "repro", environment=tools)
    assert Path("table.csv").read_text() == "1,2,3"


def test_github_actions_takes_the_workflow_and_its_job_gives_the_metrics_of_the_notebook(notebook, metrics):
    Path(".git").mkdir()
    export(notebook, target="github-actions")
    workflow = Path(".github/workflows/wine.yml")
    ran(environment("github-actions") / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", workflow)
    steps = yaml.safe_load(workflow.read_text())["jobs"]["run"]["steps"]
    by_name = {step["name"]: step for step in steps if "name" in step}
    tools = with_path(Path(sys.executable).parent) | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    summary = {"GITHUB_STEP_SUMMARY": str(Path("summary.md").absolute())}
    for name in ("Run the pipeline", "Summary"):
        ran("bash", "-eo", "pipefail", "-c", by_name[name]["run"], environment=tools | summary)
    assert json.loads("".join(Path("summary.md").read_text().splitlines()[1:-1])) == metrics
    asked = {"PARAM_CRITERION": "entropy", "PARAM_COLUMNS": '["alcohol"]', "PARAM_SHUFFLED": "--no-shuffled"}
    ran("bash", "-eo", "pipefail", "-c", by_name["Run the pipeline"]["run"], environment=tools | asked)
    given = json.loads(Path("result.json").read_text())["parameters"]
    assert (given["criterion"], given["columns"], given["shuffled"]) == ("entropy", ["alcohol"], False)


LOCALLY = """
import sys
from kfp import local
from wine_kubeflow import wine_pipeline
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root="outputs")
wine_pipeline(**eval(sys.argv[1]))
"""


def test_kubeflow_compiles_and_runs_the_pipeline_to_the_metrics_of_the_notebook(notebook, metrics):
    export(notebook, target="kubeflow")
    tools = with_path(environment("kubeflow"))
    ran("python", "wine_kubeflow.py", environment=tools)
    compiled = next(yaml.safe_load_all(Path("wine_kubeflow.yaml").read_text()))
    inputs = compiled["root"]["inputDefinitions"]["parameters"]
    assert {name: each.get("defaultValue") for name, each in inputs.items()} == {
        "n_estimators": 20, "criterion": "gini", "held_out": 0.3, "depth": "None", "shuffled": True,
        "columns": ["alcohol", "ash", "malic_acid"],
    }  # fmt: skip
    Path("locally.py").write_text(LOCALLY)
    ran("python", "locally.py", "{}", environment=tools)
    assert logged_metrics(Path("outputs")) == metrics
    assert "must be one of" in ran("python", "locally.py", "{'criterion': 'ginny'}", environment=tools, ok=False)


def test_kubeflow_keeps_the_plots_of_a_step_as_html(folder):
    look = ("code", "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nplt.hist([1, 2])")
    write_notebook(Path("wine.ipynb"), [("markdown", "## Look"), look])
    export("wine.ipynb", target="kubeflow")
    Path("locally.py").write_text(LOCALLY.replace("wine_pipeline", "wine"))
    ran("python", "locally.py", "{}", environment=with_path(environment("kubeflow")))
    (plots,) = (each for each in Path("outputs").rglob("plots*") if each.is_file())
    assert plots.read_text().count('<img src="data:image/png;base64,') == 2


def logged_metrics(root: Path) -> dict[str, float]:
    """The metrics that a component logged."""
    (file,) = (each for each in root.rglob("executor_output.json") if "forest" in str(each))
    (artifact,) = json.loads(file.read_text())["artifacts"]["metrics"]["artifacts"]
    return {name: value for name, value in artifact["metadata"].items() if isinstance(value, float)}


def prefect_settings(home: Path) -> dict[str, str]:
    slow = {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300"}  # a busy machine starts a server slowly
    return {"PREFECT_HOME": str(home), "DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"} | slow


def test_prefect_runs_the_flow_to_the_metrics_of_the_notebook(notebook, metrics, tmp_path):
    export(notebook, target="prefect")
    python = environment("prefect") / "python"
    quiet = prefect_settings(tmp_path / "prefect")
    assert last_json(ran(python, "wine_prefect.py", environment=quiet)) == {"forest": metrics}
    Path("wrong.py").write_text("from wine_prefect import wine_pipeline\nwine_pipeline(criterion='ginny')")
    assert "Input should be 'gini', 'entropy' or 'log_loss'" in ran(python, "wrong.py", environment=quiet, ok=False)


def airflow_settings(home: Path) -> dict[str, str]:
    return with_path(environment("airflow")) | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path("dags").absolute()),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def test_airflow_imports_the_dag_and_runs_it_to_the_metrics_of_the_notebook(notebook, metrics, tmp_path):
    export(notebook, "dags/wine.py", target="airflow")
    quiet = airflow_settings(tmp_path / "airflow")
    look = "import sys; from airflow.dag_processing.dagbag import DagBag; bag = DagBag(sys.argv[1]); "
    look += "print(bag.import_errors, list(bag.dags))"
    assert "{} ['wine']" in ran("python", "-c", look, Path("dags").absolute(), environment=quiet)
    ran("airflow", "db", "migrate", environment=quiet)
    assert metrics == last_metrics(ran("airflow", "dags", "test", "wine", environment=quiet))
    changed = ran("airflow", "dags", "test", "wine", "--conf", '{"columns": ["alcohol"]}', environment=quiet)
    assert last_metrics(changed) != metrics
    refused = ran("airflow", "dags", "test", "wine", "--conf", '{"criterion": "ginny"}', environment=quiet, ok=False)
    assert "'ginny' is not one of ['gini', 'entropy', 'log_loss']" in refused


def last_metrics(printed: str) -> dict[str, float]:
    """The metrics in the last line of a log that has some."""
    return json.loads(re.findall(r'\{"accuracy": .*?\}', printed)[-1])


def test_dagster_validates_the_job_and_runs_it_to_the_metrics_of_the_notebook(notebook, metrics, tmp_path):
    export(notebook, target="dagster")
    quiet = with_path(environment("dagster")) | {"DAGSTER_DISABLE_TELEMETRY": "1"}
    assert "All code locations passed validation" in ran(
        "dagster", "definitions", "validate", "-f", "wine_dagster.py", environment=quiet
    )
    run = ["dagster", "job", "execute", "-f", "wine_dagster.py", "-j", "wine_pipeline"]
    assert last_metrics(ran(*run, environment=quiet)) == metrics
    assert last_metrics(ran(*run, "-c", configured(columns=["alcohol"]), environment=quiet)) != metrics
    refused = ran(*run, "-c", configured(criterion="ginny"), environment=quiet, ok=False)
    assert "not in enum type Literal['gini', 'entropy', 'log_loss'] got ginny" in refused
    refused = ran(*run, "-c", configured(held_out=0.9), environment=quiet, ok=False)
    assert "Input should be less than or equal to 0.5" in refused


def configured(**parameters: object) -> Path:
    """A file with the configuration of a run of Dagster."""
    Path("run.yaml").write_text(yaml.safe_dump({"resources": {"parameters": {"config": parameters}}}))
    return Path("run.yaml")


def zenml_settings(home: Path) -> dict[str, str]:
    return {"ZENML_CONFIG_PATH": str(home), "ZENML_ANALYTICS_OPT_IN": "false"}


def test_zenml_runs_the_pipeline_to_the_metrics_of_the_notebook(notebook, metrics, tmp_path):
    export(notebook, target="zenml")
    python = environment("zenml") / "python"
    quiet = zenml_settings(tmp_path / "zenml")
    assert last_json(ran(python, "wine_zenml.py", environment=quiet)) == {"forest": metrics}
    changed = ran(python, "wine_zenml.py", "--columns", "['alcohol']", environment=quiet)
    assert last_json(changed) != {"forest": metrics}
    Path("wrong.py").write_text("from wine_zenml import wine_pipeline\nwine_pipeline(criterion='ginny')")
    assert "Input should be 'gini', 'entropy' or 'log_loss'" in ran(python, "wrong.py", environment=quiet, ok=False)


class Tool:
    """How a target is run by its tool, with parameters, each in a folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, target: str, given: dict[str, object], *, ok: bool = True) -> str:
        run: Callable[..., str] = getattr(self, target.replace("-", "_"))
        return run(given, ok=ok)

    def airflow(self, given: dict[str, object], *, ok: bool) -> str:
        export("kinds.ipynb", "dags/kinds.py", target="airflow")
        settings = airflow_settings(self.home)
        if not self.home.exists():
            ran("airflow", "db", "migrate", environment=settings)
        return ran("airflow", "dags", "test", "kinds", "--conf", json.dumps(given), environment=settings, ok=ok)

    def dagster(self, given: dict[str, object], *, ok: bool) -> str:
        export("kinds.ipynb", target="dagster")
        settings = with_path(environment("dagster")) | {"DAGSTER_DISABLE_TELEMETRY": "1"}
        run = ["dagster", "job", "execute", "-f", "kinds_dagster.py", *(["-c", configured(**given)] if given else [])]
        return ran(*run, environment=settings, ok=ok)

    def dask(self, given: dict[str, object], *, ok: bool) -> str:
        export("kinds.ipynb", target="dask")
        return ran(environment("dask") / "python", "kinds_dask.py", *options(given), ok=ok)

    def dvc(self, given: dict[str, object], *, ok: bool) -> str:
        export("kinds.ipynb", target="dvc")
        tools = with_path(environment("dvc"))
        if not Path(".dvc").exists():
            ran("dvc", "init", "--quiet", "--no-scm", environment=tools)
        if given:
            parameters = yaml.safe_load(Path("params.yaml").read_text()) | given
            Path("params.yaml").write_text(f"# Exported from kinds.ipynb by mlops_nb.\n{yaml.safe_dump(parameters)}")
        return ran("dvc", "repro", environment=tools, ok=ok)

    def kubeflow(self, given: dict[str, object], *, ok: bool) -> str:
        export("kinds.ipynb", target="kubeflow")
        tools = with_path(environment("kubeflow"))
        ran("python", "kinds_kubeflow.py", environment=tools)
        Path("locally.py").write_text(LOCALLY.replace("wine_pipeline", "kinds").replace("wine", "kinds"))
        return ran("python", "locally.py", repr(given), environment=tools, ok=ok)

    def prefect(self, given: dict[str, object], *, ok: bool) -> str:
        export("kinds.ipynb", target="prefect")
        return ran(
            environment("prefect") / "python", called("prefect", given), environment=prefect_settings(self.home), ok=ok
        )

    def zenml(self, given: dict[str, object], *, ok: bool) -> str:
        export("kinds.ipynb", target="zenml")
        return ran(
            environment("zenml") / "python", called("zenml", given), environment=zenml_settings(self.home), ok=ok
        )

    def github_actions(self, given: dict[str, object], *, ok: bool) -> str:
        Path(".git").mkdir(exist_ok=True)
        export("kinds.ipynb", target="github-actions")
        workflow = yaml.safe_load(Path(".github/workflows/kinds.yml").read_text())
        inputs = (workflow[True]["workflow_dispatch"] or {}).get("inputs", {})  # YAML 1.1 reads `on` as true
        (step,) = (each for each in workflow["jobs"]["run"]["steps"] if each.get("name") == "Run the pipeline")
        tools = with_path(Path(sys.executable).parent) | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        asked = {name: each.get("default", "") for name, each in inputs.items()} | given
        variables = {name: evaluated(text, asked) for name, text in step.get("env", {}).items()}
        ran("bash", "-eo", "pipefail", "-c", step["run"], environment=tools | variables, ok=ok)
        return Path("output.txt").read_text()


def evaluated(expression: str, inputs: dict[str, object]) -> str:
    """What GitHub makes of an expression of an exported workflow."""
    if match := re.fullmatch(r"\$\{\{ inputs\.(\w+) \}\}", expression):
        value = inputs[match[1]]
        return str(value).lower() if isinstance(value, bool) else str(value)
    match = re.fullmatch(r"\$\{\{ format\('\{0\}', inputs\.(\w+)\) == '(\w+)' && '([\w-]+)' \|\| '' \}\}", expression)
    assert match, expression
    return match[3] if str(inputs[match[1]]).lower() == match[2] else ""


def options(given: dict[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in given.items()]


def called(target: str, given: dict[str, object]) -> Path:
    """A file that calls the flow with parameters."""
    Path("called.py").write_text(f"from kinds_{target} import kinds\nkinds(**{given!r})")
    return Path("called.py")


EVERY = [name for name in TARGETS if name != SCRIPT]
IDS = [name.replace("-", "_") for name in EVERY]


@pytest.mark.parametrize("target", EVERY, ids=IDS)
def test_parameters_keep_type_default_choices_and_range(folder, target, tmp_path):
    write_notebook(Path("kinds.ipynb"), PARAMETER_CELLS)
    tool = Tool(tmp_path / target)
    assert f"GIVEN {given_values()!r}" in tool.run(target, {})
    for wrong in ({"kind": "z"}, {"level": 4}, {"share": 0.9}):
        tool.run(target, wrong, ok=False)


@pytest.mark.parametrize("target", EVERY, ids=IDS)
def test_values_may_have_names_that_the_tool_uses_itself(folder, target, tmp_path):
    write_notebook(Path("kinds.ipynb"), NAMES_CELLS)
    assert f"USED {used_value()!r}" in Tool(tmp_path / target).run(target, {})
