"""TAB inside a query: what may come next, by its name in the store."""

from __future__ import annotations

import pytest

import mlops_nb


@pytest.fixture
def completed(shell):
    with mlops_nb.run("a forest"), mlops_nb.run("boost") as run:
        run.log_params({"depth": 3, "deep net": True})
        run.log_metrics({"accuracy": 1, "val loss": 2})
        run.set_tag("kind", "x")

    def completed(line: str) -> list[str]:
        from IPython.core.completer import provisionalcompleter

        line = f"%mlops runs {line}"
        with provisionalcompleter():
            found = shell.Completer.completions(line, len(line))
            return [(line[: one.start] + one.text).removeprefix("%mlops runs ") for one in found]

    return completed


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("", ["metrics.", "params.", "tags.", "status", "started", "git.commit", "text", "boost", '"a forest"']),
        ("", ["--limit", "--search"]),
        ("bo", ["boost"]),
        ("me", ["metrics."]),
        ("metrics.a", ["metrics.accuracy"]),
        ("metrics.", ["metrics.accuracy", 'metrics."val loss"']),
        ("metrics.accuracy.m", ["metrics.accuracy.min", "metrics.accuracy.max", "metrics.accuracy.mean"]),
        ("metrics.accuracy ", ["metrics.accuracy =", "metrics.accuracy is null", "metrics.accuracy in ("]),
        ("(params.de", ["(params.depth"]),
        ("metrics.accuracy>0.9 and t", ["metrics.accuracy>0.9 and tags.", "metrics.accuracy>0.9 and text"]),
        ("not (sta", ["not (status", "not (started"]),
        ("status = f", ["status = finished", "status = failed"]),
        ("status in (failed, ki", ["status in (failed, killed"]),
        ("kind = ", ["kind = cell", "kind = sweep"]),
        ("name = b", ["name = boost"]),
        ("name = ", ['name = "a forest"']),
        ("started > t", ["started > today"]),
        ("text m", ["text match"]),
        ("params.depth is n", ["params.depth is null", "params.depth is not null"]),
        ("metrics.accuracy > 0.9 ", ["metrics.accuracy > 0.9 and", "metrics.accuracy > 0.9 or"]),
        ("'metrics.a", ["'metrics.accuracy"]),
        ("boost --sort -metrics.a", ["boost --sort -metrics.accuracy"]),
        ("boost --sort pa", ["boost --sort params.", "boost --sort parent"]),
        ("boost --li", ["boost --limit"]),
        ("-o x.csv metrics.a", ["-o x.csv metrics.accuracy"]),
    ],
)  # fmt: skip
def test_tab_offers(completed, line, offered):
    assert set(offered) <= set(completed(line))


@pytest.mark.parametrize("line", ["status = f", "metrics.accuracy >", "params.de"])
def test_tab_offers_nothing_that_cannot_stand_there(completed, line):
    assert not {one for one in completed(line) if "boost" in one or "tags." in one}
