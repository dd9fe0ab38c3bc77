"""Whole offices for tests: a database and a queue of their own, real consumers, and this very
process working on the same rows, so that a test reads like the code it tests.
"""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections

from tests.processes import Process, folder_in_memory, free_port
from tests.warm import run_to_the_end

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("sqlite", "postgresql")
numbers = itertools.count(1)


class Office:
    """One installed office. `kind`: "sqlite" (with SqliteHuey) or "postgresql" (with Redis)."""

    def __init__(self, kind: str, data_dir: Path, **env: str) -> None:
        self.kind = kind
        self.data_dir = data_dir
        self.env = {"DATA_DIR": str(data_dir), "SECRET_KEY": os.environ["SECRET_KEY"], **env}
        self.processes: list[Process] = []

    def manage(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of the office to its end; what it printed fails the test if it fails."""
        done = self.run("manage.py", *args)
        if check and done.returncode:
            pytest.fail(f"manage.py {' '.join(args)} failed:\n{done.stdout}{done.stderr}")
        return done

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run Python with these arguments to its end."""
        return run_to_the_end(args, self.env)

    def consumer(self, *args: str, module: str = "", **env: str) -> Process:
        """A real `manage.py run_huey`, ready for work; or a module that calls it."""
        program = ["-m", module] if module else ["manage.py", "run_huey"]
        return self._process([*program, *args], ready="Huey consumer started", env=env)

    def web(
        self,
        application: str = "office.asgi:application",
        *,
        module: str = "",
        flags: Sequence[str] = (),
        **env: str,
    ) -> Process:
        """The web server; its address is `url` of what is returned. `module` is what runs it."""
        port = free_port()
        program = ["-m", module] if module else []
        process = self._process(
            [
                *program,
                "-m",
                "uvicorn",
                application,
                "--port",
                str(port),
                "--lifespan",
                "off",
                "--no-proxy-headers",
                *flags,
            ],
            ready=port,
            env=env,
        )
        process.url = f"http://127.0.0.1:{port}"  # type: ignore[attr-defined]
        return process

    def run_web(self, *args: str, **env: str) -> Process:
        """The web server as `manage.py run_web` starts it; its address is `url`."""
        port = free_port()
        process = self._process(
            ["manage.py", "run_web", "--port", str(port), *args], ready=port, env=env
        )
        process.url = f"http://127.0.0.1:{port}"  # type: ignore[attr-defined]
        return process

    def _process(self, args: list[str], *, ready: str | int, env: dict[str, str]) -> Process:
        process = Process(
            [sys.executable, *args],
            ready=ready,
            env={**self.env, **env},
            cwd=ROOT,
            name=args[0],
            warm=True,
        )
        process.start()
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in self.processes:
            process.kill()


@contextmanager
def working_in(office: Office) -> Iterator[None]:
    """Let this process's models and queue be the office's."""
    from huey.contrib.djhuey import HUEY

    from office import environment, queue

    file = f"sqlite:///{office.data_dir / 'office.sqlite3'}"
    config = environment.database_at(office.env.get("DATABASE_URL", file), "DATABASE_URL")
    if office.kind == "sqlite":
        config["OPTIONS"] = dict(settings.SQLITE_OPTIONS)
    # Other threads open their connections by these settings, this one has its own set here.
    databases = connections.configure_settings({"default": config})
    own, own_settings, own_storage = connections["default"], connections.settings, HUEY.storage
    connections.settings = databases
    connections["default"] = connections.create_connection("default")
    HUEY.storage = queue.build(
        office.env.get("REDIS_URL", ""), office.data_dir, office.env["SECRET_KEY"]
    ).storage
    try:
        yield
    finally:
        connections["default"].close()
        HUEY.storage.close()
        connections.settings = own_settings
        connections["default"] = own
        HUEY.storage = own_storage


@pytest.fixture
def new_office(request, demo_site) -> Iterator[Callable[[str], Office]]:
    """Make an office of a kind, with nothing in it but the price policies and the admin."""
    made: list[Office] = []
    databases: list[str] = []

    def make(kind: str) -> Office:
        data_dir = Path(tempfile.mkdtemp(prefix="office-", dir=folder_in_memory()))
        env = {"PRIVATE_SITES": f"127.0.0.1:{demo_site.port}"}
        if kind == "sqlite":
            template = request.getfixturevalue("sqlite_template")
            shutil.copy(template, data_dir / template.name)
        else:
            postgres = request.getfixturevalue("postgres")
            template = request.getfixturevalue("postgres_template")
            databases.append(f"office_{next(numbers)}")
            env["DATABASE_URL"] = postgres.create_database(databases[-1], template=template)
            redis = request.getfixturevalue("redis")
            redis.flush()
            env["REDIS_URL"] = redis.url
        office = Office(kind, data_dir, **env)
        made.append(office)
        return office

    yield make
    for office in made:
        office.close()
        shutil.rmtree(office.data_dir, ignore_errors=True)
    for name in databases:
        request.getfixturevalue("postgres").drop_database(name)


@pytest.fixture(params=KINDS)
def office(request, new_office, django_db_blocker, settings) -> Iterator[Office]:
    """An office on each kind of database; this process works in it."""
    office = new_office(request.param)
    settings.PRIVATE_SITES = (office.env["PRIVATE_SITES"],)
    with django_db_blocker.unblock(), working_in(office):
        yield office


def wait_for(condition: Callable[[], bool], seconds: float = 180, what: str = "it") -> None:
    """Wait until the condition holds; fail after so many seconds, many of which pass on a machine
    that has little time for what is waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)
