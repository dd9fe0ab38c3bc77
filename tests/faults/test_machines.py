"""Machines of the tests: each with a network of its own, parted and joined at will."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.faults.trial import LONG
from tests.machines import Lan, Machine, lan_or_skip
from tests.office import wait_for
from tests.processes import is_open_at
from tests.services import PostgresServer, RedisServer, StandbyServer

# A browser breaks off what it loads where the machine's own cards change.
pytestmark = pytest.mark.skipif(not LONG, reason="takes no other tests: make faults PART=hosts")


@pytest.fixture
def lan() -> Iterator[Lan]:
    with lan_or_skip() as lan:
        yield lan


def reaches(machine: Machine, server: RedisServer) -> bool:
    """Whether a program of this machine gets an answer to its knock within a second."""
    code = f"import socket; socket.create_connection(('{server.address}', {server.port}), 1)"
    command = [*machine.inside, sys.executable, "-c", code]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_two_that_are_parted_reach_all_others_until_they_are_joined(lan):
    one, other, third = (lan.machine(name) for name in ("one", "other", "third"))
    with RedisServer(machine=one) as redis:
        assert reaches(other, redis) and reaches(third, redis)
        lan.part(one, other)
        assert not reaches(other, redis)
        assert reaches(third, redis)
        assert is_open_at(redis.address, redis.port)
        lan.join(one, other)
        assert reaches(other, redis)


def test_one_that_is_unplugged_is_reached_by_nobody_and_comes_back_as_it_was(lan):
    one, other = lan.machine("one"), lan.machine("other")
    with RedisServer(machine=one) as redis:
        lan.unplug(one)
        assert not reaches(other, redis)
        assert not is_open_at(redis.address, redis.port)
        lan.plug_in(one)
        wait_for(lambda: reaches(other, redis), what="the one that came back")
        assert redis.process.running


def test_nothing_of_it_is_left(lan):
    machine, wire = lan.machine("one"), Path("/sys/class/net", lan.wire)
    assert wire.exists()
    lan.__exit__()
    assert not wire.exists()
    assert not Path(f"/proc/{machine.pid}").exists()


def test_a_standby_has_what_was_committed_and_takes_writes_when_it_is_promoted(lan):
    with PostgresServer(machine=lan.machine("first"), fsync=False) as primary:
        url = primary.create_database("office")
        with StandbyServer(primary, machine=lan.machine("second"), fsync=False) as standby:
            copy = url.replace(primary.address, standby.address)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("CREATE TABLE plays (number int)")
                connection.execute("SELECT pg_switch_wal()")
            with psycopg.connect(copy, autocommit=True) as connection:
                with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                    connection.execute("CREATE TABLE other (number int)")
                primary.kill()
                standby.promote()
                connection.execute("INSERT INTO plays VALUES (1)")
