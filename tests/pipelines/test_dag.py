from __future__ import annotations

import pytest

from mlops_nb.pipelines.dag import returned_names, step_calls

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
