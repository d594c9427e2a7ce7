"""Run the work of all in turn, and print the table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

from tests.benchmarks.ours import WORKS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PEERS = {name: f"peer_{name.lower()}" for name in ("MLflow", "trackio", "papermill", "Evidently", "NannyML", "frouros")}
"""Each peer's work is in the file of that name, what it needs in the .txt beside it."""


def python_of(peer: str) -> str:
    """The interpreter of a peer's environment, made the first time."""
    folder = ROOT / ".venv-bench" / PEERS[peer]
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = folder / ".installed"
    wanted = (HERE / f"{PEERS[peer]}.txt").read_text()
    if not done.exists() or done.read_text() != wanted:
        print(f"Installing {peer} into {folder.relative_to(ROOT)} (once) ...", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        packages = HERE / f"{PEERS[peer]}.txt"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", packages], check=True)
        done.write_text(wanted)
    return str(python)


def figure(python: str, script: str, name: str) -> float | None:
    """The CPU milliseconds that a script prints for a piece of work; None when it does not have it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BENCH_PYTHON": sys.executable}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    said = subprocess.run([python, HERE / script, name], capture_output=True, text=True, env=environment, check=False)
    if said.returncode:
        print(said.stderr[-2000:], file=sys.stderr)
        return None
    lines = [line for line in said.stdout.splitlines() if line.startswith("[")]
    return float(json.loads(lines[-1])[1]) if lines else None


def has(peer: str, name: str) -> bool:
    """Whether a peer has a piece of work: its file names it, or all drifts, or all fits with autolog."""
    text = (HERE / f"{PEERS[peer]}.py").read_text()
    families = {"drift of ": "drifts import works", "autolog: ": '"autolog: '}
    return f'"{name}"' in text or any(name.startswith(start) and sign in text for start, sign in families.items())


def beside(peer: str, theirs: float | None, ours: float | None) -> str:
    """A peer's figure and how often ours fits into it."""
    return f"{peer} {theirs:,.1f} ({theirs / ours:.1f} x)" if theirs and ours else f"{peer} failed"


def main(wanted: list[str]) -> None:
    """Print the figures of everything, or of what has one of the words in its name."""
    print(f"{'CPU milliseconds':<80} {'ours':>9}   target for ours; peers (ratio)")
    pythons: dict[str, str] = {}
    for name, (_, target) in WORKS.items():
        if wanted and not any(word in name for word in wanted):
            continue
        ours = figure(sys.executable, "ours.py", name)
        said = []
        for peer in (each for each in PEERS if has(each, name)):
            pythons[peer] = pythons.get(peer) or python_of(peer)
            said.append(beside(peer, figure(pythons[peer], f"{PEERS[peer]}.py", name), ours))
        shown = f"{ours:9.2f}" if ours is not None else "   failed"
        print(f"{name:<80} {shown}   {'; '.join([target, *said])}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
