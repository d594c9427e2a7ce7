"""The steps of a pipeline, read from its function's syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence

from mlops_nb.pipelines.records import StepCall

_BRANCHES = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Match, ast.AsyncFor)


def step_calls(source: str, steps: Collection[str], function: str = "") -> tuple[StepCall, ...]:
    """The calls of steps in the order in which the function makes them.

    Args:
        source: text that holds the pipeline function.
        steps: the names of step functions.
        function: the pipeline function's name; by default the first in the text.

    >>> step_calls("def flow(n):\\n    data = load()\\n    a, b = fit(data, n)\\n    return a", {"load", "fit"})[1]
    StepCall(step='fit', inputs=('data', 'n'), outputs=('a', 'b'), is_conditional=False)
    """
    found = _function(source, function)
    return tuple(_calls(found.body, steps, False)) if found else ()


def returned_names(source: str) -> tuple[str, ...]:
    """The names in a function's last `return`; empty where it returns something else.

    >>> returned_names("def f(x):\\n    y = x\\n    return y, x")
    ('y', 'x')
    """
    found = _function(source, "")
    returns = [node for node in ast.walk(found) if isinstance(node, ast.Return)] if found else []
    inner = {id(node) for each in _inner_functions(found) for node in ast.walk(each)} if found else set()
    returns = [node for node in returns if id(node) not in inner]
    return _names(returns[-1].value) if returns else ()


def _function(source: str, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return next((each for each in functions if each.name == name or not name), None)


def _inner_functions(function: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(function):
        if node is not function and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node


def _calls(body: Sequence[ast.stmt], steps: Collection[str], conditional: bool) -> Iterator[StepCall]:
    for statement in body:
        if isinstance(statement, _BRANCHES):
            inside = [node for node in ast.iter_child_nodes(statement) if isinstance(node, ast.stmt)]
            handlers = [stmt for each in getattr(statement, "handlers", ()) for stmt in each.body]
            cases = [stmt for each in getattr(statement, "cases", ()) for stmt in each.body]
            yield from _calls([*inside, *handlers, *cases], steps, not isinstance(statement, ast.With) or conditional)
            continue
        outputs = _targets(statement)
        found = list(_step_calls_in(statement, steps))
        for call in found:
            given = outputs if call is getattr(statement, "value", None) else ()
            assert isinstance(call.func, ast.Name)
            yield StepCall(call.func.id, _inputs(call, steps), given, conditional)


def _step_calls_in(node: ast.AST, steps: Collection[str]) -> Iterator[ast.Call]:
    """The step calls of a statement, innermost first, as they run."""
    for child in ast.iter_child_nodes(node):
        yield from _step_calls_in(child, steps)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in steps:
        yield node


def _inputs(call: ast.Call, steps: Collection[str]) -> tuple[str, ...]:
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    names = (node.id for each in arguments for node in ast.walk(each) if isinstance(node, ast.Name))
    return tuple(dict.fromkeys(name for name in names if name not in steps))


def _targets(statement: ast.stmt) -> tuple[str, ...]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return tuple(name for target in targets for name in _names(target))


def _names(node: ast.AST | None) -> tuple[str, ...]:
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Tuple | ast.List) and all(isinstance(each, ast.Name) for each in node.elts):
        return tuple(each.id for each in node.elts if isinstance(each, ast.Name))
    return ()
