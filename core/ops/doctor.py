"""Is the office well? Each check looks at one thing that can go wrong while nobody watches.

It changes nothing but the time when it looked, asks no site, and says what to do about each
finding. `check_ledger` is apart because it reads every row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

from django.db import DatabaseError, InterfaceError
from django.db.models import F, Max, Min, Sum
from django.db.models.functions import Now
from huey.contrib.djhuey import HUEY

from core.db import clock
from core.db.outages import in_words
from core.models import ApprovalLimit, Breaker, Customer, Heartbeat, Order, Pause, RetentionCursor
from core.models.flow import WORKABLE, Status
from core.reasons import reason_of

# Seconds.
DIED_LATELY = DROPPED_LATELY = 3600
LEASE_FORGOTTEN, LEASE_LOST = 60, 600
DUE_LATE, DUE_LOST = 120, 900
PROOF_LATE = 3600
QUEUE_LONG = 5000
NAMES_SHOWN = 10


class Level(IntEnum):
    OK = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    level: Level
    text: str
    value: float | None = None


def examine() -> list[Finding]:
    """All findings, one for each check; an unreadable database is a finding too."""
    return [ask(check) for check in CHECKS]


def ask(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except (DatabaseError, InterfaceError) as error:
        text = in_words(error) or f"the database cannot be read: {error}".strip()
        return Finding(check.__name__, Level.CRITICAL, text)


def database() -> Finding:
    """Whether rows can be written; stores the time, as SQLite does not write an unchanged row."""
    try:
        RetentionCursor.objects.update_or_create(kind="doctor", defaults={"until": Now()})
    except (DatabaseError, InterfaceError) as error:
        text = f"nothing can be written from here: {in_words(error) or error}".strip()
        return Finding("database", Level.CRITICAL, text)
    return Finding("database", Level.OK, "it can be written")


def consumers() -> Finding:
    alive = Heartbeat.objects.alive()
    count = alive.count()
    if not count:
        text = "none gave a sign of life for 60 s: start manage.py run_huey"
        return Finding("consumers", Level.CRITICAL, text, 0)
    died = Heartbeat.objects.seen_within(DIED_LATELY).exclude(pk__in=alive)
    if names := ", ".join(died.values_list("consumer", flat=True)):
        return Finding("consumers", Level.WARNING, f"{count} workers running; died: {names}", count)
    return Finding("consumers", Level.OK, f"{count} workers running", count)


def failing() -> Finding:
    """Live workers whose work fails."""
    beats = list(Heartbeat.objects.failing())
    if not beats:
        return Finding("failing", Level.OK, "no worker's work fails", 0)
    others = Heartbeat.objects.alive().count() - len(beats)
    told = "; ".join(f"{beat.consumer}: {beat.trouble}" for beat in beats[:NAMES_SHOWN])
    text = f"{len(beats)} workers fail, {others} do not: {told}"
    return Finding("failing", Level.WARNING if others else Level.CRITICAL, text, len(beats))


def queue() -> Finding:
    try:
        depth = HUEY.pending_count()
    except HUEY.down as error:
        text = f"{HUEY.describe(error)}; consumers take their work from the database"
        return Finding("queue", Level.WARNING, text)
    if not all(Heartbeat.objects.alive().values_list("queue_is_up", flat=True)):
        return Finding("queue", Level.WARNING, "a consumer cannot reach it", depth)
    level = Level.WARNING if depth > QUEUE_LONG else Level.OK
    return Finding("queue", level, f"{depth} tasks wait", depth)


def messages() -> Finding:
    """Messages that no consumer could read; their orders were found without them."""
    try:
        unreadable = HUEY.unreadable()
    except HUEY.down as error:
        if queue().value is None:
            return Finding("messages", Level.OK, "see queue")
        text = f"their number cannot be read: {HUEY.describe(error)}"
        return Finding("messages", Level.WARNING, text)
    if unreadable is None:
        return Finding("messages", Level.OK, "all could be read", 0)
    text = f"{unreadable.count} could not be read and were dropped"
    if unreadable.age > DROPPED_LATELY:
        return Finding("messages", Level.OK, f"{text}, none lately", unreadable.count)
    text = f"{text}, one {unreadable.age:.0f} s ago: another SECRET_KEY, or another version?"
    return Finding("messages", Level.WARNING, text, unreadable.count)


def leases() -> Finding:
    """An expired lease means that a consumer died; the next sweep takes the order over."""
    expired = Order.objects.filter(
        status__in=WORKABLE, lease_until__lt=Now() - timedelta(seconds=LEASE_FORGOTTEN)
    )
    found = expired.aggregate(oldest=Min("lease_until"))["oldest"]
    if found is None:
        return Finding("leases", Level.OK, "none ran out unnoticed", 0)
    age, count = _age(found), expired.count()
    level = Level.CRITICAL if age > LEASE_LOST else Level.WARNING
    return Finding("leases", level, f"{count} ran out and nobody took over for {age:.0f} s", count)


def due() -> Finding:
    oldest = Order.objects.free_to_claim().without_paused().aggregate(oldest=Min("due"))["oldest"]
    age = 0.0 if oldest is None else _age(oldest)
    if age < DUE_LATE:
        return Finding("due", Level.OK, "no order waits for long", round(age, 1))
    level = Level.CRITICAL if age > DUE_LOST else Level.WARNING
    return Finding(
        "due", level, f"an order has been due for {age:.0f} s: too few workers?", round(age, 1)
    )


def uncertain() -> Finding:
    """Plays that a crash or a site left unknown; their orders' counters will tell."""
    unknown = Order.objects.open().filter(uncertain__gt=0)
    total = unknown.aggregate(total=Sum("uncertain"))["total"] or 0
    late = unknown.filter(
        status=Status.VERIFYING, verify_until__lt=Now() - timedelta(seconds=PROOF_LATE)
    )
    if count := late.count():
        text = f"{count} orders wait for their counters for more than an hour"
        return Finding("uncertain", Level.WARNING, text, total)
    return Finding("uncertain", Level.OK, f"{total} plays, to be settled by the counters", total)


