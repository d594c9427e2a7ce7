"""The work with mlops_nb; prints one JSON line a figure: name, CPU milliseconds."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import drifts, notebook_run, steps
from tests.benchmarks.fits import FITS, added
from tests.benchmarks.measured import METRICS, PARAMS, cpu

WORKS: dict[str, tuple[Callable[[], float], str]] = {}


def work(name: str, target: str):
    """Register a piece of work that returns its CPU milliseconds; `target` in words."""

    def put(function: Callable[[], float]) -> Callable[[], float]:
        WORKS[name] = (function, target)
        return function

    return put


def shell():
    """A real IPython shell with the kernel's modules imported."""
    import ipykernel.ipkernel
    import ipykernel.zmqshell  # noqa: F401
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    made = InteractiveShell.instance(config=config)
    made.display_pub.publish = lambda *_, **__: None
    made.run_cell("0;")
    return made


HEAVY = ("pandas", "plotly", "ipywidgets", "sqlite_utils", "nbformat", "sklearn")


@work("%load_ext in a running kernel", "at most 10 ms, nothing heavy imported")
def load() -> float:
    """Fresh interpreters, so that nothing is imported yet; the median of nine."""
    code = (
        "from tests.benchmarks.ours import shell, HEAVY, cpu; import sys; s = shell();"
        "print(cpu(lambda: s.run_line_magic('load_ext', 'mlops_nb')), [m for m in HEAVY if m in sys.modules])"
    )
    return _fresh(code)


@work("import mlops_nb", "at most 10 ms, nothing heavy imported")
def imported() -> float:
    """Fresh interpreters; the median of nine."""
    code = (
        "from tests.benchmarks.ours import HEAVY, cpu; import sys;"
        "print(cpu(lambda: __import__('mlops_nb')), [m for m in HEAVY if m in sys.modules])"
    )
    return _fresh(code)


def _fresh(code: str) -> float:
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
    environment = {**os.environ, "PYTHONPATH": root}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    found = []
    for _ in range(10):
        said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        figure, _, heavy = said.stdout.strip().splitlines()[-1].partition(" ")
        if heavy != "[]":
            raise SystemExit(f"imported although it should not be: {heavy}")
        found.append(float(figure))
    return statistics.median(found[1:])


@work("one captured run, 10 parameters + 10 metrics (what the magic adds to the cell)", "at most 3 ms")
def captured(*settings: str) -> float:
    """The same cell with and without its `%%mlops run` line."""
    made = shell()
    made.run_line_magic("load_ext", "mlops_nb")
    for line in settings:
        made.run_cell(line)
    body = "\n".join(f"{name} = {value!r}" for name, value in {**PARAMS, **METRICS}.items())
    options = " ".join([f"--param {name}" for name in PARAMS] + [f"--metric {name}" for name in METRICS])
    plain = [cpu(lambda: made.run_cell(body)) for _ in range(60)]
    with_run = [cpu(lambda: made.run_cell(f"%%mlops run bench {options}\n{body}")) for _ in range(60)]
    return statistics.median(with_run[10:]) - statistics.median(plain[10:])


@work("one run, 10 parameters + 10 metrics, 20 single calls", "at most 3 ms")
def single_calls() -> float:
    """`mlops_nb.run` with one call a value; the median of 50."""
    import mlops_nb

    def one() -> None:
        with mlops_nb.run("bench") as run:
            for name, value in PARAMS.items():
                run.log_params({name: value})
            for name, value in METRICS.items():
                run.log_metrics({name: value})

    return statistics.median([cpu(one) for _ in range(55)][5:])


def _tracked(made: object, source: str = "x = 1") -> float:
    """What a cell costs more with us loaded and tracking on than without us."""

    def many() -> None:
        for _ in range(100):
            made.run_cell(source)

    def median() -> float:
        return statistics.median([cpu(many) / 100 for _ in range(7)][2:])

    plain = median()
    made.run_line_magic("load_ext", "mlops_nb")
    made.run_cell("%mlops track on")
    return median() - plain


@work("a trivial tracked cell (what tracking adds)", "at most 1 ms")
def tracked() -> float:
    """The same cell with us and without us."""
    made = shell()
    return _tracked(made)


@work("the same with a 4 GB DataFrame in the namespace", "the same")
def tracked_beside_4_gb() -> float:
    """Five columns of 100 million numbers, really there."""
    made = shell()
    made.run_cell("import numpy, pandas; frame = pandas.DataFrame(numpy.ones((100_000_000, 5)))")
    return _tracked(made)


