"""The artifacts' panel: what a run kept, seen in place, nothing in it acting."""

from __future__ import annotations

import base64
import os
import re

import numpy as np
import pandas as pd
import pytest

import mlops_nb
from mlops_nb.panels import panel_of
from mlops_nb.panels.artifacts import artifacts_panel
from mlops_nb.store import blobs, open_store
from mlops_nb.terminal import main
from mlops_nb.tracking.artifacts.names import ConfusionMatrix
from mlops_nb.tracking.artifacts.previews import (
    ArtifactList,
    ArtifactView,
    NoPreview,
    PicturePreview,
    TablePreview,
    TextPreview,
)
from mlops_nb.tracking.runs import Artifact
from tests.panels.records import Markup

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def seen(what, name=None):
    with mlops_nb.run("kept") as run:
        one = run.log_artifact(what, name)
    (view,) = mlops_nb.artifacts("kept", one.path).artifacts
    return view.preview


def html(found: ArtifactList) -> str:
    return artifacts_panel(found).html()


def test_picture_is_shown_as_an_image(folder):
    (folder / "dot.png").write_bytes(PNG)
    assert seen("dot.png") == PicturePreview("png", base64.b64encode(PNG).decode())
    assert 'src="data:image/png;base64,iVBOR' in html(mlops_nb.artifacts("kept"))


def test_svg_is_an_image_in_which_no_script_runs(folder):
    (folder / "evil.svg").write_text(SVG)
    assert seen("evil.svg") == PicturePreview("svg+xml", base64.b64encode(SVG.encode()).decode())
    shown = html(mlops_nb.artifacts("kept"))
    assert "<script" not in shown
    assert 'src="data:image/svg+xml;base64,' in shown


def test_page_and_script_are_shown_as_text(folder):
    (folder / "page.html").write_text("<script>alert(1)</script>")
    assert seen("page.html") == TextPreview("<script>alert(1)</script>")
    assert Markup(html(mlops_nb.artifacts("kept"))).is_inert


def test_picture_in_name_only_is_no_picture(folder):
    (folder / "fake.png").write_text("<script>")
    assert seen("fake.png") == TextPreview("<script>")


def test_large_picture_is_named_not_shown(folder):
    (folder / "big.png").write_bytes(PNG + os.urandom(200_000))
    assert "too large" in seen("big.png").why


@pytest.mark.parametrize("name", ["it", "it.csv"])
def test_table_shows_its_first_rows(folder, name):
    frame = pd.DataFrame({f"c{k}": range(1000) for k in range(20)})
    preview = seen(frame, name)
    assert isinstance(preview, TablePreview)
    assert (len(preview.columns), len(preview.rows), preview.total_rows, preview.total_columns) == (12, 10, 1000, 20)
    assert preview.rows[3] == ("3",) * 12
    assert "10 of 1,000 rows, 12 of 20 columns" in html(mlops_nb.artifacts("kept"))


def test_a_table_begins_with_its_index_which_is_no_column_of_it(folder):
    frame = pd.DataFrame({f"c{k}": [1.5, 2.5] for k in range(20)}, index=["a", "b"])
    preview = seen(frame, "it")
    assert (preview.columns[:2], preview.rows[1][:2], preview.index) == (("index", "c0"), ("b", "2.5"), 1)
    assert "2 of 2 rows, 11 of 20 columns" in html(mlops_nb.artifacts("kept"))
    assert seen(frame.rename_axis("day"), "it").columns[0] == "day"


def test_numbers_of_a_table_stand_to_the_right(folder):
    seen(pd.DataFrame({"name": ["a", "b"], "word": ["x", "1"], "n": [1, None], "e": [1e-9, 2e20]}), "it.csv")
    text = html(mlops_nb.artifacts("kept"))
    assert '<th scope="col">word</th><th scope="col" class="mp-right">n</th>' in text
    assert '<td class="mp-right">2e+20</td>' in text


def test_table_without_rows_or_columns_is_shown(folder):
    assert seen(pd.DataFrame({"a": []}), "it").rows == ()
    assert seen(pd.DataFrame(), "it").columns == ()
    assert seen(pd.DataFrame(), "it.csv").columns == ()
    html(mlops_nb.artifacts("kept"))


def test_file_that_is_a_table_is_shown_as_one(folder):
    (folder / "a.tsv").write_text("x\ty\n1\t2\n")
    assert seen("a.tsv") == TablePreview(("x", "y"), (("1", "2"),), None, 2)


def test_text_is_cut_and_bytes_are_not_guessed_at(folder):
    assert seen("é" * 5000 + "\n", "it") == TextPreview("é" * 4000, True)
    assert seen(b"\x00\x01", "it") == NoPreview("not a text")
    assert seen(np.arange(10_000), "it").text.count("...") == 1


