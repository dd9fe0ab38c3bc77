"""manage.py doctor tells what is wrong, in words and by its exit status."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from core.models import Heartbeat, Order, Pause, Status
from core.ops import doctor
from core.ops.doctor import Level
from tests.base import an_order
from tests.office import wait_for

LONG_AGO = timedelta(minutes=5)


@pytest.fixture
def order(db) -> Order:
    return an_order()


@pytest.fixture
def consumer(db) -> Heartbeat:
    Heartbeat.objects.beat("host:1", queue_is_up=True)
    return Heartbeat.objects.get()


def told() -> dict[str, tuple[Level, float | None]]:
    """What the checks that are not content say."""
    findings = doctor.examine()
    return {row.check: (row.level, row.value) for row in findings if row.level != Level.OK}


def test_an_office_with_a_consumer_and_nothing_late_is_well(consumer, order):
    assert told() == {}


def test_an_office_without_a_consumer_is_not(order):
    assert told() == {"consumers": (Level.CRITICAL, 0)}


def test_a_consumer_that_died_is_named_beside_those_that_live(consumer):
    Heartbeat.objects.create(consumer="host:2", seen=timezone.now() - LONG_AGO, queue_is_up=True)
    assert told() == {"consumers": (Level.WARNING, 1)}
    assert "died: host:2" in doctor.consumers().text


def test_a_queue_that_a_consumer_cannot_reach_is_told(consumer):
    Heartbeat.objects.beat(consumer.consumer, queue_is_up=False)
    assert told()["queue"][0] == Level.WARNING


def test_a_lease_that_nobody_took_over_is_told(consumer, order):
    Order.objects.update(status=Status.RUNNING, lease_until=timezone.now() - LONG_AGO)
    assert told() == {"leases": (Level.WARNING, 1)}


def test_an_order_that_has_been_due_for_long_is_told(consumer, order):
    Order.objects.update(due=timezone.now() - LONG_AGO)
    assert told()["due"][0] == Level.WARNING
    Order.objects.update(due=timezone.now() - timedelta(hours=1))
    assert told()["due"][0] == Level.CRITICAL


def test_orders_that_wait_for_a_token_for_a_counter_or_for_a_person_are_told(consumer, order):
    Order.objects.update(status=Status.PAUSED, held_by_site=True, lease_until=None)
    assert told() == {"held": (Level.WARNING, 1)}
    hours_ago = timezone.now() - timedelta(hours=2)
    Order.objects.update(
        status=Status.VERIFYING,
        reserved=100,
        uncertain=7,
        verify_until=hours_ago,
        attention="The counter did not move.",
    )
    assert told() == {"uncertain": (Level.WARNING, 7), "attention": (Level.WARNING, 1)}


def test_a_pause_that_may_be_forgotten_is_told_and_what_it_holds_is_not_late(consumer, order):
    Order.objects.update(due=timezone.now() - timedelta(hours=1))
    pause = Pause.objects.begin(None, None, "fire drill")
    assert told() == {"paused": (Level.WARNING, 1)}
    pause.end(None, shift=True)
    assert told()["due"][0] == Level.CRITICAL


def test_the_command_follows_a_consumer_from_its_start_to_its_end(office):
    assert office.manage("doctor", check=False).returncode == 2
    consumer = office.consumer()
    wait_for(lambda: Heartbeat.objects.count() == 2, what="two heartbeats")
    done = office.manage("doctor", "--json")
    report = json.loads(done.stdout)
    assert (report["status"], len(report["checks"])) == ("ok", len(doctor.CHECKS))
    assert report["checks"][1] == {
        "check": "consumers",
        "level": "ok",
        "value": 2,
        "text": "2 workers running",
    }
    consumer.terminate(timeout=25)
    assert not Heartbeat.objects.exists()
    lines = office.manage("doctor", check=False).stdout.splitlines()
    assert lines[1].split(maxsplit=2)[:2] == ["CRITICAL", "consumers"]


def test_a_warning_is_no_emergency_and_a_consumer_taken_away_on_purpose_is_not_even_that(office):
    """Of two consumers one is stopped for good, as before its host is taken down."""
    staying, leaving = office.consumer("-w", "1"), office.consumer("-w", "1")
    wait_for(lambda: Heartbeat.objects.count() == 2, what="two heartbeats")
    leaving.terminate(timeout=25)
    assert office.manage("doctor", check=False).returncode == 0
    Heartbeat.objects.create(consumer="host:2", seen=timezone.now() - LONG_AGO, queue_is_up=True)
    assert office.manage("doctor", check=False).returncode == 1
    staying.terminate(timeout=25)


def test_a_database_that_cannot_be_read_is_a_finding(office, tmp_path):
    (tmp_path / "office.sqlite3").write_text("not a database at all")
    office.env["DATABASE_URL"] = f"sqlite:///{tmp_path / 'office.sqlite3'}"
    done = office.manage("doctor", check=False)
    assert done.returncode == 2
    assert "CRITICAL" in done.stdout and "cannot be used" in done.stdout


def test_what_is_only_proved_is_late_too_where_its_site_is_paused(consumer, order):
    Order.objects.update(status=Status.RUNNING, due=timezone.now() - LONG_AGO)
    Pause.objects.begin(order.site, None, "maintenance")
    assert set(told()) == {"paused"}
    Order.objects.update(status=Status.VERIFYING)
    assert set(told()) == {"paused", "due"}
