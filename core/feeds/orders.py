"""Orders as they are watched: "order:<id>" is a whole page, "row:<id>" a line of a list.

Staff see what their permissions show, customers their own orders; a customer's rendering has no
memo, no remark, no names of staff and no reason that was written for them.

A page adds what only it shows by `also_render()`: a function of what was loaded, for one audience.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.utils import timezone

from core import display, live
from core.feeds.pace import Paces
from core.live.sources import Admitted, Asked, Audience, numbers
from core.models import LedgerEntry, Order, OrderEvent, Status

# Nobody's progress is measured between two looks further apart.
MOVING = (Status.RUNNING, Status.VERIFYING)
EVENTS = (
    OrderEvent.objects.filter(order=OuterRef("pk"))
    .order_by()
    .values("order")
    .annotate(number=Count("pk"))
    .values("number")
)
# What changes in the row when anything about the order does.
ROW = (
    *("pk", "status", "count", "done", "failed", "uncertain", "reserved", "resent", "delivered"),
    *("view_count", "old_view_count", "fence", "lease_until", "attempts", "cancel_requested"),
    *("held_by_site", "attention", "verify_until"),
)


class OrderSource(live.Source):
    """For subjects that are keyed by an order's id: who sees the order sees them."""

    permission = "core.view_order"

    def admit(self, asked: Asked) -> Admitted:
        pairs = Order.objects.filter(pk__in=numbers({key for _, key in asked}))
        owners = dict(pairs.values_list("pk", "customer__user"))
        found: Admitted = {}
        for user, key in asked:
            if not numbers([key]) or int(key) not in owners:
                continue
            if user.is_staff and user.has_perm(self.permission):
                found[user.pk, key] = Audience.STAFF
            elif owners[int(key)] == user.pk:
                found[user.pk, key] = Audience.CUSTOMER
        return found


@dataclass(frozen=True, slots=True)
class Watched:
    """An order with what its page shows of other tables."""

    order: Order
    events: list[OrderEvent]
    ledger: list[LedgerEntry]
    speed: float | None  # plays a second now


Part = Callable[[Watched], dict[str, Any]]
_parts: dict[Audience, list[Part]] = {audience: [] for audience in Audience}


def also_render(audience: Audience, part: Part) -> None:
    """Let `part` add to what an order's page gets. It runs in the page's language, no queries."""
    _parts[audience].append(part)


class WholeOrder(OrderSource):
    prefix = "order"

    def __init__(self) -> None:
        self.paces = Paces()

    def stamps(self, keys: Sequence[str]) -> Mapping[str, Hashable]:
        rows = Order.objects.filter(pk__in=numbers(keys)).annotate(events_seen=Subquery(EVENTS))
        found = {}
        for pk, status, *rest in rows.order_by().values_list(*ROW, "events_seen"):
            done = rest[1] if status in MOVING else None
            found[str(pk)] = (status, *rest, self.paces.look(pk, done))
        self.paces.keep(set(found))
        return found

    def load(self, keys: Sequence[str]) -> Mapping[str, Watched]:
        ids = numbers(keys)
        events, ledger = defaultdict(list), defaultdict(list)
        for event in OrderEvent.objects.filter(order__in=ids).select_related("creator"):
            events[event.order_id].append(event)
        for entry in LedgerEntry.objects.filter(order__in=ids).select_related("creator"):
            ledger[entry.order_id].append(entry)
        return {
            str(order.pk): Watched(
                order,
                sorted(events[order.pk], key=lambda event: event.pk),
                sorted(ledger[order.pk], key=lambda entry: entry.pk),
                self.paces.speed(order.pk),
            )
            for order in Order.objects.filter(pk__in=ids).with_names()
        }

    def render(self, loaded: Watched, audience: Audience) -> dict[str, Any]:
        order, left = loaded.order, seconds_left(loaded)
        data = facts(order) | {
            "speed": loaded.speed,
            "left": left,
            "left_text": display.duration(left),
            "views_before": order.old_view_count,
            "views": order.view_count,
        }
        for part in _parts[audience]:
            data |= part(loaded)
        return data


class OrderRow(OrderSource):
    """A line of a list. `also` adds cells that a list draws itself, for staff."""

    prefix = "row"
    also: "Callable[[Order], dict[str, Any]] | None" = None

    def stamps(self, keys: Sequence[str]) -> Mapping[str, Hashable]:
        rows = Order.objects.filter(pk__in=numbers(keys)).order_by()
        watched = ("pk", "status", "done", "delivered", "attention", "count")
        return {str(pk): tuple(rest) for pk, *rest in rows.values_list(*watched)}

    def load(self, keys: Sequence[str]) -> Mapping[str, Order]:
        rows = Order.objects.filter(pk__in=numbers(keys)).order_by()
        return {str(order.pk): order for order in rows}

    def render(self, loaded: Order, audience: Audience) -> dict[str, Any]:
        data = facts(loaded)
        if self.also and audience == Audience.STAFF:
            data |= self.also(loaded)
        return data


def facts(order: Order) -> dict[str, Any]:
    """What everybody may know who may see the order; texts in the active language."""
    shown = display.shown_plays(order)
    return {
        "status": order.status,
        "label": str(order.get_status_display()),
        "tone": display.TONES[order.status],
        "final": order.is_final,
        "count": order.count,
        "done": shown,
        "done_text": display.number(shown),
        "percent": display.percent(order),
    }


def seconds_left(watched: Watched) -> float | None:
    """Until all is sent at the present speed, or as planned; None where nobody can say."""
    order = watched.order
    if order.status != Status.RUNNING:
        return None
    if order.hours and order.start_date:
        gone = (timezone.now() - order.start_date).total_seconds()
        return max(0, round(order.hours * 3600 - gone))
    if not watched.speed:
        return None
    return round((order.count - order.done) / watched.speed)


rows = OrderRow()
live.register(WholeOrder())
live.register(rows)
