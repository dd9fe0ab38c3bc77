"""A site that answers 404, 401, 403, 410, redirects or pages for a while, at any moment of an
order: nothing ends by it, and every play is billed once. Time is moved where one would wait for it.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from booster import retry
from booster.delivery import paused_orders
from core import ordering
from core.db import clock
from core.models import Order, Site, Status
from core.money import refund_due
from tests.faults.trial import Trial, on, size
from tests.rounds import deliver

KINDS: dict[str, dict[str, Any]] = {
    "401": {"kind": "status", "status": 401},
    "403": {"kind": "status", "status": 403},
    "404": {"kind": "status", "status": 404},
    "410": {"kind": "status", "status": 410},
    "302": {"kind": "redirect", "status": 302},
    "HTML": {"kind": "not_json"},
}
MOMENTS = ("first reading", "sending", "verifying", "canceling")
PLAYS = 120
LONGEST_BLIP = 600.0
# Whoever is open still after so many seconds is open for ever. A counter that nobody could read
# for a while is watched for as long afterwards.
LONGEST_WAIT = 2 * 3600.0
# Whoever is due within so many seconds is taken with the first: a worker may be as late.
TOGETHER = 1.0


@dataclass
class Blips:
    """Blips of one length, each at an order of its own and at another moment. `is_wide`: the site
    does not show its token meanwhile, either."""

    trial: Trial
    dice: random.Random
    seconds: float
    is_wide: bool

    def begin(self, number: int) -> None:
        self.orders: list[Order] = []
        self.canceled: list[Order] = []
        for _ in range(number):
            order = self.trial.place(PLAYS, wake=False)
            moment = self.dice.choice(MOMENTS)
            blip = KINDS[self.dice.choice(list(KINDS))]
            is_first = moment == "first reading"
            self._strike("count", order, blip, skip=0 if is_first else 1)
            if moment != "verifying":
                skip = 0 if is_first else self.dice.randrange(1, PLAYS)
                self._strike("plays", order, blip, skip=skip)
            if moment == "canceling":
                self.canceled.append(order)
            self.orders.append(order)

    def _strike(self, where: str, order: Order, blip: dict[str, Any], *, skip: int) -> None:
        self.trial.demo_site.fault(where, video=order.video_id, skip=skip, **blip)

    def run(self) -> None:
        """Until all orders have ended, or nothing moves any more."""
        passed, cancel_at = 0.0, self.dice.uniform(0, self.seconds)
        deliver()
        if self.is_wide:
            blip = KINDS[self.dice.choice(list(KINDS))]
            self.trial.demo_site.fault("ownership", **blip)
        is_over = False
        while passed < LONGEST_WAIT:
            if not Order.objects.open().exists():
                return
            left = self.seconds - passed
            if self.canceled and passed >= cancel_at:
                for order in self.canceled:
                    order.refresh_from_db()
                    if order.status in (Status.PENDING, Status.RUNNING, Status.PAUSED):
                        ordering.cancel(order, None)
                self.canceled = []
            step = seconds_to_next()
            if not is_over and step >= left:
                step, is_over = max(0.0, left), True
                self.trial.demo_site.clear()
            pass_time(step)
            passed += step
            paused_orders.resume_where_shown()
            deliver()


def seconds_to_next() -> float:
    """Until something is due."""
    if Order.objects.filter(status=Status.PAUSED).exists():
        return retry.TOKEN_INTERVAL.total_seconds()
    due = Order.objects.open().order_by("due").values_list("due", flat=True).first()
    return max(0.0, (due - clock.now()).total_seconds()) + TOGETHER if due else TOGETHER


def pass_time(seconds: float) -> None:
    """As if all that is known of open orders had been so much earlier."""
    span = timedelta(seconds=seconds)
    for order in Order.objects.open():
        moments = ("due", "start_date", "verify_until")
        changed: dict[str, Any] = {
            name: value - span
            for name in moments
            if isinstance(value := getattr(order, name), datetime)
        }
        Order.objects.filter(pk=order.pk).update(watch=earlier(order.watch, seconds), **changed)
    Site.objects.filter(checked_at__isnull=False).update(checked_at=F("checked_at") - span)


def earlier(watch: dict[str, Any] | None, seconds: float) -> dict[str, Any] | None:
    if watch is None:
        return None
    moments = ("began", "played", "still_since", "trouble", "noted", "catching_up", "unsaid")
    moved = {name: watch[name] - seconds for name in moments if watch.get(name)}
    for name in ("last", "shown"):
        if reading := watch.get(name):
            moved[name] = reading | {key: reading[key] - seconds for key in ("asked", "answered")}
    return watch | moved


def blips(trial: Trial, dice: random.Random, groups: int, orders: int) -> Iterator[Blips]:
    trial.use_site(rate=2000)
    for number in range(groups):
        group = Blips(trial, dice, LONGEST_BLIP ** dice.random(), is_wide=number % 3 == 1)
        group.begin(orders)
        group.run()
        yield group


@dataclass
class Sum:
    orders: int = 0
    canceled: int = 0
    longest: float = 0.0
    ended_wrongly: list[str] = field(default_factory=list)
    cents: int = 0  # kept and not due, or due and not kept
    astray: int = 0  # plays in no outcome, or in two


def summed(groups: Iterable[Blips]) -> Sum:
    found = Sum()
    for group in groups:
        found.longest = max(found.longest, group.seconds)
        for order in group.orders:
            order.refresh_from_db()
            counted = group.trial.demo_site.plays(order.oid)
            kept = -sum(entry.amount for entry in order.ledger.all())
            due = order.price - refund_due(order.price, order.count, order.count - counted)
            found.orders += 1
            found.canceled += order.status == Status.CANCELED
            found.cents += round(100 * abs(kept - due))
            found.astray += abs(order.reserved - order.done) + order.uncertain
            found.astray += abs(sum((order.answers or {}).values()) - order.done - order.failed)
            is_asked = order.cancel_requested or order.status == Status.CANCELED
            if order.status != (Status.CANCELED if is_asked else Status.COMPLETED):
                found.ended_wrongly.append(f"{order.oid}: {Status(order.status).name}")
    return found


@on("sqlite")
def test_a_blip_at_any_moment_ends_no_order_and_bills_no_play_wrongly(trial, dice, row):
    found = summed(blips(trial, dice, size(2, 25), size(6, 8)))
    verdict = trial.verdict(all_completed=False)
    tried = (
        f"{found.orders} orders, blips of up to {found.longest:.0f} s, {found.canceled} canceled"
    )
    figures = f"{len(found.ended_wrongly)} ended wrongly, {found.cents} cents wrong"
    row("blips", tried, verdict, figures)
    assert found.ended_wrongly == []
    assert (found.cents, found.astray, verdict.broken) == (0, 0, [])


@on("sqlite")
def test_without_patience_a_blip_ends_orders(trial, control, monkeypatch):
    """The control."""
    monkeypatch.setattr(retry, "TROUBLE_PATIENCE", timedelta(0))
    found = summed(blips(trial, random.Random(1), 1, 6))
    assert found.ended_wrongly
    control("patience with a site", f"{len(found.ended_wrongly)} of {found.orders} ended by a blip")
