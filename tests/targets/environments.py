"""An environment for each tool: `.venv-targets/NAME`, made anew when its requirements change."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path(__file__).parent / "requirements"


def environment(tool: str) -> Path:
    """The folder of a tool's programs, installed as its requirements say."""
    requirements, folder = REQUIREMENTS / f"{tool}.txt", ROOT / ".venv-targets" / tool
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    mark = folder / ".installed"
    if not mark.exists() or mark.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        _install(folder, requirements)
        mark.write_text(wanted)
    return folder / "bin"


def _install(folder: Path, requirements: Path) -> None:
    python = folder / "bin" / "python"
    if uv := shutil.which("uv"):
        commands = [
            [uv, "venv", "--quiet", "--seed", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", "--quiet", "--python", str(python), "-r", str(requirements)],
        ]
    else:
        commands = [
            [sys.executable, "-m", "venv", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)],
        ]
    for command in commands:
        subprocess.run(command, check=True)