def test_hostile_content_is_said_to_be_unreadable(folder):
    (folder / "bad.parquet").write_bytes(b"PAR1 not at all")
    assert "cannot be shown" in seen("bad.parquet").why
    with mlops_nb.run("kept") as run:
        one = run.log_artifact(np.arange(3), "it")
    blobs.blob_path(open_store(), one.sha256).write_bytes(b"tampered")
    (view,) = mlops_nb.artifacts("kept", "it").artifacts
    assert "was changed after it was stored" in view.preview.why
    assert main(["artifacts", "kept", "it"]) == 0


def test_pickle_and_model_are_described_not_loaded(folder):
    class Trap:
        def __reduce__(self):
            return os.system, ("touch sprung",)

    with mlops_nb.run("kept") as run:
        run.log_artifact(Trap(), "it", pickle=True)
    (view,) = mlops_nb.artifacts("kept").artifacts
    assert "kept as pickle" in view.preview.why
    assert not (folder / "sprung").exists()


def test_confusion_matrix_is_drawn_and_told():
    matrix = ConfusionMatrix(("cat", "dog"), ((8, 2), (0, 10)))
    view = ArtifactView(Artifact("cm.json", "ab" * 32, 10, "confusion matrix"), matrix)
    panel = artifacts_panel(ArtifactList(7, "pets", (view,)))
    assert "18 of 20 rows right (90.0 %), 2 labels." in panel.text()
    assert re.search(r"cat +dog +2 +20.0 %", panel.text())
    drawn = panel.html()
    assert drawn.count("<rect") == 4
    assert 'role="img"' in drawn
    assert "<title>18 of 20 rows right" in drawn


def test_matrix_of_many_labels_is_told_and_not_drawn():
    many = tuple(range(200))
    matrix = ConfusionMatrix(many, tuple(tuple(int(abs(a - b) < 2) for a in many) for b in many))
    view = ArtifactView(Artifact("cm.json", "ab" * 32, 10, "confusion matrix"), matrix)
    shown = html(ArtifactList(7, "pets", (view,)))
    assert "<svg" not in shown
    assert "+388 more" in shown


def test_panel_of_many_large_artifacts_stays_small(folder):
    rng = np.random.default_rng(0)
    with mlops_nb.run("kept") as run:
        for number in range(60):
            (folder / f"{number:02}.png").write_bytes(PNG + rng.bytes(60_000))
            run.log_artifact(f"{number:02}.png")
    found = mlops_nb.artifacts("kept")
    assert len(html(found).encode()) < 200_000
    assert "+20 more" in html(found)
    assert artifacts_panel(found).text().count("\n") < 60


def test_many_are_folded_and_a_few_are_open(folder):
    with mlops_nb.run("kept") as run:
        for place in range(4):
            run.log_artifact({"a": place}, f"{'few' if place < 3 else 'more'}/{place}")
    assert html(mlops_nb.artifacts("kept")).count("<details>") == 4
    few = html(mlops_nb.artifacts("kept", "few"))
    assert few.count("<details>") == 0
    assert few.index("<p><strong>few/0.json</strong></p>") < few.index("<p><strong>few/2.json</strong></p>")


def test_panel_says_how_to_load_what_it_shows_and_of_bytes_says_it_once(folder):
    with mlops_nb.run("kept") as run:
        run.log_artifact({1, 2}, "a", pickle=True)
        run.log_artifact(b"raw", "b.bin")
    text = panel_of(mlops_nb.artifacts("kept")).text()
    assert 'In Python: mlops_nb.load_artifact(1, "b.bin")' in text
    assert "1 object and 1 binary file." in text
    assert "binary file  " in text


def test_run_without_artifacts_says_how_to_keep_one(folder, capsys):
    with mlops_nb.run("bare"):
        pass
    assert main(["artifacts", "bare"]) == 0
    assert "log_artifact" in capsys.readouterr().out
    assert main(["artifacts", "bare", "it"]) == 1
    assert main(["artifacts", "bare", "--save", "out"]) == 1


def test_artifacts_are_saved_from_the_terminal_and_told_as_json(folder, capsys):
    with mlops_nb.run("kept") as run:
        run.log_artifact({"a": 1}, "deep/one")
        run.log_artifact({"b": 1}, "two")
    assert main(["artifacts", "kept", "deep", "--save", "out"]) == 0
    assert "Copied to out/deep/one.json" in capsys.readouterr().out
    assert [str(path) for path in (folder / "out").rglob("*.json")] == [str(folder / "out" / "deep" / "one.json")]
    assert main(["artifacts", "kept", "two", "--json"]) == 0
    assert '"kind": "json"' in capsys.readouterr().out


def test_run_panel_names_the_artifacts_and_how_to_see_them(folder):
    with mlops_nb.run("kept") as run:
        run.log_artifact({"a": 1}, "settings")
    text = panel_of(mlops_nb.show("kept")).text()
    assert "settings.json" in text
    assert "%mlops artifacts 1" in text
