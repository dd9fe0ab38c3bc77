"""Tells people by e-mail and webhook what needs one of them: once when it begins and once when it
has ended, however many processes watch.

Every worker and web process watches, since each may be the only one left. The database decides who
tells; of its own outage one process of each host tells. A failed message is tried again, so after a
crash it may come twice, but never not at all. Only the environment sets where they go
(ALERT_EMAILS, ALERT_WEBHOOK): nobody at the desk can redirect them.
"""

import fcntl
import json
import logging
import os
import smtplib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import requests
from django.conf import settings
from django.core.mail import send_mail
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from booster import USER_AGENT
from core.db.outages import DATABASE_ERRORS
from core.models import Alert, Breaker, Heartbeat, Order, RetentionCursor, Status
from core.ops import auditing, retention
from core.reasons import reason_of

logger = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
# A shorter trouble is not told, and a shorter absence is not its end.
PATIENCE = timedelta(minutes=2)
BELIEVED = timedelta(minutes=5)
# The ledger is read once a day. If a reader has not finished after so long, it was killed and
# another starts. A difference is over only when a reading finds none.
LEDGER_EVERY, LEDGER_TAKES = timedelta(hours=20), timedelta(minutes=50)
LEDGER_BELIEVED = timedelta(days=36_500)
LEDGER = "ledger"
SHOWN = 5
TIMEOUT_SECONDS = 10

_watching = threading.Lock()
_next_at = 0.0


def office_name() -> str:
    """The name by which an operator of several offices knows this one."""
    return next(iter(settings.ALLOWED_HOSTS), "Booster Office")


def is_wanted() -> bool:
    return bool(settings.ALERT_EMAILS or settings.ALERT_WEBHOOK)


def watch_sometimes() -> None:
    """watch(), once a minute in each process, in a thread: mail servers, webhooks and name look-ups
    take their time, and the caller has more to do."""
    global _next_at
    if not is_wanted() or time.monotonic() < _next_at or not _watching.acquire(blocking=False):
        return
    _next_at = time.monotonic() + EVERY_SECONDS
    threading.Thread(target=_watch_once, name="alerts", daemon=True).start()


def _watch_once() -> None:
    try:
        watch()
        _outage.end()
    except DATABASE_ERRORS as error:
        logger.warning("the database failed, nobody can be told of anything else: %s", error)
        _outage.note(error)
    except Exception:
        logger.exception("alerts failed; they are looked at again")
    finally:
        connection.close()
        _watching.release()


def watch() -> None:
    """See what is wrong now, and tell what is new or over."""
    seen = {LEDGER}  # the ledger's reader saw it
    for cause, text in causes():
        Alert.objects.see(cause, text, BELIEVED)
        seen.add(cause)
    ways = _ways()
    # A believed alert that is not seen now may be over, so it is not told any more.
    for alert in Alert.objects.to_begin(PATIENCE).filter(cause__in=seen):
        if ways and alert.take() and _tell(alert, "firing", ways):
            alert.note_told()
    for alert in Alert.objects.to_end():
        if ways and alert.take() and _tell(alert, "resolved", ways):
            alert.delete()
    # Delete what was over before anybody was told.
    Alert.objects.filter(told_at=None, believed_until__lt=Now()).delete()


def causes() -> Iterator[tuple[str, str]]:
    """What is wrong now: a name that stays the same meanwhile, and words."""
    beats = Heartbeat.objects.alive()
    alive = beats.count()
    if not alive:
        yield "consumers", "No consumer is running: nothing is being sent."
    died = Heartbeat.objects.seen_within(3600).exclude(pk__in=beats)
    for name in died.values_list("consumer", flat=True):
        yield f"consumer {name}", f"Worker {name} ended without being asked to. {alive} others run."
    if failing := list(Heartbeat.objects.failing()):
        named = "; ".join(f"{beat.consumer}: {beat.trouble}" for beat in failing[:SHOWN])
        yield "failing", f"The work of {len(failing)} of {alive} workers fails: {named}"
    waiting = Order.objects.filter(status__in=(Status.PENDING, Status.RUNNING))
    down = Breaker.objects.filter(opened_at__isnull=False, site__in=waiting.values("site"))
    for breaker in down.select_related("site"):
        reason = reason_of(breaker)
        yield f"site {breaker.site_id}", f"{breaker.site} does not answer, orders wait: {reason}"
    needing = Order.objects.needing_a_person().order_by("-pk")
    numbers = list(needing.values_list("oid", flat=True)[: SHOWN + 1])
    if numbers:
        more = " and others" if len(numbers) > SHOWN else ""
        yield "attention", f"Orders need a person: {', '.join(numbers[:SHOWN])}{more}."


