"""Live orders: "order:<id>" is a whole page, "row:<id>" a line of a list.

Staff see what their permissions allow, customers their own orders, without memo, remark, names of
staff and reasons meant for staff. Pages and lists add what only they show by `parts`.
"""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from django.db.models import Case, Count, OuterRef, Prefetch, Subquery, When
from django.utils import timezone

from booster.delivery.plan import planned_end, site_opens_at
from core import live
from core.live.source import Asked, Audience, Authorized, authorized, ids_of
from core.live.sources.pace import Paces
from core.live.sources.readings import ReadingPoint, Readings
from core.models import LedgerEntry, Order, OrderEvent, Pause, Site, Status
from core.pages import display
from core.pages.flow.timeline import STEPS
from core.permissions import Right

LEDGER = Prefetch("ledger", LedgerEntry.objects.select_related("creator").order_by("pk"))
# Their plays a second are measured.
MOVING = (Status.RUNNING, Status.VERIFYING)
EVENTS = (
    OrderEvent.objects.filter(order=OuterRef("pk"))
    .order_by()
    .values("order")
    .annotate(number=Count("pk"))
    .values("number")
)
# The row of an order changes with anything about it.
ROW = (
    *("pk", "status", "count", "done", "failed", "uncertain", "reserved", "resent", "delivered"),
    *("view_count", "old_view_count", "fence", "lease_until", "attempts", "cancel_requested"),
    *("held_by_site", "attention", "attention_code", "verify_until", "pause_requested"),
)
COMPUTED = ("events_seen", "is_held")
# Shown while an order waits for its site.
BREAKER = ("site__breaker__opened_at", "site__breaker__probe_at")
WEEK = ("site__time_zone", "site__quiet_hours")
Part = Callable[[Any], dict[str, Any]]


class OrderSource(live.Source):
    """For subjects keyed by an order's id: those who see the order see them."""

    right = Right.SEE_ORDERS

    def __init__(self) -> None:
        # What an audience gets besides: from loaded values, in the page's language, without
        # queries.
        self.parts: dict[Audience, Part] = {}

    def authorize(self, asked: Asked) -> Authorized:
        owner = Case(When(customer__active=True, then="customer__user"))
        return authorized(asked, Order.objects.all(), owner, self.right)


@dataclass(frozen=True, slots=True)
class Watched:
    """An order with all its page shows: names, events and ledger are in memory."""

    order: Order
    readings: list[ReadingPoint]  # thinned, see core.live.sources.readings
    speed: float | None = None  # plays a second; None: not watched for long enough
    pause: Pause | None = None  # of its site, or of the whole office


class WholeOrder(OrderSource):
    prefix = "order"

    def __init__(self) -> None:
        super().__init__()
        self.paces = Paces()
        self.readings = Readings()

    def versions(self, keys: Sequence[str]) -> Mapping[str, Hashable]:
        rows = Order.objects.filter(pk__in=ids_of(keys)).annotate(
            events_seen=Subquery(EVENTS), is_held=Pause.objects.of_site("site")
        )
        # Asked once for each site, however many orders are watched.
        found, quiet_until = {}, cache(partial(end_of_quiet, time.time()))
        columns = (*WEEK, *ROW, *COMPUTED, *BREAKER)
        for zone, quiet, pk, status, count, done, *rest in rows.order_by().values_list(*columns):
            speed = self.paces.measure(pk, done if status in MOVING else None)
            until = quiet_until(zone, tuple(quiet or ()))
            found[str(pk)] = (status, count, done, *rest, speed, until)
        return found

    def retain(self, keys: set[str]) -> None:
        ids = set(ids_of(keys))
        self.paces.retain(ids)
        self.readings.retain(ids)

    def load(self, keys: Sequence[str]) -> Mapping[str, Watched]:
        ids = ids_of(keys)
        self.readings.load(ids)
        held = Pause.objects.in_force()
        return {
            str(order.pk): Watched(
                order,
                self.readings.of(order.pk),
                self.paces.speed(order.pk),
                held.of(order.site_id),
            )
            for order in Order.objects.filter(pk__in=ids)
            .with_names()
            .select_related("site__breaker")
            .prefetch_related(STEPS, LEDGER)
        }

    def render(self, loaded: Watched, audience: Audience) -> dict[str, Any]:
        order, left = loaded.order, seconds_left(loaded)
        return facts(order) | {
            "speed": loaded.speed,
            "left": left,
            "left_text": display.duration(left),
            # Part of the feed's contract, for programs that follow an order.
            "views_before": order.old_view_count,
            "views": order.view_count,
            "curve": curve(loaded),
            "now": point_now(order),
            **self.parts[audience](loaded),
        }


class OrderRow(OrderSource):
    prefix = "row"

    def versions(self, keys: Sequence[str]) -> Mapping[str, Hashable]:
        rows = Order.objects.filter(pk__in=ids_of(keys)).order_by()
        watched = (
            *("pk", "status", "done", "delivered", "attention", "attention_code", "count"),
            "conversation__revision",
        )
        return {str(pk): tuple(rest) for pk, *rest in rows.values_list(*watched)}

    def load(self, keys: Sequence[str]) -> Mapping[str, Order]:
        rows = Order.objects.filter(pk__in=ids_of(keys)).select_related("conversation").order_by()
        return {str(order.pk): order for order in rows}

    def render(self, loaded: Order, audience: Audience) -> dict[str, Any]:
        return facts(loaded) | self.parts[audience](loaded)


def facts(order: Order) -> dict[str, Any]:
    """What all who may see the order may know; texts in the active language."""
    shown = display.shown_plays(order)
    return {
        "status": order.status,
        "label": str(order.get_status_display()),
        "tone": display.tone_of(order.status),
        "final": order.is_final,
        "count": order.count,
        "done": shown,
        "done_text": display.number(shown),
        "percent": display.percent(order),
    }


def end_of_quiet(now: float, zone: str, quiet: tuple[str, ...]) -> float | None:
    """Of the site's quiet hours that run now; None if none do."""
    opens = site_opens_at(Site(time_zone=zone, quiet_hours=quiet), now)
    return opens if opens > now else None


def seconds_left(watched: Watched) -> float | None:
    """Until all is sent, at the present speed or as planned; None if unknown."""
    order = watched.order
    if order.status != Status.RUNNING:
        return None
    if order.hours and order.start_date:
        return max(0, round(planned_end(order, order.site) - time.time()))
    if not watched.speed:
        return None
    return round((order.count - order.done) / watched.speed)


def point_now(order: Order) -> tuple[float, int] | None:
    """Seconds since the order began, and plays, which are noted more often than readings."""
    if order.start_date is None or order.is_final:
        return None
    elapsed = (timezone.now() - order.start_date).total_seconds()
    return round(max(0.0, elapsed), 1), order.done


def curve(watched: Watched) -> dict[str, Any] | None:
    """Plays sent and the rise of the counter, over the seconds since the order began."""
    order = watched.order
    if order.start_date is None:
        return None
    began, before = order.start_date, order.old_view_count or 0
    points = [
        (max(0.0, round((when - began).total_seconds(), 1)), done, views - before)
        for when, views, done in watched.readings
    ]
    end = None if order.end_date is None else round((order.end_date - began).total_seconds(), 1)
    return {"points": points, "began": began.timestamp(), "end": end}


whole_order = WholeOrder()
rows = OrderRow()
live.register(whole_order)
live.register(rows)