@work("a tracked cell that names a frame, an array, a model and a list, all large (what tracking adds)", "at most 1 ms")
def tracked_large() -> float:
    """Objects of which samples are taken before and after the cell."""
    made = shell()
    made.run_cell(
        "import numpy, pandas; from sklearn.ensemble import RandomForestClassifier\n"
        "frame = pandas.DataFrame(numpy.ones((1_000_000, 20))); array = numpy.ones(10_000_000)\n"
        "model = RandomForestClassifier(100).fit(array[:200].reshape(-1, 2), [0, 1] * 50); numbers = list(range(10**6))"
    )
    return _tracked(made, "frame; array; model; numbers; None")


@work("fingerprint of a 1M x 20 DataFrame of floats (160 MB)", "memory speed: a sum over it beside")
def fingerprinted() -> float:
    """The median of nine; GB/s on stderr, beside those of NumPy's own sum over the same bytes."""
    import numpy
    import pandas

    from mlops_nb.reproducibility.fingerprints import fingerprint

    frame = pandas.DataFrame(numpy.random.default_rng(0).random((1_000_000, 20)), columns=[f"c{i}" for i in range(20)])
    ours = statistics.median([cpu(lambda: fingerprint("frame", frame)) for _ in range(10)][1:])
    summed = statistics.median([cpu(lambda: [frame[name].to_numpy().sum() for name in frame]) for _ in range(10)][1:])
    print(f"fingerprint {160 / ours:.1f} GB/s, NumPy's sum {160 / summed:.1f} GB/s", file=sys.stderr)
    return ours


@work("5,000 single log(metric=..., step=...) calls", "at most 333 ms (15,000 a second)")
def series() -> float:
    """Each on disk when it returns; the median of five."""
    import mlops_nb

    def calls() -> None:
        for step in range(5000):
            mlops_nb.log(step, loss=step * 0.1)

    found = []
    for _ in range(5):
        with mlops_nb.run("series"):
            found.append(cpu(calls))
    return statistics.median(found)


def _stored(runs: int) -> None:
    """So many finished runs of 10 parameters and 10 metrics, each metric higher than the last run's."""
    import mlops_nb
    from mlops_nb.store import open_store
    from mlops_nb.store import runs as rows

    with mlops_nb.run("first") as run:
        run.log_params(PARAMS)
        run.log_metrics(METRICS)
    store = open_store()
    copied = "kind, status, started, duration, session_id, notebook, cell_id, source_id"
    first = store.rows(f"SELECT {copied} FROM runs WHERE id = 1")[0]
    with store.transaction() as connection:
        for number in range(2, runs + 1):
            row = dict(zip(copied.split(", "), first, strict=True))
            row |= {"uid": f"{number:032x}", "name": f"run {number % 100}", "started": row["started"] + number}
            rows.insert_run(connection, row)
            rows.add_params(connection, number, PARAMS, False)
            rows.add_points(connection, number, [(n, None, v + number, 0.0) for n, v in METRICS.items()], False)


@work("5,000 runs to a DataFrame", "at most 300 ms")
def to_frame() -> float:
    """`mlops_nb.runs()`; the median of five."""
    import mlops_nb

    _stored(5000)
    assert mlops_nb.runs().shape[0] == 5000
    return statistics.median([cpu(mlops_nb.runs) for _ in range(5)])


@work("the top 10 of 5,000 runs by a metric", "at most 10 ms")
def top_ten() -> float:
    """`mlops_nb.runs(sort="-m1", limit=10)`; the median of 20."""
    import mlops_nb

    _stored(5000)
    assert mlops_nb.runs(sort="-m1", limit=10)["metrics.m1"].iloc[0] == 5000.5
    return statistics.median([cpu(lambda: mlops_nb.runs(sort="-m1", limit=10)) for _ in range(20)])


@work("50,000 runs to a DataFrame", "at most 3 s")
def to_frame_of_many() -> float:
    """`mlops_nb.runs()`; the median of three."""
    import mlops_nb

    _stored(50_000)
    assert mlops_nb.runs().shape[0] == 50_000
    return statistics.median([cpu(mlops_nb.runs) for _ in range(3)])


@work("the top 10 of 50,000 runs by a metric", "at most 100 ms")
def top_ten_of_many() -> float:
    """`mlops_nb.runs(sort="-m1", limit=10)`; the median of 20."""
    import mlops_nb

    _stored(50_000)
    assert mlops_nb.runs(sort="-m1", limit=10)["metrics.m1"].iloc[0] == 50_000.5
    return statistics.median([cpu(lambda: mlops_nb.runs(sort="-m1", limit=10)) for _ in range(20)])