def held() -> Finding:
    waiting = Order.objects.filter(status=Status.PAUSED, held_by_site=True)
    names = sorted(set(waiting.values_list("site__name", flat=True)))
    if not names:
        return Finding("held", Level.OK, "no order waits for a site", 0)
    text = f"orders wait for {', '.join(names)}: its token is missing"
    return Finding("held", Level.WARNING, text, waiting.count())


def paused() -> Finding:
    """What people paused and may have forgotten."""
    pauses = Pause.objects.active().select_related("site", "creator").order_by("create_date")
    told = [f"{pause.site or 'the whole office'} by {pause.creator}" for pause in pauses]
    if not told:
        return Finding("paused", Level.OK, "no site is", 0)
    age = _age(pauses[0].create_date)
    text = f"people paused {', '.join(told)}; the oldest for {age:.0f} s"
    return Finding("paused", Level.WARNING, text, len(told))


def sites() -> Finding:
    """Sites that do not answer: their orders wait and lose nothing, but somebody should know."""
    waiting = Order.objects.filter(status__in=(Status.PENDING, Status.RUNNING))
    down = Breaker.objects.filter(opened_at__isnull=False, site__in=waiting.values("site"))
    told = [
        f"{breaker.site.name} for {_age(breaker.opened_at):.0f} s ({reason_of(breaker)})"
        for breaker in down.select_related("site").order_by("opened_at")
    ]
    if not told:
        return Finding("sites", Level.OK, "all take plays", 0)
    return Finding("sites", Level.WARNING, f"orders wait for {'; '.join(told)}", len(told))


def attention() -> Finding:
    needing = Order.objects.needing_a_person()
    count = needing.count()
    if not count:
        return Finding("attention", Level.OK, "no order needs a person", 0)
    newest = needing.aggregate(newest=Max("pk"))["newest"]
    oid = Order.objects.values_list("oid", flat=True).get(pk=newest)
    return Finding(
        "attention", Level.WARNING, f"{count} orders need a person, such as {oid}", count
    )


def repeating() -> Finding:
    """Orders whose runs fail again and again, because of their sites or of us."""
    failing = Order.objects.filter(status__in=WORKABLE, attempts__gte=3, due__gt=F("create_date"))
    count = failing.count()
    level = Level.WARNING if count else Level.OK
    return Finding("repeating", level, f"{count} orders failed three times or more in a row", count)


def limits() -> Finding:
    """Staff can get around their limit if the portal has none: they can make a customer."""
    if ApprovalLimit.objects.leave_portal_open():
        text = "groups have an approval limit and customers have none: add one without a group"
        return Finding("limits", Level.WARNING, text)
    return Finding("limits", Level.OK, "no way around them by the portal")


def names() -> Finding:
    """Customers who were there before names had to differ in more than case and form."""
    alike = Customer.objects.filter(name_key=None).order_by("pk")
    if not (count := alike.count()):
        return Finding("names", Level.OK, "no two customers are called alike", 0)
    first = ", ".join(alike.values_list("username", flat=True)[:NAMES_SHOWN])
    text = f"{count} are called like another but for case or form; give them other names: {first}"
    return Finding("names", Level.WARNING, text, count)


CHECKS = (
    *(database, consumers, failing, queue, messages, leases, due, uncertain, held, paused, sites),
    *(attention, repeating, limits, names),
)


def worst(findings: list[Finding]) -> Level:
    return max((finding.level for finding in findings), default=Level.OK)


def _age(moment: object) -> float:
    return max(0.0, (clock.now() - moment).total_seconds())  # type: ignore[operator]
