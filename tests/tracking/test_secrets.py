"""What is taken for a secret, what is not, and that nothing of it reaches the disk."""

import ast
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlops_nb
from mlops_nb.errors import BadArgument
from mlops_nb.panels import panel_of
from mlops_nb.store import close_stores, open_store
from mlops_nb.tracking.secrets import redaction
from mlops_nb.tracking.secrets.environment import environment_secrets
from mlops_nb.tracking.secrets.marks import is_redacted_from
from mlops_nb.tracking.secrets.rules import Redactor, counted
from mlops_nb.tracking.secrets.words import looks_random

ROOT = Path(__file__).parents[2]
PLAIN = Redactor({})


def chance(length: int, alphabet: str = "aZ3kQ9xB7mT2pL5vR8nW4yD6sF1gH0jC", step: int = 7) -> str:
    """Characters that look drawn by chance, the same each time; no key of the tests stands in this file."""
    return "".join(alphabet[(place * step + place * place) % len(alphabet)] for place in range(length))


HEX = "0a9f3c7be1d25468"
SHAPES = {
    "GitHub token": [f"ghp_{chance(36)}", f"github_pat_{chance(22)}_{chance(59)}"],
    "GitLab token": [f"glpat-{chance(20)}"],
    "AWS key": [f"AKIA{chance(16, 'A3BC7DQ5XZ2LM')}"],
    "Azure storage key": [f"AccountKey={chance(86)}=="],
    "Azure signature": [f"https://a.blob.core.windows.net/c?sv=2024&sig={chance(43)}%3D"],
    "Mailchimp key": [f"{chance(32, HEX)}-us12"],
    "OpenAI key": [f"sk-{chance(20)}T3BlbkFJ{chance(20)}", f"sk-proj-{chance(60)}"],
    "Anthropic key": [f"sk-ant-api03-{chance(80)}"],
    "PyPI token": [f"pypi-AgEIcHlwaS5vcmc{chance(80)}"],
    "SendGrid key": [f"SG.{chance(22)}.{chance(43)}"],
    "Slack token": [f"xoxb-{chance(12, '0123456789')}-{chance(12, '9876543210')}-{chance(24)}"],
    "Square secret": [f"sq0csp-{chance(43)}"],
    "Stripe key": [f"sk_live_{chance(24)}", f"rk_test_{chance(24)}"],
    "Telegram token": [f"{chance(9, '123456789')}:AA{chance(33)}"],
    "Twilio key": [f"SK{chance(32, HEX)}"],
    "Discord token": [f"M{chance(23)}.{chance(6)}.{chance(27)}"],
    "Hugging Face token": [f"hf_{chance(34)}"],
    "Google key": [f"AIza{chance(35)}"],
    "Databricks token": [f"dapi{chance(32, HEX)}"],
    "DigitalOcean token": [f"dop_v1_{chance(64, HEX)}"],
    "Vault token": [f"hvs.{chance(90)}"],
    "npm token": [f"npm_{chance(36)}"],
    "JSON web token": ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IifQ." + chance(43)],
    "Groq key": [f"gsk_{chance(52)}"],
    "Grafana token": [f"glsa_{chance(32)}_{chance(8, HEX)}"],
    "Shopify token": [f"shpat_{chance(32, HEX)}"],
}


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, keys in SHAPES.items() for key in keys])
@pytest.mark.parametrize("around", ["{}", 'x = "{}"', "used {} at 3", "<td>{}</td>", "a\\n{}\\nb", "['{}']"])
def test_a_key_of_a_published_shape_is_replaced_by_its_kind(kind, key, around):
    done = PLAIN.redacted(around.format(key))
    assert done.text.startswith(around.partition("{}")[0])
    assert done.text.endswith(around.partition("{}")[2])
    assert kind in {found for found, _ in done.found}
    assert key[-20:-3] not in done.text


