"""What a person says about a run, while it goes on and afterwards."""

from __future__ import annotations

import pytest

import mlops_nb
from mlops_nb.errors import BadArgument, NoActiveRun, RunNotFound
from mlops_nb.panels.run import run_panel
from mlops_nb.store import open_store
from mlops_nb.terminal import main
from mlops_nb.tracking.search import service as search


@pytest.fixture
def forest(folder):
    with mlops_nb.run("forest", tags={"kind": "baseline"}) as run:
        mlops_nb.note("first words")
    return run.id


def test_note_written_in_a_run_is_kept_shown_and_found(forest):
    run = mlops_nb.show(forest)
    assert run.note == "first words"
    assert "first words" in run_panel(run).text()
    assert search.run_ids("text match words") == search.run_ids("note like first%") == [forest]


def test_note_written_afterwards_stands_in_place_of_the_one_before(forest):
    mlops_nb.note("better trees", run="forest")
    assert mlops_nb.show(forest).note == "better trees"
    assert search.run_ids("text match first") == []
    assert search.run_ids("text match trees") == [forest]
    open_store().rows("INSERT INTO runs_text(runs_text) VALUES ('integrity-check')")


def test_tags_are_set_and_removed_afterwards(forest):
    mlops_nb.set_tag("fold", 3, run=forest)
    assert main(["tag", "forest", "team=delays", "kind=final", "--remove", "fold"]) == 0
    assert mlops_nb.show(forest).tags == {"kind": "final", "team": "delays"}
    with pytest.raises(BadArgument, match="has no tag 'tem'") as caught:
        mlops_nb.tracking.service.annotate(forest, tags={"new": 1}, remove=["tem"])
    assert caught.value.fix == f"%mlops tag {forest} --remove team"
    assert "new" not in mlops_nb.show(forest).tags


def test_note_is_the_rest_of_the_line_as_it_was_typed(forest, shell):
    shell.user_ns["depth"] = 7
    for line, note in [
        ('forest it\'s good --sort of, "quoted" $depth', 'it\'s good --sort of, "quoted" 7'),
        (f"{forest} 'in quotes'", "in quotes"),
        ("forest - a dash", "- a dash"),
        ('forest ""', ""),
    ]:
        shell.run_line_magic("mlops", f"note {line}")
        assert mlops_nb.show(forest).note == note


def test_terminal_says_what_the_run_has_now(forest, capsys):
    assert main(["note", "forest", "seen", "by", "me"]) == 0
    assert capsys.readouterr().out.startswith("forest (run 1) now has 1 tag and a note.")
    assert main(["tag", "forest", "--remove", "kind"]) == 0
    assert capsys.readouterr().out.startswith("forest (run 1) now has a note.")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["note", "forest"], 2, "note: text is missing (the note"),
        (["note", "frest", "x"], 1, "no run is called 'frest'"),
        (["tag", "forest"], 2, "no NAME=VALUE"),
        (["tag", "forest", "kind"], 2, "'kind' is not NAME=VALUE"),
    ],
)
def test_mistake_changes_nothing(forest, capsys, words, code, said):
    before = mlops_nb.show(forest)
    assert main(words) == code
    assert said in capsys.readouterr().err
    assert mlops_nb.show(forest) == before


def test_without_a_run_it_says_how_to_name_one(folder):
    with pytest.raises(NoActiveRun):
        mlops_nb.note("lost")
    with pytest.raises(RunNotFound):
        mlops_nb.note("lost", run=3)
