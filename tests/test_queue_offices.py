"""Whole offices whose queue is of no use: pages, commands and consumers work as ever (law 1)."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import psutil
import pytest
import redis as redis_client
from huey.contrib.djhuey import HUEY

from core import ordering
from core.models import ChargeRecord, Customer, Order, Site, Status
from core.ops import doctor
from core.ops.doctor import Level
from core.ordering import Quote
from office import queue
from office.queue import SignedMessages
from office.queue_stores import QueueFile
from tests.base import VIDEO, new_staff
from tests.desk import Desk
from tests.office import Office, wait_for, working_in
from tests.queues import FEW, FILE, KEY, garbage, replica, saved, sell_few, set_aside
from tests.services import RedisServer


def is_final(order: Order) -> bool:
    order.refresh_from_db()
    return order.is_final


def workers_of(consumer) -> set[int]:
    return {child.pid for child in psutil.Process(consumer.pid).children()}


@pytest.fixture
def database(office):
    """The people and the site are the office's."""
    sell_few()


def test_messages_that_nobody_can_read_stop_no_worker_and_no_order(office, site, erin, demo_site):
    unreadable = [SignedMessages(["another key"]).serialize("anything"), b"garbage", b""]
    for data in unreadable * 14:
        HUEY.storage.enqueue(data)
    for data in unreadable:
        HUEY.storage.add_to_schedule(data, queue.utcnow())
    consumer = office.consumer()
    wait_for(lambda: len(workers_of(consumer)) == 3, what="two workers and the scheduler")
    workers = workers_of(consumer)
    order = ordering.place(Quote.prepare(erin, demo_site.address(VIDEO), FEW), None)
    wait_for(lambda: is_final(order), what="the end of the order")
    assert order.status == Status.COMPLETED
    wait_for(lambda: HUEY.unreadable().count == 42 + 3, what="the last of the messages")
    told = [line for line in consumer.log().splitlines() if "cannot be read" in line]
    # Each worker says the same at most once a minute.
    assert 0 < len(told) <= 42 + 3
    assert workers_of(consumer) == workers
    assert "Traceback" not in consumer.log()
    finding = doctor.messages()
    assert (finding.level, finding.value) == (Level.WARNING, 42 + 3)


def test_another_secret_key_without_the_former_one_stops_no_delivery(office, site, erin, demo_site):
    orders = [
        ordering.place(Quote.prepare(erin, demo_site.address(video), FEW), None)
        for video in (VIDEO, "v1")
    ]
    assert HUEY.pending_count() == 2
    consumer = office.consumer(SECRET_KEY="a new one, and the former is not told to anybody")
    wait_for(lambda: all(map(is_final, orders)), what="the end of both orders")
    assert {order.status for order in orders} == {Status.COMPLETED}
    assert "Traceback" not in consumer.log()


def delivered(consumer, order: Order) -> None:
    wait_for(lambda: is_final(order), what="the end of the order")
    assert order.status == Status.COMPLETED
    assert "died" not in consumer.log()


def commands_work(office: Office, *program: str) -> str:
    """As whoever runs the office types them; what doctor says."""
    for command in ("migrate", "init_office", "sweep"):
        done = office.run(*program, "manage.py", command)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    said = office.run(*program, "manage.py", "doctor")
    assert "Traceback" not in said.stderr
    return said.stdout


def saved_at_the_desk(office: Office, user, customer, demo_site, module: str = "") -> Order:
    """By a real web server that was started now."""
    return saved(Desk(office.web(module=module).url, user), customer, demo_site, FEW)


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_an_office_whose_queue_file_is_of_no_use_works(office, site, alice, erin, demo_site):
    HUEY.storage.close()
    garbage(office.data_dir / FILE)
    assert "OK        queue" in commands_work(office)
    order = saved_at_the_desk(office, alice, erin, demo_site)
    delivered(office.consumer(), order)
    assert len(set_aside(office.data_dir)) == 1


def read_only(file: Path) -> None:
    file.chmod(0o444)


def closed(file: Path) -> None:
    file.chmod(0o000)


def in_a_closed_folder(file: Path) -> None:
    file.unlink()
    file.parent.chmod(0o555)


def read_only_in_a_closed_folder(file: Path) -> None:
    file.chmod(0o444)
    file.parent.chmod(0o555)


