"""Three hosts, one of them with a clock an hour ahead, on machines of their own: cut off from the
database but not from the site, killed whole, left by the database server that they worked with."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings as office_settings
from django.db import connections

from core.db import clock
from core.models import Order, Site
from tests.faults.hosts import Databases, Host
from tests.faults.test_postgres import place_stubbornly
from tests.faults.trial import LONG, VIDEOS, Trial
from tests.machines import Lan, Machine, lan_or_skip
from tests.office import Office, numbers, wait_for, working_in
from tests.services import RedisServer
from tests.sites import DemoSite

HOUR = 3600.0
TIMES = 3
# Seconds from the harm until others work on what it hit.
TAKEN_OVER_WITHIN = 35.0
TEMPLATE = "template_office"

pytestmark = pytest.mark.skipif(not LONG, reason="takes long: make faults PART=hosts")


@pytest.fixture(scope="module")
def lan() -> Iterator[Lan]:
    with lan_or_skip() as lan:
        yield lan


@pytest.fixture(scope="module")
def site(lan) -> Iterator[DemoSite]:
    with DemoSite(extra=5000, machine=lan.machine("site")) as site:
        yield site


@pytest.fixture(scope="module")
def queue(lan) -> Iterator[RedisServer]:
    with RedisServer(machine=lan.machine("queue")) as redis:
        yield redis


@pytest.fixture(scope="module")
def databases(lan, tmp_path_factory) -> Iterator[Databases]:
    databases = Databases(lan)
    url = databases.primary.create_database(TEMPLATE)
    Office("postgresql", tmp_path_factory.mktemp("template"), DATABASE_URL=url).manage(
        "init_office"
    )
    yield databases
    databases.close()


@pytest.fixture(scope="module")
def machines(lan) -> list[Machine]:
    return [lan.machine(name) for name in ("north", "south", "east")]


@pytest.fixture
def trial(lan, databases, queue, site, dice, settings, django_db_blocker) -> Iterator[Trial]:
    """This process is one more machine, on which nothing goes wrong."""
    databases.ensure_standby()
    name = f"office_{next(numbers)}"
    databases.primary.create_database(name, template=TEMPLATE)
    data_dir = Path(tempfile.mkdtemp(prefix="office-"))
    env = {"DATABASE_URL": databases.url(name), "REDIS_URL": queue.url}
    office = Office("postgresql", data_dir, PRIVATE_SITES=lan.network, **env)
    settings.PRIVATE_SITES = (lan.network,)
    queue.flush()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, data_dir, ignore_errors=True)
        stack.callback(office.close)
        stack.enter_context(django_db_blocker.unblock())
        stack.enter_context(working_in(office))
        # Nor does it wait for ever for a server that is gone.
        options = connections["default"].settings_dict["OPTIONS"]
        options.update(office_settings.POSTGRESQL_OPTIONS | options)
        yield Trial(office, site, dice)


@pytest.fixture
def hosts(trial, machines) -> list[Host]:
    """The last one's clock is an hour ahead."""
    hosts = [
        Host(trial, machine, ahead) for machine, ahead in zip(machines, (0, 0, HOUR), strict=True)
    ]
    for host in hosts:
        host.wait_until_ready()
    return hosts


def save_in_the_form(trial: Trial, host: Host) -> Order:
    """At the desk of this host, again as long as it says that the database is busy."""
    customer, video = trial.dice.choice(trial.customers), f"v{next(VIDEOS)}"
    desk, key = host.desk(), f"{trial.dice.getrandbits(128):032x}"
    form = {"customer": customer.pk, "url": trial.demo_site.address(video), "count": 10_000}
    began = time.monotonic()
    while True:
        answer = desk.post("/admin/core/order/add/", form | {"request_key": key})
        if answer.status_code != 503 or time.monotonic() > began + TAKEN_OVER_WITHIN:
            break
        time.sleep(0.5)
    assert answer.status_code == 302, answer.text
    return Order.objects.get(request_key=key)


def place_for_all(trial: Trial, hosts: list[Host], victim: Host) -> None:
    """So that each has something to do, and this one has plays on the wire."""
    trial.place_many(24, 600)
    wait_for(lambda: victim.held().filter(done__gt=0).exists(), what="plays of the victim")


def taken_over(held: dict[int, int], began: float) -> float:
    """Seconds since then until none of these orders ({id: fence}) is its former holder's."""

    def is_left() -> bool:
        now = dict(Order.objects.open().filter(pk__in=held).values_list("pk", "fence"))
        return any(now[pk] == held[pk] for pk in now)

    wait_for(lambda: not is_left(), 2 * TAKEN_OVER_WITHIN, "the takeover")
    return time.monotonic() - began


def fences(host: Host) -> dict[int, int]:
    return dict(host.held().values_list("pk", "fence"))


