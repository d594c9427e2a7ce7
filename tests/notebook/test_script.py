# ruff: noqa: E501 (cells and what they print stand side by side)
from __future__ import annotations

import ast
import contextlib
import io
import re
import sys
import types

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from mlops_nb.errors import MlopsError
from mlops_nb.notebook.intermediate import pipeline_plan
from mlops_nb.notebook.records import Export, Notebook, NotebookCell
from mlops_nb.notebook.script import is_export, pipeline_script
from mlops_nb.pipelines import Pipeline


def notebook(*cells: str | NotebookCell, path: str = "flights.ipynb", language: str = "python") -> Notebook:
    """Strings are code cells; those that begin with `#md ` are Markdown."""
    made = [
        each
        if isinstance(each, NotebookCell)
        else NotebookCell("markdown", each[4:])
        if each.startswith("#md ")
        else NotebookCell("code", each)
        for each in cells
    ]
    return Notebook(path, tuple(made), language)


def parameters(source: str) -> NotebookCell:
    return NotebookCell("code", source, tags=("parameters",))


def export(*cells: str | NotebookCell, **options: str) -> Export:
    return pipeline_script(notebook(*cells, **options))


def ran(done: Export, **given: object) -> tuple[object, str]:
    """What the pipeline function returns and prints when its steps are called as ordinary functions."""
    module = sys.modules["a_script"] = types.ModuleType("a_script")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(done.source, "a_script.py", "exec"), vars(module))
        flow = next(value for value in vars(module).values() if isinstance(value, Pipeline))
        values = {each.name: each.default for each in flow.parameters} | given
        result = flow.function(**values)
    return result, out.getvalue()