@work("metrics.m1 > 25000 and params.p2 = 'v2' among 50,000 runs, the newest 100", "at most 100 ms")
def query() -> float:
    """`mlops_nb.runs(QUERY, limit=100)`; the median of 10."""
    import mlops_nb

    _stored(50_000)

    def asked() -> object:
        return mlops_nb.runs("metrics.m1 > 25000 and params.p2 = 'v2'", limit=100)

    assert asked().shape[0] == 100
    return statistics.median([cpu(asked) for _ in range(10)])


@work("%mlops runs with 50,000 runs: the panel, live and static", "at most 300 ms")
def panel() -> float:
    """All that the magic does in a kernel but the sending; the median of five."""
    import IPython
    import ipywidgets  # noqa: F401

    from mlops_nb import command_lines, commands
    from mlops_nb.panels import runs_live  # noqa: F401

    _stored(50_000)
    IPython.get_ipython = lambda: type("Shell", (), {"kernel": object()})  # a kernel, as the panel sees it

    def opened() -> object:
        answer = commands.COMMANDS["runs"].answer
        return answer(command_lines.parse("runs", "", {}), commands.Context()).panel.outputs()

    assert "widget-view" in str(opened())
    return statistics.median([cpu(opened) for _ in range(6)][1:])


@work("one captured run, 10 parameters + 10 metrics, with 50,000 runs in the store", "at most 3 ms, as without them")
def captured_beside_many() -> float:
    """The same cell with and without its `%%mlops run` line."""
    _stored(50_000)
    return captured()


@work("the same with tracking and autolog on", "at most 3 ms")
def captured_with_all_on() -> float:
    """The plain cell is tracked, too."""
    _stored(50_000)
    return captured("import sklearn.linear_model", "%mlops track on", "%mlops autolog on")


@work("5,000 single log calls, with 50,000 runs in the store", "at most 333 ms, as without them")
def series_beside_many() -> float:
    """Each on disk when it returns; the median of five."""
    _stored(50_000)
    return series()


def _notebook(cells: int) -> list[str]:
    """The cells of somebody who fits, scores, collects and defines functions, over and over."""
    first = "import pandas as pd\nfrom sklearn.linear_model import Ridge\nresults = {}\ndf = pd.read_csv('a.csv')"
    first += "\ndef score(m, X, y):\n    results[len(results)] = m.score(X, y)\n    return results"
    kinds = (
        "df['c{n}'] = df['a'] * {n}\nprint(df.head())",
        "X, y = df[['a', 'b']], df['c']\nX_train, y_train = X[:{n}], y[:{n}]",
        "m{n} = Ridge(alpha={n})\nm{n}.fit(X_train, y_train)\ns{n} = score(m{n}, X, y)\nprint(f'{{s{n}}}')",
        "out = []\nfor k, v in results.items():\n    if v > {n}:\n        out.append((k, v))\nout",
        "def f{n}(a, b=2):\n    return sum([x * b for x in a])\nprint(f{n}([1, 2, 3]))",
    )
    return [first, *(kinds[n % 5].format(n=n) for n in range(cells - 1))]


@work("the graph of 1,000 cells", "under 2,000 ms, linear")
def graph() -> float:
    """Text never seen before, so that nothing is remembered; half as many cells must not take much less than half."""
    from mlops_nb.notebook.flow.graph import cell_graph

    half = cpu(lambda: cell_graph([f"{each}\nhalf = 1" for each in _notebook(500)]))
    whole = cpu(lambda: cell_graph(_notebook(1_000)))
    assert whole < 3 * half, (half, whole)
    return whole


