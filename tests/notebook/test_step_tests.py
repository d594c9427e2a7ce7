"""`--tests`: each step is called with what it took when it was recorded, and what it gives compared."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mlops_nb.errors import BadArgument
from mlops_nb.notebook.service import export
from tests.notebook.test_export import written

CELLS = {
    "imports": "import numpy as np\nimport pandas as pd\nfrom sklearn.linear_model import LinearRegression",
    "parameters": "n_rows = 40",
    "frame": "frame = pd.DataFrame({'a': np.arange(n_rows), 'b': np.arange(n_rows) * 2.5})",
    "fit": "model = LinearRegression().fit(frame[['a']], frame.b)",
    "score": "accuracy = model.score(frame[['a']], frame.b)\nslope = model.coef_",
    "lines": "lines = (str(each) for each in slope)",
    "read": "text = ''.join(lines)",
    "chance": "chance = np.random.rand()",
}


def run_tests(folder) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "-c", "/dev/null"]
    return subprocess.run([*command, "test_a_script.py"], cwd=folder, capture_output=True, text=True, check=False)


def test_steps_are_tested_with_what_they_took(folder):
    done = export(written(folder, CELLS), "a_script.py", tests=True)
    told = " ".join(done.warnings)
    assert "'make_text' has no test: it takes lines, which only a pickle can hold" in told
    assert "'make_chance' has no test: called alone, it gives another chance" in told
    passed = run_tests(folder)
    assert (passed.returncode, "4 passed" in passed.stdout) == (0, True), passed.stdout + passed.stderr
    script = folder / "a_script.py"
    script.write_text(script.read_text().replace("* 2.5", "* 2.6"))
    failed = run_tests(folder)
    assert "test_make_frame_gives_what_was_recorded" in failed.stdout
    assert "assert ['frame'] == []" in failed.stdout
    assert "1 failed, 3 passed" in failed.stdout


def test_record_that_was_changed_is_refused(folder):
    export(written(folder, CELLS), "a_script.py", tests=True)
    record = folder / "a_script_recorded"
    kept = json.loads((record / "steps.json").read_text())["fit_model"]["inputs"]["frame"]
    (record / kept["sha256"]).write_bytes(b"other")
    assert "was changed" in run_tests(folder).stdout


def test_test_file_of_somebody_else_is_not_overwritten(folder):
    path = written(folder, CELLS)
    (folder / "test_a_script.py").write_text("def test_mine(): ...\n")
    with pytest.raises(BadArgument, match=r"test_a_script\.py is there already"):
        export(path, "a_script.py", tests=True)
    with pytest.raises(BadArgument, match="cannot be imported by tests"):
        export(path, "a-script.py", tests=True)
