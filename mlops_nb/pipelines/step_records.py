"""What the steps of a script took and gave, recorded in a folder, and whether they give it again.

    python -m mlops_nb.pipelines.step_records record SCRIPT FOLDER

runs the script with its defaults and records each step; what only a pickle could hold is not recorded. `repeat` in
place of `record` calls each step again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from mlops_nb.errors import MlopsError
from mlops_nb.pipelines.service import Pipeline
from mlops_nb.pipelines.steps import Step
from mlops_nb.pipelines.values import KeptValue, content_hash, kept_value, named_outputs, value_of

INDEX = "steps.json"
TOLERANCE = 1e-6
"""The relative difference up to which numbers are the same."""


class _Folder:
    """A folder of values, each in a file named by the hash of its content."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def kept(self, value: object) -> dict[str, Any] | None:
        """A value as it is kept; None where only a pickle could hold it."""
        waiting: list[tuple[str, bytes]] = []

        def write(put: Callable[[BinaryIO], object]) -> _Written:
            content = BytesIO()
            put(content)
            data = content.getvalue()
            waiting.append((hashlib.sha256(data).hexdigest(), data))
            return _Written(*waiting[-1])

        try:
            kept = kept_value(value, write)
        except MlopsError:
            return None
        if kept.form == "pickle":
            return {"hash": kept.hash}
        for name, data in waiting:
            (self.path / name).write_bytes(data)
        return {"hash": kept.hash, "form": kept.form, "sha256": kept.sha256, "details": dict(kept.details)}

    def value(self, kept: Mapping[str, Any]) -> Any:
        """A value that was kept.

        Raises:
            ValueError: its file is another than the one that was written.
        """
        found = KeptValue(kept["hash"], kept["form"], kept["sha256"], 0, kept["details"])
        if not found.sha256:
            return value_of(found, None)
        data = (self.path / found.sha256).read_bytes()
        if hashlib.sha256(data).hexdigest() != found.sha256:
            raise ValueError(f"{self.path / found.sha256} was changed")
        return value_of(found, BytesIO(data))


class _Written:
    def __init__(self, sha256: str, data: bytes) -> None:
        self.sha256, self.size_bytes = sha256, len(data)


def record(script: Path, folder: Path) -> dict[str, str]:
    """Run a script with its defaults and record its steps; by step that is not recorded, why."""
    module = _module(script)
    flow = next(each for each in vars(module).values() if isinstance(each, Pipeline))
    place, found, untold = _Folder(folder), dict[str, Any](), dict[str, str]()
    for name, each in list(vars(module).items()):
        if isinstance(each, Step):
            setattr(module, name, _recorded(each, place, found, untold))
    with redirect_stdout(sys.stderr):
        flow.function(**{each.name: each.default for each in flow.parameters})
    (folder / INDEX).write_text(json.dumps(found, indent=1, sort_keys=True), encoding="utf-8")
    return untold


def _recorded(one: Step[..., Any], place: _Folder, found: dict[str, Any], untold: dict[str, str]) -> Callable[..., Any]:
    def called(*args: Any, **kwargs: Any) -> Any:
        bound = inspect.signature(one.function).bind(*args, **kwargs)
        inputs = {name: place.kept(value) for name, value in bound.arguments.items()}
        lacking = [name for name, kept in inputs.items() if kept is None or "form" not in kept]
        result = one.function(*args, **kwargs)
        outputs = named_outputs(result, one.output_names()) or {}
        if lacking:
            untold[one.name] = f"it takes {', '.join(lacking)}, which only a pickle can hold"
        else:
            kept = {name: place.kept(value) for name, value in outputs.items()}
            found[one.name] = {"inputs": inputs, "outputs": {name: one for name, one in kept.items() if one}}
        return result

    return called


def differences(step: Callable[..., Any], folder: str | Path) -> list[str]:
    """Call a step with the inputs that were recorded for it; the names of outputs that are not as they were recorded.

    Args:
        step: the step of a script.
        folder: where its record is.
    """
    one = step if isinstance(step, Step) else Step(step)
    place = _Folder(Path(folder))
    recorded = json.loads((place.path / INDEX).read_text(encoding="utf-8"))[one.name]
    inputs = {name: place.value(kept) for name, kept in recorded["inputs"].items()}
    outputs = named_outputs(one.function(**inputs), one.output_names()) or {}
    return [name for name, kept in recorded["outputs"].items() if not _is_same(outputs.get(name), kept, place)]


def _is_same(value: Any, kept: Mapping[str, Any], place: _Folder) -> bool:
    if content_hash(value) == kept["hash"]:
        return True
    return "form" in kept and _is_close(value, place.value(kept))


def _is_close(value: Any, other: Any) -> bool:
    """Whether numbers are the same within the tolerance: single ones, and those of arrays and frames."""
    import numpy as np

    if type(value) is not type(other):
        return False
    try:
        if hasattr(value, "columns"):
            same = list(value.columns) == list(other.columns)
            return same and all(_is_close(value[each].to_numpy(), other[each].to_numpy()) for each in value.columns)
        left, right = np.asarray(value), np.asarray(other)
        return left.shape == right.shape and bool(np.allclose(left, right, rtol=TOLERANCE, atol=1e-12, equal_nan=True))
    except (TypeError, ValueError):
        return False


def _module(script: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[script.stem] = module
    spec.loader.exec_module(module)
    return module


def repeated(script: Path, folder: Path) -> dict[str, str]:
    """By step that gives something else when it is called again in this process, what differs."""
    module, found = _module(script), dict[str, str]()
    for name in json.loads((folder / INDEX).read_text(encoding="utf-8")):
        with redirect_stdout(sys.stderr):
            try:
                wrong = differences(getattr(module, name), folder)
            except Exception as error:  # a step is the user's code
                wrong = [f"{type(error).__name__}: {str(error)[:100]}"]
        if wrong:
            found[name] = f"called alone, it gives another {', '.join(wrong)}"
    return found


if __name__ == "__main__":
    do = record if sys.argv[1] == "record" else repeated
    print(json.dumps(do(Path(sys.argv[2]).absolute(), Path(sys.argv[3]).absolute())))
