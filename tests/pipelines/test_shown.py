from __future__ import annotations

import sys
import threading

import pandas as pd
import pytest

from mlops_nb.pipelines import pipeline, show, step
from mlops_nb.pipelines.progress import summary
from mlops_nb.pipelines.shown import recording
from mlops_nb.tracking import service


def kinds(outputs):
    return [(each.kind, each.text) for each in outputs]


def test_prints_and_shown_values_are_told_apart_and_keep_their_lines(folder, capsys):
    def work():
        print("a", 1)
        show({"b": 2})
        print("c")
        print("d")

    with recording(work, "work") as outputs:
        work()
    first = work.__code__.co_firstlineno
    assert kinds(outputs) == [("print", "a 1\n"), ("value", "{'b': 2}"), ("print", "c\n"), ("print", "d\n")]
    assert [each.line - first for each in outputs] == [1, 2, 3, 4]
    assert capsys.readouterr().out == "a 1\n{'b': 2}\nc\nd\n"


def test_what_functions_of_a_step_print_has_the_line_of_the_step(folder):
    def helper():
        print("deep")

    def work():
        assert True
        helper()

    with recording(work, "work") as outputs:
        work()
    assert outputs[0].line == work.__code__.co_firstlineno + 2


def test_thread_of_a_step_is_heard(folder):
    def work():
        thread = threading.Thread(target=print, args=("from a thread",))
        thread.start()
        thread.join()

    with recording(work, "work") as outputs:
        work()
    assert "from a thread" in "".join(each.text for each in outputs)


def test_endless_printing_is_kept_up_to_a_bound(folder, capsys):
    with recording(print, "work") as outputs:
        for _ in range(400):
            print("x" * 1023)
    assert sum(len(each.text) for each in outputs) == 256 << 10
    assert sum(each.cut for each in outputs) == 400 * 1024 - (256 << 10)


def test_standard_output_is_itself_again_after_a_step_that_fails(folder):
    before = sys.stdout
    with pytest.raises(ZeroDivisionError), recording(print, "work"):
        1 / 0
    assert sys.stdout is before


def test_plots_go_to_files_and_the_figures_are_closed(folder):
    import matplotlib.pyplot as plt

    def work():
        plt.plot([1, 2])
        plt.show()
        figure, _ = plt.subplots()
        show(figure)

    with recording(work, "draw it") as outputs:
        work()
    assert [each.text for each in outputs] == ["plots/draw_it.png", "plots/draw_it-2.png"]
    assert (folder / "plots/draw_it-2.png").read_bytes()[:4] == b"\x89PNG"
    assert plt.get_fignums() == []


def test_steps_outputs_are_in_the_store_and_in_the_summary(folder):
    @step
    def look(frame):
        print("hello")
        show(len(frame))
        show(frame)

    @pipeline("looks")
    def flow():
        look(pd.DataFrame({"a": range(9)}))

    flow.function.__globals__["look"] = look
    flow()
    run = service.show(flow.last.steps[0].id)
    assert [(each.kind, each.data["text/plain"]) for each in run.outputs][:2] == [
        ("stream", "hello\n"),
        ("execute_result", "9"),
    ]
    assert "look  finished" in "\n".join(summary(flow.last))
    assert "9  a 0 0 1 1 …" in "\n".join(summary(flow.last))
