"""The figures of the home page and of the board: takings, orders by status, plays a minute, the
machinery, the sites, and what needs a person.

Nothing here reads a large table whole: past days are kept as sums (rollups.py), the rest is asked
of indexes. Each part is for who may see the model behind it. Parts are plain values, so that two
looks can be compared.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString

from booster import tasks
from core.models import (
    FINAL,
    FLOW,
    OPEN,
    Conversation,
    Heartbeat,
    ImportJob,
    LedgerEntry,
    Order,
    Site,
    Status,
    User,
)
from core.models.rollups import Source
from core.ops.doctor import CONSUMER_SILENT
from core.pages import display
from core.pages.dashboard import charts
from core.permissions import Right, may
from core.reports import playrate, rollups

DAYS, WEEK = 30, 7
# A home page is no list: what is more than this is found there, and counted no further.
SHOWN, MOST = 20, 999

Kind = LedgerEntry.Kind
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the home page. `template` gets what `look` returns as `part`."""

    name: str
    right: Right
    look: Callable[[], Figures]

    def rendered(self, figures: Figures) -> SafeString:
        return render_to_string(f"dashboard/{self.name}.html", {"part": self.drawn(figures)})

    def drawn(self, figures: Figures) -> Figures:
        draw = CHARTS.get(self.name)
        return figures | {"chart": draw(figures)} if draw and figures.get("points") else figures


def parts_for(user: User) -> list[Part]:
    return [part for part in PARTS if may(user, part.right)]


# --- money


def money() -> Figures:
    """Takings are what orders were charged less what they gave back; top-ups are no takings yet."""
    try:
        days = rollups.days(Source.LEDGER, DAYS)
    except rollups.NotCountedYetError:
        return {"counting": True}
    points = [
        (date, -_sum(day, Kind.ORDER) - _sum(day, Kind.REFUND), _sum(day, Kind.CHARGE))
        for date, day in days.items()
    ]
    spans = {"today": 1, "week": WEEK, "month": DAYS}
    return {
        "points": points,
        **{name: sum(taken for _d, taken, _t in points[-n:]) for name, n in spans.items()},
        **{f"paid_{name}": sum(paid for _d, _t, paid in points[-n:]) for name, n in spans.items()},
    }


def _sum(day: rollups.Day, kind: int) -> Decimal:
    return day.get(kind, rollups.Total()).amount


def money_chart(figures: Figures) -> SafeString:
    points = tuple(
        (
            date_format(date, "m-d"),
            float(taken),
            f"{date_format(date, 'Y-m-d')}: {display.money(taken)}",
        )
        for date, taken, _paid in figures["points"]
    )
    return charts.bars(points, _whole)


# --- orders


def standing() -> dict[Status, tuple[int, int]]:
    """How many orders stand at each status now; of the final ones, how many came there today, and
    in the last seven days. Raises rollups.NotCountedYet."""
    ended = list(rollups.days(Source.ENDED, WEEK).values())
    counted = open_orders()
    found = {}
    for status in FLOW:
        if status in FINAL:
            by_day = [day.get(status, rollups.Total()).rows for day in ended]
            found[status] = (by_day[-1], sum(by_day))
        else:
            found[status] = (counted.get(status, 0), 0)
    return found


def open_orders() -> dict[int, int]:
    rows = Order.objects.filter(status__in=OPEN).order_by().values_list("status")
    return dict(rows.annotate(Count("pk")))


def orders() -> Figures:
    try:
        found = standing()
    except rollups.NotCountedYetError:
        return {"counting": True}
    return {
        "lines": [
            {
                "status": status.value,
                "tone": display.TONES.get(status, "off"),
                "final": status in FINAL,
                "count": now,
                "week": week,
            }
            for status, (now, week) in found.items()
        ],
    }


def plays() -> Figures:
    minutes = playrate.last_hour()
    return {"points": minutes, "now": minutes[-1], "hour": sum(minutes)}


