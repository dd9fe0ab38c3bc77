"""An order's page while it is delivered: written here once, for the page as it opens and for every
change the feed brings. Only page_of() asks the database."""

from typing import Any

from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext as _

from booster.delivery.deadline import deadline_of
from core.admin.breakers import why_it_waits
from core.live import Audience
from core.live.sources import orders
from core.live.sources.orders import Watched, WholeOrder, seconds_left
from core.live.sources.sections import Section, Sections
from core.models import Order, Status
from core.pages import display

READINGS_SHOWN = 20


def page_of(order: Order) -> dict[str, Any]:
    """What the page opens with: the sections, and the curve that the chart is drawn from."""
    watched = WholeOrder().load([str(order.pk)])[str(order.pk)]
    return {
        "sections": sections.render(watched),
        "curve": orders.curve(watched),
        "thousand": display.number(1000),
    }


def live_part(watched: Watched) -> dict[str, Any]:
    """What staff get beside the facts. When `doing` changes, other buttons may be offered."""
    order = watched.order
    doing = (order.status, order.cancel_requested, order.remark, is_worked_on(order))
    return {**sections.render(watched), "doing": "|".join(map(str, doing))}


def live_cells(order: Order) -> dict[str, Any]:
    """The cells of the list that move."""
    return {"progress_cell": display.progress_bar(order), "state_cell": display.status_tag(order)}


def is_worked_on(order: Order) -> bool:
    return order.lease_until is not None and order.lease_until > timezone.now()


def delivery(watched: Watched) -> dict[str, Any]:
    order = watched.order
    return {
        "order": order,
        "waits": why_it_waits(order),
        "awaits_approval": order.status == Status.AWAITING,
        "progress": display.progress_bar(order),
        "state": display.status_tag(order),
        "pace": pace_of(watched),
        "figures": figures_of(watched),
        "refund": refund_of(order),
        "deadline": deadline_of(order),
    }


def events(watched: Watched) -> dict[str, Any]:
    order = watched.order
    return {
        "order": order,
        "events": [(event, display.step(event)) for event in order.events.all()],
    }


def readings(watched: Watched) -> dict[str, Any]:
    newest = watched.readings[: -READINGS_SHOWN - 1 : -1]
    return {
        "readings": [
            (when, display.number(views), display.number(done)) for when, views, done in newest
        ]
    }


def ledger(watched: Watched) -> dict[str, Any]:
    return {
        "ledger": [
            (entry, display.signed(entry.amount), display.money(entry.balance_after))
            for entry in watched.order.ledger.all()
        ]
    }


def pace_of(watched: Watched) -> list[tuple[str, str]]:
    """How fast it goes, while it goes."""
    if watched.order.status != Status.RUNNING:
        return []
    speed = "–" if watched.speed is None else localize(watched.speed, use_l10n=True)
    if watched.speed is not None and watched.speed >= 10:
        speed = display.number(round(watched.speed))
    return [
        (_("Plays a second"), speed),
        (_("Time left"), display.duration(seconds_left(watched))),
    ]


def figures_of(watched: Watched) -> list[tuple[str, str]]:
    order = watched.order
    before, views = order.old_view_count, order.view_count
    if watched.readings and order.status == Status.RUNNING:
        # While plays are sent the counter is noted beside the order, not in it.
        views = watched.readings[-1][1]
    rise = None if before is None or views is None else views - before
    return [
        (_("Views before"), display.number(before)),
        (_("Views now"), display.number(views)),
        (_("Rise"), display.number(rise)),
        (_("Received"), display.number(order.done)),
        (_("Refused"), display.number(order.failed)),
        (_("Resent"), display.number(order.resent)),
        (_("Uncertain"), display.number(order.uncertain)),
        (_("In flight"), display.number(order.in_flight)),
        (_("Delivery runs"), display.number(order.fence)),
        (_("Failed attempts"), display.number(order.attempts)),
    ]


def refund_of(order: Order) -> str:
    """The arithmetic of what an ended order gave back; "" while it is open."""
    if order.delivered is None:
        return ""
    if order.delivered == order.count:
        return _("Everything was delivered; nothing is refunded.")
    return _("%(price)s × %(undelivered)s undelivered ÷ %(count)s = %(refund)s refunded") % {
        "price": display.money(order.price),
        "undelivered": display.number(order.count - order.delivered),
        "count": display.number(order.count),
        "refund": display.money(order.refunded),
    }


def steps_taken(watched: Watched) -> tuple[int, int]:
    return watched.order.status, len(watched.order.events.all())


sections = Sections(
    Section("delivery", "desk/order/delivery.html", delivery),
    Section("events", "desk/order/events.html", events, steps_taken),
    Section("readings", "desk/order/readings.html", readings, lambda one: len(one.readings)),
    Section("ledger", "desk/order/ledger.html", ledger, lambda one: len(one.order.ledger.all())),
)
orders.also_render(Audience.STAFF, live_part)
orders.rows.also = live_cells