# cells, and what IPython printed when it ran them in order
CASES = {
    "datetime rebound": (
        ["import datetime", "datetime = datetime.datetime(2020,1,1)", "print(datetime.year)"],
        "2020\n",
    ),
    "builtin then import": (["print(pow(2, 3, 5))", "from math import pow", "print(pow(2, 3))"], "3\n8.0\n"),
    "redef": (["def f(): return a", "a = 1\nprint(f())", "def f(): return a + 10", "a = 2\nprint(f())"], "1\n12\n"),
    "global creates": (["def init():\n    global state\n    state = 5", "init()", "print(state)"], "5\n"),
    "global rebinds": (
        [
            "n = 0\ndef bump():\n    global n\n    n += 1\n    return n",
            "bump(); bump()",
            "print(n)",
            "n = 10",
            "bump()\nprint(n)",
        ],
        "2\n2\n11\n",
    ),
    "del recreate": (["x = [1]\ny = 2", "del x", "x = y + 1", "print(x)"], "3\n"),
    "class closure": (
        [
            "k = 3\nz = k * 2",
            "class M:\n    size = z + 1\n    def f(self):\n        return self.size + z",
            "m = M()",
            "print(m.f(), M.size)",
        ],
        "13 7\n",
    ),
    "dec cache": (
        [
            "import functools\nbase = 4 + 1",
            "@functools.lru_cache\ndef f(v):\n    return v + base",
            "print(f(1))",
            "print(f(2), f.cache_info().currsize)",
        ],
        "6\n7 2\n",
    ),
    "strings": (
        [
            "x = 1 + 1",
            's = """a\n  b {x}\n"""\nt = f"""c\n  {x}\n    d"""\ndef g():\n    """Doc\n    more"""\n    return """q\nr"""+str(x)\nprint(s, t, g())',
            "print(repr(t))",
        ],
        "a\n  b {x}\n c\n  2\n    d q\nr2\n'c\\n  2\\n    d'\n",
    ),
    "await": (
        [
            "import asyncio\nn = 2 + 0\nasync def f(x):\n    await asyncio.sleep(0)\n    return x * n",
            "r = await f(3)\nn = n + 1",
            "r = [await f(i) for i in range(n)]\nr",
            "print(r, n)",
        ],
        "[0, 3, 6]\n[0, 3, 6] 3\n",
    ),
    "lambda late": (["k = 3 * 1", "f = lambda v: v * k", "k = 100 * 1", "print(f(2))"], "200\n"),
    "our names": (
        [
            "show = 1 + 1\nmetric = 2 + 2\nstep = 0 + 3",
            "show",
            "pipeline = [show, metric]\npipeline",
            "for step in range(2):\n    print(step)",
            "def run(): return step",
            "run()",
        ],
        "2\n[2, 4]\n0\n1\n1\n",
    ),
    "loops": (
        [
            "for i in range(3):\n    last = i * 2",
            "print(last, i)",
            "flag = len([1]) == 1",
            "if flag:\n    v = 2\nelse:\n    w = 3",
            "if flag:\n    print(v)",
            "n = 3 + 0\nwhile n > 0:\n    n -= 1\n    seen = n",
            "print(seen, n)",
        ],
        "4 2\n2\n0 0\n",
    ),
    "cond notset": (["flag = len([1]) == 2", "if flag:\n    v = 2", "if flag:\n    print(v)\nprint('ok')"], "ok\n"),
    "const alias": (["CONFIG = {'a': 1}", "c = CONFIG\nc['a'] = 2", "print(CONFIG)"], "{'a': 2}\n"),
    "const rebound": (["best = 0", "for x in [3, 5, 4]:\n    if x > best:\n        best = x", "print(best)"], "5\n"),
    "star": (["from math import *", "r = sqrt(16) + pi", "print(round(r, 3))"], "7.142\n"),
    "match": (
        [
            "cmd = ('go', 3 + 0)",
            "match cmd:\n    case ('go', k):\n        r = k\n    case _:\n        r = 0",
            "print(r, k)",
        ],
        "3 3\n",
    ),
    "global top": (["global q\nq = 3", "if q:\n    print(q)"], "3\n"),
    "iterator": (["it = iter(range(5))", "print(next(it))", "print(next(it), list(it))"], "0\n1 [2, 3, 4]\n"),
    "mutual": (
        [
            "m = 2 + 0\ndef even(n): return True if n == 0 else odd(n - 1) and m\ndef odd(n): return False if n == 0 else even(n - 1) and m",
            "print(even(4))",
        ],
        "2\n",
    ),
    "mutual free": (
        [
            "def even(n): return True if n == 0 else odd(n - 1)",
            "def odd(n): return False if n == 0 else even(n - 1)",
            "print(even(4))",
        ],
        "True\n",
    ),
    "annonly": (["x: int\nx = 3", "print(x)"], "3\n"),
    "backslash": (["a = 1 + \\\n  2\ns = 'x\\\ny'", "print(a, s)"], "3 xy\n"),
    "dataclass": (
        ["from dataclasses import dataclass", "@dataclass\nclass P:\n    x: int\n    y: int = 2", "p = P(1)", "p"],
        "P(x=1, y=2)\n",
    ),
    "unicode": (["größe = 3; naïve = 'é'; naïve + 'ü'", "print('日本', größe); größe"], "'éü'\n日本 3\n3\n"),
    "default rebound": (
        [
            "n = 3 + 0",
            "def f(v, k=n):\n    return v * k",
            "n = 100 + 0",
            "print(f(2))",
            "def f(v, k=n):\n    return v * k",
            "print(f(2))",
        ],
        "6\n200\n",
    ),
    "with": (
        [
            "import tempfile, os\nd = tempfile.mkdtemp()",
            "with open(os.path.join(d, 'a'), 'w') as fh:\n    fh.write('hi')",
            "with open(os.path.join(d, 'a')) as fh:\n    text = fh.read()",
            "print(text)",
        ],
        "hi\n",
    ),
    "indented": (["  x = 1 + 1\n  print(x)", "if True:\n    %matplotlib_nothing\n    pass"], "2\n"),
    "walrus": (["data = [1, 2]\n[y := d for d in data]", "print(y)", "print((z := 5))", "z"], "[1, 2]\n2\n5\n5\n"),
    "exc": (["try:\n    1/0\nexcept ZeroDivisionError as e:\n    msg = str(e)", "print(msg)"], "division by zero\n"),
    "nested global func": (
        [
            "total = 0 + 0\ndef outer():\n    def inner():\n        global total\n        total += 1\n    inner()\n    return total",
            "outer()",
            "print(total)",
        ],
        "1\n1\n",
    ),
    "aug": (["x = [1]", "x += [2]", "y = x", "y += [3]", "print(x)"], "[1, 2, 3]\n"),
    "chained cmp ml": (
        [
            "import pandas as pd\ndf = pd.DataFrame({'a': [3, 1, 2]})",
            "df = df.sort_values('a')",
            "df['b'] = df.a * 2",
            "(df\n   .head(2)\n   .reset_index())",
            "t = 1\ndf.query('a > @t')",
        ],
        "   index  a  b\n0      1  1  2\n1      2  2  4\n   a  b\n2  2  4\n0  3  6\n",
    ),
    "import in func used before": (
        ["def f():\n    return np.ones(2).sum()", "import numpy as np", "f()"],
        "np.float64(2.0)\n",
    ),
    "two imports same name": (
        ["from math import sqrt", "print(sqrt(4))", "from cmath import sqrt", "print(sqrt(-1))"],
        "2.0\n1j\n",
    ),
    "submodule": (
        [
            "import os.path\nimport os",
            "import xml.dom\nimport xml.etree.ElementTree as ET",
            "print(os.path.join('a', 'b'), xml.dom.__name__, ET.__name__)",
        ],
        "a/b xml.dom xml.etree.ElementTree\n",
    ),
    "future": (["from __future__ import annotations\nx = 1", "def f(a: Undefined): return a", "print(f(x))"], "1\n"),
    "print shadow": (
        ["print('a')", "def print(*a): __builtins__.__dict__ if False else None", "x = print('b')\nx is None"],
        "a\nTrue\n",
    ),
    "type alias": (["T = list[int]\ndef f(x: T) -> T:\n    return x", "f([1])"], "[1]\n"),
    "param default none": (["a = None", "if a is None:\n    a = 3", "print(a)"], "3\n"),
    "local async": (["async def g():\n    return 1", "x = await g()", "print(x)"], "1\n"),
    "tuple swap": (["a, b = 1, 2", "a, b = b, a", "print(a, b)"], "2 1\n"),
    "starred": (["first, *rest = [1, 2, 3]", "print(first, rest)"], "1 [2, 3]\n"),
    "attr": (["class O: pass\no = O()", "o.lr = 0.5", "del o.lr\no.x = [1]", "o.x[0] += 1\nprint(o.x)"], "[2]\n"),
    "loop func": (["fs = []\nfor i in range(3):\n    fs.append(lambda: i)", "print([f() for f in fs])"], "[2, 2, 2]\n"),
    "class finds the name of the moment": (
        [
            "scale = 2",
            "class A:\n    def f(self):\n        return scale",
            "a = A()",
            "scale = 5",
            "print(a.f(), A().f())",
        ],
        "5 5\n",
    ),
    "class before what it reads": (
        ["class A:\n    def f(self):\n        return size * 2", "size = len('abc')", "print(A().f())"],
        "6\n",
    ),
    "decorated function rebinds a global": (
        [
            "calls = 0\ndef counted(f):\n    def inner(*a):\n        global calls\n        calls += 1\n        return f(*a)\n    return inner\n\n@counted\ndef area(r):\n    return r * r",
            "xs = list(map(area, range(4)))",
            "calls",
            "def main():\n    return area(2)",
            "main()",
            "twice = counted(lambda x: x * 2)\ntwice(3), calls",
            "calls = 0",
            "area(1)\ncalls",
        ],
        "4\n4\n(6, 6)\n1\n",
    ),
    "class counts its objects in a global": (
        [
            "made = 0",
            "class A:\n    def __init__(self):\n        global made\n        made += 1",
            "[A() for _ in range(3)];",
            "made += 10",
            "x = A()\nmade",
        ],
        "14\n",
    ),
    "decorator that registers at once": (
        [
            "known = 0",
            "def register(f):\n    global known\n    known += 1\n    return f",
            "@register\ndef f(): return 1",
            "@register\ndef g(): return 2",
            "print(known, f() + g())",
        ],
        "2 3\n",
    ),
    "class in an async step": (
        [
            "import asyncio\nrate = 1 + 1",
            "class A:\n    async def f(self):\n        await asyncio.sleep(0)\n        return rate",
            "rate = 7",
            "await A().f()",
            "[x async for x in (i async for i in A.g())] if hasattr(A, 'g') else rate",
        ],
        "7\n7\n",
    ),
    "nonascii display": (["x = 'é'; display(x)", "display(x, 1)"], "'é'\n'é'\n1\n"),
}


