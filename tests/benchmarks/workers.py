"""Benchmarks whose every run is a process of its own in an office that nobody else uses: its peak
of memory is its own, and nothing that a run leaves behind meets another."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.services import PostgresServer

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("sqlite", "postgresql")

Environment = dict[str, str]


@contextmanager
def offices(kind: str) -> Iterator[Callable[[], Environment]]:
    """What makes new, empty offices on this kind of database, each as its environment."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        server = stack.enter_context(PostgresServer()) if kind == "postgresql" else None
        made: list[Path] = []

        def environment(name: str, template: str) -> Environment:
            env = {"DATA_DIR": str(folder / name), "SECRET_KEY": "benchmark " * 4}
            if server:
                env["DATABASE_URL"] = server.create_database(name, template)
            return env

        first = environment("empty", "template1")
        finished([sys.executable, "manage.py", "migrate"], first)

        def new() -> Environment:
            # One at a time: a million rows are gigabytes.
            for old in made:
                shutil.rmtree(old, ignore_errors=True)
            name = f"office{len(made)}"
            made.append(folder / name)
            shutil.copytree(first["DATA_DIR"], made[-1])
            return environment(name, "empty")

        yield new


def run(module: str, who: str, rows: int, env: Environment) -> dict[str, Any]:
    """The figures of one run of a benchmark's worker, which ends in `tell()`."""
    command = [sys.executable, "-m", module, "--worker", who, "--rows", str(rows)]
    figures: dict[str, Any] = json.loads(finished(command, env).splitlines()[-1])
    return figures


def finished(command: list[str], env: Environment) -> str:
    done = subprocess.run(
        command, env={**os.environ, **env}, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def start_django() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "office.settings"
    import django

    django.setup()


def measured(work: Callable[[], None], rows: int) -> dict[str, float]:
    """Rows a second, and by how much the peak of this process's memory rose."""
    idle = peak_megabytes()
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    return {"speed": rows / seconds, "megabytes": peak_megabytes() - idle}


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
