"""The machine as the system tells it, against psutil and threadpoolctl; GPUs from files and a program made here.

No machine of ours has an NVIDIA card: the files and answers are those that NVIDIA's driver documentation and
`nvidia-smi --help-query-gpu` show.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from mlops_nb.reproducibility import machine
from mlops_nb.reproducibility.service import environment

OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.14  Release Build  (buildd@lcy02)\n"
CLOSED = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC version: 12\n"
CARD = "Model: \t\t NVIDIA A100-SXM4-40GB\nIRQ:   \t\t 120\nGPU UUID: \t GPU-0\n"


def test_cores_and_memory_are_what_psutil_counts():
    found = environment()
    assert found.cores == len(psutil.Process().cpu_affinity())
    assert found.memory_bytes == psutil.virtual_memory().total
    assert found.cpu in Path("/proc/cpuinfo").read_text()
    assert found.os


@pytest.mark.parametrize(("version", "driver"), [(OPEN, "550.54.14"), (CLOSED, "535.104.05")])
def test_gpus_and_driver_are_read_from_the_files_of_the_driver(tmp_path, version, driver):
    (tmp_path / "version").write_text(version)
    for card in ("0000:07:00.0", "0000:0b:00.0"):
        (tmp_path / "gpus" / card).mkdir(parents=True)
        (tmp_path / "gpus" / card / "information").write_text(CARD)
    assert machine.nvidia_gpus(tmp_path) == (("NVIDIA A100-SXM4-40GB",) * 2, driver)


def a_program(folder: Path, body: str) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


def test_without_the_files_nvidia_smi_is_asked(tmp_path, monkeypatch):
    a_program(tmp_path, "printf 'NVIDIA RTX A2000, 8 GB, 552.22\\nNVIDIA T4, 552.22\\n'")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert machine.nvidia_gpus(tmp_path) == (("NVIDIA RTX A2000, 8 GB", "NVIDIA T4"), "552.22")


@pytest.mark.parametrize("body", ["exit 9", "echo 'NVIDIA-SMI has failed'", "exec sleep 60"])
def test_a_driver_that_fails_or_hangs_is_no_gpu(tmp_path, monkeypatch, body):
    a_program(tmp_path, body)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(machine, "ASK_SECONDS", 0.2)
    assert machine.nvidia_gpus(tmp_path) == ((), "")


def said(code: str, **variables: str) -> str:
    kept = {
        name: value for name, value in os.environ.items() if name not in (*machine.THREAD_SETTINGS, "PYTHONHASHSEED")
    }
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env={**kept, **variables}, capture_output=True, text=True, check=True).stdout.strip()


ASK = "from mlops_nb.reproducibility.service import environment as e; "


def test_blas_is_known_once_numpy_is_imported_and_is_not_imported_for_it():
    code = ASK + "import sys; a = e(); print('numpy' in sys.modules, repr(a.blas)); import numpy; b = e();"
    code += "from threadpoolctl import threadpool_info as t; i = t()[0];"
    code += "print(b.blas == i['internal_api'] + ' ' + i['version'], b.blas_core == i['architecture'], b.blas_threads)"
    assert said(code, OPENBLAS_NUM_THREADS="1") == "False ''\nTrue True 1"


def test_without_threadpoolctl_numpy_says_what_it_was_built_with():
    code = "import sys; sys.modules['threadpoolctl'] = None; import numpy; " + ASK
    code += "b = numpy.show_config(mode='dicts')['Build Dependencies']['blas'];"
    code += "print(e().blas == b['name'] + ' ' + b['version'], e().blas_threads)"
    assert said(code) == "True 0"


def test_thread_settings_and_hash_seed_are_kept_only_as_numbers():
    code = ASK + "print(dict(e().thread_settings), e().hash_seed)"
    secret = "sk-1f9c0a77e2"
    assert said(code, OMP_NUM_THREADS="4", MKL_NUM_THREADS=secret, PYTHONHASHSEED="7") == "{'OMP_NUM_THREADS': 4} 7"
    assert said(code, OMP_NUM_THREADS="4,2", PYTHONHASHSEED="random") == "{} None"


def test_the_lock_text_pins_every_package():
    found = environment()
    assert found.lock.splitlines() == [f"{name}=={version}" for name, version in found.packages.items()]
