"""The machine a result was computed on, as the system tells it: processor, memory, GPU, BLAS, threads."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""Environment variables that are recorded, and only where they are a number."""

NVIDIA = Path("/proc/driver/nvidia")
ASK_SECONDS = 2.0
"""How long another program may take to say what the machine is."""

_DRIVER = re.compile(r"Kernel Module(?:\s+for\s+\S+)?\s+(\d[\d.]*)")
_MODEL = re.compile(r"^Model:\s*(.+?)\s*$", re.MULTILINE)
_CPU = re.compile(r"^(?:model name|cpu model|Model|Hardware)\s*:\s*(.+?)\s*$", re.MULTILINE)


def thread_settings() -> tuple[tuple[str, int], ...]:
    """The thread settings of the environment that are numbers."""
    found = [(name, os.environ.get(name, "")) for name in THREAD_SETTINGS]
    return tuple((name, int(value)) for name, value in found if _is_small_number(value))


def hash_seed() -> int | None:
    """PYTHONHASHSEED where it is a number."""
    value = os.environ.get("PYTHONHASHSEED", "")
    return int(value) if _is_small_number(value) else None


def _is_small_number(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 10


def hardware() -> dict[str, Any]:
    """Operating system, processor, cores, memory and GPUs, as the fields of an Environment."""
    gpus, driver = nvidia_gpus()
    return {
        "os": _os_name(),
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        "memory_bytes": _memory_bytes(),
        "gpus": gpus,
        "gpu_driver": driver,
    }


def _os_name() -> str:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    if sys.platform == "win32":
        return f"Windows {platform.version()}"
    with suppress(OSError):
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    return platform.system()


def _cpu_name() -> str:
    if sys.platform == "darwin":
        return (_said("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()).strip()
    with suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
        if named := _CPU.search(file.read(8_192)):
            return named[1]
    return platform.processor() or platform.machine()


def _memory_bytes() -> int:
    with suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 0


def nvidia_gpus(folder: Path = NVIDIA) -> tuple[tuple[str, ...], str]:
    """NVIDIA's GPUs and their driver's version: from the driver's own files, else as `nvidia-smi` says."""
    with suppress(OSError):
        driver = _DRIVER.search((folder / "version").read_text())
        cards = sorted((folder / "gpus").glob("*/information"))
        models = [_MODEL.search(card.read_text()) for card in cards]
        if driver and models:
            return tuple(model[1] for model in models if model), driver[1]
    if not shutil.which("nvidia-smi"):
        return (), ""
    said = _said("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader") or ""
    pairs = [line.rpartition(", ") for line in said.splitlines() if ", " in line]
    return tuple(name.strip() for name, _, _ in pairs), pairs[0][2].strip() if pairs else ""


def _said(*command: str) -> str | None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=ASK_SECONDS, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def blas() -> dict[str, Any]:
    """The BLAS of an imported NumPy, as the fields of an Environment: by threadpoolctl, else by NumPy's own word."""
    with suppress(Exception):  # both load and ask foreign libraries
        from threadpoolctl import threadpool_info

        found = [each for each in threadpool_info() if each.get("user_api") == "blas"]
        one = next((each for each in found if "numpy" in each.get("filepath", "")), found[0])
        return {
            "blas": f"{one.get('internal_api', '')} {one.get('version') or ''}".strip(),
            "blas_core": str(one.get("architecture") or ""),
            "blas_threads": int(one.get("num_threads") or 0),
        }
    with suppress(Exception):
        built = sys.modules["numpy"].show_config(mode="dicts")["Build Dependencies"]["blas"]
        return {"blas": f"{built['name']} {built['version']}"}
    return {}
