"""The figures of the home page and of the board. Law: no large table is read whole. Past days are
kept as sums (rollups.py), the rest comes from indexes. Figures are plain values, so that two looks
can be compared; the page decides who sees them in which words. Functions that read past days raise
NotCountedYetError."""

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count
from django.utils import timezone

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
    Repeat,
    Site,
    Status,
    TopUpCorrection,
    WaitingTopUp,
)
from core.models.rollups import Source
from core.reasons import ReasonOrText
from core.reports import playrate, rollups

DAYS, WEEK = 30, 7
# A home page is no list: it shows and counts no more than this.
SHOWN, MOST = 20, 999

Kind = LedgerEntry.Kind


# --- money


@dataclass(frozen=True, slots=True)
class Takings:
    """Of one day or several: charges for orders less refunds. Top-ups are not takings."""

    taken: Decimal
    topped_up: Decimal


@dataclass(frozen=True, slots=True)
class DayTakings(Takings):
    date: datetime.date


@dataclass(frozen=True, slots=True)
class Money:
    """`days`: the last 30 days, the oldest first, today last. The sums end today."""

    days: tuple[DayTakings, ...]
    today: Takings
    week: Takings
    month: Takings


def money() -> Money:
    days = tuple(
        DayTakings(
            taken=-_amount(day, Kind.ORDER) - _amount(day, Kind.REFUND),
            topped_up=_amount(day, Kind.CHARGE) + _amount(day, Kind.CORRECTION),
            date=date,
        )
        for date, day in rollups.days(Source.LEDGER, DAYS).items()
    )
    return Money(days, *(_sum(days[-length:]) for length in (1, WEEK, DAYS)))


def _amount(day: rollups.Day, kind: int) -> Decimal:
    return day.get(kind, rollups.Total()).amount


def _sum(days: tuple[DayTakings, ...]) -> Takings:
    taken = sum((day.taken for day in days), Decimal(0))
    return Takings(taken, sum((day.topped_up for day in days), Decimal(0)))


# --- orders and plays


@dataclass(frozen=True, slots=True)
class StatusCount:
    """`count`: orders at an open status now, or that reached a final one today. `week`: orders that
    reached a final status in the last seven days; 0 for an open one."""

    status: Status
    count: int
    week: int

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


def orders_by_status() -> tuple[StatusCount, ...]:
    """One for each status, in the order of FLOW."""
    ended = list(rollups.days(Source.ENDED, WEEK).values())
    still_open = open_orders_by("status")
    counts = []
    for status in FLOW:
        if status in FINAL:
            by_day = [day.get(status, rollups.Total()).rows for day in ended]
            counts.append(StatusCount(status, by_day[-1], sum(by_day)))
        else:
            counts.append(StatusCount(status, still_open.get(status, 0), 0))
    return tuple(counts)


def open_orders_by(column: str) -> dict[int, int]:
    rows = Order.objects.filter(status__in=OPEN).order_by().values_list(column)
    return dict(rows.annotate(Count("pk")))


@dataclass(frozen=True, slots=True)
class Plays:
    """Plays that sites received. `minutes`: in each of the last 60 minutes, the oldest first."""

    minutes: tuple[int, ...]

    @property
    def last_minute(self) -> int:
        return self.minutes[-1]

    @property
    def last_hour(self) -> int:
        return sum(self.minutes)


def plays() -> Plays:
    return Plays(tuple(playrate.last_hour()))


@dataclass(frozen=True, slots=True)
class Machinery:
    """`consumers`: how many are alive. `queue`: waiting tasks; None: it cannot be reached.
    `delivered`: proved plays of the orders that ended today; None: not counted yet."""

    consumers: int
    queue: int | None
    delivered: int | None


def machinery() -> Machinery:
    return Machinery(Heartbeat.objects.alive().count(), tasks.queue_depth(), _delivered_today())


def _delivered_today() -> int | None:
    try:
        (today,) = rollups.days(Source.ENDED, 1).values()
    except rollups.NotCountedYetError:
        return None
    return int(sum(total.amount for total in today.values()))


# --- what needs a person


@dataclass(frozen=True, slots=True)
class AttentionOrder:
    """With a remark, or awaiting approval. `done` and `count` are plays."""

    pk: int
    oid: str
    customer: str
    status: int
    remark: ReasonOrText
    done: int
    count: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Attention:
    """The oldest first, 20 at most. `more`: whether there are others."""

    orders: tuple[AttentionOrder, ...]
    more: bool


def attention() -> Attention:
    rows = list(Order.objects.needing_a_person().with_names().order_by("pk")[: SHOWN + 1])
    orders = tuple(
        AttentionOrder(
            pk=order.pk,
            oid=order.oid,
            customer=str(order.customer),
            status=order.status,
            remark=order.remark,
            done=order.done,
            count=order.count,
            price=order.price,
        )
        for order in rows[:SHOWN]
    )
    return Attention(orders, len(rows) > SHOWN)


# How many of each wait for a person; 1000 stands for more than 999.


def waiting_orders() -> dict[str, int]:
    awaiting = Order.objects.filter(status=Status.AWAITING)
    return {"remarks": _capped(Order.objects.remarked()), "awaiting": _capped(awaiting)}


def waiting_top_ups() -> dict[str, int]:
    """Top-ups above a limit, and corrections."""
    awaiting = WaitingTopUp.objects.filter(status=WaitingTopUp.Status.AWAITING)
    corrections = TopUpCorrection.objects.filter(status=TopUpCorrection.Status.AWAITING)
    return {"awaiting": _capped(awaiting), "corrections": _capped(corrections)}


def waiting_customers() -> dict[str, int]:
    """Conversations in which the customer wrote last."""
    return {"unanswered": _capped(Conversation.objects.unanswered())}


def waiting_imports() -> dict[str, int]:
    """`checked` wait for a confirmation, `failed` of the last seven days for a better file."""
    recent = timezone.now() - datetime.timedelta(days=WEEK)
    failed = ImportJob.objects.filter(status=ImportJob.Status.REFUSED, create_date__gte=recent)
    checked = ImportJob.objects.filter(status=ImportJob.Status.CHECKED)
    return {"failed": _capped(failed), "checked": _capped(checked)}


def waiting_repeats() -> dict[str, int]:
    """Repeats of which an order could not be placed."""
    return {"refused": _capped(Repeat.objects.needing_a_person())}


def _capped(rows: Any) -> int:
    return len(rows.order_by().values_list("pk")[: MOST + 1])


# --- sites


@dataclass(frozen=True, slots=True)
class SiteState:
    """`down_since`: None while it answers. `checked`: when its token was last looked for; None:
    never. `orders`: how many are open there."""

    pk: int
    orders: int
    name: str
    origin: str
    verified: bool
    down_since: datetime.datetime | None
    checked: datetime.datetime | None


@dataclass(frozen=True, slots=True)
class Sites:
    """Those in use, the troubled ones first, 20 at most. `more`: whether there are others."""

    lines: tuple[SiteState, ...]
    more: bool


def sites() -> Sites:
    counted = open_orders_by("site")
    columns = ("pk", "name", "origin", "verified", "breaker__opened_at", "checked_at")
    rows = Site.objects.filter(active=True).order_by("verified", "name").values_list(*columns)
    lines = [SiteState(pk, counted.get(pk, 0), *row) for pk, *row in rows]
    lines.sort(key=lambda line: (line.verified, line.down_since is None))
    return Sites(tuple(lines[:SHOWN]), len(lines) > SHOWN)
