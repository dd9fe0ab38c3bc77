"""What a site was found to take: kept for the next order, grown back, and forgotten by people."""

import random
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models.functions import Now
from django.urls import reverse

from booster.delivery import Round
from core.models import Order, Site, Status
from tests.base import client_of, messages_of, new_staff
from tests.faults.trial import Trial
from tests.rounds import run_until_idle

LONG_AGO = Now() - timedelta(days=2)
LEARNED = {"learned_rate": 5.0, "learned_connections": 3, "counted_connections": 1}
BUTTON = "Reset the detected limit"


@pytest.fixture
def trial(office, demo_site) -> Trial:
    return Trial(office, demo_site, random.Random(1))


def counted_at_once() -> int | None:
    return Site.objects.values_list("counted_connections", flat=True).get()


def delivered(trial: Trial, count: int) -> Order:
    order = trial.place(count, wake=False)
    run_until_idle(Round("test:1", lambda: False))
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    return order


def test_a_counter_that_loses_none_any_more_gets_twice_as_many_at_once_with_each_order(trial):
    Site.objects.update(counted_connections=1, counts_lost_at=LONG_AGO)
    found = []
    for _ in range(4):
        delivered(trial, 100)
        found.append(counted_at_once())
    assert found == [2, 4, 8, None]


def test_a_counter_that_lost_plays_today_keeps_to_one_at_a_time(trial):
    Site.objects.update(counted_connections=1, counts_lost_at=Now())
    delivered(trial, 100)
    assert counted_at_once() == 1


def test_a_few_plays_say_nothing_of_a_counter(trial):
    Site.objects.update(counted_connections=1, counts_lost_at=LONG_AGO)
    delivered(trial, 10)
    assert counted_at_once() == 1


def test_a_counter_that_loses_plays_again_is_back_at_one(trial):
    Site.objects.update(counted_connections=8, counts_lost_at=LONG_AGO)
    trial.demo_site.fault("plays", "lost_increment", times=40)
    assert delivered(trial, 100).resent == 40
    site = Site.objects.get()
    assert site.counted_connections == 1
    assert Site.objects.filter(counts_lost_at__gt=Now() - timedelta(minutes=5)).exists()


def test_plays_that_the_site_failed_to_answer_say_nothing_of_its_counter(trial):
    trial.use_site(keys=False)
    trial.demo_site.fault("plays", "status", status=500, times=12, skip=20)
    assert delivered(trial, 100).resent == 12
    assert counted_at_once() is None


def test_the_operators_own_limit_is_nothing_learned(trial):
    Site.objects.update(max_connections=1)
    delivered(trial, 100)
    site = Site.objects.get()
    assert (site.learned_connections, site.counted_connections) == (None, None)


def test_what_people_have_forgotten_is_found_out_anew_by_orders_that_run(trial):
    """At the learned pace it would take five minutes; what a round knows it would write back."""
    Site.objects.update(learned_rate=1.0, learned_at=Now())
    order = trial.place(300, wake=False)
    began: list[bool] = []

    def forget_once() -> bool:
        if not began and Order.objects.filter(pk=order.pk, done__gt=0).exists():
            began.append(Site.objects.get().forget_learned())
        return False

    run_until_idle(Round("test:1", forget_once), 120)
    order.refresh_from_db()
    assert (began, order.status) == ([True], Status.COMPLETED)
    assert Site.objects.get().learned_rate is None


# --- the button


def test_who_keeps_sites_has_it_forgotten_and_that_is_kept(office):
    site = Site.objects.create(
        name="Harbour", origin="https://videos.example.com", learned_at=Now(), **LEARNED
    )
    bob, carol = new_staff("bob", "Administrators"), new_staff("carol", "Auditors")
    page = reverse("admin:core_site_change", args=[site.pk])
    button = reverse("admin:core_site_forget", args=[site.pk])
    assert f'data-post="{button}"' in client_of(bob).get(page).content.decode()
    assert BUTTON not in client_of(carol).get(page).content.decode()

    assert client_of(carol).post(button).status_code == 403
    assert Site.objects.filter(**LEARNED).exists()

    told = "The detected limit was reset; orders will detect it again."
    assert messages_of(client_of(bob).post(button, follow=True)) == [told]
    assert Site.objects.filter(**dict.fromkeys((*LEARNED, "learned_at"))).exists()
    assert LogEntry.objects.get(user=bob).change_message == told
    assert BUTTON not in client_of(bob).get(page).content.decode()

    again = client_of(bob).post(button, follow=True)
    assert messages_of(again) == ["No limit detected."]


def test_who_keeps_sites_sees_how_late_the_counter_was_and_has_it_forgotten(office):
    """Learned while something held the counter up, every later order waited for it."""
    site = Site.objects.create(
        name="Harbour", origin="https://videos.example.com", learned_lag=600.0
    )
    bob, carol = new_staff("bob", "Administrators"), new_staff("carol", "Auditors")
    page = reverse("admin:core_site_change", args=[site.pk])
    button = reverse("admin:core_site_forget_lag", args=[site.pk])
    shown = "plays up to 10 minutes late"
    for_bob, for_carol = (client_of(who).get(page).content.decode() for who in (bob, carol))
    assert shown in for_bob
    assert shown in for_carol
    assert (button in for_bob, button in for_carol) == (True, False)

    assert client_of(carol).post(button).status_code == 403
    site.refresh_from_db()
    assert site.learned_lag == 600.0

    told = messages_of(client_of(bob).post(button, follow=True))
    assert told == ["The measured counter delay was reset."]
    site.refresh_from_db()
    assert site.learned_lag is None
    page_after = client_of(bob).get(page).content.decode()
    assert shown not in page_after
    assert button not in page_after
    again = messages_of(client_of(bob).post(button, follow=True))
    assert again == ["No counter delay measured."]
