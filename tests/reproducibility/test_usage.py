"""What a run took, against psutil and known work: CPU seconds, memory at the peak, inner runs and outer ones."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

import mlops_nb
from mlops_nb.reproducibility import usage
from mlops_nb.reproducibility.usage import Meter

MEGA = 1_000_000


def touched(megabytes: int) -> np.ndarray:
    return np.ones(megabytes * MEGA // 8)


def test_memory_that_was_taken_and_given_back_counts_at_its_peak():
    touched(300)
    before = psutil.Process().memory_info().rss
    meter = Meter()
    touched(100)
    found = meter.end()
    assert psutil.Process().memory_info().rss - before < 50 * MEGA
    assert found.peak_memory_bytes == pytest.approx(100 * MEGA, abs=15 * MEGA)


def test_an_inner_run_counts_its_own_peak_and_the_outer_one_the_higher():
    outer = Meter()
    touched(120)
    inner = Meter()
    touched(40)
    assert inner.end().peak_memory_bytes == pytest.approx(40 * MEGA, abs=15 * MEGA)
    assert outer.end().peak_memory_bytes == pytest.approx(120 * MEGA, abs=15 * MEGA)


def test_cpu_seconds_are_those_of_the_process_and_of_children_that_ended():
    meter = Meter()
    time.sleep(0.3)
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", busy], check=True)
    assert 0.45 < meter.end().cpu_seconds < 5


def test_where_the_peak_cannot_be_forgotten_only_a_new_one_counts(monkeypatch):
    def refuse(path: str, content: bytes) -> None:
        raise PermissionError(path)

    monkeypatch.setattr(usage, "_written", refuse)
    meter = Meter()
    touched(1)
    assert meter.end().peak_memory_bytes < 5 * MEGA
    meter = Meter()
    kept = touched(200)
    more = touched(700)
    assert meter.end().peak_memory_bytes > 100 * MEGA
    assert kept.size < more.size


def test_a_process_that_forked_off_says_nothing():
    meter = Meter()
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writing, repr(meter.end()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"None"
    os.close(reading)
    os.close(writing)


def test_a_run_says_what_it_took_and_so_does_the_table():
    with mlops_nb.run("hungry"):
        touched(80)
    found = mlops_nb.show("hungry").usage
    assert found.peak_memory_bytes == pytest.approx(80 * MEGA, abs=15 * MEGA)
    table = mlops_nb.runs()
    assert table["peak_memory_bytes"].iloc[0] == found.peak_memory_bytes
    assert table["cpu_seconds"].iloc[0] == found.cpu_seconds > 0