@pytest.mark.parametrize("case", CASES)
def test_script_prints_what_the_notebook_printed(case: str):
    cells, printed = CASES[case]
    assert ran(export(*cells))[1] == printed


NUMBERS, LISTS, FUNCTIONS = ("a", "b", "c"), ("items", "rows"), ("f", "g")

# N is a name of a number, E an expression, L a name of a list, F a function's name, G a call of one that is there
FORMS = [
    "N = E", "N = E", "N += E\nN %= 1_000", "N, M = E, E", "N = M = E", "L.append(E)", "L = [E, *L]", "L = L", "L += [E]",
    "L = [N * 2 for N in range(3)]", "L = [N for N in L if N % 2]", "L.clear()", "table[E % 3] = E", "E", "L", "L[-1:]",
    "print(E, L, sorted(table))", "print(f'{E} {N=}')", "N = (M := E) + 1",
    "if E % 2:\n    N = E\nelse:\n    L.append(N)", "if E % 2:\n    extra = E\n    print(extra)",
    "for i in range(2):\n    N = (N + i) % 97\n    L.append(i)", "for N in [E, E]:\n    print(N)",
    "while N % 3:\n    N += 1", "try:\n    N = E // (N % 2)\nexcept ZeroDivisionError as error:\n    print(error)",
    "try:\n    raise ValueError(E)\nexcept ValueError as N:\n    print(N)\nN = E", "del L[:]",
    "def F(x):\n    return x * 2", "def F(x):\n    return x + len(L) + len(table)", "def F(x):\n    return x + N",
    "def F(x):\n    L.append(x)\n    return x - 1", "def F(x, y=N):\n    return x + y", "F = lambda x: x + len(L)",
    "def F(x):\n    global N\n    N = x % 7\n    return N", "def F(x):\n    N = x\n    return N", "def F(x):\n    return G + 1",
    "def F(x):\n    def inner():\n        return N + x\n    return inner()", "import math\nN = math.gcd(N, 12)",
    "from math import gcd\nN = gcd(N, 12)", "N = max(L, default=0)", "later = (x + N for x in L)\nprint(sum(later))",
    "class Box:\n    size = N\n    def area(self):\n        return self.size * len(L)\nN = Box().area()",
]  # fmt: skip


LATE = """class Late:
    def get(self):
        return a + len(items)

def ticking(function):
    def ticks():
        global b
        b += 1
        return function()
    return ticks

@ticking
def ticked():
    return b * 10 + c

kept = Late()"""
"""Objects that look up names when they are called, and bind one."""


