"""The office's figures for Prometheus, read from the database at each scrape, so that all web
processes say the same.

Law: a dozen statements, however many orders there are, each on an index or on kept sums. No figure
names a customer. Operators build on the names: docs/monitoring/ has rules and a dashboard over
them.
"""

import datetime
from collections.abc import Iterator
from decimal import Decimal
from itertools import accumulate
from typing import Any

from django.db.models import Count, DecimalField, IntegerChoices, Min, Q, Sum, Value
from django.db.models.functions import Cast, Now
from django.utils import timezone
from prometheus_client import generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from booster import tasks
from core.db import clock
from core.models import (
    OPEN,
    Heartbeat,
    ImportJob,
    LedgerEntry,
    Order,
    QuarterHourTotal,
    RollupCursor,
    Site,
    Status,
    WebProcess,
    open_breaker_of,
)
from core.models.heartbeats import PAGE_BOUNDS, SILENT
from core.models.rollups import Source
from core.reports import playrate, queue, rollups

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# A dead worker is reported for so long.
DIED_LATELY = datetime.timedelta(hours=1)
MOST_REMARKS = 1_000


def exposition() -> bytes:
    """All figures in Prometheus' text format. Raises what the database raises."""
    return generate_latest(OfficeCollector())


class OfficeCollector:
    def collect(self) -> Iterator[Metric]:
        now = clock.steady.now()
        yield from orders(now)
        yield from today()
        yield from plays()
        yield from workers()
        yield from due(now)
        yield from messages()
        yield from sites(now)
        yield from imports()
        yield from web()


def orders(now: datetime.datetime) -> Iterator[Metric]:
    number = gauge("orders", "Open orders.", "status")
    age = gauge("oldest_order_age_seconds", "Age of the oldest open order.", "status")
    rows = Order.objects.filter(status__in=OPEN).order_by().values_list("status")
    found = {
        status: (count, oldest)
        for status, count, oldest in rows.annotate(Count("pk"), Min("create_date"))
    }
    for status in sorted(OPEN):
        count, oldest = found.get(status, (0, now))
        number.add_metric([name_of(Status, status)], count)
        age.add_metric([name_of(Status, status)], seconds_since(oldest, now))
    remarks = gauge("attention_orders", f"Orders with a remark, at most {MOST_REMARKS}.")
    remarked = Order.objects.remarked().order_by().values("pk")[:MOST_REMARKS]
    remarks.add_metric([], remarked.count())
    yield from (number, age, remarks)


def today() -> Iterator[Metric]:
    """Since midnight in the office's time zone."""
    midnight = clock.midnight(timezone.localdate())
    sums: dict[tuple[int, int], tuple[int, Decimal]] = {}

    def add(source: int, key: int, count: int, amount: Decimal | None) -> None:
        before, sum_before = sums.get((source, key), (0, Decimal(0)))
        sums[source, key] = before + count, sum_before + (amount or 0)

    until = dict.fromkeys(SOURCES, midnight)
    for source, key, count, amount, moment in kept_since(midnight):
        if key == CURSOR:
            until[source] = max(midnight, moment)
        else:
            add(source, key, count, amount)
    tails = [tail(source, until[source]) for source in SOURCES]
    for row in tails[0].union(*tails[1:], all=True):
        add(*row)
    ended = gauge("orders_ended_today", "Orders that ended since midnight.", "status")
    delivered = gauge("plays_delivered_today", "Plays proved, of orders that ended since midnight.")
    delivered.add_metric([], sum(int(sums[key][1]) for key in sums if key[0] == Source.ENDED))
    money = gauge("money_today", "Ledger entries since midnight, summed up.", "kind")
    for (source, key), (count, amount) in sorted(sums.items()):
        if source == Source.ENDED:
            ended.add_metric([name_of(Status, key)], count)
        elif source == Source.LEDGER:
            money.add_metric([name_of(LedgerEntry.Kind, key)], float(amount))
    yield from (ended, delivered, money)


SOURCES = (Source.LEDGER, Source.ENDED)
CURSOR = -1
EXACT: Any = DecimalField(max_digits=20, decimal_places=2)


def kept_since(midnight: datetime.datetime) -> Any:
    """(source, key, rows, amount, start) of each quarter of an hour, and how far each source is
    counted, as the start of the key CURSOR. One statement reads both tables."""
    quarters = QuarterHourTotal.objects.filter(source__in=SOURCES, start__gte=midnight).order_by()
    nothing = (Value(CURSOR), Value(0), Cast(Value(0), EXACT))
    cursors = RollupCursor.objects.filter(source__in=SOURCES).order_by()
    return quarters.values_list("source", "key", "rows", "amount", "start").union(
        cursors.values_list("source", *nothing, "until"), all=True
    )


def tail(source: Source, since: datetime.datetime) -> Any:
    """(source, key, rows, amount) of what is not kept yet."""
    rows, moment, key, amount = rollups.rows_of(source)
    young = rows.filter(**{f"{moment}__gte": since}).values_list(Value(source.value), key)
    return young.annotate(number=Count("pk"), total=Cast(Sum(amount), EXACT))


def plays() -> Iterator[Metric]:
    minutes = playrate.last_hour()
    yield gauge("plays_last_minute", "Plays that sites received in the last minute.", minutes[-1])
    yield gauge("plays_last_hour", "Plays that sites received in the last hour.", sum(minutes))


