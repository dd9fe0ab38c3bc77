"""An office on many machines: two database servers, of which one follows the other, a queue, a
site, and hosts with a consumer and a web server each."""

import socket
import sys
from collections.abc import Callable
from typing import Any

import psutil
import psycopg
from django.db import connections
from django.db.models import QuerySet

from core.models import Order, User
from tests.desk import Desk
from tests.faults.trial import READY, Trial
from tests.machines import Lan, Machine
from tests.office import ROOT, wait_for
from tests.processes import Process, is_open_at
from tests.services import PostgresServer, StandbyServer

WEB_PORT = 8000


class Databases:
    """A primary and its standby. What is committed is on both, unless commits do not wait."""

    def __init__(self, lan: Lan, **options: str) -> None:
        self.lan = lan
        self.options: dict[str, Any] = {"fsync": False, **options}
        self.machines = [lan.machine(name) for name in ("first", "second")]
        here, _there = self.machines
        self.primary = PostgresServer(machine=here, **self.options).start()
        self.standby: StandbyServer | None = None

    def url(self, database: str) -> str:
        hosts = ",".join(f"{machine.address}:{PostgresServer.PORT}" for machine in self.machines)
        return f"postgresql://postgres@{hosts}/{database}?target_session_attrs=read-write"

    @property
    def primary_machine(self) -> Machine:
        return next(one for one in self.machines if one.address == self.primary.address)

    @property
    def other_machine(self) -> Machine:
        return next(one for one in self.machines if one.address != self.primary.address)

    def ensure_standby(self) -> None:
        """On the machine that has no primary, whatever it was before."""
        if self.standby is not None:
            return
        self.lan.plug_in(self.other_machine)
        self.standby = StandbyServer(self.primary, machine=self.other_machine, **self.options)
        self.standby.start()
        wait_for(lambda: self._states() == ["async"], what="a standby")
        self._let_commits_wait_for("*")
        wait_for(lambda: self._states() == ["sync"], what="a standby that is waited for")

    def let_commits_wait_for_nobody(self) -> None:
        self._let_commits_wait_for("")
        wait_for(lambda: self._states() == ["async"], what="a standby that nobody waits for")

    def kill_primary(self) -> None:
        """The programs end, the machine answers that nobody listens."""
        self.primary.kill()

    def fail_over(self, harm: Callable[["Databases"], None]) -> None:
        """Let the standby be the primary; the former one does not come back."""
        assert self.standby is not None
        former = self.primary
        harm(self)
        self.standby.promote()
        former.kill()
        self.primary, self.standby = self.standby, None
        connections["default"].close()

    def close(self) -> None:
        for server in (self.standby, self.primary):
            if server is not None:
                server.kill()

    def _states(self) -> list[str]:
        with psycopg.connect(self.primary.url, autocommit=True) as connection:
            rows = connection.execute("SELECT sync_state FROM pg_stat_replication").fetchall()
        return [state for (state,) in rows]

    def _let_commits_wait_for(self, names: str) -> None:
        with psycopg.connect(self.primary.url, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
            connection.execute("SELECT pg_reload_conf()")


class Host:
    """A machine with a consumer and a web server; `clock`: seconds that its wall clock is off."""

    def __init__(self, trial: Trial, machine: Machine, clock: float = 0) -> None:
        self.trial, self.machine, self.clock = trial, machine, clock
        self.url = f"http://{machine.address}:{WEB_PORT}"
        self.start()

    def start(self) -> None:
        """Without waiting: see wait_until_ready()."""
        inside = self.machine.inside
        self.consumer = self.trial.consumer(
            "--workers=1",
            lease=None,
            hurry=False,
            clock=self.clock,
            wait=False,
            inside=inside,
        )
        env = {"FAULTS_CLOCK": str(self.clock or ""), "DATABASE_POOL": "on"}
        where = ["--host", self.machine.address, "--port", str(WEB_PORT), "--processes", "1"]
        self.web = Process(
            [sys.executable, "-m", "tests.faults.program", "run_web", *where],
            name="web",
            env={**self.trial.office.env, **env, "ALLOWED_HOSTS": self.machine.address},
            cwd=ROOT,
            inside=inside,
        ).start()
        self.trial.office.processes.append(self.web)

    def wait_until_ready(self) -> None:
        self.consumer.wait_for_line(READY)
        self.web.wait_until(lambda: is_open_at(self.machine.address, WEB_PORT), "serve pages")

    def kill(self) -> None:
        """All of its processes."""
        self.consumer.kill()
        self.web.kill()

    def held(self) -> QuerySet[Order]:
        """Orders that its workers hold a lease of."""
        workers = psutil.Process(self.consumer.pid).children(recursive=True)
        names = [f"{socket.gethostname()[:150]}:{worker.pid}" for worker in workers]
        return Order.objects.open().filter(holder__in=names)

    def desk(self) -> Desk:
        """Where the first administrator saves orders."""
        return Desk(self.url, User.objects.get(username="admin"))