@pytest.mark.parametrize(
    "text",
    [
        "ghp_short",
        f"xghp_{chance(12)}",
        "AKIA-not-a-key",
        "hf_hub_download(repo_id, filename)",
        "sk-learn-contrib",
        "task-ant-colony",
        "AIza",
        "eyJ is how JSON begins in base64",
        "npm_config_cache",
        "glpat-short",
        "SG.x.y",
        "dapi = 3",
    ],
)
def test_what_only_begins_like_a_key_stays(text):
    assert PLAIN.redacted(text).text == text


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('password = "hunter2"', "hunter2"),
        ("password='hunter2'", "hunter2"),
        ('connect(host="db", password="hunter2", user="bob")', "hunter2"),
        ('{"api_key": "abc123def"}', "abc123def"),
        ('{\\"api_key\\": \\"abc123def\\"}', "abc123def"),
        ("{'client_secret': 'abcdefgh'}", "abcdefgh"),
        ('os.environ["DB_PASSWORD"] = "hunter2"', "hunter2"),
        ('os.getenv("API_KEY", "abc123def")', "abc123def"),
        ('api_key: str = "abc123def"', "abc123def"),
        ("PGPASSWORD=hunter psql -h db", "hunter"),
        ("!mysql --password hunter2 db", "hunter2"),
        ("tool --api-key=abc123def", "abc123def"),
        ('["--password", "hunter2"]', "hunter2"),
        ("Server=x;Uid=y;Pwd=hunter;Database=z", "hunter"),
        ("password: hunter2", "hunter2"),
        ("token = 'kD83hfJs92mQxx'", "kD83hfJs92mQxx"),
        ("https://h/x?access_token=kD83hfJs92mQxx&b=1", "kD83hfJs92mQxx"),
        ("postgresql://bob:hunter2@db:5432/flights", "hunter2"),
        ("redis://:hunter2@cache", "hunter2"),
        ("Authorization: Bearer kD83hfJs92mQxx", "kD83hfJs92mQxx"),
        ("Authorization: Basic Ym9iOmh1bnRlcjI=", "Ym9iOmh1bnRlcjI="),
        ('requests.get(url, auth=("bob", "hunter2"))', "hunter2"),
        ("&quot;password&quot;: &quot;hunter2&quot;", "hunter2"),
        ("your API key is 8fK3dkQ9xZpL0aBvT2mNqR7s", "8fK3dkQ9xZpL0aBvT2mNqR7s"),
        ('password = "a\\"b3"', 'a\\"b3'),
    ],
)
def test_a_value_is_known_by_its_name(text, secret):
    done = PLAIN.redacted(text)
    assert secret not in done.text
    assert [value for _, value in done.found] == [secret]
    assert done.text.replace(f"[secret: {done.found[0][0]}]", secret) == text


@pytest.mark.parametrize(
    "text",
    [
        'parser.add_argument("--password", help="the password")',
        'parser.add_argument("--token", "-t")',
        "password = get_password()",
        "self.password = password",
        'password = input("Password: ")',
        'getpass("Password: ") + read("x")',
        '{"password": "str", "token": "string"}',
        'pad_token="<pad>", eos_token="</s>"',
        'token = "hello"',
        "tokens = 128; max_tokens=4096; n_tokens: int = 3",
        'df["password"] = df["password"].str.len()',
        'columns = ["user", "password", "email"]',
        "password: float64",
        'password = os.environ["DB_PASSWORD"]',
        "password=${DB_PASSWORD} password={password} password=<password>",
        'secret = "..."; password = "********"; api_key = "YOUR_API_KEY"',
        "postgresql://{user}:{password}@{host}/db",
        "FATAL: password authentication failed for user",
        "KeyError: 'password'",
        'keyfile = "client-key.pem"; private_key = "keys/private.pem"',
        "auth: AuthType = None; author='Ada Lovelace'; author_key = 3",
        "primary_key = 'flight_id'; sort_key='2024-01-01'",
    ],
)
def test_names_without_a_secret_value_stay(text):
    assert PLAIN.redacted(text).text == text