@st.composite
def notebooks(draw: st.DrawFn) -> list[str]:
    """Cells of random statements over a few names, all of which can run in order."""
    functions: set[str] = set()

    def expression() -> str:
        name = draw(st.sampled_from(NUMBERS))
        forms = [
            name,
            f"({name} * 2 - 1)",
            f"len({draw(st.sampled_from(LISTS))})",
            f"sum(x * {name} for x in range(3))",
        ]
        forms += ["Late().get()", "kept.get()", "ticked()"] if late else []
        return draw(st.sampled_from([*forms, *(f"{each}({name})" for each in sorted(functions))]))

    def put(match: re.Match[str]) -> str:
        if match[0] == "E":
            return expression()
        if match[0] == "G":
            return draw(st.sampled_from([f"{each}(x)" for each in sorted(functions)] or ["x"]))
        return draw(st.sampled_from({"N": NUMBERS, "M": NUMBERS, "L": LISTS, "F": FUNCTIONS}[match[0]]))

    def statement() -> str:
        form = draw(st.sampled_from(FORMS))
        one = dict.fromkeys("NLF", "")
        for letter in one:
            form = form.replace(letter, put(re.match(letter, letter))) if re.search(rf"\b{letter}\b", form) else form
        made = re.sub(r"\b[EMG]\b", put, form)
        functions.update(re.findall(r"^(?:def )?([fg])\b(?:\(.*\):| = )", made, re.M))
        return made

    cells = ["a, b, c = 1, 2, 3\nitems, rows = [1], []\ntable = {}"]
    if late := draw(st.booleans()):
        cells.append(LATE)
    for _ in range(draw(st.integers(1, 6))):
        cells.append("\n".join(statement() for _ in range(draw(st.integers(1, 4)))))
    return [*cells, "print(items, rows, sorted(table.items()))", *(f"print({name})" for name in NUMBERS)]


def executed(cells: list[str]) -> str:
    """What the cells print and show when they run in order in one namespace, as a kernel does."""
    out = io.StringIO()
    names: dict[str, object] = {"__name__": "a_notebook"}
    with contextlib.redirect_stdout(out):
        for cell in cells:
            tree = ast.parse(cell)
            last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, "cell", "exec"), names)
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None
            if value is not None:
                print(repr(value))
    return out.getvalue()


@settings(max_examples=300, deadline=None)
@given(notebooks())
def test_any_straight_notebook_and_its_script_print_the_same(cells: list[str]):
    try:
        printed = executed(cells)
    except (NameError, RecursionError, TypeError, MemoryError):  # a function that calls itself, or too early
        reject()
    assert ran(export(*cells))[1] == printed


def step(done: Export, name: str) -> str:
    """The source of a function of the script."""
    tree = ast.parse(done.source)
    return next(ast.unparse(node) for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)


def test_parameters_cell_becomes_the_signature():
    done = export(
        parameters(
            "n_estimators = 100  # trees in the forest\n# share held out\ntest_size: float = 0.25\nseed = None\n"
            "names = ['a']\nneg = -3\nlabel = f'{neg}'"
        ),
        "print(n_estimators, test_size, seed, names, label)",
    )
    found = [(each.name, each.type, each.default, each.help) for each in done.parameters]
    assert found == [
        ("n_estimators", "int", 100, "trees in the forest"),
        ("test_size", "float", 0.25, "share held out"),
        ("seed", "object", None, ""),
        ("names", "list[str]", ["a"], ""),
        ("neg", "int", -3, ""),
    ]
    assert "n_estimators: Annotated[int, 'trees in the forest'] = 100" in done.source
    assert ran(done)[1] == "100 0.25 None ['a'] -3\n"
    assert ran(done, neg=4)[1] == "100 0.25 None ['a'] 4\n"


def test_injected_parameters_override_the_defaults():
    injected = NotebookCell("code", "n = 5", tags=("injected-parameters",))
    done = export(parameters("n = 1\nk = 2"), injected, "print(n + k)")
    assert [each.default for each in done.parameters] == [5, 2]
    assert ran(done)[1] == "7\n"


def test_no_parameters_cell_no_parameters():
    assert export("n = 1", "%%mlops run a --param n\nprint(n)").parameters == ()


def test_parameter_that_a_cell_rebinds_flows_on():
    assert ran(export(parameters("n = 1"), "n = n + 1", "print(n)"), n=10)[1] == "11\n"


def test_captured_cells_are_steps_that_say_so():
    done = export(
        "from sklearn.metrics import accuracy_score\ny = p = [1, 0]",
        "%%mlops run rf-baseline --param depth --metric acc --tag kind=baseline\n# deep\ndepth = 3\nacc = accuracy_score(y, p)",
    )
    assert [(each.name, each.run, each.metrics, each.outputs) for each in done.steps][-1] == (
        "rf_baseline", "rf-baseline", ("acc",), ("acc",),
    )  # fmt: skip
    assert (
        "@step(run='rf-baseline', stage='evaluate', params=('depth',), metrics=('acc',), tags={'kind': 'baseline'})"
        in done.source
    )
    assert "depth: int = 3" in done.source
    assert "# deep" in done.source
    assert ran(done)[0] == 1.0


