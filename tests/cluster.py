"""A real Dask cluster on loopback: a scheduler and two workers, three processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distributed import Client


@contextmanager
def cluster(folder: Path, *, threads: int = 1, preload: str = "") -> Iterator[str]:
    """The address of the scheduler.

    Args:
        folder: where the processes run.
        threads: of each worker.
        preload: code that each worker runs first.
    """
    told = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    here = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"]
    worker = [*dask, "worker", "--scheduler-file", str(told), *here, "--nthreads", str(threads), "--no-nanny"]
    if preload:
        (folder / "preload.py").write_text(preload)
        worker += ["--preload", str(folder / "preload.py")]
    commands = [[*dask, "scheduler", "--scheduler-file", str(told), "--port", "0", *here], worker, worker]
    processes = [subprocess.Popen(each, cwd=folder, stderr=subprocess.DEVNULL) for each in commands]
    try:
        with Client(scheduler_file=str(told), timeout=60) as client:
            client.wait_for_workers(2, timeout=60)
        yield json.loads(told.read_text())["address"]
    finally:
        for process in processes:
            process.kill()
            process.wait()