def plays_chart(figures: Figures) -> SafeString:
    ago = len(figures["points"])
    points = tuple(
        (str(number - ago + 1), float(value), "") for number, value in enumerate(figures["points"])
    )
    return charts.line(points, _whole)


def _whole(value: float) -> str:
    return display.number(round(value))


def machinery() -> Figures:
    """`delivered`: what counters proved of the orders that ended today; None until counted."""
    alive = Heartbeat.objects.seen_within(CONSUMER_SILENT).count()
    try:
        (today,) = rollups.days(Source.ENDED, 1).values()
    except rollups.NotCountedYetError:
        delivered = None
    else:
        delivered = int(sum(total.amount for total in today.values()))
    return {"consumers": alive, "queue": tasks.queue_depth(), "delivered": delivered}


# --- what needs a person


def attention() -> Figures:
    """Orders with a remark or awaiting approval, the oldest first."""
    rows = list(Order.objects.needing_a_person().with_names().order_by("pk")[: SHOWN + 1])
    return {
        "orders": [
            {
                "pk": order.pk,
                "oid": order.oid,
                "customer": str(order.customer),
                "status": order.status,
                "tone": display.TONES[order.status],
                "attention": order.attention,
                "done": order.done,
                "count": order.count,
                "price": order.price,
            }
            for order in rows[:SHOWN]
        ],
        "more": len(rows) > SHOWN,
    }


def waiting_orders() -> Figures:
    remarks = Order.objects.filter(attention__gt="")
    awaiting = Order.objects.filter(status=Status.AWAITING)
    return {"remarks": _capped(remarks), "awaiting": _capped(awaiting)}


def waiting_customers() -> Figures:
    return {"unanswered": _capped(Conversation.objects.unanswered())}


def waiting_imports() -> Figures:
    """Checked ones wait for a yes; those refused in the last week for a better file."""
    recent = timezone.now() - datetime.timedelta(days=WEEK)
    failed = ImportJob.objects.filter(status=ImportJob.Status.REFUSED, create_date__gte=recent)
    checked = ImportJob.objects.filter(status=ImportJob.Status.CHECKED)
    return {"failed": _capped(failed), "checked": _capped(checked)}


def _capped(rows: Any) -> int:
    return len(rows.order_by().values_list("pk")[: MOST + 1])


# --- sites


def sites() -> Figures:
    """Those in use, the troubled ones first, with how many orders run there."""
    counted = dict(
        Order.objects.filter(status__in=OPEN).order_by().values_list("site").annotate(Count("pk"))
    )
    rows = Site.objects.filter(active=True).select_related("breaker").order_by("verified", "name")
    found = [
        {
            "pk": site.pk,
            "name": site.name,
            "origin": site.origin,
            "verified": site.verified,
            "down": _down_since(site),
            "checked": site.checked_at,
            "orders": counted.get(site.pk, 0),
        }
        for site in rows
    ]
    found.sort(key=lambda line: (line["verified"], line["down"] is None))
    return {"lines": found[:SHOWN], "more": len(found) > SHOWN}


def _down_since(site: Site) -> Any:
    breaker = getattr(site, "breaker", None)
    return breaker.opened_at if breaker else None


PARTS = (
    Part("money", Right.SEE_LEDGER, money),
    Part("plays", Right.SEE_ORDERS, plays),
    Part("machinery", Right.SEE_ORDERS, machinery),
    Part("waiting_orders", Right.SEE_ORDERS, waiting_orders),
    Part("waiting_customers", Right.SEE_ORDERS, waiting_customers),
    Part("waiting_imports", Right.SEE_IMPORTS, waiting_imports),
    Part("orders", Right.SEE_ORDERS, orders),
    Part("attention", Right.SEE_ORDERS, attention),
    Part("sites", Right.SEE_SITES, sites),
)
CHARTS: dict[str, Callable[[Figures], SafeString]] = {"money": money_chart, "plays": plays_chart}
