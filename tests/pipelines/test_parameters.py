from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest

from mlops_nb.errors import BadArgument
from mlops_nb.pipelines.parameters import Parameter, bound_values, parsed_value, read_parameters


def flow(
    first: int,
    trees: Annotated[int, "how many", range(1, 101)] = 10,
    share: float = 1,
    mode: Literal["gini", "entropy"] = "gini",
    flag: bool = True,
    seed: int | None = None,
    columns: list[str] = ["a"],  # noqa: B006
    pair: tuple[int, ...] = (1, 2),
    where: Path = Path("x"),
    anything=None,
    plain=3,
    shares: list[float] = [0.5],  # noqa: B006
    options: dict[str, int] = {},  # noqa: B006
    kinds: set[str] = {"a"},  # noqa: B006
    flags: list[bool] = [True],  # noqa: B006
    kinds_of_any: set = {1, "a"},  # noqa: B006
    mixed: list = [1, "a"],  # noqa: B006
): ...


FOUND = {each.name: each for each in read_parameters(flow)}


def test_signature_tells_kind_default_help_choices_and_range():
    assert [(each.name, each.kind, each.allows_none, each.is_required) for each in FOUND.values()] == [
        ("first", "int", False, True),
        ("trees", "int", False, False),
        ("share", "float", False, False),
        ("mode", "str", False, False),
        ("flag", "bool", False, False),
        ("seed", "int", True, False),
        ("columns", "json", False, False),
        ("pair", "json", False, False),
        ("where", "path", False, False),
        ("anything", "any", True, False),
        ("plain", "int", False, False),
        ("shares", "json", False, False),
        ("options", "json", False, False),
        ("kinds", "json", False, False),
        ("flags", "json", False, False),
        ("kinds_of_any", "json", False, False),
        ("mixed", "json", False, False),
    ]
    assert (FOUND["trees"].help, FOUND["trees"].low, FOUND["trees"].high) == ("how many", 1, 100)
    assert FOUND["mode"].choices == ("gini", "entropy")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("trees", "7", 7), ("share", "0.5", 0.5), ("share", "1e-3", 0.001), ("mode", "entropy", "entropy"),
        ("flag", "no", False), ("seed", "none", None), ("seed", "3", 3), ("columns", '["b"]', ["b"]),
        ("shares", "[1, 0.5]", [1, 0.5]), ("options", '{"a": 1}', {"a": 1}), ("kinds", '["b", "b"]', {"b"}),
        ("flags", "[false]", [False]), ("mixed", '[2, "b", null]', [2, "b", None]), ("columns", "[]", []),
        ("pair", "[3]", (3,)), ("where", "y/z", Path("y/z")), ("anything", "[1]", [1]), ("anything", "word", "word"),
    ],
)  # fmt: skip
def test_text_becomes_the_value(name: str, text: str, value: object):
    assert parsed_value(FOUND[name], text) == value


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("trees", "many", "must be of type int"), ("trees", "0", "must be between 1 and 100"),
        ("trees", "101", "must be between 1 and 100"), ("mode", "ginny", "must be one of gini, entropy"),
        ("columns", "[1", r"must be a list of str in JSON, such as '\["), ("columns", "age", "a list of str in JSON"),
        ("columns", '"age"', "must be a list of str"), ("columns", '["age", 3]', "must be a list of str"),
        ("shares", "[true]", "a list of float in JSON"), ("shares", "5", "a list of float"),
        ("pair", "[1.5]", "a list of int"), ("flags", "[1]", "a list of bool"), ("options", "[1]", "must be a dict"),
        ("mixed", "{}", "must be a list in JSON"),
        ("kinds_of_any", "[[1]]", "must be a list in JSON"), ("flag", "maybe", "true or false"),
        ("first", "1.5", "of type int"),
    ],
)  # fmt: skip
def test_text_that_is_no_value_is_refused(name: str, text: str, words: str):
    with pytest.raises(BadArgument, match=words):
        parsed_value(FOUND[name], text)


def test_nearest_choice_is_offered():
    with pytest.raises(BadArgument) as error:
        parsed_value(FOUND["mode"], "ginny")
    assert error.value.fix == "--mode gini"


def test_missing_unknown_and_superfluous_values_are_refused():
    parameters = tuple(FOUND.values())
    with pytest.raises(BadArgument, match="needs first"):
        bound_values(parameters, (), {}, "flow")
    with pytest.raises(BadArgument, match="no parameter 'tree'") as error:
        bound_values(parameters, (1,), {"tree": 3}, "flow")
    assert error.value.fix == "flow(trees=...)"
    with pytest.raises(BadArgument, match="were given"):
        bound_values((Parameter("a", "int"),), (1, 2), {}, "flow")


def test_defaults_are_fresh_for_every_run():
    parameters = (Parameter("columns", "json", default=["a"]),)
    first = bound_values(parameters, (), {}, "flow")["columns"]
    assert isinstance(first, list)
    first.append("b")
    assert bound_values(parameters, (), {}, "flow")["columns"] == ["a"]


def test_annotation_that_cannot_be_read_is_no_harm():
    def broken(a: Nowhere = 3): ...  # noqa: F821

    assert read_parameters(broken)[0].kind == "int"