def workers() -> Iterator[Metric]:
    is_alive = Q(seen__gte=Now() - datetime.timedelta(seconds=SILENT))
    beats = Heartbeat.objects.aggregate(
        alive=Count("pk", filter=is_alive),
        lately=Count("pk", filter=Q(seen__gte=Now() - DIED_LATELY)),
        cut_off=Count("pk", filter=is_alive & Q(queue_is_up=False)),
        failing=Count("pk", filter=is_alive & ~Q(trouble="")),
    )
    yield gauge("workers", "Workers that gave a sign of life.", beats["alive"])
    yield gauge(
        "workers_died", "Workers gone within the hour unasked.", beats["lately"] - beats["alive"]
    )
    yield gauge("workers_failing", "Living workers whose work fails.", beats["failing"])
    yield gauge("workers_without_queue", "Living workers that cannot reach it.", beats["cut_off"])
    held = gauge("round_orders", "Running orders under a worker's lease.", "worker")
    in_flight = gauge("round_plays_in_flight", "Plays without a recorded outcome.", "worker")
    expired = 0
    for name, running, left, flying in queue.by_holder():
        held.add_metric([name], running)
        in_flight.add_metric([name], flying or 0)
        expired += left
    yield from (held, in_flight)
    yield gauge("expired_leases", "Running orders whose worker is gone.", expired)


def due(now: datetime.datetime) -> Iterator[Metric]:
    found = queue.due(now)
    yield gauge("due_orders", f"Due and free, at most {queue.MOST_DUE}.", found.orders)
    seconds = found.oldest.total_seconds() if found.oldest else 0.0
    yield gauge("due_oldest_seconds", "Since when the first is due.", seconds)


def messages() -> Iterator[Metric]:
    depth = tasks.queue_depth()
    yield gauge("queue_up", "Whether the queue can be reached.", depth is not None)
    if depth is not None:
        yield gauge("queue_messages", "Wake-ups that wait in the queue.", depth)


def sites(now: datetime.datetime) -> Iterator[Metric]:
    up = gauge("site_up", "0 while a site's breaker is open.", "site")
    down = gauge("site_down_seconds", "For how long it has been open.", "site")
    probes = gauge("site_failed_probes", "Attempts since it opened.", "site")
    verified = gauge("site_verified", "Whether the site showed its token.", "site")
    rate = gauge("site_learned_rate", "Plays a second that the site bears.", "site")
    connections = gauge("site_learned_connections", "Plays at once that it bears.", "site")
    for site in Site.objects.filter(active=True).select_related("breaker").order_by("name"):
        breaker = open_breaker_of(site)
        up.add_metric([site.name], breaker is None)
        since = breaker.opened_at if breaker else None
        down.add_metric([site.name], seconds_since(since, now))
        probes.add_metric([site.name], breaker.probes if breaker else 0)
        verified.add_metric([site.name], site.verified)
        if site.learned_rate is not None:
            rate.add_metric([site.name], site.learned_rate)
        if site.learned_connections is not None:
            connections.add_metric([site.name], site.learned_connections)
    yield from (up, down, probes, verified, rate, connections)


def imports() -> Iterator[Metric]:
    number = gauge("import_jobs", "Imports that are not over.", "status")
    open_ones = ImportJob.objects.exclude(status__in=ImportJob.FINAL).order_by()
    found = dict(open_ones.values_list("status").annotate(Count("pk")))
    for status in ImportJob.Status:
        if status not in ImportJob.FINAL:
            number.add_metric([status.name.lower()], found.get(status, 0))
    yield number


def web() -> Iterator[Metric]:
    viewers = gauge("feed_viewers", "Sockets and polls that watch live pages.", "process")
    running = gauge("pages_running", "Pages being worked on.", "process")
    waiting = gauge("pages_waiting", "Requests that wait for a page.", "process")
    refused = CounterMetricFamily(
        "booster_pages_refused", "Requests answered 503, as too many waited.", labels=["process"]
    )
    seconds = HistogramMetricFamily(
        "booster_page_seconds", "From a request to its answer.", labels=["process"]
    )
    alive = list(WebProcess.objects.alive())
    for process in alive:
        name = [process.name]
        viewers.add_metric(name, process.viewers)
        running.add_metric(name, process.running)
        waiting.add_metric(name, process.waiting)
        refused.add_metric(name, process.refused)
        bounds = [*map(str, PAGE_BOUNDS), "+Inf"]
        counts = accumulate(process.page_counts or [0] * len(bounds))
        buckets = list(zip(bounds, counts, strict=True))
        seconds.add_metric(name, buckets=buckets, sum_value=process.page_seconds)
    yield gauge("web_processes", "Web processes that gave a sign of life.", len(alive))
    yield from (viewers, running, waiting, refused, seconds)


def gauge(name: str, about: str, told: str | float | None = None) -> GaugeMetricFamily:
    """`told`: the name of the label of a gauge to be filled, or the value of a complete one."""
    if isinstance(told, str):
        return GaugeMetricFamily(f"booster_{name}", about, labels=[told])
    return GaugeMetricFamily(f"booster_{name}", about, value=None if told is None else float(told))


def name_of(choices: type[IntegerChoices], value: int) -> str:
    """A later release beside this one may have one without a name here."""
    return choices(value).name.lower() if value in choices.values else str(value)


def seconds_since(moment: datetime.datetime | None, now: datetime.datetime) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())