def test_metrics_that_nobody_named_are_found_as_capture_finds_them():
    done = export(
        "from sklearn.metrics import f1_score, recall_score\ny = p = [1, 0]",
        "%%mlops run a\nquality = f1_score(y, p)\nval_loss = 0.5\nn = 3\nprint(recall_score(y, p))",
    )
    assert done.steps[-1].metrics == ("quality", "val_loss")
    assert "print(metric('recall_score', recall_score(y, p)))" in done.source


def test_three_runs_that_rebind_the_model_each_get_their_own_step():
    cell = "%%mlops run {0} --metric score\nmodel = [{1}]\nmodel.append(data)\nscore = model[0] * 0.1"
    done = export("data = sum([1, 2])", *(cell.format(name, n) for n, name in enumerate("abc")), "print(model, score)")
    assert [each.outputs for each in done.steps] == [("data",), ("score",), ("score",), ("model", "score"), ()]
    assert ran(done)[1] == "[2, 3] 0.2\n"


def test_imports_stand_on_top_once():
    done = export("import numpy as np\nx = np.ones(2)", "import numpy as np\nfrom math import pi\nprint(x.sum() * pi)")
    assert done.source.count("import numpy") == 1
    assert done.source.index("from math import pi") < done.source.index("@step")


def test_path_changes_stay_above_the_imports_that_need_them():
    done = export("import sys\nsys.path.insert(0, 'src')\nimport json", "print(json.dumps(1))")
    source = done.source
    assert (
        source.index("import sys")
        < source.index("sys.path.insert")
        < source.index("import json")
        < source.index("@step")
    )


def test_cells_that_only_define_become_helpers():
    done = export("SIZE = 3\n# twice\ndef double(x):\n    return 2 * x", "print(double(SIZE))")
    assert len(done.steps) == 1
    assert done.source.index("# twice\ndef double") < done.source.index("@step")


def test_function_that_reads_the_notebooks_names_is_defined_in_the_steps_that_call_it():
    done = export(
        "rate = sum([1, 1])", "def price(x):\n    return x * rate", "print(price(2))", "rate = 5 + 0", "print(price(2))"
    )
    assert [each.inputs for each in done.steps] == [(), ("rate",), (), ("rate",)]
    assert done.source.count("def price") == 2
    assert ran(done)[1] == "4\n10\n"


def test_names_come_from_headings_runs_and_code():
    done = export(
        "#md # Flights",
        "#md ## 1. Load the data\nRead **all** of it. Nothing is dropped.",
        "data = sum([1])",
        "rows = data + 1",
        "#md ## Data",
        "print(rows)",
        "%%mlops run Last-One!\nprint(data)",
    )
    assert [each.name for each in done.steps] == ["load_data", "make_data", "last_one"]
    assert done.steps[0].doc == "Load the data"
    assert '"""Load the data.\n\n    Read all of it. Nothing is dropped.\n    """' in done.source


def test_names_from_code_say_what_the_cell_does():
    done = export(
        "from sklearn.datasets import load_iris\nimport matplotlib.pyplot as plt",
        "iris = load_iris(as_frame=True).frame",
        "iris.describe()",
        "iris.hist()\nplt.show()",
    )
    assert [each.name for each in done.steps] == ["read_iris", "show_iris", "plot_iris"]


def test_name_that_a_cell_has_gets_the_word_for_what_it_is():
    cells = ["def make_split(n): return n + 1", "#md ## Split", "split = make_split(2)", "#md ## Text", "text = split"]
    done = export(*cells, "print(text)", path="text.ipynb")
    assert [each.name for each in done.steps[:2]] == ["split_step", "make_text"]
    assert "def text_pipeline():" in done.source


def test_title_that_ends_itself_gets_no_colon():
    assert export("#md # Is it late?\nA study.", "print(1)").source.split("\n")[1] == '"""Is it late? A study.'


def test_magics_are_translated_or_left_out_with_a_comment():
    done = export(
        "%matplotlib inline\nimport os",
        "%time x = 1 + 1\n!pip install a\n%cd ..\ny = !echo {x}\nprint(x)",
        "%%html\n<b>",
    )
    assert [(each.cell, each.line) for each in done.left_out] == [
        (0, "%matplotlib inline"),
        (1, "!pip install a"),
        (2, "%%html"),
    ]
    assert "# left out: %matplotlib inline (only means something in a notebook)" in done.source
    assert "x = 1 + 1" in done.source
    assert "os.chdir('..')" in done.source
    assert 'subprocess.run(f"echo {x}", shell=True' in done.source


def test_exporting_from_the_script_itself_is_left_out():
    done = export("import mlops_nb\nx = 1 + 1", "mlops_nb.export('a.ipynb', 'b.py')\nprint(x)")
    assert [each.reason for each in done.left_out] == ["makes this script"]


def test_last_value_of_a_cell_is_shown():
    done = export(
        "x = [1, 2]", "x", "x;", "print(x)", "(x\n + [3])", "x, 1", "x.append(4)", "'just a note'", "x if x else None"
    )
    assert ran(done)[1] == "[1, 2]\n[1, 2]\n[1, 2, 3]\n([1, 2], 1)\n'just a note'\n[1, 2, 4]\n"


