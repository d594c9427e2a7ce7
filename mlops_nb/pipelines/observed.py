"""A standalone script run in this process and watched: `python -m mlops_nb.pipelines.observed SCRIPT < steps`.

The script is run as it is, but for its command line; what each of its steps prints, shows and measures is printed as
JSON, as a pipeline of ours prints it.
"""

from __future__ import annotations

import ast
import functools
import json
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_nb.pipelines import shown
from mlops_nb.record import json_value


def observe(path: Path, flow: str, show: str, steps: list[Mapping[str, Any]]) -> dict[str, object]:
    """Run a standalone script with its defaults; what its steps did.

    Args:
        path: the script.
        flow: its pipeline function.
        show: its function that shows a value.
        steps: for each step its name, captured run, outputs and metrics.
    """
    module = types.ModuleType("__main__")
    module.__file__ = str(path)
    sys.modules["__main__"] = module
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body.pop()  # the line that reads the command line
    exec(compile(tree, str(path), "exec"), vars(module))
    found: list[dict[str, object]] = []
    for step in steps:
        setattr(module, step["name"], _watched(getattr(module, step["name"]), step, found))
    original = getattr(module, show, None)
    for name, value in list(vars(module).items()):
        if original is not None and value is original:
            setattr(module, name, shown.show)
    getattr(module, flow)()
    return {"id": None, "steps": found}


def _watched(function: Callable[..., Any], step: Mapping[str, Any], found: list[dict[str, object]]) -> Any:
    @functools.wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        with shown.noting() as noted, shown.recording(function, step["name"]) as outputs:
            result = function(*args, **kwargs)
        values = result if isinstance(result, tuple) and len(step["outputs"]) > 1 else (result,)
        named = {name: shown.plain_number(value) for name, value in zip(step["outputs"], values, strict=False)}
        metrics = {name: named[name] for name in step["metrics"] if named.get(name) is not None}
        plain = [json_value(replace(each).to_dict()) for each in outputs]
        found.append({"name": step["name"], "run": step["run"], "metrics": metrics | noted, "outputs": plain})
        return result

    return watched


if __name__ == "__main__":
    asked = json.loads(sys.stdin.read())
    done = observe(Path(sys.argv[1]), asked["flow"], asked["show"], asked["steps"])
    sys.stdout.flush()
    print(json.dumps(done))
