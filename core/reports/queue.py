"""What the workers do now, and what waits for them: the figures of the queue page.

Law: one statement for each kind of figure, however many orders there are, each on an index: running
orders by status, due ones by their due index, those of a site by an index that covers the query.
All ages are by the database's clock.
"""

import datetime
from dataclasses import dataclass

from django.db.models import Count, F, Min, Q, Sum
from django.db.models.functions import Now

from booster import tasks
from core.db import clock
from core.models import WORKABLE, Heartbeat, Order, Pause, Site, Status, open_breaker_of
from core.models.pauses import Held

# Nobody needs to know more; the page says "more than".
MOST_DUE = 10_000
SITES_SHOWN = 100


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """`orders`: running ones whose lease it holds. `left`: those whose lease ran out, to be taken
    over. `in_flight`: plays of both without a recorded outcome. `started`: None if it gave no sign
    of life for a minute."""

    name: str
    started: datetime.datetime | None
    queue_is_up: bool
    orders: int = 0
    left: int = 0
    in_flight: int = 0

    @property
    def is_alive(self) -> bool:
        return self.started is not None


@dataclass(frozen=True, slots=True)
class Due:
    """Orders that a worker may take now: due, without a lease, and not paused by people. `oldest`:
    how long the first of them has been due; None if there is none."""

    orders: int
    more: bool
    oldest: datetime.timedelta | None


@dataclass(frozen=True, slots=True)
class SiteLine:
    """A site, read with its breaker; its own pause; its orders by status."""

    site: Site
    pause: Pause | None
    pending: int
    running: int
    verifying: int

    @property
    def is_troubled(self) -> bool:
        is_down = open_breaker_of(self.site) is not None
        return is_down or self.pause is not None or not self.site.verified


@dataclass(frozen=True, slots=True)
class Queue:
    """`moment`: by the database's clock. `messages`: waiting for a worker; None: the queue cannot
    be reached. `sites`: those in use or with orders to work on, the troubled ones first."""

    moment: datetime.datetime
    workers: tuple[WorkerLine, ...]
    due: Due
    messages: int | None
    office: Pause | None
    sites: tuple[SiteLine, ...]
    more_sites: bool


def queue() -> Queue:
    now, held = clock.now(), Pause.objects.in_force()
    lines = site_lines(held)
    return Queue(
        moment=now,
        workers=tuple(worker_lines()),
        due=due(now),
        messages=tasks.queue_depth(),
        office=held.office,
        sites=tuple(lines[:SITES_SHOWN]),
        more_sites=len(lines) > SITES_SHOWN,
    )


# --- workers


def worker_lines() -> list[WorkerLine]:
    """The living, and the dead whose orders nobody has taken over yet."""
    driven = {name: counts for name, *counts in by_holder()}
    lines = [
        WorkerLine(beat.consumer, beat.started, beat.queue_is_up, *driven.pop(beat.consumer, ()))
        for beat in Heartbeat.objects.alive()
    ]
    return lines + [WorkerLine(name, None, True, *counts) for name, counts in driven.items()]


def by_holder() -> list[tuple[str, int, int, int]]:
    """Of each: running orders under its lease, those whose lease ran out, plays in flight."""
    leased = Order.objects.filter(status=Status.RUNNING, lease_until__isnull=False)
    holders = leased.order_by("holder").values_list("holder")
    counted = holders.annotate(
        orders=Count("pk", filter=Q(lease_until__gte=Now())),
        left=Count("pk", filter=Q(lease_until__lt=Now())),
        plays=Sum(F("reserved") - F("done") - F("uncertain")),
    )
    return list(counted)


# --- what is due


def due(now: datetime.datetime) -> Due:
    first = Order.objects.free_to_claim().without_paused().order_by("due")[: MOST_DUE + 1]
    found = first.aggregate(orders=Count("pk"), oldest=Min("due"))
    oldest = found["oldest"] and max(datetime.timedelta(0), now - found["oldest"])
    return Due(min(found["orders"], MOST_DUE), found["orders"] > MOST_DUE, oldest)


# --- sites


def site_lines(held: Held) -> list[SiteLine]:
    orders = Order.objects.filter(status__in=WORKABLE).order_by().values_list("site", "status")
    counted = {(site, status): number for site, status, number in orders.annotate(Count("pk"))}
    at_work = {site for site, _status in counted}
    rows = Site.objects.filter(Q(active=True) | Q(pk__in=at_work)).select_related("breaker")
    lines = [
        SiteLine(
            site,
            held.sites.get(site.pk),
            *(counted.get((site.pk, status), 0) for status in WORKABLE),
        )
        for site in rows
    ]
    lines.sort(key=lambda line: (not line.is_troubled, -_orders(line), line.site.name))
    return lines


def _orders(line: SiteLine) -> int:
    return line.pending + line.running + line.verifying
