from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_nb.notebook.cells import read_cell
from mlops_nb.notebook.ipython_syntax import cell_text

CASES = {
    "assign": ("x = y", "y", "x", ""),
    "read after write": ("x = 1\nz = x", "", "x z", ""),
    "augmented": ("x += y", "x y", "x", "x"),
    "subscript store": ("df['b'] = df['a'] * k", "df k", "", "df"),
    "loc store": ("df.loc[0, 'a'] = 1", "df", "", "df"),
    "attribute store": ("o.lr = r", "r o", "", "o"),
    "delete item": ("del d[k]", "d k", "", "d"),
    "delete name": ("del x", "x", "x", ""),
    "imports": ("import a.b, c as d\nfrom e import f as g, h", "", "a d g h", ""),
    "function": ("def f(x, k=n):\n    return x * k * rate", "n", "f", ""),
    "function used": ("def f(x):\n    return x * rate\ny = f(2)", "rate", "f y", ""),
    "function used through another": ("def f():\n    return r\ndef g():\n    return f()\ng()", "r", "f g", ""),
    "lambda bound": ("f = lambda v: v * k", "", "f", ""),
    "lambda passed": ("df.apply(lambda r: r * k)", "df k", "", ""),
    "comprehension": ("s = [i * k for i in r if i > q]", "r q k", "s", ""),
    "nested comprehension": ("s = [v for row in m for v in row]", "m", "s", ""),
    "class": ("class M(B):\n    size = dim\n    def f(self):\n        return self.size + late", "B dim", "M", ""),
    "class body names do not leak into methods": (
        "class M:\n    a = 1\n    def f(self):\n        return a\nM()",
        "a",
        "M",
        "",
    ),
    "for": ("for v in xs:\n    t = v", "xs", "v t", ""),
    "with": ("with open(p) as fh:\n    t = fh.read()", "p", "fh t", ""),
    "except name": ("try:\n    f()\nexcept E as e:\n    print(e)", "f E", "", ""),
    "walrus": ("if (n := len(d)) > 1:\n    pass", "d", "n", ""),
    "walrus in comprehension": ("[y := f(x) for x in d]", "d f", "y", ""),
    "match": (
        "match c:\n    case (1, k):\n        r = k\n    case {'a': z, **rest}:\n        r = z",
        "c",
        "k r z rest",
        "",
    ),
    "starred": ("a, *b = c", "c", "a b", ""),
    "branch may not bind": ("if c:\n    x = 1\nprint(x)", "c x", "x", ""),
    "both branches bind": ("if c:\n    x = 1\nelse:\n    x = 2\nprint(x)", "c", "x", ""),
    "branch that raises": ("if c:\n    x = 1\nelse:\n    raise E\nprint(x)", "c E", "x", ""),
    "method in place": ("xs.append(v)", "xs v", "", "xs"),
    "fit": ("model.fit(X, y)", "model X y", "", "model"),
    "inplace argument": ("df.dropna(inplace=True)", "df", "", "df"),
    "out argument": ("np.add(a, a, out=b)", "np a b", "", "b"),
    "query": ("df.query('a > @t')", "df t", "", ""),
    "f-string": ("print(f'{a:{w}}')", "a w", "", ""),
    "annotated": ("x: T = v\ny: T", "T v", "x", ""),
    "star import": ("from math import *\nsqrt(2)", "sqrt", "", ""),
    "top-level await": ("r = await f(x)", "f x", "r", ""),
    "line magic": ("%matplotlib inline\nx = 1", "", "x", ""),
    "time magic": ("%time y = f(x)", "f x", "y", ""),
    "assigned magic": ("y = %time f(x)", "f x", "y", ""),
    "shell": ("!ls {folder}/$name", "folder name", "", ""),
    "assigned shell": ("files = !ls", "", "files", ""),
    "help": ("df.head?\n?df", "", "", ""),
    "time cell": ("%%time\ny = f(x)", "f x", "y", ""),
    "two cell magics": ("%%mlops run rf --param n\n%%time\ny = x", "x", "y", ""),
    "capture": ("%%capture out\nprint(x)", "x", "out", ""),
    "bash cell": ("%%bash\nrm -rf $x", "", "", ""),
    "percent in a string": ("s = '''\n%time x = 1\n'''\n%who", "", "s", ""),
    "percent in brackets": ("z = (a\n% b)\n!ls", "a b", "z", ""),
    "magic in a block": ("if c:\n    %time x = y", "c y", "x", ""),
    "indented": ("  x = 1\n  y = z", "z", "x y", ""),
    "bare carriage returns": ("x = 1\ry = x\r\nz = q", "q", "x y z", ""),
}