def test_last_value_that_is_never_any_is_not_shown():
    done = export(
        "import mlops_nb, warnings, os\nx = sum([1])",
        "%timeit -n 1 -r 1 x + 1",
        "y = x + 1\nwarnings.filterwarnings('ignore')",
        "print(y)\nmlops_nb.log(size=y)",
    )
    assert "show(" not in done.source


def test_display_is_show():
    assert ran(export("x = 'é'; display(x); display(x, 1)"))[1] == "'é'\n'é'\n1\n"


def test_what_is_never_read_is_returned():
    assert ran(export("a = sum([1])", "b = a + 1\nfor i in range(3):\n    t = i\n_private = 3"))[0] == 2


def test_comments_and_layout_of_a_cell_stay():
    source = "# first\nx = {\n    'a': 1,   # one\n}\n\n# then\nprint(x)  # shown"
    done = export(source)
    for line in source.split("\n"):
        assert line in done.source


def test_strings_over_several_lines_keep_their_text():
    assert ran(export('if True:\n    s = """a\n  b\n"""', "print(repr(s))"))[1] == "'a\\n  b\\n'\n"


def test_name_that_no_cell_binds_is_a_warning():
    assert export("print(later)", "later = sum([1])", "print(never)").warnings == (
        "cell 1 reads 'later', and only a later cell binds it",
        "cell 3 reads 'never', and no cell binds it",
    )


@pytest.mark.parametrize(
    ("cells", "options", "words"),
    [
        (["x = 1", "y = (", "z"], {}, "cell 2 is not Python"),
        (["return 3"], {}, "outside function"),
        (["#md only text"], {}, "no code"),
        ([], {}, "no code"),
        (["x <- 3"], {"language": "R"}, "notebook in R"),
    ],
)
def test_notebook_that_cannot_be_a_script_is_refused_in_words(cells: list[str], options: dict[str, str], words: str):
    with pytest.raises(MlopsError, match=words):
        export(*cells, **options)


