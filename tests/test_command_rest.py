"""A query or a text is the rest of its line, however it is quoted."""

from __future__ import annotations

import pytest

from mlops_nb import command_lines

NAMESPACE = {"limit": 0.5, "kind": "base line", "name": 'it\'s "odd"', "q": "metrics.f1 > 0.9 or id = 3", "word": "x"}


@pytest.mark.parametrize(
    ("line", "query"),
    [
        ("", None),
        ("baseline", "baseline"),
        ("'a forest'", "a forest"),
        ("a forest", "a forest"),
        (r"a\ forest", "a forest"),
        ("metrics.f1 > 0.9", "metrics.f1 > 0.9"),
        ("metrics.f1>-0.9", "metrics.f1>-0.9"),
        ("metrics.f1 > -0.9 and started > -7d", "metrics.f1 > -0.9 and started > -7d"),
        ("metrics.f1 > -inf", "metrics.f1 > -inf"),
        ("tags.kind = 'base line' and id = 3", "tags.kind = 'base line' and id = 3"),
        ("tags.kind='base line'", "tags.kind='base line'"),
        ("tags.kind='a=b'", "tags.kind='a=b'"),
        ("\"tags.kind = 'base line'\"", "tags.kind = 'base line'"),
        ("'metrics.\"val loss\" > 1'", 'metrics."val loss" > 1'),
        ("'a' = 'b'", "'a' = 'b'"),
        ("tags.kind = 'it''s'", "tags.kind = 'it''s'"),
        ("metrics.f1 > {limit}", "metrics.f1 > 0.5"),
        ("metrics.f1 > {limit * 2} and tags.kind = $kind", 'metrics.f1 > 1.0 and tags.kind = "base line"'),
        ("tags.kind = '{kind}' and name = '{name}'", "tags.kind = 'base line' and name = 'it''s \"odd\"'"),
        ("name = $name", 'name = "it\'s ""odd"""'),
        ("metrics.{word} > 1", "metrics.x > 1"),
        ("$q", "metrics.f1 > 0.9 or id = 3"),
        ("{q} --limit 3", "metrics.f1 > 0.9 or id = 3"),
        ("$kind", "base line"),
        ("name = '{{x}}'", "name = '{x}'"),
    ],
)
def test_line_of_a_notebook_is_read_as_this_query(line, query):
    assert command_lines.parse("runs", line, NAMESPACE)["query"] == query


@pytest.mark.parametrize(
    "line",
    [
        "metrics.f1 > 0.9 and id = 3 --limit 3 --sort -f1 --search 'a b'",
        "--limit 3 metrics.f1 > 0.9 and --sort -f1 id = 3 --search 'a b'",
        "--search 'a b' --sort=-f1 --limit=3 \"metrics.f1 > 0.9 and id = 3\"",
    ],
)
def test_options_stand_before_within_or_after_a_query(line):
    options = command_lines.parse("runs", line, {})
    assert options["query"] == "metrics.f1 > 0.9 and id = 3"
    assert (options["limit"], options["sort"], options["search"]) == (3, "-f1", "a b")


@pytest.mark.parametrize(
    ("words", "query"),
    [
        (["baseline"], "baseline"),
        (["a forest"], "a forest"),
        (["metrics.f1 > 0.9 and tags.kind = 'base line'"], "metrics.f1 > 0.9 and tags.kind = 'base line'"),
        (["metrics.f1", ">", "-0.9", "and", "name", "=", "base line"], 'metrics.f1 > -0.9 and name = "base line"'),
        (["--limit", "3", "status", "=", "failed"], "status = failed"),
    ],
)  # fmt: skip
def test_words_of_a_shell_are_read_as_this_query(words, query):
    assert command_lines.parse("runs", words)["query"] == query


@pytest.mark.parametrize(("line", "said"), [("id = 1 --lmit 3", "--lmit; did you mean --limit"), ("id = 1 -x", "-x")])
def test_unknown_option_beside_a_query_is_still_an_unknown_option(line, said):
    with pytest.raises(command_lines.BadUsage, match=said):
        command_lines.parse("runs", line, {})
