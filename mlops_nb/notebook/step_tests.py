"""The text of a test file for the steps of a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlops_nb.notebook.naming import comment


def test_file_text(script: str, folder: str, steps: Sequence[str], untold: Mapping[str, str]) -> str:
    """Tests that call each step with its recorded inputs and compare its outputs.

    Args:
        script: the script's module name.
        folder: the folder with the record, beside the test file.
        steps: the steps that are recorded.
        untold: by step that is not tested, why.
    """
    tests = [
        f"def test_{name}_gives_what_was_recorded():\n    assert differences({script}.{name}, RECORDED) == []"
        for name in steps
    ]
    notes = [f"# not tested: {name} ({comment(why)})" for name, why in untold.items()]
    head = f'''# -*- coding: utf-8 -*-
"""Tests of the steps of {script}.py, each called with the inputs that were recorded; written by mlops_nb."""

from pathlib import Path

import {script}

from mlops_nb.pipelines.step_records import differences

RECORDED = Path(__file__).parent / {folder!r}
'''
    return "\n\n".join([head, *(["\n".join(notes)] if notes else []), *tests]) + "\n"
