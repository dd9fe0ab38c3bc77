"""Machines of their own within this one: network namespaces, joined by a switch.

Law: nothing of it outlives the test run. A namespace lives as long as a program in it, and ours die
with the test; interfaces go with their namespace, this machine's end of the wire with the switch's,
also where the test run is killed.
"""

import itertools
import os
import random
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from tests.processes import Process, ServiceError

TOOLS = ("ip", "nsenter", "setpriv", "unshare")
# Of networks that are only measured (RFC 2544): nobody's real one is hidden by it.
NETWORK = "198.18.{number}.{host}"
# The address of no card: what is sent to it goes to every port of a switch and is taken by nobody.
NOBODY = "02:00:00:00:00:01"


class NoMachinesError(Exception):
    """Namespaces cannot be made here; the text says why."""


class Machine:
    """Its `address`, and `inside`: what to put before a command so that it runs there."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address
        self._life = Process(["unshare", "--net", "sleep", "infinity"], name=name)

    def start(self) -> Self:
        self._life.start()
        own = namespace_of("self")
        self._life.wait_until(lambda: namespace_of(self._life.pid) != own, "leave our network")
        self.ip("link", "set", "lo", "up")
        return self

    def end(self) -> None:
        self._life.kill()

    @property
    def inside(self) -> tuple[str, ...]:
        return ("nsenter", f"--net=/proc/{self._life.pid}/ns/net", "--")

    @property
    def pid(self) -> int:
        return self._life.pid

    def ip(self, *args: str) -> None:
        run([*self.inside, "ip", *args])


class Lan:
    """A switch with machines, and this one among them, at `address`. NoMachinesError where such
    things cannot be made."""

    def __enter__(self) -> Self:
        refuse_without_rights()
        self._ends = ExitStack()
        self._hosts = itertools.count(1)
        self._number = random.randrange(256)
        self.address = self._next_address()
        self.network = NETWORK.format(number=self._number, host="0/24")
        self.wire = f"bo{os.getpid()}-{next(wires)}"
        with self._ends as ends:  # what is begun ends where the rest fails
            self._build()
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._ends.close()

    def _build(self) -> None:
        self._switch = self._started(Machine("switch", ""))
        self._switch.ip("link", "add", "switch", "type", "bridge")
        self._switch.ip("link", "set", "switch", "up")
        run(["ip", *self._new_wire(self.wire, "this")])
        # A namespace ends some time after its last program.
        self._ends.callback(run, ["ip", "link", "del", self.wire])
        run(["ip", "address", "add", f"{self.address}/24", "dev", self.wire])
        run(["ip", "link", "set", self.wire, "up"])
        self._plug("this")

    def machine(self, name: str) -> Machine:
        machine = self._started(Machine(name, self._next_address()))
        machine.ip(*self._new_wire("eth0", name))
        machine.ip("address", "add", f"{machine.address}/24", "dev", "eth0")
        machine.ip("link", "set", "eth0", "up")
        self._plug(name)
        return machine

    def unplug(self, machine: Machine) -> None:
        """Nothing reaches it and nothing comes from it; connections are not ended by it."""
        self._switch.ip("link", "set", machine.name, "down")

    def plug_in(self, machine: Machine) -> None:
        self._switch.ip("link", "set", machine.name, "up")

    @staticmethod
    def part(one: Machine, other: Machine) -> None:
        """What these two send to one another is lost on the way, without a word to either; each
        reaches all others."""
        for here, there in ((one, other), (other, one)):
            lost = ("lladdr", NOBODY, "nud", "permanent", "dev", "eth0")
            here.ip("neighbour", "replace", there.address, *lost)

    @staticmethod
    def join(one: Machine, other: Machine) -> None:
        for here, there in ((one, other), (other, one)):
            here.ip("neighbour", "del", there.address, "dev", "eth0")

    def _started(self, machine: Machine) -> Machine:
        self._ends.callback(machine.end)
        return machine.start()

    def _next_address(self) -> str:
        return NETWORK.format(number=self._number, host=next(self._hosts))

    def _new_wire(self, end: str, port: str) -> list[str]:
        kind = ["type", "veth", "peer", "name", port, "netns", str(self._switch.pid)]
        return ["link", "add", end, *kind]

    def _plug(self, port: str) -> None:
        self._switch.ip("link", "set", port, "master", "switch")
        self._switch.ip("link", "set", port, "up")


@contextmanager
def lan_or_skip() -> Iterator[Lan]:
    """For a fixture: where this machine makes no others its test is skipped."""
    import pytest

    try:
        with Lan() as lan:
            yield lan
    except NoMachinesError as error:
        pytest.skip(f"network namespaces cannot be made here: {error}")


def refuse_without_rights() -> None:
    """Containers often may not: NoMachinesError. What fails later is a fault of ours."""
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        raise NoMachinesError(f"no {', '.join(missing)} (iproute2, util-linux)")
    if os.geteuid() != 0:
        raise NoMachinesError("only root makes network namespaces")
    try:
        for kind in ("veth", "bridge"):
            run(["unshare", "--net", "ip", "link", "add", "trial", "type", kind])
    except ServiceError as error:
        raise NoMachinesError(str(error)) from error


def run(command: Sequence[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=20)
    if done.returncode:
        raise ServiceError(f"{' '.join(command)}: {done.stderr.strip()}")


def namespace_of(pid: int | str) -> str:
    return str(Path(f"/proc/{pid}/ns/net").readlink())


wires = itertools.count(1)