def check_ledger() -> int:
    """Read the whole ledger; returns the number of differences. Takes minutes in a large office."""
    try:
        found = list(auditing.differences())
    except Exception as error:
        Alert.objects.see(LEDGER, f"The ledger could not be read: {error}", LEDGER_BELIEVED)
        raise
    if found:
        logger.error("the ledger does not add up: %s", "; ".join(found[:SHOWN]))
        text = f"The ledger does not add up, {len(found)} differences: {'; '.join(found[:SHOWN])}"
        Alert.objects.see(LEDGER, text, LEDGER_BELIEVED)
    else:
        Alert.objects.filter(cause=LEDGER).update(believed_until=Now() - timedelta(seconds=1))
    return len(found)


def check_ledger_daily() -> None:
    """check_ledger() by the first process that is due, if somebody is to be told."""
    if not is_wanted():
        return
    RetentionCursor.objects.get_or_create(kind=LEDGER, defaults={"until": retention.BEGINNING})
    cursor = RetentionCursor.objects.filter(kind=LEDGER)
    due = cursor.filter(until__lt=Now() - LEDGER_EVERY)
    if due.update(until=Now() - LEDGER_EVERY + LEDGER_TAKES):
        check_ledger()
        cursor.update(until=Now())


def _ways() -> list[Callable[[Alert, str], None]]:
    ways = ((settings.ALERT_WEBHOOK, _post), (settings.ALERT_EMAILS, _mail))
    return [send for is_set, send in ways if is_set]


def _tell(alert: Alert, status: str, ways: list[Callable[[Alert, str], None]]) -> bool:
    """Whether somebody was told, by any way: then nobody is told twice because another way fails. A
    way without answer leaves `ways`: waiting there for each of many alerts would delay the others.
    """
    told = False
    for send in list(ways):
        try:
            send(alert, status)
            told = True
        except (OSError, smtplib.SMTPException, requests.RequestException) as error:
            logger.warning("an alert could not be sent: %s", error)
            if not isinstance(error, requests.HTTPError):
                ways.remove(send)
    return told


def _post(alert: Alert, status: str) -> None:
    body = {
        "status": status,
        "cause": alert.cause,
        "text": f"{'Over: ' if status == 'resolved' else ''}{alert.text}",
        "since": alert.since.isoformat(),
        "office": office_name(),
    }
    answer = requests.post(
        settings.ALERT_WEBHOOK,
        data=json.dumps(body, ensure_ascii=False).encode(),
        headers={"Content-Type": "application/json", "User-Agent": USER_AGENT},
        timeout=TIMEOUT_SECONDS,
        allow_redirects=False,
        stream=True,  # its answer is not read
    )
    answer.close()
    if not answer.ok or answer.is_redirect:
        raise requests.HTTPError(f"the webhook answered {answer.status_code}")


def _mail(alert: Alert, status: str) -> None:
    over = "over: " if status == "resolved" else ""
    subject = " ".join(f"[{office_name()}] {over}{alert.text}".split())[:150]
    body = f"{alert.text}\n\nSince {alert.since:%Y-%m-%d %H:%M} UTC.\n"
    if status == "resolved":
        body = f"It is over.\n\n{body}"
    send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, settings.ALERT_EMAILS)


class Outage:
    """The database's own outage, which it cannot record: one process of each host, with a lock
    until it is over, tells after a while."""

    def __init__(self) -> None:
        self._alert: Alert | None = None
        self._lock: int | None = None

    def note(self, error: Exception) -> None:
        if self._alert is None:
            self._alert = Alert(cause="database", since=timezone.now())
        alert, now = self._alert, timezone.now()
        alert.text = f"The database cannot be used: {error}".partition("\n")[0]
        is_due = alert.told_at is None and now - alert.since >= PATIENCE
        if is_due and self._is_first_here() and _tell(alert, "firing", _ways()):
            alert.told_at = now

    def end(self) -> None:
        if self._alert and (not self._alert.told_at or _tell(self._alert, "resolved", _ways())):
            self._alert = None
            self._let_go()

    def _is_first_here(self) -> bool:
        if self._lock is not None:
            return True
        try:
            self._lock = os.open(settings.STATIC_ROOT, os.O_RDONLY)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._let_go()
            return False
        except OSError:
            pass  # no folder or no locks: several may tell
        return True

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


_outage = Outage()
