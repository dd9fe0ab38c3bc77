"""What the staff see and may do while a site's breaker holds its orders."""

from datetime import timedelta

import pytest
from django.utils import timezone

from booster.delivery.plan import deadline_of
from booster.retry import PROBE_LEASE_SECONDS
from core import ordering
from core.models import Breaker, Order, Status, probe_now
from core.ops import doctor
from core.ops.doctor import Level
from tests.steps import move

REASON = "The site refused the connection."


@pytest.fixture
def order(order) -> Order:
    move(order, Status.RUNNING, fence=order.fence, start_date=timezone.now())
    return order


@pytest.fixture
def breaker(order) -> Breaker:
    breaker = Breaker.objects.create(site=order.site)
    breaker.open(REASON, 60)
    return breaker


def page(desk, path: str) -> str:
    return desk.get(f"/admin/core/{path}").content.decode()


def test_the_order_says_why_it_waits_and_when_it_ends_at_the_latest(desk, order, breaker):
    shown = page(desk, f"order/{order.pk}/change/")
    assert "Waiting for the site." in shown
    assert REASON in shown
    deadline = timezone.localtime(deadline_of(order))
    assert f"deadline {deadline:%Y-%m-%d %H:%M:%S}" in shown
    breaker.close()
    assert "Waiting for the site." not in page(desk, f"order/{order.pk}/change/")


def test_an_order_that_only_waits_for_its_counter_does_not_wait_for_the_breaker(
    desk, order, breaker
):
    move(order, Status.VERIFYING, fence=order.fence)
    assert "Waiting for the site." not in page(desk, f"order/{order.pk}/change/")


def test_the_site_says_since_when_and_how_many_orders_wait(desk, order, breaker):
    for path in (f"site/{order.site_id}/change/", "site/"):
        shown = page(desk, path)
        assert "Orders waiting: 1." in shown
        assert REASON in shown


def test_the_doctor_names_sites_that_take_no_plays(order, breaker):
    finding = doctor.sites()
    assert (finding.level, finding.value) == (Level.WARNING, 1)
    assert "orders wait for Harbour for" in finding.text
    assert REASON in finding.text
    breaker.close()
    assert doctor.sites().level == Level.OK


def test_retry_now_tries_the_site_at_once(bob, order, breaker):
    ordering.retry(order, bob)
    assert breaker.take_probe(PROBE_LEASE_SECONDS)


def test_verify_now_tries_the_site_at_once(bob, order, breaker):
    ordering.verify(order.site, bob)
    assert breaker.take_probe(PROBE_LEASE_SECONDS)


def test_whoever_says_late_that_a_site_is_down_changes_nothing(breaker):
    opened, probe = breaker.opened_at, breaker.probe_at
    breaker.open("Another reason.", 1)
    assert (breaker.opened_at, breaker.probe_at, breaker.reason) == (opened, probe, REASON)


def test_a_probe_that_died_with_its_process_is_followed_by_another(breaker):
    probe_now({breaker.pk})
    assert breaker.take_probe(PROBE_LEASE_SECONDS)
    assert not breaker.take_probe(PROBE_LEASE_SECONDS)
    Breaker.objects.update(probe_at=timezone.now() - timedelta(seconds=1))
    assert breaker.take_probe(PROBE_LEASE_SECONDS)
