from __future__ import annotations

from importlib.metadata import version

import pytest

from mlops_nb.errors import BadArgument
from mlops_nb.notebook.installing import dockerfile_text, pinned_requirements
from mlops_nb.notebook.service import export
from mlops_nb.terminal import main
from tests.notebook.test_export import written

CELLS = {
    "install": "%pip install Pandas>=2 a-package-of-nobody==3",
    "one": "from sklearn.svm import SVC\nSVC()",
}


def test_requirements_are_pinned_to_what_is_installed(folder):
    done = export(written(folder, CELLS), "a_script.py", docker=True)
    lines = (folder / "a_script_requirements.txt").read_text().splitlines()
    assert f"scikit-learn=={version('scikit-learn')}" in lines
    assert f"pandas=={version('pandas')}" in lines
    assert "a-package-of-nobody==3" in lines
    assert any(line.startswith("mlops-nb==") for line in lines)
    assert done.beside == ("a_script_requirements.txt", "Dockerfile")
    assert 'ENTRYPOINT ["python", "a_script.py"]' in (folder / "Dockerfile").read_text()
    export("numbers_study.ipynb", "a_script.py", docker=True)


def test_standalone_script_needs_nothing_of_ours(folder):
    export(written(folder, CELLS), "a_script.py", standalone=True, requirements=True)
    assert "mlops" not in (folder / "a_script_requirements.txt").read_text().split("\n", 1)[1]
    assert not (folder / "Dockerfile").exists()


def test_file_of_somebody_else_is_not_overwritten(folder, capsys):
    path = written(folder, CELLS)
    (folder / "Dockerfile").write_text("FROM mine\n")
    with pytest.raises(BadArgument, match="Dockerfile is there already"):
        export(path, "a_script.py", docker=True)
    assert main(["export", path.name, "-o", "a_script.py", "--docker", "--force"]) == 0
    assert "Beside it: a_script_requirements.txt, Dockerfile" in capsys.readouterr().out


def test_module_of_which_no_package_is_known_is_said():
    assert pinned_requirements(["os", "mine"], [], {}, {}) == ((), ("mine",))


def test_file_names_are_words_in_the_dockerfile():
    assert '["python", "a \\" && b.py"]' in dockerfile_text('a " && b.py', "r.txt", "3.11")
