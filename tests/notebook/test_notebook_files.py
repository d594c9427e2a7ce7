"""Notebook files that are large, old, broken, in another language or none at all: they export, or say why not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_nb.errors import MlopsError, NotebookNotFound
from mlops_nb.notebook.service import export, read_notebook


def file_of(folder: Path, *sources: str, outputs: tuple[list[dict[str, object]], ...] = (), **metadata: object) -> Path:
    """A notebook's file; with `outputs` its cells ran."""
    cells = [
        {
            "cell_type": "code", "id": f"c{at}", "source": source, "metadata": {},
            "execution_count": at + 1 if outputs else None, "outputs": outputs[at] if outputs else [],
        }
        for at, source in enumerate(sources)
    ]  # fmt: skip
    path = folder / "a_notebook.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}))
    return path


def printed(script: Path) -> str:
    command = [sys.executable, script.name, "--no-store", "--no-cache", "--quiet"]
    return subprocess.run(command, cwd=script.parent, capture_output=True, text=True, check=True).stdout


def test_fifty_megabytes_of_output_are_read_exported_and_verified(folder):
    lines = [{"output_type": "stream", "name": "stdout", "text": ["x" * 1_000_000] * 40 + ["\n"]}]
    picture = {"text/plain": "<Figure size 1x1 with 1 Axes>", "image/png": "A" * 10_000_000}
    shown = [{"output_type": "display_data", "metadata": {}, "data": picture}]
    path = file_of(folder, "print('x' * 40_000_000)", "y = 1", outputs=(lines, shown))
    assert path.stat().st_size > 50_000_000
    done = export(path, folder / "large.py", verify=True)
    assert len(done.source) < 1_000
    assert done.verification.is_equal


@pytest.mark.parametrize("version", [2, 3])
def test_a_notebook_of_an_old_format_is_exported(folder, version):
    cell = {"cell_type": "code", "language": "python", "collapsed": False, "input": ["x = 3\n", "print(x)"],
            "outputs": [], "prompt_number": 1, "metadata": {}}  # fmt: skip
    heading = {"cell_type": "heading", "level": 1, "source": ["Old times"], "metadata": {}}
    content = {"nbformat": version, "nbformat_minor": 0, "metadata": {"name": "old"},
               "worksheets": [{"cells": [heading, cell], "metadata": {}}]}  # fmt: skip
    (folder / "old.ipynb").write_text(json.dumps(content))
    export(folder / "old.ipynb", folder / "from_old.py")
    assert printed(folder / "from_old.py") == "3\n"


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"[1]", b"{}", bytes(range(256)), b"[" * 100_000, b'{"nbformat": 4, "cells": [{}]}',
                b'{"nbformat": 5, "cells": []}', b'{"nbformat": "4", "cells": []}', b'{"nbformat": 4, "cells": 3}'],
    ids=["nothing", "text", "list", "no fields", "bytes", "deep", "cell without a kind",
         "version 5", "version a text", "cells a number"],
)  # fmt: skip
def test_a_file_that_is_no_notebook_is_named(folder, content):
    (folder / "other.ipynb").write_bytes(content)
    with pytest.raises(NotebookNotFound, match=r"other\.ipynb is not a notebook"):
        read_notebook(folder / "other.ipynb")


@pytest.mark.parametrize(
    ("sources", "language", "said"),
    [
        ((), "python", "has no code to export"),
        (("", " \n"), "python", "has no code to export"),
        (("x <- 1",), "R", "is a notebook in R, not in Python"),
        (("println(1)",), "julia", "is a notebook in julia, not in Python"),
        (("x = 1", "def f(:"), "python", "cell 2 is not Python: invalid syntax"),
        (('print "hello"',), "python", "cell 1 is not Python: Missing parentheses"),
        (("s = '\ud800'",), "python", "cell 1 is not Python"),
    ],
)
def test_a_notebook_without_python_is_refused_in_words(folder, sources, language, said):
    path = file_of(folder, *sources, language_info={"name": language})
    with pytest.raises(MlopsError, match=said):
        export(path, folder / "out.py")
    assert not (folder / "out.py").exists()


def test_a_cell_that_ran_and_was_no_python_is_left_out_and_said_so(folder):
    wrong = [{"output_type": "error", "ename": "SyntaxError", "evalue": "invalid syntax", "traceback": []}]
    path = file_of(folder, "x = 1", "print x", "print(x)", outputs=([], wrong, []))
    done = export(path, folder / "out.py")
    assert printed(folder / "out.py") == "1\n"
    assert "cell 2 ended with SyntaxError and is left out" in done.warnings


def test_cells_in_r_are_left_out_and_said_so(folder):
    path = file_of(folder, "x = 1", "%%R -i x\nprint(x)", "%R y <- 2", "print(x)")
    done = export(path, folder / "out.py")
    assert [each.line for each in done.left_out] == ["%%R -i x", "%R y <- 2"]
    assert printed(folder / "out.py") == "1\n"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("# -*- coding: utf-7 -*-\nprint('+AGE-')", "+AGE-"),
        ("#!/usr/bin/python\n# vim: set fileencoding=latin-1 :\nprint('é')", "é"),
        ("# a comment\rimport os\rprint(os.sep)", "/"),
        ("x = 1\x0c\nprint(x)", "1"),
        ("print(len('a\u2028b'))  # \u2028raise SystemExit", "3"),
        ("print(ascii('\x85\u2029'))", r"'\x85\u2029'"),
    ],
    ids=["utf-7", "latin-1", "carriage return", "form feed", "line separator", "next line"],
)
def test_odd_characters_of_a_cell_mean_in_the_script_what_they_did(folder, source, said):
    export(file_of(folder, source), folder / "out.py")
    assert printed(folder / "out.py") == f"{said}\n"
