"""GitHub Actions: a workflow that runs the exported script, its parameters as inputs.

The steps run in one job, so what they share needs no artifacts between jobs; the script itself keeps its cache.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator

from mlops_nb.notebook.intermediate import PipelinePlan
from mlops_nb.notebook.naming import comment, unique_name
from mlops_nb.notebook.records import ScriptParameter
from mlops_nb.notebook.script import script_text
from mlops_nb.notebook.targets.plain import base_type, exported_line, value_of
from mlops_nb.notebook.targets.records import Place, TargetFile, Written
from mlops_nb.notebook.targets.wiring import drawing_steps
from mlops_nb.notebook.targets.yaml import as_json, yaml_text, yaml_value
from mlops_nb.pipelines.parameters import option_of

KIND = "repository"

MOST_INPUTS = 25
"""Inputs that GitHub takes of a workflow that is started by hand."""

_INPUT = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_RESULT = "result.json"
_EXPRESSION = "${{"


def written(plan: PipelinePlan, place: Place) -> Written:
    """The workflow of a plan, and the script that it runs."""
    script = posixpath.normpath(posixpath.join(place.folder, f"{place.stem}.py"))
    asked = [each for each in plan.parameters if _INPUT.fullmatch(each.name)][:MOST_INPUTS]
    left = [each.name for each in plan.parameters if each not in asked]
    warnings = [f"{', '.join(left)}: no input of the workflow, for GitHub takes {MOST_INPUTS} with ASCII names"]
    return Written(
        (
            TargetFile(f".github/workflows/{place.stem}.yml", "\n".join(_workflow(plan, place, asked)) + "\n"),
            TargetFile(script, script_text(plan)),
        ),
        f"gh workflow run {place.stem}.yml",
        tuple(warnings if left else ()),
    )


def _workflow(plan: PipelinePlan, place: Place, asked: list[ScriptParameter]) -> Iterator[str]:
    yield f"# {_said(exported_line(plan))}"
    yield f"name: {yaml_text(_said(plan.title or plan.name))}"
    yield ""
    yield "on:"
    yield "  workflow_dispatch:"
    yield from ["    inputs:", *(line for each in asked for line in _input(each))] if asked else ()
    yield "  # schedule:"
    yield '  #   - cron: "17 4 * * 1" # Mondays, 04:17 UTC'
    yield from _REST.format(
        group=yaml_text(place.stem),
        folder=yaml_text(place.folder),
        python=yaml_text("3.11"),
        packages=" \\\n            ".join(shlex.quote(comment(each)) for each in _packages(place)),
    ).split("\n")
    yield from _run(place, asked)
    yield from _SUMMARY.format(
        result=_RESULT,
        name=yaml_text(f"{place.stem}-result"),
        path="".join(f"\n            {each}" for each in _kept_files(plan, place)),
    ).split("\n")


def _kept_files(plan: PipelinePlan, place: Place) -> Iterator[str]:
    """What the job keeps when it ends: the result, and the plots where steps draw some."""
    for each in (_RESULT, *(["plots"] if drawing_steps(plan) else [])):
        yield posixpath.normpath(posixpath.join(place.folder, each))


def _said(text: str) -> str:
    """A text without what GitHub would take for an expression."""
    return text.replace(_EXPRESSION, "$ {{")


def _packages(place: Place) -> list[str]:
    """What the job installs: what the script needs."""
    others = [each for each in place.packages if not each.startswith("mlops-nb")]
    return ["mlops-nb", *others]


def _input(parameter: ScriptParameter) -> Iterator[str]:
    value, kind = value_of(parameter), base_type(parameter)
    yield f"      {parameter.name}:"
    span = f"from {parameter.low} to {parameter.high}" if parameter.low is not None else ""
    if said := "; ".join(filter(None, (parameter.help, span))):
        yield f"        description: {yaml_text(_said(said))}"
    texts = [_text(each) for each in (value, *parameter.choices)]
    is_safe = not any(_EXPRESSION in each for each in texts)  # else the script's own default and choices hold
    if parameter.choices and is_safe:
        yield "        type: choice"
        yield f"        options: {yaml_value(texts[1:])}"
    else:
        yield f"        type: { ({'int': 'number', 'float': 'number', 'bool': 'boolean'}.get(kind, 'string')) }"
    if value is not None and is_safe:
        plain = bool(kind) and kind != "str" and not parameter.choices
        yield f"        default: {yaml_value(value) if plain else yaml_text(_text(value))}"


def _text(value: object) -> str:
    """A value as the script's command line takes it."""
    return value if isinstance(value, str) else as_json(value)


def _run(place: Place, asked: list[ScriptParameter]) -> Iterator[str]:
    variables = _variables(asked)
    yield "      - name: Run the pipeline"
    if asked:
        yield "        env:"
        yield from (f"          {variables[each.name]}: ${{{{ {_expression(each)} }}}}" for each in asked)
    yield "        shell: bash"
    yield "        run: >-"
    yield f"          python {place.stem}.py"
    yield from (f"          {_argument(each, variables[each.name])}" for each in asked)
    yield f"          --json | tee output.txt | tail -n 1 > {_RESULT}"


def _variables(asked: list[ScriptParameter]) -> dict[str, str]:
    """The environment variable of each input: no other one can have its name."""
    found: dict[str, str] = {}
    for each in asked:
        found[each.name] = unique_name(f"PARAM_{each.name.upper()}", found.values())
    return found


def _is_flag(parameter: ScriptParameter) -> bool:
    return base_type(parameter) == "bool" and not parameter.choices


def _expression(parameter: ScriptParameter) -> str:
    if not _is_flag(parameter):
        return f"inputs.{parameter.name}"
    value = "false" if value_of(parameter) else "true"
    option = option_of(parameter.name, is_flag=True)
    option = f"--no-{option.removeprefix('--')}" if value_of(parameter) else option
    return f"format('{{0}}', inputs.{parameter.name}) == '{value}' && '{option}' || ''"


def _argument(parameter: ScriptParameter, variable: str) -> str:
    """The argument in the shell: none where the input was not given, so that the script's default holds."""
    if _is_flag(parameter):
        return f'${{{variable}:+"${variable}"}}'
    return f'${{{variable}:+"{option_of(parameter.name)}=${variable}"}}'


_REST = """
permissions:
  contents: read

concurrency:
  group: {group}

jobs:
  run:
    runs-on: ubuntu-latest
    timeout-minutes: 60
    defaults:
      run:
        working-directory: {folder}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: {python}
      - name: Install
        run: |
          python -m pip install \\
            {packages}"""

_SUMMARY = """      - name: Summary
        run: |
          {{
            echo '```json'
            python -c 'import json; print(json.dumps(json.load(open("{result}"))["metrics"], indent=2))'
            echo '```'
          }} >> "$GITHUB_STEP_SUMMARY"
      - uses: actions/upload-artifact@v4
        with:
          name: {name}
          path: |{path}"""