UNPRIVILEGED = ("-m", "tests.unprivileged")
# Whether it can be set aside.
HARMS = {
    read_only: True,
    closed: True,
    in_a_closed_folder: False,
    read_only_in_a_closed_folder: False,
}


@pytest.fixture
def office_with_a_file(new_office):
    """An office whose database is elsewhere and whose queue is a file."""
    office = new_office("postgresql")
    del office.env["REDIS_URL"]
    store = QueueFile(queue.NAME, str(office.data_dir / FILE))
    store.queue_size()
    store.close()
    yield office
    office.data_dir.chmod(0o755)


@pytest.mark.parametrize("harm", HARMS)
def test_a_file_that_may_not_be_written_is_set_aside_or_done_without(office_with_a_file, harm):
    office = office_with_a_file
    harm(office.data_dir / FILE)
    done = office.run(*UNPRIVILEGED, "manage.py", "doctor")
    assert "Traceback" not in done.stderr
    assert ("the queue's file cannot be used" in done.stdout) is not HARMS[harm]
    assert len(set_aside(office.data_dir)) == HARMS[harm]


def test_an_office_whose_folder_may_not_be_written_works(
    office_with_a_file, django_db_blocker, settings, demo_site
):
    office = office_with_a_file
    settings.PRIVATE_SITES = (office.env["PRIVATE_SITES"],)
    in_a_closed_folder(office.data_dir / FILE)
    assert "the queue's file cannot be used" in commands_work(office, *UNPRIVILEGED)
    with django_db_blocker.unblock(), working_in(office):
        erin = Customer.objects.create(username="erin")
        ChargeRecord.objects.create(customer=erin, amount=Decimal("20.00"))
        site = Site.objects.create(name="Harbour", origin=demo_site.url, max_rate=5000)
        demo_site.token(site.token)
        sell_few()
        alice = new_staff("alice", is_superuser=True)
        order = saved_at_the_desk(office, alice, erin, demo_site, module="tests.unprivileged")
        delivered(office.consumer("manage.py", "run_huey", module="tests.unprivileged"), order)


# Redis


def wrong_password(server: RedisServer) -> str:
    configure(server, requirepass="a word")
    return server.url.replace("redis://", "redis://:another@")


def wrong_database(server: RedisServer) -> str:
    return server.url.removesuffix("0") + "99"


def by_tls_that_it_does_not_speak(server: RedisServer) -> str:
    return server.url.replace("redis://", "rediss://")


def another_type(server: RedisServer) -> str:
    with redis_client.Redis.from_url(server.url) as client:
        client.set(HUEY.storage.queue_key, "not a list")
    return server.url


def another_type_for_later(server: RedisServer) -> str:
    with redis_client.Redis.from_url(server.url) as client:
        client.set(HUEY.storage.schedule_key, "not a sorted set")
    return server.url


def full(server: RedisServer) -> str:
    configure(server, maxmemory="1")
    return server.url


def configure(server: RedisServer, **values: str) -> None:
    with redis_client.Redis.from_url(server.url) as client:
        client.config_set(*next(iter(values.items())))


REDIS_HARMS: dict[Callable[[RedisServer], str], str] = {
    wrong_password: "refuses the user or the password",
    wrong_database: "no database of the number",
    by_tls_that_it_does_not_speak: "with TLS (rediss://) or without",
    another_type: "holds something else",
    another_type_for_later: "holds something else",
    replica: "leads to a replica",
    full: "is full",
}


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
@pytest.mark.parametrize("harm", REDIS_HARMS)
def test_with_a_redis_that_is_of_no_use_orders_are_saved_and_delivered_and_doctor_says_why(
    office, own_redis, site, desk, erin, demo_site, harm
):
    office.env["REDIS_URL"] = harm(own_redis)
    HUEY.storage = queue.build(office.env["REDIS_URL"], office.data_dir, KEY).storage
    order = saved(desk, erin, demo_site, FEW)
    assert REDIS_HARMS[harm] in doctor.queue().text
    delivered(office.consumer(), order)


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_web_and_commands_start_with_a_redis_that_is_of_no_use(
    office, own_redis, site, alice, erin, demo_site
):
    office.env["REDIS_URL"] = wrong_password(own_redis)
    assert REDIS_HARMS[wrong_password] in commands_work(office)
    saved_at_the_desk(office, alice, erin, demo_site)
