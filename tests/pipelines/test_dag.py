from __future__ import annotations

import pytest

from mlops_nb.pipelines.dag import arguments_used_later, returned_names, step_calls, steps_used_as_values

STEPS = {"load", "fit", "score"}


def calls(body: str) -> list[tuple[str, str, str, bool]]:
    found = step_calls("def flow(n, k=1):\n" + "".join(f"    {line}\n" for line in body.split("\n")), STEPS)
    return [(each.step, " ".join(each.inputs), " ".join(each.outputs), each.is_conditional) for each in found]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("data = load()\nfit(data, n)", [("load", "", "data", False), ("fit", "data n", "", False)]),
        ("a, b = fit(n, depth=k)", [("fit", "n k", "a b", False)]),
        ("return score(fit(load()))", [("load", "", "", False), ("fit", "", "", False), ("score", "", "", False)]),
        ("if n:\n    fit(n)\nelse:\n    score(n)", [("fit", "n", "", True), ("score", "n", "", True)]),
        ("for i in n:\n    fit(i)", [("fit", "i", "", True)]),
        ("try:\n    fit(n)\nexcept E:\n    score(n)", [("fit", "n", "", True), ("score", "n", "", True)]),
        ("with n:\n    fit(k)", [("fit", "k", "", False)]),
        ("x: int = load()", [("load", "", "x", False)]),
        ("print(n)", []),
    ],
)
def test_steps_of_a_pipeline_function(body: str, expected: list[tuple[str, str, str, bool]]):
    assert calls(body) == expected


def test_function_that_is_not_there_has_no_steps():
    assert step_calls("def flow():\n    load()", STEPS, "other") == ()
    assert step_calls("not python (", STEPS) == ()


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f():\n    return a, b", ("a", "b")),
        ("def f():\n    return a", ("a",)),
        ("def f():\n    return a + 1", ()),
        ("def f():\n    def g():\n        return x\n    y = g()\n    return y", ("y",)),
        ("@step\ndef f():\n    pass", ()),
        ("", ()),
    ],
)
def test_returned_names(source: str, names: tuple[str, ...]):
    assert returned_names(source) == names


@pytest.mark.parametrize(
    ("body", "used"),
    [
        ("a, b = fit(load())\nscore(a)\nreturn b", ""),
        ("a = fit(n)\nreturn {'a': a}", ""),
        ("a = fit(n)\nscore(x=a)", ""),
        ("a = fit(n)\nif a > 1:\n    score(a)", "fit"),
        ("a = fit(n)\nscore(a + 1)", "fit"),
        ("a = fit(n)\nscore(a[0])", "fit"),
        ("a = fit(n)\nscore(*a)", "fit"),
        ("a = fit(n)\nprint(a)", "fit"),
        ("a = fit(n)\nb = a\nscore(b)", "fit"),
        ("a = fit(n)\na += 1", "fit"),
        ("a, *b = fit(n)", "fit"),
        ("x.a = fit(n)", "fit"),
        ("for a in fit(n):\n    score(a)", "fit"),
        ("return [fit(each) for each in n]", "fit"),
        ("return fit(n) + 1", "fit"),
        ("f = lambda: a\na = fit(n)\nb = score(n)\nreturn b", "fit"),
    ],
)
def test_steps_of_which_more_is_made_than_handed_on(body: str, used: str):
    source = "def flow(n, k=1):\n" + "".join(f"    {line}\n" for line in body.split("\n"))
    assert " ".join(sorted(steps_used_as_values(source, STEPS))) == used


@pytest.mark.parametrize(
    ("body", "later"),
    [
        ("d = load()\nfit(d)\nscore(d)", [("fit", "d")]),
        ("d = load()\nd = fit(d)\nscore(d)", []),
        ("d = load()\nm = fit(d)\nd = load()\nscore(d)", []),
        ("d = load()\nfor i in n:\n    fit(d)\n    d = score(d)", [("fit", "d"), ("score", "d")]),
    ],
)
def test_arguments_that_a_later_step_is_given_too(body: str, later: list[tuple[str, str]]):
    source = "def flow(n, k=1):\n" + "".join(f"    {line}\n" for line in body.split("\n"))
    assert sorted(arguments_used_later(source, STEPS)) == later