def end(trial: Trial, hosts: list[Host]):
    """Every host still sells and all that is sold is delivered."""
    Site.objects.update(max_rate=20_000, max_connections=16)
    for host in hosts:
        save_in_the_form(trial, host)
    trial.wait_for_the_end(600)
    for host in hosts:
        assert host.consumer.running and host.web.running
        _before, failed, how = host.consumer.log().partition("the round failed")
        assert not failed, how[:8000]
    return trial.verdict()


@pytest.mark.parametrize("keys", [True, False])
def test_a_host_cut_off_from_the_database_is_replaced_by_others(
    trial, hosts, lan, databases, row, keys
):
    """It reaches the site all the while, and the site is slow, so that what it reserved would last
    beyond its lease."""
    trial.use_site(keys=keys, rate=400, connections=4, resend_percent=100)
    longest, victim = 0.0, hosts[0]
    for _ in range(TIMES):
        place_for_all(trial, hosts, victim)
        trial.demo_site.fault("plays", "delay", seconds=0.5)
        held, began = fences(victim), time.monotonic()
        lan.part(victim.machine, databases.primary_machine)
        longest = max(longest, taken_over(held, began))
        lan.join(victim.machine, databases.primary_machine)
        trial.demo_site.clear()
        trial.wait_for_the_end(300)
    verdict = end(trial, hosts)
    tried = f"parted from the database {TIMES} times, {'with' if keys else 'without'} keys"
    row("hosts", tried, verdict, f"taken over within {longest:.1f} s")
    assert verdict.broken == []
    assert longest <= TAKEN_OVER_WITHIN


@pytest.mark.parametrize("keys", [True, False])
def test_a_host_that_is_killed_whole_is_replaced_by_others(trial, hosts, row, keys):
    trial.use_site(keys=keys, rate=400, connections=4, resend_percent=100)
    longest = 0.0
    for _ in range(TIMES):
        victim = trial.dice.choice(hosts)
        place_for_all(trial, hosts, victim)
        held, began = fences(victim), time.monotonic()
        victim.kill()
        longest = max(longest, taken_over(held, began))
        victim.start()
        victim.wait_until_ready()
        trial.wait_for_the_end(300)
    verdict = end(trial, hosts)
    tried = f"killed whole {TIMES} times, {'with' if keys else 'without'} keys"
    row("hosts", tried, verdict, f"taken over within {longest:.1f} s")
    assert verdict.broken == []
    assert longest <= TAKEN_OVER_WITHIN


def test_a_host_whose_clock_is_an_hour_ahead_sells_and_delivers_by_the_databases(trial, hosts, row):
    trial.use_site(rate=20_000)
    before = clock.now()
    orders = [save_in_the_form(trial, hosts[2]) for _ in range(30)]
    trial.place_many(300)
    verdict = end(trial, hosts)
    after = clock.now()
    wrong = [
        order.oid
        for order in Order.objects.all()
        if not before <= order.create_date <= order.start_date <= order.end_date <= after
    ]
    row("hosts", "one clock +1 h", verdict, f"{len(wrong)} wrong dates")
    assert verdict.broken == []
    assert verdict.resent == 0
    assert wrong == []
    assert len(orders) == 30


@pytest.mark.parametrize("harm", [Databases.kill_primary])
def test_a_failover_to_the_standby_loses_nothing(trial, hosts, databases, row, harm):
    """Nobody is told where the database is now: each goes through the hosts it knows."""
    trial.use_site(rate=400, connections=4)
    longest = 0.0
    for _ in range(TIMES):
        databases.ensure_standby()
        place_for_all(trial, hosts, hosts[0])
        began = time.monotonic()
        databases.fail_over(harm)
        done = progress()
        wait_for(lambda done=done: progress() != done, 2 * TAKEN_OVER_WITHIN, "plays at the new")
        longest = max(longest, time.monotonic() - began)
        place_stubbornly(trial)
        trial.wait_for_the_end(300)
    verdict = end(trial, hosts)
    tried = f"{harm.__name__} and promote {TIMES} times"
    row("hosts", tried, verdict, f"resumed within {longest:.1f} s")
    assert verdict.broken == []
    assert longest <= TAKEN_OVER_WITHIN


def progress() -> list[tuple[int, int]]:
    return [*Order.objects.open().values_list("pk", "done")]


def test_a_standby_that_nobody_waits_for_lacks_what_was_saved_last(trial, lan, databases, control):
    """The control: why commits wait for the standby."""
    databases.let_commits_wait_for_nobody()
    lan.part(databases.primary_machine, databases.other_machine)
    orders = trial.place_many(3, wake=False)
    databases.fail_over(Databases.kill_primary)
    lan.join(databases.primary_machine, databases.other_machine)
    assert Order.objects.count() == 0
    control("commits that wait for the standby", f"{len(orders)} orders gone after a failover")
