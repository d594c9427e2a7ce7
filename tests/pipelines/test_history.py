from __future__ import annotations

import json

import pytest

from mlops_nb.errors import RunNotFound
from mlops_nb.panels.pipelines import pipelines_panel
from mlops_nb.pipelines.history import pipelines
from mlops_nb.store import open_store
from mlops_nb.terminal import main
from tests.pipelines.scripts import ran, written


def test_newest_run_is_told_step_by_step_with_what_was_kept(folder):
    script = written(folder)
    ran(script)
    ran(script, "--scale", "3")
    found = pipelines(store=open_store(folder))
    assert (found.pipeline, found.total, found.run) == ("numbers", 2, found.past[0].id)
    assert [(step.name, step.status, step.cached_from is not None) for step in found.steps] == [
        ("load", "FINISHED", True),
        ("measure", "FINISHED", False),
        ("report", "FINISHED", False),
    ]
    assert [dict(step.needs) for step in found.steps] == [{}, {0: ("data",)}, {1: ("mean",)}]
    assert found.steps[0].saved > 0
    assert [(run.steps, run.cached, dict(run.metrics)) for run in found.past] == [
        (3, 1, {"mean": 7.0}),
        (3, 0, {"mean": 5.0}),
    ]


def test_step_that_failed_is_named_with_how_to_go_on(folder):
    script = written(folder)
    (folder / "numbers.txt").write_text("")
    ran(script)
    found = pipelines("numbers", store=open_store(folder))
    assert (found.failed, found.error) == ("measure", "ZeroDivisionError: division by zero")
    text = pipelines_panel(found).text()
    assert text.startswith("✗ numbers (run 1): failed in step measure in ")
    assert "Correct it, then go on with what is kept: --from measure" in text
    assert "✗ failed" in text


def test_steps_of_one_name_are_told_apart_and_side_by_side_steps_find_what_they_need(folder):
    body = (
        "from mlops_nb.pipelines import pipeline, step\n@step\ndef load(n: int):\n    return [n]\n"
        "@step\ndef double(data):\n    return data * 2\n"
        "@pipeline\ndef flow():\n    a = load(1)\n    b = load(2)\n    a2 = double(a)\n    b2 = double(b)\n"
        "    return a2, b2\nif __name__ == '__main__':\n    flow.main()\n"
    )
    ran(written(folder, body, "flow.py"), "--engine", "process", "--jobs", "2")
    found = pipelines(store=open_store(folder))
    by = {place: step.name for place, step in enumerate(found.steps)}
    assert sorted(by[source] for step in found.steps for source in step.needs) == ["load", "load"]
    assert "<svg" in pipelines_panel(found).html()


def test_step_whose_kept_result_cannot_be_read_is_there_once_and_as_the_run_that_gave_it(folder):
    body = (
        "import numpy as np\nfrom mlops_nb.pipelines import pipeline, step\n@step\ndef load():\n"
        "    return np.arange(5_000)\n@step\ndef use(x, k: int):\n    return int(x.sum()) + k\n"
        "@pipeline\ndef flow(k: int = 1):\n    x = load()\n    return use(x, k)\n"
        "if __name__ == '__main__':\n    flow.main()\n"
    )
    script = written(folder, body, "flow.py")
    ran(script)
    (blob,) = (path for path in (folder / ".mlops" / "blobs").rglob("*") if path.is_file())
    blob.write_bytes(bytes(blob.stat().st_size))
    told = ran(script, "--k", "2").stderr
    assert "[1/2] load  kept" in told
    assert "[1/2] load  ok" in told
    assert "[2/2] use  ok" in told
    found = pipelines(store=open_store(folder))
    assert [(step.name, step.cached_from) for step in found.steps] == [("load", None), ("use", None)]
    assert found.past[0].steps == 2


def test_interrupted_run_says_how_to_go_on_and_not_to_correct_anything(folder):
    body = (
        "from mlops_nb.pipelines import pipeline, step\n@step\ndef stop():\n    raise KeyboardInterrupt\n"
        "@pipeline\ndef flow():\n    stop()\nif __name__ == '__main__':\n    flow.main()\n"
    )
    ran(written(folder, body, "flow.py"))
    text = pipelines_panel(pipelines(store=open_store(folder))).text()
    assert "To go on with what is kept: --from stop" in text
    assert "KeyboardInterrupt" not in text


def test_command_shows_it_in_the_terminal_and_in_a_cell(folder, shell, capsys):
    script = written(folder)
    ran(script)
    assert main(["pipelines"]) == 0
    assert "✓ numbers (run 1): finished in " in capsys.readouterr().out
    assert main(["pipelines", "1", "--json"]) == 0
    assert [step["name"] for step in json.loads(capsys.readouterr().out)["steps"]] == ["load", "measure", "report"]
    shell.run_line_magic("mlops", "pipelines numbers")
    assert "Runs of numbers, the newest first" in capsys.readouterr().out
    assert main(["pipelines", "nombers"]) == 1
    assert "no pipeline is called 'nombers'" in capsys.readouterr().err


def test_without_a_pipeline_it_says_how_to_make_one(folder):
    assert "%mlops export pipeline.py" in pipelines_panel(pipelines()).text()
    with pytest.raises(RunNotFound, match="no pipeline has run yet"):
        pipelines("flights")


def test_step_that_had_to_draw_again_is_there_once(folder):
    body = (
        "import time, random\nfrom mlops_nb.pipelines import pipeline, step\n"
        "@step\ndef slow():\n    time.sleep(1)\n    return random.random()\n"
        "@step(metrics=('drawn',))\ndef quick():\n    drawn = random.random()\n    return drawn\n"
        "@pipeline\ndef flow():\n    random.seed(3)\n    a = slow()\n    b = quick()\n    return a, b\n"
        "if __name__ == '__main__':\n    flow.main()\n"
    )
    script = written(folder, body, "flow.py")
    assert ran(script, "--engine", "process", "--jobs", "2").returncode == 0
    found = pipelines(store=open_store(folder))
    assert sorted(step.name for step in found.steps) == ["quick", "slow"]
    assert found.past[0].steps == 2
    ran(script, "--no-cache")
    assert len({run.metrics["drawn"] for run in pipelines(store=open_store(folder)).past}) == 1
