"""What takes seconds to make and is the same for every test: migrated databases. The first process
of a run to need one makes it, and each of the others takes a copy."""

import fcntl
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection, connections

from tests.office import Office
from tests.processes import folder_in_memory
from tests.services import PostgresServer

DATABASE = "office.sqlite3"
TEMPLATE = "template_office"
# Of a PostgresServer.
SETTINGS = {"max_connections": "300", "max_wal_size": "256MB"}
# What servers of several processes may come to.
PLENTY = 4 << 30

MadeOnce = Callable[[str, Callable[[Path], None]], Path]


def is_one_of_several(config: pytest.Config) -> bool:
    """Of the processes that pytest-xdist starts."""
    return hasattr(config, "workerinput")


@pytest.fixture(scope="session")
def made_once(request, tmp_path_factory) -> MadeOnce:
    """A folder by its name; who is the first to ask for it fills it."""
    shared = tmp_path_factory.getbasetemp()
    if is_one_of_several(request.config):
        shared = shared.parent

    def made_once(name: str, make: Callable[[Path], None]) -> Path:
        made, begun = shared / name, shared / f"{name}.begun"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                shutil.rmtree(begun, ignore_errors=True)  # of one that failed
                begun.mkdir()
                make(begun)
                begun.rename(made)
        return made

    return made_once


@pytest.fixture(scope="session")
def migrated(made_once) -> Path:
    """A database on SQLite with all tables, and in them what migrations write."""

    def migrate(folder: Path) -> None:
        Office("sqlite", folder).manage("migrate", "-v0")

    return made_once("migrated", migrate) / DATABASE


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request, django_db_modify_db_settings) -> None:
    if is_one_of_several(request.config):
        connections["default"].settings_dict["TEST"]["MIGRATE"] = False


@pytest.fixture(scope="session")
def django_db_setup(request, django_db_setup, django_db_blocker) -> None:
    """The database of the tests, in memory, is migrated; of several processes one does that."""
    if is_one_of_several(request.config):
        source = sqlite3.connect(request.getfixturevalue("migrated"))
        with django_db_blocker.unblock():
            connection.ensure_connection()
            source.backup(connection.connection)
        source.close()
        # Their numbers in the tables that were there before.
        ContentType.objects.clear_cache()


@pytest.fixture(scope="session")
def sqlite_template(request, made_once) -> Path:
    """The database of an office, copied for each."""

    def make(folder: Path) -> None:
        if is_one_of_several(request.config):
            shutil.copy(request.getfixturevalue("migrated"), folder / DATABASE)
        Office("sqlite", folder).manage("init_office")

    return made_once("sqlite-template", make) / DATABASE


@pytest.fixture(scope="session")
def postgres_cluster(made_once) -> Path:
    """What a server has kept that holds a template of an office."""

    def make(folder: Path) -> None:
        server = PostgresServer(fsync=False, **SETTINGS).start()
        office = Office("postgresql", folder, DATABASE_URL=server.create_database(TEMPLATE))
        office.manage("init_office")
        server.stop()
        subprocess.run(["cp", "-a", server.data, folder / "data"], check=True)

    return made_once("postgres-cluster", make) / "data"


@pytest.fixture(scope="session")
def postgres(postgres_cluster):
    memory = folder_in_memory(PLENTY)
    if memory:
        remove_what_killed_runs_left(memory)
    server = PostgresServer(fsync=False, copy_of=postgres_cluster, within=memory, **SETTINGS)
    try:
        with server:
            yield server
    finally:
        shutil.rmtree(server.folder, ignore_errors=True)


def remove_what_killed_runs_left(memory: Path) -> None:
    """A server that is killed leaves its number behind."""
    for kept in memory.glob("postgres-*/data/postmaster.pid"):
        with suppress(OSError, ValueError):
            if not psutil.pid_exists(int(kept.read_text().split()[0])):
                shutil.rmtree(kept.parent.parent, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres) -> str:
    return TEMPLATE
