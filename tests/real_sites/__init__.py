"""Software that counts views for real, as its own packages have it, for recipes to be tried on."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.processes import Process, folder, free_port
from tests.sites import ROOT


@contextmanager
def hitcount_site(**settings: Any) -> Iterator[str]:
    """django-hitcount in a process of its own, with these settings of it; its address."""
    port = free_port()
    program = ["-m", "uvicorn", "tests.real_sites.hitcount:application", "--port", str(port)]
    process = Process(
        [sys.executable, *program, "--log-level", "warning"],
        name="hitcount",
        ready=port,
        cwd=ROOT,
        env={
            "HITCOUNT_DATABASE": str(folder("hitcount") / "db.sqlite3"),
            "HITCOUNT": json.dumps(settings),
            "DJANGO_SETTINGS_MODULE": "",
            "PATH": os.environ["PATH"],
        },
    )
    process.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
