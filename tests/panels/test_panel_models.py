"""The registry's panels: the verdict first, in the saved form and in a terminal."""

from __future__ import annotations

from dataclasses import replace

from mlops_nb.panels.event_log import event_log_panel
from mlops_nb.panels.model import model_panel
from mlops_nb.panels.model_change import model_change_panel
from mlops_nb.panels.model_version import model_version_panel
from mlops_nb.panels.models import models_panel
from mlops_nb.panels.signature_check import signature_check_panel
from mlops_nb.registry.fitting import SignatureCheck
from mlops_nb.registry.versions import ModelList, RegisteredModel
from tests.panels.records import (
    NOW,
    a_change,
    a_log_check,
    a_model,
    a_model_summary,
    a_signature_check,
    a_version,
    an_event,
)


def said(panel) -> str:
    return " ".join(panel.text().split())


def test_model_says_first_which_version_is_in_production():
    text = said(model_panel(a_model()))
    assert text.startswith("late-flight/3 is in Production, since 2026-09-21 17:13 UTC; 3 versions. @late-flight → 1")
    assert "A version came into Production 2 times; version 3 is there now" in text
    assert "3 ● Production" in text
    assert "2 ◌ Archived" in text


def test_model_of_the_past_says_when():
    then = replace(a_model(), as_of=NOW)
    assert said(model_panel(then)).startswith("late-flight/3 was in Production on 2026-09-21 14:13:20 UTC, since")
    nothing = RegisteredModel("late-flight", (a_version(1),), {}, (an_event(1, "registered", version=1),), NOW)
    assert said(model_panel(nothing)).startswith("late-flight: no version is in Production; 1 version.")


def test_history_is_whole_in_the_saved_form():
    html = model_panel(a_model()).html()
    for words in ("version 3 registered", "version 2: None → Production", "@late-flight: nothing → 1"):
        assert words in html


def test_five_hundred_versions_are_drawn_small_and_paged():
    html = model_panel(a_model(length=500)).html()
    assert len(html.encode()) < 200_000
    assert "+300 more" in html


def test_deleted_versions_are_named_and_no_longer_listed():
    model = a_model()
    gone = replace(model, versions=(*model.versions[:2], replace(model.versions[2], is_deleted=True)))
    assert "Deleted: version 1." in said(model_panel(gone))
    assert said(model_version_panel(gone.versions[2])).startswith("late-flight/1 is deleted.")


def test_version_says_what_it_takes_and_gives_and_what_was_seen():
    text = said(model_version_panel(a_version(stage="Production", aliases=("champion",))))
    assert text.startswith("late-flight/3 (in Production and @champion): late-flight, skops, 194 kB, made by ")
    assert "Takes 2 columns by name (float64 and str); gives one of 2 classes (late-flight and 1)." in text
    assert "-1.50 to 12 yes" in text
    assert "late-flight, UA and 10 more no" in text
    assert 'mlops_nb.load_model("models:/late-flight/3")' in text


def test_pickle_and_untrusted_types_are_warned_of():
    text = said(model_version_panel(a_version(format="pickle", untrusted=("mine.double",))))
    assert "It is a pickle: loading it runs whatever code is in it" in text
    assert "loaded only when they are named: mine.double." in text


def test_change_says_what_happened_and_the_line_that_undoes_it():
    text = said(model_change_panel(a_change()))
    assert text.startswith("late-flight/3 is in Production now; version 2, which was there, is archived.")
    assert "To undo it: %mlops rollback late-flight" in text


def test_change_of_an_alias_can_be_undone_by_its_line():
    model = a_model()
    for was, words, line in (
        ("2", "points to late-flight/3 now (before: version 2).", "%mlops alias late-flight/2 champion"),
        ("", "points to late-flight/3 now.", "%mlops alias late-flight champion --remove"),
    ):
        done = an_event(9, "alias", version=3, slot="champion", was=was, now="3")
        text = said(model_change_panel(replace(a_change(), events=(done,), model=model)))
        assert text.startswith(f"@champion {words} To undo it: {line} Versions")


def test_list_says_how_many_have_a_version_in_production():
    found = ModelList((a_model_summary(), a_model_summary("other", production=None)), ".mlops")
    assert said(models_panel(found)).startswith("2 models; 1 has a version in Production.")
    empty = said(models_panel(ModelList((), ".mlops")))
    assert empty == "No model is registered. To register one: %mlops register NAME --model VARIABLE"


def test_log_says_whether_it_is_whole():
    assert said(event_log_panel(a_log_check())).startswith("✓ The log is whole: 8 events, 3 versions and 3 files")
    assert said(event_log_panel(a_log_check("odd"))).startswith("✗ 2 faults in 8 events, 3 versions and 3 files.")


def test_check_says_first_whether_the_data_can_be_taken():
    assert said(signature_check_panel(a_signature_check())).startswith("✗ delay/3 cannot take these 60 rows: 1 fault.")
    seldom = said(signature_check_panel(a_signature_check(is_fault=False)))
    assert seldom.startswith("✓ delay/3 can take these 60 rows; 1 thing in them is unlike what it has seen.")
    whole = said(signature_check_panel(SignatureCheck("m/1", 40, (), has_ranges=True)))
    assert whole == "✓ m/1 can take these 40 rows; nothing in them is outside what it has seen."
    of_an_array = said(signature_check_panel(SignatureCheck("m/1", 40, ())))
    assert of_an_array.startswith("✓ m/1 can take these 40 rows. What was seen in its columns is not known:")
