"""Run the work of both in turn, and print the table."""

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
PEER = ROOT / ".venv-bench"


def peer_python() -> str:
    """The interpreter of the peer's environment, made the first time."""
    python = PEER / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = PEER / ".installed"
    if not done.exists():
        print("Installing MLflow into .venv-bench (once) ...", flush=True)
        venv.create(PEER, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", HERE / "peers.txt"], check=True)
        done.touch()
    return str(python)


def figure(python: str, script: str, name: str) -> float | None:
    """The CPU milliseconds that a script prints for a piece of work; None when it does not have it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    said = subprocess.run([python, HERE / script, name], capture_output=True, text=True, env=environment, check=False)
    if said.returncode:
        print(said.stderr[-2000:], file=sys.stderr)
        return None
    if said.stderr:
        print(f"  {said.stderr.strip()[-200:]}", flush=True)
    lines = [line for line in said.stdout.splitlines() if line.startswith("[")]
    return float(json.loads(lines[-1])[1]) if lines else None


def main(wanted: list[str]) -> None:
    """Print the figures of everything, or of what has one of the words in its name."""
    peer = peer_python()
    print(f"{'CPU milliseconds':<80} {'ours':>9} {'MLflow':>10} {'ratio':>8}   target for ours")
    for name, (_, target) in WORKS.items():
        if wanted and not any(word in name for word in wanted):
            continue
        ours, theirs = figure(sys.executable, "ours.py", name), figure(peer, "peer_mlflow.py", name)
        shown = f"{ours:9.2f}" if ours is not None else "   failed"
        beside = f"{theirs:10.1f} {theirs / ours:7.0f}x" if theirs and ours else f"{'-':>10} {'-':>8}"
        print(f"{name:<80} {shown} {beside}   {target}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