CLEAN = [
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709 HEAD -> main",
    "numpy==2.1.0 --hash=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "550e8400-e29b-41d4-a716-446655440000",
    "RandomForestClassifier(max_depth=8, min_samples_leaf=2, n_estimators=200, random_state=0)",
    "Pipeline(steps=[('scale', StandardScaler()), ('model', HistGradientBoostingClassifier())])",
    "     dep_delay  arr_delay carrier flight tailnum origin\n0          2.0       11.0      UA   1545  N14228    EWR",
    "/home/ada/projects/flights/data/2013-01-01T05:00:00Z/part-00000-tid-123.snappy.parquet",
    "sentence-transformers/all-MiniLM-L6-v2 meta-llama/Llama-3.1-8B-Instruct",
    "loss=0.6931471805599453 step=12345678901234567890 lr=1e-05",
    "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB" * 400,
    "Traceback (most recent call last):\n  File \"<ipython-input-3-9a1b2c3d4e5f>\", line 1, in <module>\nKeyError: 'x'",
    "sha512-9BcXz0lJ9F8sHkTlMS2H1fN6JqQ0N4m5Y0s1uH6d8vQ==",
]


@pytest.mark.parametrize("text", CLEAN)
def test_ordinary_output_stays_as_it_is(text):
    assert PLAIN.redacted(text).text == text


def _own_texts():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    found = files or [str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py")]
    apart = (
        "secret",
        "test_environment",
        "test_machine",
        "test_housekeeping",
        "test_capture",
        "test_registry",
    )  # they need secrets
    kinds = (".py", ".ipynb", ".md", ".toml", ".lock", ".sql")
    return [name for name in found if name.endswith(kinds) and not any(part in name for part in apart)]


TUTORIAL = "notebooks/07_tracking_and_registry.ipynb"


def test_the_sources_and_notebooks_of_this_project_stay_as_they_are():
    names = _own_texts()
    assert len(names) > 80
    changed = {}
    for name in names:
        if (ROOT / name).is_file() and (found := PLAIN.redacted((ROOT / name).read_text("utf-8")).found):
            changed[name] = found
    assert {text for _, text in changed.pop(TUTORIAL)} == {"Tr0ub4dor-3"}  # it shows what becomes of one
    assert changed == {}


def test_warnings_of_the_process_are_shown_as_before_the_rules_were_needed():
    code = (
        "import warnings\n"
        "from mlops_nb.tracking.secrets.shapes import plugin_shapes\n"
        "assert plugin_shapes()\n"
        "warnings.warn('careful')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "UserWarning: careful" in done.stderr


def test_a_private_key_goes_whole_also_inside_json():
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{chance(64)}\n{chance(64)}\n-----END RSA PRIVATE KEY-----"
    assert PLAIN.redacted(f"a\n{key}\nb").text == "a\n[secret: private key]\nb"
    text = json.dumps({"type": "service_account", "private_key": f"{key}\n", "n": 1})
    done = json.loads(PLAIN.redacted(text).text)
    assert done["n"] == 1
    assert chance(64) not in done["private_key"]


def test_json_stays_json_and_code_stays_code():
    code = f"""password = "it's\\"9x"\nurl = f"postgresql://bob:hunter2@{{host}}/db"\nkey = b"ghp_{chance(36)}"\n"""
    done = PLAIN.redacted(code)
    assert len(done.found) == 3
    ast.parse(done.text)
    text = json.dumps({"password": 'a"\\b9\n', "token": f"ghp_{chance(36)}"})
    assert set(json.loads(PLAIN.redacted(text).text)) == {"password", "token"}


def test_the_environment_gives_secret_values_but_no_paths_words_or_numbers():
    found = environment_secrets(
        {
            "HF_TOKEN": "abcdefgh1234",
            "MYSQL_PWD": "dragonfly!",
            "DATABASE_URL": "postgresql://bob:hunter22@db/x",
            "PASSWORD": "true",
            "DB_PASSWORD": "short",
            "SSH_AUTH_SOCK": "/tmp/ssh-x/agent.1",
            "GOOGLE_APPLICATION_CREDENTIALS": "/home/me/key.json",
            "DB_SECRET": "localhost",
            "USER_PASSWORD": "adalovelace",
            "PATH": "/usr/bin",
            "EDITOR": "vim-basic-1",
        },
        {"adalovelace"},
    )
    assert found == {
        "abcdefgh1234": "value of HF_TOKEN",
        "dragonfly!": "value of MYSQL_PWD",
        "hunter22": "value of DATABASE_URL",
    }


def test_a_value_of_the_environment_is_found_in_every_form():
    value = 'p&ss"w\\rd 7/é'
    rules = Redactor({value: "value of DB_PASSWORD"})
    from urllib.parse import quote

    for form in (value, json.dumps({"x": value}), repr(value), quote(value, safe=""), f"x{value}y"):
        assert "[secret: value of DB_PASSWORD]" in rules.redacted(form).text, form


def test_a_word_of_the_environment_is_replaced_only_where_it_stands_by_itself():
    rules = Redactor({"dragonfly": "value of PGPASSWORD"})
    assert rules.redacted("a dragonfly flew, dragonflys too").text == (
        "a [secret: value of PGPASSWORD] flew, dragonflys too"
    )


def test_what_is_allowed_stays_and_what_a_pattern_finds_goes():
    rules = Redactor({}, ("ACME-[0-9]{4}", "id=([a-z]+)"), frozenset({"hunter2"}))
    assert rules.redacted('password = "hunter2"').found == ()
    assert rules.redacted("ACME-1234 id=abc").text == "[secret: own pattern] id=[secret: own pattern]"


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="=:@-_./+"), max_size=300))
def test_text_without_a_name_or_a_long_word_stays(text):
    if not any(len(word) >= 20 for word in text.split()) and not any(
        word in text.lower() for word in ("key", "secret", "token", "pass", "auth", "credential", "bearer", "basic")
    ):
        assert PLAIN.redacted(text).text == text


