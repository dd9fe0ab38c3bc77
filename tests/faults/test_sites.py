"""Sites that misbehave and sites that lie: the right end, the right refund, nobody stuck."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from core import ordering
from core.models import Breaker, Order, Site, Status
from tests.faults.oracle import reason
from tests.faults.trial import LONG, Trial, must_fail, on, size
from tests.office import wait_for
from tests.sites import DemoSite

# What goes wrong with a play, a few times for each order.
TRANSIENT: dict[str, dict[str, Any]] = {
    "503": {"kind": "status", "status": 503},
    "500": {"kind": "status", "status": 500},
    "429": {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}},
    "hangs in head": {"kind": "hang"},
    "hangs in body": {"kind": "hang_body"},
    "resets before counting": {"kind": "reset_before"},
    "resets after counting": {"kind": "reset_after"},
    "half a body": {"kind": "half_body"},
    "10 MB body": {"kind": "big_body"},
    "slow drip": {"kind": "slow_drip", "seconds": 0.02},
    "gzip bomb": {"kind": "gzip_bomb"},
    "HTML for JSON": {"kind": "not_json"},
}
EACH = size(1, 100)
# Twelve kinds at once in the short form; one kind after the other in the long one.
BATCHES = size(1, len(TRANSIENT))


@on("postgresql")
def test_sites_that_misbehave_get_every_play_once(trial, row):
    trial.use_site(rate=5000, connections=32)
    for _ in range(2):
        trial.consumer("--workers=6", lease=None, hurry=not LONG, wait=False)
    names = list(TRANSIENT)
    slowest = 0.0
    for batch in [names[number::BATCHES] for number in range(BATCHES)]:
        for name in batch:
            for _ in range(EACH):
                order = trial.place(300, wake=False)
                strikes = 1 if "hang" in name else 3
                trial.demo_site.fault(
                    "plays", video=order.video_id, skip=50, times=strikes, **TRANSIENT[name]
                )
        for order in Order.objects.open():
            trial.retry(order)
        slowest = max(slowest, trial.wait_for_the_end(size(240, 900)))
        trial.demo_site.clear()
    verdict = trial.verdict()
    row("sites", f"{len(TRANSIENT)} kinds x {EACH}", verdict, f"slowest kind {slowest:.0f} s")
    assert verdict.broken == []


@pytest.fixture
def own_site(tmp_path) -> Iterator[DemoSite]:
    with DemoSite(extra=5000, state=tmp_path / "site.json") as site:
        yield site


@on("sqlite")
def test_a_site_that_is_down_for_a_while_costs_no_play(office, own_site, dice, row, settings):
    address = f"127.0.0.1:{own_site.port}"
    office.env["PRIVATE_SITES"], settings.PRIVATE_SITES = address, (address,)
    trial = Trial(office, own_site, dice)
    trial.use_site(rate=1000)
    trial.consumer()
    for _ in range(size(1, 20)):
        trial.place_many(4, 600)
        wait_for(lambda: Order.objects.open().filter(done__gt=0).exists())
        own_site.stop()
        time.sleep(1)
        own_site.start()
    trial.wait_for_the_end(size(240, 300))
    verdict = trial.verdict()
    row("down", f"site stopped {size(1, 20)} times", verdict)
    assert verdict.broken == []


@on("sqlite")
def test_a_site_that_refuses_or_breaks_tls_is_paid_nothing(trial, row):
    refused = trial.place_many(size(3, 100))
    for order in refused:
        trial.demo_site.fault("plays", "status", video=order.video_id, status=403, skip=100)
    # For half an hour it would be taken for a passing trouble.
    trial.consumer(wait=False, FAULTS_PATIENCE="3")
    trial.wait_for_the_end(size(240, 300))
    for order in refused:
        order.refresh_from_db()
        assert (order.status, order.delivered) == (Status.PARTIAL, 100)
        assert "403" in reason(order)
    honest = trial.site
    trial.site = Site.objects.create(
        name="Broken TLS",
        origin=f"https://127.0.0.1:{trial.demo_site.port}",
        token=honest.token[::-1],
        verified=True,
        verified_at=timezone.now(),
    )
    order = trial.place()
    trial.site = honest
    broken = Breaker.objects.filter(site=order.site)
    wait_for(broken.filter(probes__gte=2).exists, what=f"two attempts at {order.oid}")
    assert broken.get().reason_code == "tls_failed"
    order.refresh_from_db()
    assert (order.done, order.reserved, order.attempts) == (0, 0, 0)
    ordering.cancel(order, None)
    wait_for(lambda: Order.objects.filter(pk=order.pk, status=Status.CANCELED).exists())
    verdict = trial.verdict(all_completed=False)
    row("sites", "refused after 100 plays, bad TLS", verdict)
    assert verdict.broken == []


# `skip` lets the first reading tell the truth: only then there is something to fall or jump from.
LIES: dict[str, dict[str, Any]] = {
    "stuck": {"kind": "stuck"},
    "falls": {"kind": "fall", "by": 500, "skip": 1},
    "jumps": {"kind": "jump", "by": 5000, "skip": 1},
    "lags": {"kind": "lag", "seconds": size(8, 120)},
}


@on("sqlite")
def test_a_lying_counter_is_flagged_and_never_makes_a_wrong_refund(trial, row):
    for lie in LIES.values():
        for order in trial.place_many(size(1, 10), wake=False):
            trial.demo_site.fault("count", video=order.video_id, **lie)
    trial.consumer("--workers=4", lease=None)
    flagged: set[int] = set()

    def all_were_flagged() -> bool:
        flagged.update(Order.objects.remarked().values_list("pk", flat=True))
        return len(flagged) == Order.objects.count()

    wait_for(all_were_flagged, size(60, 300), f"all flags, not only of {flagged}")
    refunds = Order.objects.filter(status=Status.PARTIAL).count()
    assert refunds == 0
    trial.demo_site.clear()
    trial.wait_for_the_end(size(240, 300))
    verdict = trial.verdict()
    row("lies", f"{', '.join(LIES)} x {size(1, 10)}", verdict, f"all flagged, {refunds} refunds")
    assert verdict.broken == []


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_without_the_proof_plays_that_nobody_counted_are_billed(trial, control):
    """The control."""
    order = trial.place(300)
    trial.demo_site.fault("plays", "lost_increment", video=order.video_id, times=100)
    trial.consumer(guards_off=["proof"])
    trial.wait_for_the_end(30)
    verdict = trial.verdict()
    must_fail(verdict)
    control("proof by the counter", verdict)


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_without_deadlines_a_site_that_hangs_holds_its_worker(trial, control):
    """The control."""
    order = trial.place(300, wake=False)
    trial.demo_site.fault("plays", "hang", video=order.video_id, skip=50, times=1)
    trial.retry(order)
    trial.consumer(lease=None, guards_off=["deadlines"])
    trial.wait_for_the_end(6)
    verdict = trial.verdict()
    must_fail(verdict)
    control("time limits of an answer", verdict)
