"""The query language: what SQL finds is what plain Python finds, and every mistake has its place."""

from __future__ import annotations

import json
import math
import random
import re
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mlops_nb
from mlops_nb.errors import BadQuery
from mlops_nb.reproducibility.fingerprints import fingerprint
from mlops_nb.store import open_store
from mlops_nb.store import runs as rows
from mlops_nb.store import search as found
from mlops_nb.store.sessions import session_id
from mlops_nb.tracking import service
from mlops_nb.tracking.search import service as search
from mlops_nb.tracking.search.query import MAX_CONDITIONS, MAX_DEPTH, MAX_LENGTH, is_query, parse, written

START = datetime(2026, 10, 30, 12, tzinfo=UTC)
ODD = ["it's", 'a "b"', "x y", "日本", "50%", "a_b", "back`tick", "; drop table runs", "é", "🚀 up", "null", ""]
PARAMS = ["depth", "opt", "my param", "a.b"]
VALUES = [0, 1, 3, 5, -2, 2.5, 1e300, 5.0, True, False, None, math.nan, math.inf, "5", "adam", "Adam", "2.5", "True",
          "none", "nan", [1, 2], {"a": 1}, 2**70, *ODD]  # fmt: skip
METRICS = ["accuracy", "loss", "val loss", "mean"]
LEVELS = [0.0, 0.5, 0.9, 0.91, 1.0, -1.0, 3.0, math.nan, math.inf, -math.inf]
TAGS = ["kind", "fold", "team"]
TEXTS = ["baseline", "5", "0.5", "1e3", "True", "None", "nan", *ODD]
NAMES = ["forest", "boost", "a forest", "forest-2", *ODD[:-1]]


class Made:
    """A run as it was made up: the plain Python side."""

    def __init__(self, number: int, rng: random.Random) -> None:
        self.id = number
        self.uid = f"{rng.getrandbits(128):032x}"
        self.name = rng.choice(NAMES)
        self.status = rng.choice(["FINISHED", "FAILED", "RUNNING"])
        self.kind = rng.choice(["cell", "code", "fit"])
        self.started = (START + timedelta(hours=rng.randrange(96), seconds=rng.randrange(3600))).timestamp()
        self.duration = rng.choice([None, 0.5, 60.0, 3600.0, 90.0])
        self.parent = rng.choice([None, *range(1, number)]) if number > 1 else None
        self.notebook = rng.choice(["", "a.ipynb", "sub/b.ipynb"])
        self.note = rng.choice(["", "the good one", "x y"])
        self.source = rng.choice(["model.fit(X)", "RandomForest(n_estimators)", "pass"])
        self.git = rng.choice([None, ("4f2a91c0ffee", "main", 1), ("9abc00000000", "dev", 0)])
        self.params = {name: rng.choice(VALUES) for name in PARAMS if rng.random() < 0.7}
        self.series = {
            name: [rng.choice(LEVELS) for _ in range(rng.choice([1, 1, 3]))] for name in METRICS if rng.random() < 0.8
        }
        self.tags = {name: rng.choice(TEXTS) for name in TAGS if rng.random() < 0.7}

    def keep(self, connection, session: int) -> None:
        commit, branch, dirty = self.git or (None, None, None)
        rows.insert_run(
            connection,
            {
                "id": self.id, "uid": self.uid, "name": self.name, "kind": self.kind, "status": self.status,
                "started": self.started, "duration": self.duration, "parent_id": self.parent, "session_id": session,
                "notebook": self.notebook, "cell_id": "", "note": self.note, "git_commit": commit,
                "git_branch": branch, "git_dirty": dirty, "source_id": rows.source_id(connection, self.source),
            },
        )  # fmt: skip
        rows.add_params(connection, self.id, self.params, False)
        for name, values in self.series.items():
            rows.add_points(connection, self.id, [(name, None, value, 0.0) for value in values], False)
        rows.set_tags(connection, self.id, self.tags)

    def part(self, name: str, part: str):
        """A part of a metric, None where there is none."""
        values = self.series.get(name)
        if values is None:
            return None
        numbers = [value for value in values if not math.isnan(value)]
        best = "min" if name in ("loss", "val loss") else "max"
        match part:
            case "last":
                return values[-1]
            case "count":
                return len(values)
            case _ if not numbers:
                return None
            case "mean":
                total = sum(numbers)
                return None if math.isnan(total) else total / len(numbers)
        return {"min": min, "max": max}[best if part == "best" else part](numbers)