@work("register, alias and verified load of a forest of 100 trees, over skops' own dump and load", "at most 60 ms")
def registered() -> float:
    """The median of seven, less what writing and reading the same file takes skops alone."""
    import io
    import zipfile

    import numpy as np
    import pandas as pd
    import skops.io
    from sklearn.ensemble import RandomForestClassifier

    import mlops_nb
    from mlops_nb.registry.model_formats import TRUSTED

    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(1_000, 20)), columns=[f"c{i}" for i in range(20)])
    with mlops_nb.run("forest"):
        forest = RandomForestClassifier(100, random_state=0).fit(frame, frame.c0 > 0)

    def alone() -> None:
        file = io.BytesIO()
        skops.io.dump(forest, file, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
        file.seek(0)
        skops.io.load(file, trusted=list(TRUSTED))

    def with_registry() -> None:
        mlops_nb.register(forest, "late-flight", example=frame, alias="champion")
        mlops_nb.load_model("models:/late-flight@champion")

    own = statistics.median([cpu(alone) for _ in range(8)][1:])
    whole = statistics.median([cpu(with_registry) for _ in range(8)][1:])
    print(f"registry {whole:.1f} ms, skops alone {own:.1f} ms", file=sys.stderr)
    return whole - own


def _versions(count: int) -> None:
    """A model of so many versions; every tenth of them was in Production once."""
    from sklearn.linear_model import LinearRegression

    import mlops_nb

    with mlops_nb.run("line") as run:
        model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
        run.log(accuracy=0.9)
    for number in range(1, count + 1):
        mlops_nb.register(model, "late-flight", example=[[0.5]], run=1)
        if number % 10 == 1:
            mlops_nb.promote(f"late-flight/{number}")
    mlops_nb.alias("late-flight/7", "champion")


@work("%mlops registry of a model with 500 versions: the panel", "at most 300 ms")
def registry() -> float:
    """All that the magic does but the sending; the median of five."""
    from mlops_nb import command_lines, commands

    _versions(500)

    def opened() -> object:
        answer = commands.COMMANDS["registry"].answer
        return answer(command_lines.parse("registry", "late-flight", {}), commands.Context()).panel.outputs()

    return statistics.median([cpu(opened) for _ in range(6)][1:])


@work("models:/late-flight@champion resolved among 500 versions", "under 1 ms")
def resolved() -> float:
    """A hundred times; the first one, which reads the log, is one of them."""
    from mlops_nb.registry.service import meant, standing_of
    from mlops_nb.registry.uris import model_uri
    from mlops_nb.store import open_store

    _versions(500)
    store = open_store()

    def resolve() -> None:
        for _ in range(100):
            asked = model_uri("models:/late-flight@champion")
            assert meant(asked, standing_of(store, asked.name)) == 7

    return cpu(resolve) / 100


def _sixty_cells() -> dict[str, object]:
    """A notebook of sixty code cells under twenty headings."""
    cells: list[dict[str, object]] = []
    for part in range(20):
        sources = (
            f"import numpy as np\nx{part} = np.arange({part} + 5)\nx{part}",
            f"def f{part}(v):\n    return v * {part} + len(x{part})\n\ny{part} = f{part}(x{part})\nprint(y{part})",
            f"total{part} = y{part}.sum() + {f'total{part - 1}' if part else 0}\ntotal{part}",
        )
        cells.append({"cell_type": "markdown", "source": f"## Part {part}", "metadata": {}})
        cells += [{"cell_type": "code", "source": one, "metadata": {}, "outputs": []} for one in sources]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


@work("export of a notebook of 60 cells, in a fresh process", "under 300 ms over interpreter start")
def export_sixty_cells() -> float:
    Path("sixty.ipynb").write_text(json.dumps(_sixty_cells()))
    bare = [sys.executable, "-c", "pass"]
    export = [sys.executable, "-m", "mlops_nb.terminal", "export", "sixty.ipynb", "-o", "sixty_out.py"]

    def run(command: list[str]) -> float:
        return statistics.median(
            cpu(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(5)
        )

    return run(export) - run(bare)


def _compared(reference: object, current: object) -> object:
    from mlops_nb import drift

    return drift(reference, current)


def _autolog(name: str) -> Callable[[], float]:
    def added_by_autolog() -> float:
        import mlops_nb

        return added(name, mlops_nb.autolog, lambda: mlops_nb.autolog("off"))

    return added_by_autolog


work("second run of ten kept steps, over what the script imports at its top", "under 600 ms")(steps.cached_pipeline)
work("a step of a pipeline that is run, recorded and kept, over its function", "under 5 ms")(steps.step_overhead)
work("a step of a pipeline whose kept result is taken", "under 5 ms")(steps.kept_step)
work("a notebook of two fits, its cells alone as plain Python", "the floor")(notebook_run.cells_alone)
work("a notebook of two fits, run whole", "the cells alone plus 10 %")(notebook_run.exported_script)
work("a notebook of two fits, run whole, and what its steps give kept", "-")(notebook_run.exported_script_that_keeps)

for _name, _measured in drifts.works(_compared).items():
    work(_name, drifts.TARGETS[_name.removeprefix("drift of ").partition(",")[0]])(_measured)

for _name in FITS:
    work(f"autolog: what it adds to a fit of {_name}", "at most 10 % of the fit")(_autolog(_name))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            os.environ["IPYTHONDIR"] = folder
            sys.stdout, kept = open(os.devnull, "w"), sys.stdout  # noqa: PTH123, SIM115
            figure = WORKS[name][0]()
            sys.stdout = kept
            print(json.dumps([name, figure]), flush=True)
            os.chdir("/")