@pytest.mark.parametrize("case", CASES)
def test_names_of_a_cell(case: str):
    source, reads, writes, mutates = CASES[case]
    names = read_cell(source)
    assert names.is_valid
    assert (" ".join(names.reads), " ".join(names.writes), " ".join(names.mutates)) == (reads, writes, mutates)


def test_literals_are_the_simple_values_that_stay():
    source = "a = 1\nb: float = -0.5\nc = d = 'x'\ne, f = 1, None\ng = [1, (2, 3)]\nh = {'k': True}"
    source += "\ni = a\nj = 1\nj += 1\nk = 1\nk = f()"
    assert read_cell(source).literals == {
        "a": 1, "b": -0.5, "c": "x", "d": "x", "e": 1, "f": None, "g": [1, [2, 3]], "h": {"k": True},
    }  # fmt: skip


def test_literal_of_a_branch_is_none():
    assert read_cell("if c:\n    x = 1").literals == {}


def test_results_name_the_function_behind_float_and_round():
    names = read_cell("acc = float(metrics.accuracy_score(y, p))\nr = round(f1_score(y, p), 3)\nm = Forest(3).fit(X)")
    assert names.results == {"acc": "metrics.accuracy_score", "r": "f1_score", "m": "Forest.fit"}


def test_function_keeps_what_it_reads_and_binds_when_called():
    names = read_cell("def f(x):\n    global n\n    n += x * rate\n    box.append(x)")
    assert names.reads == ()
    late = names.functions["f"]
    assert (late.reads, late.writes, late.mutates) == (("n", "rate", "box"), ("n",), ("n", "box"))


def test_uncertain_names_are_those_that_some_path_does_not_bind():
    assert read_cell("if c:\n    x = 1\ny = 2\nfor i in r:\n    z = i").uncertain == ("x", "i", "z")


def test_lines_keep_their_numbers():
    source = "%%time\n!ls \\\n  -l\n\nx = 1"
    assert cell_text(source).python.split("\n")[4] == "x = 1"


@pytest.mark.parametrize("source", ["x = (", "return\x00", "if", "\ud800 = 1", "a b c", "df.head()?", "(" * 5000])
def test_text_that_is_not_python_is_invalid(source: str):
    names = read_cell(source)
    assert not names.is_valid
    assert names.reads == names.writes == ()


def test_deep_nesting_is_survived():
    read_cell("x = " + "-" * 20_000 + "1")
    read_cell("x = " + "+".join(["a"] * 20_000))


def test_warnings_of_the_parser_are_the_users_business(recwarn: pytest.WarningsRecorder):
    assert read_cell(r"x = '\d'").is_valid
    assert not recwarn.list


@given(st.text(alphabet=st.sampled_from(list("%!?x =\n\t()[]{}'\"\\#:;.,@$1\r\x0c\u2028é")), max_size=60))
def test_any_text_is_read(source: str):
    read_cell(source)


@given(st.text(max_size=200))
def test_any_unicode_is_read(source: str):
    read_cell(source)
    assert cell_text(source).python.count("\n") == cell_text(source).source.count("\n")
