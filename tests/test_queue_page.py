"""The queue page; what an order's page tells of the answers, and a site's of what it takes."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import Count
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from core import ordering
from core.admin.order_page import answers_of
from core.models import (
    WORKABLE,
    Breaker,
    Heartbeat,
    Order,
    Pause,
    Site,
    Status,
    User,
)
from core.reports import queue as figures
from core.reports.queue import queue
from tests.base import client_of, messages_of, placed

pytestmark = pytest.mark.django_db

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
LIVING, DEAD = "one:11", "two:22"
PAGE = "/admin/queue/"


@pytest.fixture
def worker() -> str:
    Heartbeat.objects.beat(LIVING, queue_is_up=True)
    return LIVING


def changed(order: Order, **columns) -> Order:
    Order.objects.filter(pk=order.pk).update(**columns)
    order.refresh_from_db()
    return order


def run_by(holder: str, order: Order, lease: timedelta, **columns) -> Order:
    """Running, under a lease that ends so far from now."""
    held = {"status": Status.RUNNING, "holder": holder, "lease_until": Now() + lease}
    return changed(order, **held, **columns)


@pytest.fixture
def breaker(harbour) -> Breaker:
    breaker = Breaker.objects.create(site=harbour)
    breaker.open("The site <refused> the connection.", 60)
    return breaker


# --- the figures


def test_each_worker_has_what_it_drives_and_a_dead_one_what_it_left(worker, erin, harbour):
    sending = {"reserved": 900, "done": 600, "uncertain": 100}
    run_by(LIVING, placed(erin, harbour, "a"), HOUR, **sending)
    run_by(LIVING, placed(erin, harbour, "b"), HOUR, reserved=50)
    run_by(DEAD, placed(erin, harbour, "c"), -HOUR, reserved=7)
    changed(placed(erin, harbour, "d"), status=Status.RUNNING, due=timezone.now() + HOUR)
    living, dead = queue().workers
    assert (living.name, living.is_alive, living.queue_is_up) == (LIVING, True, True)
    assert (living.orders, living.left, living.in_flight) == (2, 0, 250)
    assert (dead.name, dead.is_alive) == (DEAD, False)
    assert (dead.orders, dead.left, dead.in_flight) == (0, 1, 7)


def test_a_worker_that_was_silent_for_long_and_left_nothing_is_gone(worker, erin):
    Heartbeat.objects.update(seen=Now() - HOUR)
    assert queue().workers == ()


def test_due_is_what_a_worker_may_take_now(erin, harbour):
    assert (queue().due.orders, queue().due.oldest) == (0, None)
    now = timezone.now()
    changed(placed(erin, harbour, "a"), due=now - 90 * SECOND)
    changed(placed(erin, harbour, "b"), due=now - 30 * SECOND)
    changed(placed(erin, harbour, "c"), due=now + HOUR)
    run_by(LIVING, placed(erin, harbour, "d"), HOUR, due=now - 2 * HOUR)
    found = queue().due
    assert (found.orders, found.more) == (2, False)
    assert found.oldest is not None
    assert 90 * SECOND <= found.oldest < 100 * SECOND


def test_what_people_hold_back_is_not_due_but_its_proof_is(erin, harbour, bob):
    now = timezone.now()
    other = Site.objects.create(name="Other", origin="https://other.example.com")
    changed(placed(erin, harbour, "a"), due=now - 3 * HOUR)
    changed(placed(erin, harbour, "b"), due=now - 2 * HOUR, status=Status.VERIFYING)
    changed(placed(erin, other, "c"), due=now - HOUR)
    assert queue().due.orders == 3

    pause = Pause.objects.begin(harbour, bob, "disk full")
    found = queue().due
    assert found.orders == 2
    assert found.oldest is not None
    assert 2 * HOUR <= found.oldest < 2 * HOUR + 10 * SECOND
    pause.end(bob, shift=True)

    Pause.objects.begin(None, bob, "fire drill")
    assert queue().due.orders == 1


def test_more_than_anybody_counts_is_said_to_be_more(monkeypatch, erin, harbour):
    monkeypatch.setattr(figures, "MOST_DUE", 2)
    for video in "abc":
        placed(erin, harbour, video)
    assert (queue().due.orders, queue().due.more) == (2, True)


def test_sites_stand_with_their_orders_the_troubled_ones_first(erin, harbour, breaker):
    Site.objects.update(verified=True)
    calm = Site.objects.create(name="Calm", origin="https://a.example.com", verified=True)
    Site.objects.create(name="Gone", origin="https://b.example.com", active=False)
    placed(erin, calm, "a")
    changed(placed(erin, calm, "b"), status=Status.VERIFYING)
    changed(placed(erin, calm, "c"), status=Status.COMPLETED)
    run_by(LIVING, placed(erin, harbour, "a"), HOUR)
    lines = [
        (line.site.name, line.is_troubled, line.pending, line.running, line.verifying)
        for line in queue().sites
    ]
    assert lines == [("Harbour", True, 0, 1, 0), ("Calm", False, 1, 0, 1)]


def test_the_statements_do_not_grow_with_orders_sites_and_workers(
    desk, worker, erin, harbour, breaker, bob, django_assert_num_queries
):
    # The clock, pauses, orders by site, sites, workers, orders by worker, orders due.
    with django_assert_num_queries(7):
        queue()
    desk.get(PAGE)
    with django_assert_num_queries(7) as page:
        queue()
    for number in range(8):
        Heartbeat.objects.beat(f"many:{number}", queue_is_up=True)
        site = Site.objects.create(name=f"Site {number}", origin=f"https://s{number}.example.com")
        Breaker.objects.create(site=site).open("It is down.", 60)
        placed(erin, site, "a", price=1)
        run_by(f"many:{number}", placed(erin, site, "b", price=1), HOUR)
        if number % 2:
            Pause.objects.begin(site, bob, "disk full")
    with django_assert_num_queries(len(page)):
        queue()


def test_the_page_asks_as_often_for_many_sites_as_for_one(desk, erin, harbour, breaker, bob):
    def statements() -> int:
        desk.get(PAGE)
        with connection.execute_wrapper(count):
            asked.clear()
            assert desk.get(PAGE).status_code == 200
        return len(asked)

    def count(execute, sql, *rest):
        asked.append(sql)
        return execute(sql, *rest)

    asked: list[str] = []
    few = statements()
    for number in range(5):
        site = Site.objects.create(name=f"Site {number}", origin=f"https://s{number}.example.com")
        Breaker.objects.create(site=site).open("It is down.", 60)
        placed(erin, site, "a", price=1)
    Pause.objects.begin(site, bob, "disk full")
    assert statements() == few


def test_running_orders_and_those_of_sites_are_found_by_indexes():
    by_site = Order.objects.filter(status__in=WORKABLE).order_by().values_list("site", "status")
    assert "COVERING INDEX order_status_created" in by_site.annotate(Count("pk")).explain()
    running = Order.objects.filter(status=Status.RUNNING, lease_until__isnull=False)
    assert "INDEX order_status" in running.order_by("holder").explain()


# --- the page


def shown(user: User) -> str:
    return client_of(user).get(PAGE).content.decode()


def test_the_page_draws_workers_what_is_due_and_how_sites_stand(
    carol, worker, erin, harbour, breaker
):
    learned = {"learned_rate": 4.83, "learned_connections": 1, "learned_at": timezone.now()}
    Site.objects.update(verified=True, **learned)
    run_by(LIVING, placed(erin, harbour, "a"), HOUR, reserved=1234)
    changed(placed(erin, harbour, "b"), due=timezone.now() - 50 * SECOND)
    page = shown(carol)
    for text in (LIVING, "alive", "1,234", "Oldest due for", "down"):
        assert text in page
    assert "The site &lt;refused&gt; the connection." in page
    assert "4.8 plays per second<br>1 play at once<br>" in page


def test_an_office_without_workers_is_told_how_to_start_one(carol):
    assert "manage.py run_huey" in shown(carol)


def test_who_may_only_look_has_no_buttons(carol, bob, harbour, breaker):
    actions = [
        *(reverse(f"admin:core_site_{name}", args=[harbour.pk]) for name in ("probe", "pause")),
        reverse("admin:pause_office", args=["pause"]),
    ]
    for action in actions:
        assert f'data-post="{action}"' in shown(bob)
    assert "data-post=" not in shown(carol)

    Pause.objects.begin(harbour, bob, "disk <full>")
    page = shown(bob)
    assert "disk &lt;full&gt;" in page
    assert actions[0] not in page
    for name in ("resume", "catch_up"):
        assert reverse(f"admin:core_site_{name}", args=[harbour.pk]) in page


def test_the_menu_leads_to_the_page_for_who_may_see_orders(carol, dave):
    assert PAGE in client_of(carol).get("/admin/").content.decode()
    assert PAGE not in client_of(dave).get("/admin/").content.decode()


# --- a site on hold is tried at once


def test_one_order_tries_at_once_a_site_that_is_on_hold(desk, erin, harbour, breaker):
    soon = timezone.now() + 20 * SECOND
    first = changed(placed(erin, harbour, "a"), due=soon)
    second = changed(placed(erin, harbour, "b"), due=soon + SECOND)
    later = changed(placed(erin, harbour, "c"), due=timezone.now() + HOUR)
    answer = desk.post(f"/admin/core/site/{harbour.pk}/probe/", follow=True)
    assert messages_of(answer) == [
        "One order tries the site now; if the site accepts plays, all others follow."
    ]
    assert list(Order.objects.free_to_claim()) == [first]
    assert {second.due, later.due} == set(
        Order.objects.exclude(pk=first.pk).values_list("due", flat=True)
    )
    breaker.refresh_from_db()
    assert breaker.take_probe(60)


def test_a_site_that_takes_plays_is_not_tried(desk, erin, harbour, breaker):
    breaker.close()
    order = changed(placed(erin, harbour), due=timezone.now() + 20 * SECOND)
    harbour.refresh_from_db()
    assert not ordering.probe_site(harbour)
    answer = desk.post(f"/admin/core/site/{harbour.pk}/probe/", follow=True)
    assert messages_of(answer) == ["The site is not down; there is nothing to try."]
    assert "Try sending now" not in answer.content.decode()
    assert Order.objects.get().due == order.due


def test_a_planned_start_is_not_brought_forward_by_a_probe(erin, harbour, breaker):
    start = timezone.now() + 20 * SECOND
    changed(placed(erin, harbour), due=start, planned_start=start)
    assert ordering.probe_site(harbour)
    assert not Order.objects.free_to_claim().exists()


# --- answers


def test_an_order_whose_plays_were_all_taken_says_nothing_of_answers(erin, harbour):
    assert answers_of(placed(erin, harbour)) == []
    assert answers_of(changed(placed(erin, harbour, "b"), answers={"200": 7, "204": 3})) == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (503, "asked to slow down"),
        (429, "asked to slow down"),
        (425, "asked to slow down"),
        (302, "redirects are not followed"),
        (404, "refused"),
        (408, "the site failed"),
        (500, "the site failed"),
        (206, "not a valid answer to a play"),
    ],
)
def test_each_answer_stands_beside_what_it_means(status, words, desk, erin, harbour):
    order = changed(placed(erin, harbour), answers={"200": 46, str(status): 1154})
    page = desk.get(f"/admin/core/order/{order.pk}/change/").content.decode()
    assert "200: 46" in page
    assert f"{status}: 1,154" in page
    assert words in page


def test_what_means_received_is_the_kind_of_sites_own_affair(erin, harbour):
    """PeerTube answers a play with 204; a 200 comes from something in front of it."""
    Site.objects.update(adapter="peertube")
    order = changed(placed(erin, harbour), answers={"200": 154})
    (line,) = answers_of(Order.objects.get(pk=order.pk))
    assert line[2].startswith("not a valid answer to a play")


@pytest.mark.parametrize("kind", [("http", {"play": "?"}), ("gone", None)])
def test_an_order_of_a_site_whose_kind_cannot_be_read_shows_its_answers(erin, harbour, kind):
    order = changed(placed(erin, harbour), answers={"200": 1, "503": 2})
    Site.objects.update(adapter=kind[0], recipe=kind[1])
    assert [line[:2] for line in answers_of(Order.objects.get(pk=order.pk))] == [
        ("200", "1"),
        ("503", "2"),
    ]


# --- what a site was found to take


WHEN = datetime(2026, 11, 28, 13, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rate", "connections", "found", "advice"),
    [
        (4.83, None, "4.8 plays per second", "enter it as “most plays a second”"),
        (0.052, None, "0.052 plays per second", "enter it as “most plays a second”"),
        (1234.6, None, "1,235 plays per second", "enter it as “most plays a second”"),
        (None, 4, "4 plays at once", "enter it as “most connections”"),
        (None, 1, "1 play at once", "enter 1 as “most connections”"),
        (20.0, 1, "20 plays per second and 1 play at once", "enter 1 as “most connections”"),
    ],
)
def test_a_site_shows_what_it_was_found_to_take_and_what_to_do(
    desk, harbour, rate, connections, found, advice
):
    Site.objects.update(learned_rate=rate, learned_connections=connections, learned_at=WHEN)
    when = f"{timezone.localtime(WHEN):%-d %b, %H:%M}"
    page = desk.get(f"/admin/core/site/{harbour.pk}/change/").content.decode()
    assert f"Detected limit: {found} ({when})." in page
    assert advice in page


def test_a_site_that_took_whatever_was_sent_shows_nothing_of_the_kind(desk, harbour):
    Site.objects.update(learned_at=WHEN)
    assert (
        "Detected limit" not in desk.get(f"/admin/core/site/{harbour.pk}/change/").content.decode()
    )
