"""The office behind a real PgBouncer: whole where each connection has a session of its own, and
refused in a line where sessions are lent from transaction to transaction."""

import json
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from core.db import poolers
from core.db.patience import wait_for_locks
from core.models import Customer, Order, Status
from core.ops.auditing import differences
from tests.base import VIDEO
from tests.office import Office, wait_for, working_in
from tests.pgbouncer import PgBouncer
from tests.test_journey import ended, place
from tests.test_outages import name_of, told_of

pytestmark = pytest.mark.slow

OTHERS = {"lock_timeout": "7s", "idle_in_transaction_session_timeout": "0"}


@pytest.fixture
def bouncer(request, postgres) -> Iterator[PgBouncer]:
    with PgBouncer(postgres, request.param) as bouncer:
        yield bouncer


@pytest.fixture
def office(bouncer, new_office, django_db_blocker, settings) -> Iterator[Office]:
    """Its database is reached through the pooler."""
    office = new_office("postgresql")
    office.env["DATABASE_URL"] = bouncer.url(name_of(office))
    settings.PRIVATE_SITES = (office.env["PRIVATE_SITES"],)
    with django_db_blocker.unblock(), working_in(office):
        yield office


@pytest.fixture
def database(office):
    """The people and the site are the office's."""


sessions_of_ones_own = pytest.mark.parametrize("bouncer", ["session"], indirect=True)
lent_sessions = pytest.mark.parametrize("bouncer", ["transaction"], indirect=True)


@sessions_of_ones_own
def test_an_order_is_delivered_and_pages_are_answered(office, site, erin, demo_site):
    office.manage("migrate")
    office.consumer("-w", "4")
    order = ended(place(erin, demo_site.address(VIDEO), 10_000))
    assert (order.status, order.delivered) == (Status.COMPLETED, 10_000)
    assert list(differences()) == []
    web = office.run_web("--processes", "1")
    from tests.test_metrics import ask

    wait_for(lambda: ask(web.url, "/readyz") == (200, "ready\n"), what="the web")


@sessions_of_ones_own
def test_each_session_is_told_what_the_office_relies_on_whatever_it_was_before(office, postgres):
    name = name_of(office)
    with psycopg.connect(postgres.url, autocommit=True) as server:
        for setting, value in OTHERS.items():
            server.execute(f"ALTER DATABASE {name} SET {setting} = '{value}'")
    for pool, found in (("off", ["0", "20s"]), ("on", ["10s", "20s"])):
        office.env["DATABASE_POOL"] = pool
        assert told_of(office, *OTHERS) == found
    connection.close()
    before = connection.settings_dict
    wait_for_locks(1)
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("1s",)
    connection.close()
    connection.settings_dict = before


@sessions_of_ones_own
def test_a_list_longer_than_a_block_is_read_to_its_end(office):
    Customer.objects.bulk_create(Customer(username=f"c{row}") for row in range(300))
    names = Customer.objects.values_list("username", flat=True).iterator(chunk_size=50)
    read = [name for name in names if Order.objects.filter(customer__username=name).count() == 0]
    assert len(read) == 300
    assert not poolers.lends_sessions(connection)


@lent_sessions
def test_where_sessions_are_lent_the_office_is_not_set_up_and_doctor_says_why(office):
    refused = office.manage("migrate", check=False)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "pool_mode = session" in refused.stderr
    told = office.manage("doctor", "--deploy", "--json", check=False)
    assert told.returncode == 2
    (found,) = [one for one in json.loads(told.stdout)["checks"] if one["check"] == "pooler"]
    assert "pool_mode = session" in found["text"]