MADE = [Made(number, random.Random(number)) for number in range(1, 81)]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / ".mlops"
    made = open_store(folder=folder)
    session = session_id(made)
    with made.transaction() as connection:
        for one in MADE:
            one.keep(connection, session)
    return folder


def matching(folder, query: str) -> set[int]:
    return set(search.run_ids(query, store=open_store(folder=folder)))


# the same in plain Python


def reads_as(value):
    """The number a value reads as; None for what is none."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        return float(value) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", value, re.ASCII | re.I) else None
    return value if isinstance(value, int | float) else None


def compared(sign: str, left, right) -> bool:
    return {
        "<": lambda: left < right,
        "<=": lambda: left <= right,
        ">": lambda: left > right,
        ">=": lambda: left >= right,
        "=": lambda: left == right,
    }[sign]()


def text_of(value):
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def is_like(value, pattern: str) -> bool:
    if not isinstance(value, str):
        return False
    letters = {"%": ".*", "_": "."}
    regex = "".join(letters.get(char) or re.escape(char) for char in pattern)
    fold = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
    return re.fullmatch(regex.translate(fold), value.translate(fold), re.DOTALL) is not None


def holds(sign: str, value, literal) -> bool:
    """Whether a parameter's or tag's value stands in this relation to a literal (kind, its value)."""
    kind, wanted = literal
    if kind == "word":
        known = {"true": True, "false": False, "none": None}
        same = isinstance(value, str) and value.lower() == wanted
        same |= wanted in known and value is known[wanted]
        return same or (wanted == "nan" and isinstance(value, float) and math.isnan(value))
    number = reads_as(value)
    if kind == "number":
        return number is not None and compared(sign, number, wanted)
    if isinstance(value, str | list | dict):
        return compared(sign, text_of(value), wanted)
    read = reads_as(wanted)
    return read is not None and number is not None and compared(sign, number, read)


MISSING = object()
quoted = st.sampled_from("'\"`").flatmap(lambda q: st.just(lambda text: q + text.replace(q, q * 2) + q))
words = st.sampled_from(["true", "false", "none", "nan", "True", "NONE"])
numbers = st.sampled_from([0, 1, 3, 5, -2, 2.5, 0.9, 1e300, 1000, 2**70]) | st.floats(allow_nan=False)


def literals():
    return st.one_of(
        numbers.map(lambda number: (repr(number), ("number", number))),
        words.map(lambda word: (word, ("word", word.lower()))),
        st.tuples(quoted, st.sampled_from([*TEXTS, "[1, 2]", "adam", "b"]) | st.text(max_size=5)).map(
            lambda pair: (pair[0](pair[1].replace("\0", "")), ("text", pair[1].replace("\0", "")))
        ),
    )


def spaced(*parts: str):
    return " ".join(parts)


def named(group: str, names):
    def condition(draw):
        name = draw(st.sampled_from(names))
        field = f"{group}." + (name if name.isidentifier() else draw(quoted)(name))

        def get(run):
            return getattr(run, group).get(name, MISSING)

        operator = draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "in", "not in", "like", "not like",
                                         "is null", "is not null", "exists"]))  # fmt: skip
        if operator == "exists":
            return spaced(field, operator), lambda run: get(run) is not MISSING
        if operator.startswith("is"):
            return spaced(field, operator), lambda run: (get(run) in (MISSING, None)) == (operator == "is null")
        if operator.endswith("like"):
            pattern = draw(st.sampled_from(["%a%", "a_%", "%5", "", "%", "é", "É", "ADAM", "50%", "%'%"]))
            return spaced(
                field, operator, f'"{pattern}"'
            ), lambda run: get(run) is not MISSING and (is_like(text_of(get(run)), pattern) == (operator == "like"))
        if operator.endswith("in"):
            some = draw(st.lists(literals(), min_size=1, max_size=60))
            text = f"{field} {operator} ({', '.join(each for each, _ in some)})"
            return (
                text,
                lambda run: (
                    get(run) is not MISSING
                    and (any(holds("=", get(run), literal) for _, literal in some) == (operator == "in"))
                ),
            )
        text, literal = draw(literals().filter(lambda pair: operator in ("=", "!=") or pair[1][0] != "word"))
        if operator == "!=":
            return spaced(field, "!=", text), lambda run: get(run) is not MISSING and not holds("=", get(run), literal)
        return spaced(field, operator, text), lambda run: get(run) is not MISSING and holds(operator, get(run), literal)

    return st.composite(lambda draw: condition(draw))()


@st.composite
def metric_condition(draw):
    name = draw(st.sampled_from(METRICS))
    part = draw(st.sampled_from(["last", "min", "max", "mean", "best", "count"]))
    field = "metrics." + (name if name.isidentifier() else draw(quoted)(name)) + ("" if part == "last" else f".{part}")
    operator = draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "in", "not in", "is null", "is not null"]))

    def get(run):
        return run.part(name, part)

    if operator.startswith("is"):
        return spaced(field, operator), lambda run: (get(run) is None) == (operator == "is null")
    levels = st.sampled_from([*LEVELS, 2, 3]) if operator not in ("<", "<=", ">", ">=") else numbers
    some = draw(st.lists(levels, min_size=1, max_size=5 if operator.endswith("in") else 1))

    def is_equal(run):
        value = get(run)
        return any(value == one or (value != value and one != one) for one in some)

    text = f"({', '.join(map(repr, some))})" if operator.endswith("in") else repr(some[0])
    if operator in ("=", "in"):
        return spaced(field, operator, text), lambda run: get(run) is not None and is_equal(run)
    if operator in ("!=", "not in"):
        return spaced(field, operator, text), lambda run: get(run) is not None and not is_equal(run)
    return spaced(field, operator, text), lambda run: get(run) is not None and compared(operator, get(run), some[0])


@st.composite
def attribute_condition(draw):
    match draw(st.sampled_from(["name", "status", "kind", "started", "duration", "id", "parent", "git", "text"])):
        case "name":
            name, operator = draw(st.sampled_from([*NAMES, "zz"])), draw(st.sampled_from(["=", "!=", "<", ">="]))
            text = spaced("name", operator, draw(quoted)(name))
            if operator == "!=":
                return text, lambda run: run.name != name
            return text, lambda run: compared(operator, run.name, name)
        case "status":
            some = draw(st.lists(st.sampled_from(["FINISHED", "failed", "Running"]), min_size=1, max_size=3))
            return f"status in ({','.join(some)})", lambda run: run.status in [one.upper() for one in some]
        case "kind":
            return "kind != cell", lambda run: run.kind != "cell"
        case "started":
            moment = START + timedelta(hours=draw(st.integers(-5, 100)), minutes=draw(st.sampled_from([0, 30])))
            operator = draw(st.sampled_from(["=", "<", "<=", ">", ">="]))
            if draw(st.booleans()):
                moment = moment.replace(hour=0, minute=0)
                text, seconds = f"{moment:%Y-%m-%d}", 86400
            else:
                text, seconds = f"'{moment:%Y-%m-%d %H:%M}'", 60
            if operator == "=":
                return f"started = {text}", lambda run: 0 <= run.started - moment.timestamp() < seconds
            return spaced("started", operator, text), lambda run: compared(operator, run.started, moment.timestamp())
        case "duration":
            operator = draw(st.sampled_from(["=", "<", ">="]))
            text, seconds = draw(st.sampled_from([("1h", 3600), ("1.5m", 90), ("60", 60), ("'0.5 s'", 0.5)]))
            return spaced(
                "duration", operator, text
            ), lambda run: run.duration is not None and compared(operator, run.duration, seconds)
        case "id":
            some = draw(st.lists(st.integers(-1, 90), min_size=1, max_size=80))
            return f"id in ({','.join(map(str, some))})", lambda run: run.id in some
        case "parent":
            return "parent is null", lambda run: run.parent is None
        case "git":
            return draw(
                st.sampled_from(
                    [
                        ("git.commit = 4f2a91c", lambda run: run.git is not None and run.git[0] == "4f2a91c0ffee"),
                        ("git.commit != 4f2a", lambda run: run.git is not None and run.git[0] != "4f2a91c0ffee"),
                        ("git.branch = main", lambda run: run.git is not None and run.git[1] == "main"),
                        ("git.dirty = true", lambda run: run.git is not None and run.git[2] == 1),
                    ]
                )
            )
    word = draw(st.sampled_from(["forest", "good", "estimators", "fit", "RandomForest", "nobody"]))

    def has_word(run):
        texts = " ".join([run.name, run.note, run.source]).lower()
        return word.lower() in re.findall(r"[a-z0-9]+", texts)

    return f"text match {word}", has_word


@st.composite
def joined(draw, inner):
    parts = draw(st.lists(inner, min_size=2, max_size=4))
    word, test = draw(st.sampled_from([("and", all), ("or", any), ("AND", all), ("Or", any)]))
    text = f" {word} ".join(f"({part})" for part, _ in parts)
    return text, lambda run: test(holds_for(run) for _, holds_for in parts)


@st.composite
def denied(draw, inner):
    text, holds_for = draw(inner)
    return f"not ({text})", lambda run: not holds_for(run)


CONDITIONS = st.one_of(named("params", PARAMS), named("tags", TAGS), metric_condition(), attribute_condition())
QUERIES = st.recursive(CONDITIONS, lambda inner: st.one_of(joined(inner), denied(inner)), max_leaves=8)
SETTINGS = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@given(query=QUERIES)
@SETTINGS
def test_sql_finds_what_plain_python_finds(store, query):
    text, holds_for = query
    assert matching(store, text) == {run.id for run in MADE if holds_for(run)}


NOISE = st.text(max_size=60) | st.lists(
    st.sampled_from(
        "metrics.accuracy params.depth tags.kind metrics. nope text match status name and or not in like is null exists"
        " ( ) , = != < >= 0.9 'x' \" ` ' finished -7d metrics.'val loss'.min \0 ; -- 🚀 \ud800 % * AND NEAR("
        .split(" ")
    ),
    max_size=14,
).map(" ".join)  # fmt: skip


@given(text=NOISE)
@SETTINGS
def test_any_text_is_read_or_refused_with_its_place(store, text):
    opened = open_store(folder=store)
    try:
        condition = parse(text, now=time.time(), names=found.StoredNames(opened))
    except BadQuery as caught:
        error = caught
    else:
        found.found_ids(opened, condition)
        return
    assert 0 <= error.start <= error.end <= len(text)
    _, _, carets = error.what.split("\n")
    assert carets.strip().strip("^") == ""


@given(text=NOISE)
@SETTINGS
def test_any_search_and_any_filter_is_only_text(store, text):
    opened = open_store(folder=store)
    from mlops_nb.tracking.search.query import conjunction, filter_words, search_words

    for read in (search_words, filter_words):
        found.found_ids(opened, conjunction(read(text)))


@given(text=st.text(min_size=1, max_size=20))
@SETTINGS
def test_written_text_is_read_back(store, text):
    text = text.replace("\0", "").encode("utf-8", "replace").decode()
    condition = parse(f"name = {written(text)}", now=0.0, names=found.StoredNames(open_store(folder=store)))
    assert condition.values[0].text == text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("metrics.accuracy>0.9", [2]),
        ("metrics.accuracy > 0.8 and (params.depth <= 5 or tags.kind = 'baseline') and started > '2026-11-01'", [1]),
        ("metrics.loss.min < 0.2", [2]),
        ("metrics.loss.min = 0.1 and metrics.loss.last = 0.3 and metrics.loss.count = 3", [2]),
        ("metrics.loss.mean >= 0.2 and metrics.loss.max <= 0.3", [2]),
        ("metrics.loss.best = 0.1 and metrics.accuracy.best = 0.95", [2]),
        ("metrics.'val loss' = nan", [1]),
        ('metrics."val loss" < 1', []),
        ("metrics.`val loss` != 1", [1]),
        ("metrics.\"loss.min\" = 7", [3]),
        ("params.depth in (3, 5, 7)", [1]),
        ("params.depth not in (3)", [2]),
        ("params.depth = '3'", [1]),
        ("params.depth exists", [1, 2]),
        ("params.max is null", [2, 3]),
        ("params.max exists", [1, 2]),
        ("params.max = None", [2]),
        ("params.shuffle = true", [1]),
        ("params.shuffle = 1", []),
        ("params.shuffle != true", [2]),
        ("not params.shuffle = true", [2, 3]),
        ("params.optimizer.lr < 0.2", [1]),
        ("tags.fold < 10", [1]),
        ("tags.fold = 5", [1]),
        ("tags.kind like BASE%", [1]),
        ("status = finished and kind = code", [1, 2]),
        ("status in (failed, running)", [3]),
        ("error = ZeroDivisionError", [3]),
        ("name = a", [1]),
        ("name in (a, 'b c')", [1, 2]),
        ("name > a", [2, 3]),
        ("started > -7d", [1, 2, 3]),
        ("started < -1h", []),
        ("started = today or started = yesterday", [1, 2, 3]),
        ("ended > -7d and ended <= now", [1, 2, 3]),
        ("ended < -1h or ended is null", []),
        ("duration < 5m", [1, 2, 3]),
        ("id != 2", [1, 3]),
        ("parent is null", [1, 2, 3]),
        ("note like %good%", [2]),
        ("text match 'forest'", [1]),
        ("text match \"good one\"", [2]),
        ("text match 'random one'", []),
        ("text match 'Rand*'", [1]),
        ("text match '\"one good\"'", []),
        ("text not match forest", [2, 3]),
        ("not (status = failed) and not (id = 1)", [2]),
        ("metrics.accuracy > 0.9 OR NOT metrics.accuracy exists", [2, 3]),
    ],
)  # fmt: skip
def test_query_finds(three_runs, query, expected):
    assert search.run_ids(query) == expected


@pytest.fixture
def three_runs(folder):
    with mlops_nb.run("a", source="RandomForest(); forest = 1") as run:
        run.log_params({"depth": 3, "shuffle": True, "max": 4, "optimizer": {"lr": 0.1}})
        run.log_metrics({"accuracy": 0.85, "val loss": math.nan})
        run.set_tag("kind", "baseline")
        run.set_tag("fold", 5)
    with mlops_nb.run("b c") as run:
        run.log_params({"depth": 8, "shuffle": False, "max": None})
        run.log(accuracy=0.95)
        for step, loss in enumerate((0.2, 0.1, 0.3)):
            run.log(step, loss=loss)
        run.set_tag("fold", "10")
        mlops_nb.note("the good one")
    with pytest.raises(ZeroDivisionError), mlops_nb.run("d") as run:
        run.log_metrics({"loss.min": 7})
        _ = 1 / 0


@pytest.mark.parametrize(
    ("query", "said", "under", "fix"),
    [
        ("metrics.acuracy > 0.9", "no run has a metric 'acuracy'", "metrics.acuracy", "metrics.accuracy > 0.9"),
        ("id = 1 and params.dept < 3", "no run has a param 'dept'", "params.dept", "id = 1 and params.depth < 3"),
        ("metrics.accuracy.mn > 0.3", "'accuracy.mn'", "metrics.accuracy.mn", "metrics.accuracy.min > 0.3"),
        ("tags.knd = x", "no run has a tag 'knd'", "tags.knd", "tags.kind = x"),
        ("metrics.'val los'.min < 1", "'val los'", "metrics.'val los'.min", 'metrics."val loss".min < 1'),
        ("accuracy > 0.9", "the metric is metrics.accuracy", "accuracy", "metrics.accuracy > 0.9"),
        ("metric.accuracy > 0.9", "not a name that runs have", "metric.accuracy", "metrics.accuracy > 0.9"),
        ("statis = failed", "the nearest is status", "statis", "status = failed"),
        ("branch = main", "the nearest is git.branch", "branch", "git.branch = main"),
        ("status = finshed", "'finshed' is no status", "finshed", "status = FINISHED"),
        ("kind = cel", "is no kind", "cel", "kind = cell"),
        ("status > failed", "status has no order", ">", "status = failed"),
        ("params.depth < none", "'none' has no order", "<", "params.depth = none"),
        ("metrics.accuracy = high", "metrics.accuracy is a number", "high", ""),
        ("metrics.accuracy like 0.9", "like is for text", "like", "metrics.accuracy = 0.9"),
        ("metrics.accuracy", "an operator is missing", "", ""),
        ("metrics.accuracy 0.9 = 1", "'0.9' is no operator", "0.9", ""),
        ("metrics.accuracy >", "a value is missing", "", ""),
        ("metrics.accuracy > 0.9 and", "the query ends where a condition", "", ""),
        ("metrics.accuracy > 0.9 & id = 1", "write and", "&", "metrics.accuracy > 0.9 and id = 1"),
        ("(id = 1", "this ( is not closed", "(", ""),
        ("id = 1)", "this ) has no (", ")", ""),
        ("name = 'x", "quote is not closed", "'", ""),
        ("name = a forest", "several words needs quotes", "forest", ""),
        ("id in 1", "after `in` comes a list", "1", ""),
        ("id in (1 2)", "stands , or )", "2", ""),
        ("id in ()", "a value is missing", ")", ""),
        ("id ! 1", "only in !=", "!", ""),
        ("started > yesterda", "is no time", "yesterda", ""),
        ("started > 2026", "is no time", "2026", ""),
        ("started > 2026-13-01", "is no time", "2026-13-01", ""),
        ("duration > long", "is in seconds", "long", ""),
        ("git.dirty = maybe", "is true or false", "maybe", ""),
        ("params.depth is missing = 1", "null or not null", "missing", ""),
        ("text = forest", "searched with match", "=", ""),
        ("name match forest = 1", "only text is matched", "name", ""),
        ("text match '...' or id = 1", "no word to look for", "'...'", ""),
        ("0.9 < metrics.accuracy", "'0.9' is not a name", "0.9", ""),
        ("日本語 = 1 and id = 1", "not a name", "日本語", ""),
    ],
)
def test_mistake_is_answered_with_its_place_and_the_nearest_name(three_runs, query, said, under, fix):
    with pytest.raises(BadQuery) as caught:
        parse(query, now=time.time(), names=found.StoredNames(open_store()))
    assert said in caught.value.what
    assert query[caught.value.start : caught.value.end] == under
    _, line, carets = caught.value.what.splitlines()
    assert line.strip() == query
    if query.isascii():
        assert line[carets.index("^") : len(carets)] == under or not under
    if fix:
        assert caught.value.fix == f"%mlops runs {fix}"
        search.run_ids(fix)


def test_place_in_a_long_query_is_shown_with_what_is_around_it(three_runs):
    query = " or ".join(["id = 1"] * 60 + ["nme = 2"] + ["id = 3"] * 60)
    with pytest.raises(BadQuery) as caught:
        search.run_ids(query)
    _, line, carets = caught.value.what.splitlines()
    assert line[carets.index("^") : len(carets)] == "nme"
    assert len(line) < 140


HOSTILE = ["'; drop table runs; --", '" OR 1=1', "a\0b", "🚀", "\u202e", "%_\\", "NEAR(a b)", "a* AND b", '"', "'" * 9]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_data_wherever_it_stands(folder, text):
    with mlops_nb.run(text, source=text) as run:
        run.log_params({text: text})
        run.log_metrics({text: 1})
        run.set_tag(text, text)
        run.set_note(text)
    with mlops_nb.run("other"):
        pass
    quoted = "'" + text.replace("'", "''") + "'"
    for field in ("name", f"params.{quoted}", f"tags.{quoted}", "note"):
        assert search.run_ids(f"{field} = {quoted}") == [1]
        assert search.run_ids(f"{field} in ({quoted}, nobody)") == [1]
    assert search.run_ids(f"metrics.{quoted}.max = 1") == [1]
    assert len(service.runs(search=f"{text} other", limit=None).rows) <= 1
    assert is_query(text) or service.runs(text).total == 1
    assert service.runs().total == 2
    open_store().rows("INSERT INTO runs_text(runs_text) VALUES ('integrity-check')")


def test_depth_and_length_are_bounded_by_an_error_that_says_so(three_runs):
    deep = "(" * MAX_DEPTH + "id = 1" + ")" * MAX_DEPTH
    assert search.run_ids(deep) == [1]
    for text in (f"({deep})", "not " * 40_000 + "id = 1", "(" * 100_000 + "id = 1"):
        with pytest.raises(BadQuery, match=f"more than {MAX_DEPTH} parentheses and nots"):
            search.run_ids(text)
    assert search.run_ids(" or ".join(f"params.depth = '{n}'" for n in range(MAX_CONDITIONS))) == [1, 2]
    with pytest.raises(BadQuery, match="conditions; a list is written"):
        search.run_ids(" and ".join(["id > 0"] * (MAX_CONDITIONS + 1)))
    with pytest.raises(BadQuery, match="characters, at most"):
        search.run_ids("id = " + "1" * MAX_LENGTH)


def test_lists_are_longer_than_any_limit_of_variables(three_runs):
    assert search.run_ids(f"id in ({','.join(map(str, range(2, 30_000)))})") == [2, 3]
    names = ",".join([f"'n {n}'" for n in range(9_000)])
    assert search.run_ids(f"name in ({names}, d)") == [3]
    assert search.run_ids(f"params.depth in ({','.join(map(str, range(4, 9_000)))})") == [2]
    assert search.run_ids(f"tags.kind in ({names}, baseline)") == [1]
    with pytest.raises(BadQuery, match="numbers with decimals"):
        search.run_ids(f"metrics.accuracy in ({','.join(str(n / 7) for n in range(9_000))})")


def test_query_that_names_what_no_run_has_says_so_in_an_empty_store(folder):
    with pytest.raises(BadQuery, match="no run has a metric 'accuracy'"):
        search.run_ids("metrics.accuracy > 1")
    assert search.run_ids("status = failed") == []


@pytest.mark.parametrize(
    "name",
    ["forest", "a forest", "plays in the garden", "what is this", "text", "exists", "not mine", "C#", "is null?"],
)
def test_text_without_an_operator_is_a_name(folder, name):
    with mlops_nb.run(name), mlops_nb.run("other"):
        pass
    assert search.run_ids(name) == [1]


def test_data_are_found_by_name_or_by_so_much_of_the_fingerprint(folder):
    first, other = fingerprint("X_train", np.arange(6.0)), fingerprint("beef", np.ones(3))
    for name, read in (("a", [first]), ("b", [first, other]), ("c", [])):
        with mlops_nb.run(name) as run:
            run.add_data(read)
    for query, expected in (
        ("data = X_train", [1, 2]),
        ("data like %ee%", [2]),
        ("data is null", [3]),
        ("data exists and data = beef", [2]),
        (f"data = {first.fingerprint}", [1, 2]),
        (f"data = '{other.fingerprint[:6]}'", [2]),
        (f"data = '{other.fingerprint[:5]}'", []),
        ("data in (beef, nothing) or name = c", [2, 3]),
    ):
        assert search.run_ids(query) == expected, query
    assert sorted(mlops_nb.runs(sort="data").index) == [1, 2]


def test_run_that_goes_on_has_not_ended(folder):
    with mlops_nb.run("going"):
        assert search.run_ids("ended is null") == [1]
        assert search.run_ids("not (ended > -7d)") == [1]
    assert search.run_ids("ended exists and ended > today") == [1]


def test_moments_count_from_now_and_are_utc(folder):
    names = found.StoredNames(open_store())
    noon = datetime(2026, 11, 24, 12, 30, 15, tzinfo=UTC).timestamp()

    def start(text: str) -> str:
        moment = parse(f"started > {text}", now=noon, names=names).values[0].number
        return datetime.fromtimestamp(moment, UTC).isoformat()

    assert start("2026-11-01") == "2026-11-01T00:00:00+00:00"
    assert start("'2026-11-01 08:15'") == "2026-11-01T08:15:00+00:00"
    assert start("2026-11-01T08:15:30.5+02:00") == "2026-11-01T06:15:30.500000+00:00"
    assert start("-90m") == "2026-11-24T11:00:15+00:00"
    assert start("-1w") == "2026-11-17T12:30:15+00:00"
    assert start("today") == "2026-11-24T00:00:00+00:00"
    assert start("yesterday") == "2026-11-23T00:00:00+00:00"
    assert start("now") == "2026-11-24T12:30:15+00:00"


def test_every_sort_puts_the_runs_that_have_it_in_order(folder):
    for depth, loss, kind in ((3, 0.2, "b"), (10, 0.1, "a"), ("deep", 0.3, "10"), (None, 0.4, "9")):
        with mlops_nb.run(f"d{depth}") as run:
            run.log_params({"depth": depth})
            run.log(0, loss=loss)
            run.log(1, loss=1 - loss)
            run.set_tag("kind", kind)
    with mlops_nb.run("bare"):
        pass

    def order(sort: str) -> list[int]:
        return [row.id for row in service.runs(sort=sort, limit=None).rows]

    assert order("metrics.loss.min") == [2, 1, 3, 4]
    assert order("-metrics.loss.max") == [2, 1, 3, 4]
    assert order("loss") == order("metrics.loss") == [4, 3, 1, 2]
    assert order("params.depth") == [1, 2, 3]
    assert order("-params.depth") == [3, 2, 1]
    assert order("tags.kind") == [4, 3, 2, 1]
    assert order("-name") == [4, 3, 1, 2, 5] or order("-name")[-1] == 5
    assert order("-id") == [5, 4, 3, 2, 1]
    assert service.runs(sort="params.depth", limit=1).total == 3


def test_parts_of_metrics_become_columns_on_demand(three_runs):
    frame = mlops_nb.runs("metrics.loss exists", parts=["min", "mean", "count", "best"])
    assert frame["metrics.loss"].tolist() == [0.3]
    assert frame["metrics.loss.min"].tolist() == [0.1]
    assert frame["metrics.loss.mean"].tolist() == pytest.approx([0.2])
    assert frame["metrics.loss.count"].tolist() == [3]
    assert frame["metrics.accuracy.best"].tolist() == [0.95]
    assert "metrics.loss.min" not in mlops_nb.runs("metrics.loss exists")
    with pytest.raises(ValueError, match="parts == 'median'"):
        mlops_nb.runs(parts=["median"])


def test_deleted_runs_are_not_found_by_any_query(three_runs):
    with open_store().transaction() as connection:
        connection.execute("UPDATE runs SET deleted = 1.0 WHERE id = 2")
    for query in ("metrics.accuracy > 0", "params.depth exists", "text match 'good'", "id in (1, 2)", "not id = 3"):
        assert 2 not in search.run_ids(query)
    assert [row.id for row in service.runs(sort="-accuracy").rows] == [1]


def test_one_part_of_the_metrics_needs_no_list(folder):
    with mlops_nb.run("one"):
        mlops_nb.log(1, loss=3)
        mlops_nb.log(2, loss=5)
    assert mlops_nb.runs(parts="min")["metrics.loss.min"].tolist() == [3.0]