HOSTILE = [
    '"""\nimport os\nos.abort()\n"""', "'''\nimport os\n'''", "\\", 'end with quote"', "a\rimport os\ros.abort()",
    "a\x0cimport os", "a\u2028import os", "a\u2029import os", "a\x85import os", "-*- coding: latin-1 -*-", "\u202egnp.exe",
    "{x!r:>{w}}", "%s %(a)s", "<script>alert(1)</script>", "a" * 10_000, "\x00", "😀", "class", "", " ",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_never_becomes_code(text: str):
    done = export(
        f"#md # {text}\n\n{text}",
        f"#md ## {text}\n{text}",
        "x = sum([1])",
        f"%%mlops run {text!r} --tag {text!r}={text!r}\nprint(x)",
        path=f"{text}.ipynb",
    )
    plain = export("x = sum([1])", "%%mlops run a\nprint(x)")
    assert done.source.startswith('# -*- coding: utf-8 -*-\n"""')
    assert ran(done)[1] == ran(plain)[1] == "1\n"
    kinds = [type(node) for node in ast.parse(done.source).body]
    assert kinds == [type(node) for node in ast.parse(plain.source).body]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_any_markdown_and_any_name_make_a_script(text: str):
    text = text.encode("utf-8", "replace").decode("utf-8")
    done = export(f"#md # {text}", f"#md {text}", "x = 1 + 1", f"#md {text}\n---", "print(x)", path=text)
    assert ran(done)[1] == "2\n"


def test_same_notebook_same_script():
    cells = ("#md # A", "x = {'b', 'a'}", "def f():\n    return x", "print(f())", "%%mlops run a\nf1 = 1.0")
    assert export(*cells).source == export(*cells).source


def test_an_export_is_recognised():
    assert is_export(export("x = 1").source)
    assert not is_export('"""Mine."""\n# Exported from a by mlops_nb\n')
    assert not is_export("")


def test_sweep_is_a_loop_over_trials_and_ends_with_the_last_ones_values():
    done = export(
        "depth = 9",
        "%%mlops sweep forest --param depth=3,5 --param lr=range(1, 3) --param c='logspace(1, 10, 2)' --metric score "
        '--tag kind=wide --sample 5 --seed 2\nimport math\ndepth = 4\nif lr:\n    text = """a\nb"""\n'
        "score = depth * lr\nscore",
        "print(depth, text, score)",
    )
    assert "import math\n" in done.source.partition("@step")[0]
    assert (
        """
    for trial in mlops_nb.sweep("""
        """'forest', {'depth': [3, 5], 'lr': range(1, 3), 'c': 'logspace(1, 10, 2)'}, sample=5, seed=2, """
        """metrics=('score',), tags={'kind': 'wide'}):
        with trial as params:
            depth = params['depth']
            lr = params['lr']
            c = params['c']
            if lr:
                text = \"\"\"a
b\"\"\"
            score = depth * lr
            show(score)
            mlops_nb.log(score=score)
    return depth, text, score
""" in done.source
    )
    assert [step.inputs for step in done.steps[1:]] == [(), ("depth", "text", "score")]
    assert done.warnings == ("cell 2: the script sweeps forest as the notebook did; a trial that fails ends it",)


def test_sweep_over_values_of_the_notebook_and_of_dask_is_swept_with_them_here():
    done = export(
        "depths = [3, 5]",
        "%%mlops sweep --param depth=$depths --param n=range(1, {top}) --engine dask\ntrial = accuracy = depth * n",
    )
    assert """mlops_nb.sweep('run', {'depth': f"{depths}", 'n': f"range(1, {top})"}):""" in done.source
    assert "mlops_nb.log(trial=" not in done.source
    assert "mlops_nb.log(accuracy=accuracy)" in done.source
    assert any("not on Dask workers" in warning for warning in done.warnings)


def test_autolog_magic_is_left_out_and_said_how_a_script_autologs():
    (line,) = export("%mlops autolog on", "x = 1\nprint(x)").left_out
    assert line.reason == "a script autologs where a cell calls mlops_nb.autolog()"


def tagged(source: str, *tags: str) -> NotebookCell:
    return NotebookCell("code", source, tags=tags)


def test_cells_under_one_heading_are_one_step_that_says_where_each_begins():
    done = export("#md # T", "#md ## Draw", "a = sum([1])", "b = a + 1\nb", "#md still of it", "c = b * 2", "print(c)")
    assert [(each.name, each.cells) for each in done.steps] == [("draw", (2, 3, 5, 6))]
    assert "    # cell 4\n    b = a + 1\n    show(b)\n" in done.source
    assert ran(done)[1] == "2\n4\n"


def test_captured_and_parameter_cells_are_steps_of_their_own_under_a_heading():
    done = export(
        "#md # T", "#md ## Draw", "a = sum([1])", "%%mlops run mid\nf1 = a / 2", "print(f1)", "print(a)",
    )  # fmt: skip
    assert [each.cells for each in done.steps] == [(2,), (3,), (4, 5)]


def test_step_tags_group_cells_and_name_their_step():
    done = export(tagged("a = sum([1])", "step:get it"), tagged("b = a + 1", "step:get it"), "print(b)")
    assert [(each.name, each.cells) for each in done.steps] == [("get_it", (0, 1)), ("show_b", (2,))]


def test_stage_is_given_by_a_tag_or_guessed_from_calls_and_headings():
    done = export(
        tagged("a = sum([1])", "stage:deploy"),
        "from sklearn.model_selection import train_test_split as _\nb = t.train_test_split(a)",
        "model = m.fit(b)",
        "#md ## Drift",
        "print(model)",
        "print(2)",
    )
    assert [(each.stage, each.is_guessed) for each in done.steps] == [
        ("deploy", False), ("split", True), ("train", True), ("monitor", True),
    ]  # fmt: skip
    assert "@step(stage='train')" in done.source


def test_parameters_take_choices_ranges_and_help_from_annotations_and_forms():
    done = export(
        parameters(
            "from typing import Annotated, Literal\n"
            "n: Annotated[int, 'trees', range(1, 11)] = 3\n"
            "kind: Literal['a', 'b'] = 'a'  # which\n"
            'rate = 0.5  # @param {type:"slider", min:0.0, max:1.0, step:0.1}\n'
            'color = \'red\'  # @param ["red", "blue"]\n'
            "free = 'x'  # @param [\"x\"] {allow-input: true}\n"
            'wide = 1  # @param {type:"number"}\n'
        ),
        "print(n, kind, rate, color, free, wide)",
    )
    module: dict[str, object] = {"__name__": "a_script"}
    exec(compile(done.source, "a_script.py", "exec"), module)
    flow = next(value for value in module.values() if isinstance(value, Pipeline))
    found = {each.name: (each.kind, each.choices, each.low, each.high, each.help) for each in flow.parameters}
    assert found == {
        "n": ("int", (), 1, 10, "trees"),
        "kind": ("str", ("a", "b"), None, None, "which"),
        "rate": ("float", (), 0.0, 1.0, ""),
        "color": ("str", ("red", "blue"), None, None, ""),
        "free": ("str", (), None, None, ""),
        "wide": ("float", (), None, None, ""),
    }


def test_literals_that_are_chosen_become_parameters():
    done = pipeline_script(notebook("a = 3  # how many", "b = a * 2\nprint(b)"), parameters=["a"])
    assert ran(done)[1] == "6\n"
    assert ran(done, a=5)[1] == "10\n"
    assert done.parameters[0].help == "how many"


@pytest.mark.parametrize(
    ("cells", "words"),
    [(["alpha = 3"], "no cell has a literal 'alpah'"), (["alpah = 3", "alpah = 4"], "alpah is assigned 2 times")],
)
def test_parameter_that_cannot_be_one_is_refused_in_words(cells, words):
    with pytest.raises(MlopsError, match=words):
        pipeline_script(notebook(*cells), parameters=["alpah"])


MAGICS = {
    "shell output is printed": (["!echo hello", "x = !echo a b\nprint(x)"], "hello\n['a b']\n"),
    "file is written": (["%%writefile note.txt\nhello\nworld", "import pathlib\nprint(pathlib.Path('note.txt').read_text(), end='')"], "hello\nworld\n"),
    "file is added to": (
        ["%%writefile note.txt\na", "%%writefile -a note.txt\nb", "import pathlib\npathlib.Path('note.txt').read_text()"],
        "'a\\nb\\n'\n",
    ),
    "bash cell": (["%%bash\nx=3\necho $x '\"'"], '3 "\n'),
    "captured": (["%%capture got\nprint('quiet')\nn = 3", "print(n, got.stdout)"], "3 quiet\n\n"),
    "IPython is not needed": (
        [
            "import IPython\nfrom IPython.display import HTML, clear_output, display as d\nfrom IPython import get_ipython, display\n"
            "from IPython.core.interactiveshell import InteractiveShell",
            "HTML('<b>x</b>')",
            "d(3)\nclear_output(wait=True)\ndisplay.display(4)\nIPython.display.Markdown('*y*')",
            "if 'colab' in str(get_ipython()):\n    print('no')",
        ],
        "<b>x</b>\n3\n4\n*y*\n",
    ),
    "every expression is shown": (
        ["InteractiveShell.ast_node_interactivity = 'all'", "1 + 1\n[3]\nx = 4\nprint(x)\n5"],
        "2\n[3]\n4\n5\n",
    ),
    "what was shown and typed is asked back": (
        ["3 + 4", "'a'", "print(_, __, Out[1])", "1;", "4 in Out, 2 in Out, sorted(Out)", "print(In[1], _i, _i2)"],
        "7\n'a'\na 7 7\n(False, True, [1, 2])\n3 + 4 4 in Out, 2 in Out, sorted(Out) 'a'\n",
    ),
    "whether a name is bound": (
        [
            "x = 1\nfor i in []:\n    y = 1",
            "'x' in globals(), 'z' in locals(), 'x' not in dir()",
            "if 'model' not in globals():\n    model = 3\n'model' in globals().keys()",
            "del x\n'x' in globals()",
        ],
        "(True, False, False)\nTrue\nFalse\n",
    ),
    "pylab": (["%pylab inline", "x = linspace(0, 1, 3)\nplot(x, x)\nstep(x, x)\nx.sum()", "close()"], "np.float64(1.5)\n"),
    "commands without a percent sign": (
        ["mkdir made", "cd made", "import os\nos.path.basename(os.getcwd())", "cd ..", "os.path.isdir('made')", "%rmdir made", "os.path.isdir('made')"],
        "'made'\nTrue\nFalse\n",
    ),
    "another interpreter": (["%%python3\nprint(1 + 1)", "%%bash -s one 'two three'\necho $2", "x = 'y'", "%%sh -s {x}\necho $1"], "2\ntwo three\ny\n"),
    "last values": (["3 + 4", "_ * 2", "print(_, _1, Out[2])"], "7\n14\n14 7 14\n"),
    "builtin given back": (["sum = 3", "del sum\nsum([1, 2])"], "3\n"),
    "names in text": (
        ["def both(text):\n    return eval(text)", "a = sum([1])", "b = 2\nboth('a + b')", "eval('b * 10')"],
        "3\n20\n",
    ),
    "own display": (["def display(x):\n    return x + 1", "display(1)"], "2\n"),
    "plt at the end": (["class plt:\n    title = staticmethod(lambda x: x)", "plt.title('t')"], "'t'\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", MAGICS)
def test_what_only_a_notebook_can_do_is_translated(folder, name):
    cells, printed = MAGICS[name]
    done = export(*cells)
    assert "IPython" not in re.sub(r"# left out.*|#     .*|as IPython|IPython\.display\.Markdown", "", done.source)
    assert ran(done)[1] == printed


def test_cell_that_ended_with_an_error_ends_so_in_the_script_and_goes_on():
    fails = NotebookCell("code", "import math\nxs.append(1)\nxs[9]\nxs.append(2)", raised="IndexError")
    done = export("xs = []", fails, "print(xs, math.pi > 3)")
    assert ran(done)[1] == "[1] True\n"
    assert "except IndexError:" in done.source
    stopped = NotebookCell("code", "x = 1", raised="KeyboardInterrupt")
    assert export(stopped).warnings == ("cell 1 was interrupted; the script runs it to its end",)


def test_class_stands_at_the_top_of_the_script_so_that_its_objects_can_be_pickled():
    done = export(
        "n = len([1])", "class A:\n    def f(self):\n        return n", "n += 1", "import pickle\npickle.dumps(A())[:1]"
    )
    assert "\nclass A:" in done.source
    assert ran(done)[1] == "b'\\x80'\n"


def test_module_that_a_cell_writes_is_imported_after_it(folder):
    done = export(
        "%%writefile my_helper_module.py\ndef f():\n    return 7", "import my_helper_module", "my_helper_module.f()"
    )
    assert done.source.index("import my_helper_module") > done.source.index("my_helper_module.py")


def test_packages_that_cells_install_are_requirements():
    plan = pipeline_plan(
        notebook("%pip install -q 'pandas>=2' scikit-learn[x]\nx = 1", "!pip3 install -r a.txt numpy==1.0 -U")
    )
    assert plan.requirements == ("pandas>=2", "scikit-learn[x]", "numpy==1.0")
