"""Which secrets are found that the rules were not written for; `python -m tests.benchmarks.secret_recall`.

The forms are those of gitleaks' rules, which ours were not made from: for each, keys are drawn at random and put where
notebooks have them. A key is found when nothing of its middle is left. What is left alone is measured, too: the sources
of installed packages, every replacement in them counted as a false one.
"""

from __future__ import annotations

import random
import re._constants as signs
import re._parser as parser
import string
import sys
import sysconfig
import time
from pathlib import Path

from mlops_nb.tracking.secrets.rules import Redactor

FORMATS = Path(__file__).with_name("secret_formats.txt")
SHAPED = (
    'client = Client("{}")',
    "using {} from here on",
    "{{'key': '{}'}}",
    "export THE_KEY={}",
    "<td>{}</td>",
)
NAMED = (
    '{name}_api_key = "{}"',
    "{upper}_TOKEN={}",
    '{{"{name}Secret": "{}"}}',
    "{name}.login(token='{}')",
    "tool --{name}-api-key {}",
    "{name}_secret: {}",
)
CLASSES = {
    signs.CATEGORY_WORD: string.ascii_letters + string.digits + "_",
    signs.CATEGORY_DIGIT: string.digits,
    signs.CATEGORY_SPACE: " ",
    signs.CATEGORY_NOT_SPACE: string.ascii_letters + string.digits,
}


def drawn(pattern: str, chance: random.Random) -> str:
    """A text that the pattern matches."""
    return _drawn(parser.parse(pattern), chance)


def _drawn(tree: object, chance: random.Random) -> str:
    return "".join(_one(sign, value, chance) for sign, value in tree)


def _one(sign: object, value: object, chance: random.Random) -> str:
    if sign is signs.LITERAL:
        return chr(value)
    if sign is signs.IN:
        return chance.choice(_members(value))
    if sign is signs.ANY:
        return chance.choice(string.ascii_letters)
    if sign in (signs.MAX_REPEAT, signs.MIN_REPEAT, signs.POSSESSIVE_REPEAT):
        least, most, inner = value
        return "".join(_drawn(inner, chance) for _ in range(chance.randint(least, min(most, max(least, 1) + 8))))
    if sign is signs.SUBPATTERN:
        return _drawn(value[-1], chance)
    if sign is signs.BRANCH:
        return _drawn(chance.choice(value[1]), chance)
    return ""


def _members(parts: object) -> str:
    if parts[0][0] is signs.NEGATE:
        return string.ascii_letters
    found = ""
    for sign, value in parts:
        if sign is signs.LITERAL:
            found += chr(value)
        elif sign is signs.RANGE:
            found += "".join(map(chr, range(value[0], value[1] + 1)))
        else:
            found += CLASSES[value]
    return found


def recall() -> None:
    """Prints what was found, by form and in all."""
    chance, rules = random.Random(20261124), Redactor({})
    by_way = {"shape": [0, 0], "name": [0, 0]}
    missed = []
    for line in FORMATS.read_text().splitlines():
        if line.startswith("#"):
            continue
        form, way, pattern = line.split("\t")
        name = form.split("-")[0]
        found = total = 0
        for around in SHAPED if way == "shape" else NAMED:
            for _ in range(4):
                key = drawn(pattern, chance).strip()
                middle = key[len(key) // 3 : len(key) // 3 + max(6, len(key) // 3)]
                text = around.format(key, name=name, upper=name.upper())
                total += 1
                found += middle not in rules.redacted(text).text
        by_way[way][0] += found
        by_way[way][1] += total
        if found < total:
            missed.append((found / total, f"{form} ({way}): {found} of {total}"))
    for way, (found, total) in by_way.items():
        print(f"by {way}: {found} of {total}, {found / total:.1%}")
    print("\n".join(text for _, text in sorted(missed)))


def false_ones(packages: list[str]) -> None:
    """Prints how much of ordinary source text is replaced, and how fast it is read."""
    rules, places = Redactor({}), Path(sysconfig.get_paths()["purelib"])
    characters = seconds = replaced = 0
    for path in (path for package in packages for path in sorted((places / package).rglob("*.py"))):
        text = path.read_text("utf-8", "replace")
        clock = time.process_time()
        replaced += len(rules.redacted(text).found)
        seconds += time.process_time() - clock
        characters += len(text)
    print(f"{replaced} replaced in {characters / 1e6:.1f} MB of sources, {characters / 1e6 / seconds:.0f} MB/s")


if __name__ == "__main__":
    recall()
    false_ones(sys.argv[1:] or ["sklearn", "pandas", "matplotlib", "IPython", "xgboost", "lightgbm"])