KEYS = st.sampled_from([key for keys in SHAPES.values() for key in keys] + ["hunter2", "password", "[secret: token]"])
PIECES = st.one_of(
    st.text(max_size=20),
    KEYS,
    st.sampled_from([' password = "', '"', "'", ": ", "=", "\\", "\n", "://a:", "@h", "bearer "]),
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_redacting_never_raises_and_a_second_time_changes_nothing(text):
    rules = Redactor({"s3cr3tvalue": "value of X_TOKEN"}, ("ACME-[0-9]+",))
    once = rules.redacted(text)
    assert rules.redacted(once.text).text == once.text
    assert is_redacted_from(once.text, text)


def test_hard_texts_take_linear_time():
    def took(size):
        clock = time.process_time()
        for unit in (
            "password=",
            'password="',
            "eyJ",
            "://",
            "bearer ",
            "auth=(",
            "-----BEGIN PRIVATE KEY-----",
            "a",
            "=",
        ):
            PLAIN.redacted(unit * (size // len(unit)))
        return time.process_time() - clock

    took(1_000)
    assert took(200_000) < 60 * max(took(20_000), 0.05)


def test_values_of_nested_parameters_are_known_by_their_names():
    found = set()
    done = PLAIN.cleaned({"db": {"password": 12345678, "ports": [5432]}, "api_keys": ["x"], "lr": 0.1}, found)
    assert done == {"db": {"password": "[secret: password]", "ports": [5432]}, "api_keys": ["x"], "lr": 0.1}
    assert counted(found) == 1


def test_only_what_looks_drawn_by_chance_is_random():
    assert all(map(looks_random, ("kD83hfJs92mQ", chance(24), chance(32, HEX))))
    assert not any(
        map(looks_random, ("RandomForestClassifier", "model_v2_final", "2024-01-01", "a b c d e f", "x" * 20))
    )


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLOPS_NB_STORE", str(tmp_path / ".mlops"))
    monkeypatch.setattr(redaction, "_learned", {})
    monkeypatch.setattr(redaction, "_from_environment", {})
    monkeypatch.setattr(redaction, "_variables", {})
    yield open_store()
    close_stores()


def bytes_of(store):
    return b"".join(path.read_bytes() for path in store.folder.rglob("*") if path.is_file())


def test_nothing_that_a_run_is_told_leaves_a_secret_on_the_disk(store, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "Tr0ub4dor&3-env")
    token = f"ghp_{chance(36)}"
    with pytest.raises(ValueError), mlops_nb.run("hostile", source=f'password = "hunter2-9x"\nx = "{token}"') as run:
        run.log_params({"token": token, "db": {"password": "hunter2-9x"}, "note": f"see {token}"})
        run.set_tag("where", "postgresql://bob:Tr0ub4dor&3-env@db/x")
        run.set_note(f"uses {os.environ['WAREHOUSE_PASSWORD']}")
        run.warnings.append(f"could not use {token}")
        raise ValueError(f"no access with hunter2-9x and {os.environ['WAREHOUSE_PASSWORD']}")
    content = bytes_of(store)
    for secret in (token, "hunter2-9x", "Tr0ub4dor&3-env"):
        assert secret.encode() not in content
    kept = mlops_nb.show("hostile")
    assert kept.redacted == 3
    assert kept.source == 'password = "[secret: password]"\nx = "[secret: GitHub token]"'
    assert kept.error.message == "no access with [secret: password] and [secret: value of WAREHOUSE_PASSWORD]"
    assert {param.name: param.value for param in kept.params}["db.password"] == "[secret: password]"


def test_notes_and_tags_written_afterwards_are_redacted_too(store):
    with mlops_nb.run("plain"):
        pass
    from mlops_nb.tracking.service import annotate

    token = f"ghp_{chance(36)}"
    run = annotate("plain", note=f"see {token}", tags={"api_key": "abc123def"})
    assert (run.note, run.tags["api_key"], run.redacted) == ("see [secret: GitHub token]", "[secret: API key]", 2)
    assert token.encode() not in bytes_of(store)


def test_a_run_that_is_killed_leaves_no_secret_either(store):
    token = f"ghp_{chance(36)}"
    code = (
        "import mlops_nb, time, sys\n"
        f"with mlops_nb.run('killed', source='x = \"{token}\"') as run:\n"
        f"    run.log_params({{'token': '{token}'}})\n"
        "    print('ready', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert child.stdout.readline() == b"ready\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert token.encode() not in bytes_of(store)
    assert mlops_nb.show("killed").redacted == 1


def test_patterns_belong_to_the_store_and_can_be_taken_back(store):
    mlops_nb.secrets(pattern="ACME-[0-9]{6}", allow="hunter2")
    with mlops_nb.run("own", source='a = "ACME-123456"\npassword = "hunter2"'):
        pass
    assert mlops_nb.show("own").source == 'a = "[secret: own pattern]"\npassword = "hunter2"'
    report = mlops_nb.secrets(forget="ACME-[0-9]{6}")
    assert panel_of(report).text().startswith("From now on ACME-[0-9]{6} is forgotten.\n1 secret was replaced")
    assert (report.replaced, report.runs, report.patterns, report.allowed) == (1, 1, (), ("hunter2",))


@pytest.mark.parametrize(
    ("pattern", "says"),
    [("[", "no regular expression"), ("a*", "matches every text"), (r"(a+)+$", "takes too long")],
)
def test_a_pattern_that_cannot_be_used_is_refused(store, pattern, says):
    with pytest.raises(BadArgument, match=says):
        mlops_nb.secrets(pattern=pattern)
    assert mlops_nb.secrets().patterns == ()


def test_what_was_not_added_cannot_be_forgotten(store):
    with pytest.raises(BadArgument, match="was not added"):
        mlops_nb.secrets(forget="x+")


def test_a_kept_text_is_known_as_the_redacted_form_of_its_original():
    text = f'password = "hunter2"\nx = "ghp_{chance(36)}"\ny = 1'
    assert is_redacted_from(PLAIN.redacted(text).text, text)
    assert not is_redacted_from(PLAIN.redacted(text).text, text.replace("y = 1", "y = 2"))
