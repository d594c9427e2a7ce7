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


def steps_used_as_values(source: str, steps: Collection[str], function: str = "") -> frozenset[str]:
    """The steps of which the function does more with what they give than hand it to another step or return it.

    Args:
        source: text that holds the pipeline function.
        steps: the names of step functions.
        function: the pipeline function's name; by default the first in the text.

    >>> body = "def flow():\\n    m, a = fit(load())\\n    if a > 0.9:\\n        keep(m)\\n    return m"
    >>> sorted(steps_used_as_values(body, {"load", "fit", "keep"}))
    ['fit']
    """
    found = _function(source, function)
    if found is None:
        return frozenset(steps)
    handed = {id(node) for node in _handed_on(found, steps)}
    makers = _makers(found, steps)
    used: set[str] = set()
    for node in ast.walk(found):
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            used |= makers.get(node.target.id, set())
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in handed:
            used |= makers.get(node.id, set())
        elif (step := _called(node, steps)) and id(node) not in handed:
            used.add(step)
    return frozenset(used)


def _makers(function: ast.AST, steps: Collection[str]) -> dict[str, set[str]]:
    """By name, the steps whose outputs are bound to it."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.AnnAssign) and (step := _called(node.value, steps)):
            for name in _targets(node):
                found.setdefault(name, set()).add(step)
    return found


def _handed_on(function: ast.AST, steps: Collection[str]) -> Iterator[ast.AST]:
    """Names and calls that stand where a value is only handed on: to a step, to a plain name, to the caller."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and _called(node, steps):
            yield from node.args
            yield from (keyword.value for keyword in node.keywords if keyword.arg)
        elif isinstance(node, ast.Return) and node.value is not None:
            yield node.value
            yield from _held(node.value)
        elif isinstance(node, ast.Expr):
            yield node.value
        elif isinstance(node, ast.Assign | ast.AnnAssign) and _called(node.value, steps) and _are_plain(node):
            yield node.value  # type: ignore[misc]


def _held(node: ast.AST) -> list[ast.expr]:
    """What a tuple, list or dict of a `return` holds."""
    if isinstance(node, ast.Tuple | ast.List):
        return node.elts
    return node.values if isinstance(node, ast.Dict) else []


def _are_plain(node: ast.Assign | ast.AnnAssign) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return all(_names(target) for target in targets)


def _called(node: ast.AST | None, steps: Collection[str]) -> str:
    """The step that a call calls; empty where it calls none."""
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in steps
    return node.func.id if is_call else ""  # type: ignore[union-attr]


def arguments_used_later(source: str, steps: Collection[str], function: str = "") -> frozenset[tuple[str, str]]:
    """Step and name of every argument that another step is given, too, after it, before the name is bound again.

    A step that changes such an argument in place changes what the later step sees. In loops and branches every
    name that several steps are given counts.

    >>> flow = "def flow():\\n    d = load()\\n    d = clean(d)\\n    fit(d)\\n    score(d)"
    >>> sorted(arguments_used_later(flow, {"load", "clean", "fit", "score"}))
    [('fit', 'd')]
    """
    calls = step_calls(source, steps, function)
    has_loop = any(call.is_conditional for call in calls)
    found: set[tuple[str, str]] = set()
    for place, call in enumerate(calls):
        for name in call.inputs:
            others = calls[:place] + calls[place + 1 :] if has_loop else calls[place + 1 :]
            if has_loop:
                is_used = any(name in each.inputs for each in others)
            else:
                is_used = name not in call.outputs and _is_used_first(name, others)
            if is_used:
                found.add((call.step, name))
    return frozenset(found)


def _is_used_first(name: str, calls: Sequence[StepCall]) -> bool:
    """Whether a call takes the name before one binds it."""
    for call in calls:
        if name in call.inputs:
            return True
        if name in call.outputs:
            return False
    return False
