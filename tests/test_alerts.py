"""People are told once of what needs one of them, and once that it is over."""

import json
import socket
import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core import mail
from django.db.models import F
from django.utils import timezone

from booster import worker
from core import tasks
from core.models import Alert, Breaker, Customer, Heartbeat, Order, RetentionCursor, Status
from core.ops import alerts
from tests.base import an_order
from tests.office import wait_for

MINUTES = timedelta(minutes=3)


class Hook(HTTPServer):
    """A webhook; `status` is what it answers."""

    def __init__(self) -> None:
        self.got: list[dict] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.status == 200:
                    hook.got.append(json.loads(body))
                self.send_response(hook.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(one["status"], one["cause"]) for one in self.got]


@pytest.fixture
def hook(settings):
    with Hook() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.ALERT_WEBHOOK = server.url
        yield server
        server.shutdown()


@pytest.fixture
def consumer(db) -> Heartbeat:
    Heartbeat.objects.beat("host:1", queue_is_up=True)
    return Heartbeat.objects.get()


def later(delta: timedelta = MINUTES) -> None:
    """So much time passes: for the alerts, and for nobody else."""
    Alert.objects.update(
        since=F("since") - delta,
        believed_until=F("believed_until") - delta,
        sending_until=F("sending_until") - delta,
    )


def watch(times: int = 1) -> None:
    for _ in range(times):
        alerts.watch()
        later()


def test_a_cause_is_told_once_after_a_while_and_once_when_it_is_over(consumer, hook, settings):
    settings.ALERT_EMAILS = ("ops@example.com",)
    order = an_order()
    Order.objects.update(attention="Look at this.")
    alerts.watch()
    assert hook.told == []  # it may pass
    later()
    watch(5)
    assert hook.told == [("firing", "attention")]
    assert order.oid in hook.got[0]["text"]
    Order.objects.update(attention="")
    watch(4)
    assert hook.told == [("firing", "attention"), ("resolved", "attention")]
    assert [message.subject.split("] ")[1][:6] for message in mail.outbox] == ["Orders", "over: "]
    assert mail.outbox[0].to == ["ops@example.com"]
    assert not Alert.objects.exists()


def test_ways_that_hang_are_waited_for_once_and_hold_no_sweep_up(consumer, settings, monkeypatch):
    monkeypatch.setattr(alerts, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.ALERT_WEBHOOK = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        Heartbeat.objects.bulk_create(
            Heartbeat(consumer=f"gone:{number}", queue_is_up=True, seen=timezone.now() - MINUTES)
            for number in range(30)
        )
        watch()
        alerts.watch()
        silent.settimeout(0.0)
        calls = 0
        with suppress(BlockingIOError):
            while True:
                silent.accept()[0].close()
                calls += 1
    assert calls == 1
    assert Alert.objects.unsent().count() == 29


def test_no_sweep_waits_until_people_are_told(db, hook, monkeypatch):
    monkeypatch.setattr(alerts, "_next_at", 0.0)
    monkeypatch.setattr(alerts, "EVERY_SECONDS", 0.0)
    names, calls = threading.Event(), []

    def watch() -> None:  # a name server keeps silent
        calls.append(1)
        names.wait(20)

    monkeypatch.setattr(alerts, "watch", watch)
    began = time.monotonic()
    worker.sweep()
    worker.sweep()
    assert (time.monotonic() - began < 10, len(calls)) == (True, 1)
    names.set()
    wait_for(lambda: not alerts._watching.locked())


def test_what_passes_by_itself_is_not_told(consumer, hook):
    an_order()
    Order.objects.update(attention="Look at this.")
    alerts.watch()
    Order.objects.update(attention="")
    watch(4)
    assert hook.told == []
    assert not Alert.objects.exists()


def test_sites_that_are_down_and_consumers_that_are_silent_are_causes_of_their_own(db, hook):
    order = an_order()
    Breaker.objects.create(site=order.site, opened_at=timezone.now())
    ago = timezone.now() - timedelta(minutes=5)
    Heartbeat.objects.create(consumer="host:2", seen=ago, queue_is_up=True)
    watch(3)
    site = f"site {order.site_id}"
    assert sorted(cause for _, cause in hook.told) == ["consumer host:2", "consumers", site]
    Order.objects.update(status=Status.PAUSED, held_by_site=True)  # nobody waits for it any more
    Heartbeat.objects.beat("host:3", queue_is_up=True)
    watch(4)
    assert ("resolved", site) in hook.told and ("resolved", "consumers") in hook.told


def test_a_consumer_that_is_taken_away_on_purpose_is_no_cause(consumer, hook):
    Heartbeat.objects.beat("host:2", queue_is_up=True)
    Heartbeat.objects.filter(consumer="host:2").delete()  # as it does when it is asked to stop
    watch(3)
    assert hook.told == []


@pytest.mark.parametrize("status", [500, 302])
def test_what_could_not_be_sent_is_tried_again_until_somebody_was_told(db, hook, status):
    hook.status = status
    watch(3)
    assert Alert.objects.get().told_at is None
    hook.status = 200
    watch(3)
    assert hook.told == [("firing", "consumers")]


def test_where_one_way_fails_the_other_tells_once(db, hook, settings):
    settings.ALERT_EMAILS = ("ops@example.com",)
    hook.status = 500
    watch(4)
    assert (hook.told, len(mail.outbox)) == ([], 1)


def test_of_many_processes_one_tells(db, hook):
    alerts.watch()
    later()
    (alert,) = Alert.objects.to_begin(alerts.PATIENCE)
    assert alert.take()
    alerts.watch()  # another process meanwhile
    assert hook.told == []
    later(timedelta(minutes=1))  # the first one died
    alerts.watch()
    assert hook.told == [("firing", "consumers")]


def test_a_ledger_that_does_not_add_up_is_told_and_when_it_does_again(consumer, hook):
    an_order()
    assert alerts.check_ledger() == 0
    Customer.objects.update(balance=F("balance") + 5)
    assert alerts.check_ledger() > 0
    later()
    watch(10)
    assert hook.told == [("firing", "ledger")]
    Customer.objects.update(balance=F("balance") - 5)
    assert alerts.check_ledger() == 0
    watch(2)
    assert hook.told == [("firing", "ledger"), ("resolved", "ledger")]


def test_nobody_is_told_that_the_ledger_adds_up_again_before_it_was_read(consumer, hook):
    """No consumer lived at the hour, or the reading failed."""
    an_order()
    Customer.objects.update(balance=F("balance") + 5)
    alerts.check_ledger()
    later()
    watch(2)
    later(timedelta(days=3))
    watch(3)
    assert hook.told == [("firing", "ledger")]


def test_a_ledger_that_cannot_be_read_is_told(consumer, hook, monkeypatch):
    def fail() -> None:
        raise ValueError("a row that nobody understands")

    with monkeypatch.context() as broken:
        broken.setattr(alerts.auditing, "differences", fail)
        with pytest.raises(ValueError, match="nobody understands"):
            alerts.check_ledger()
    later()
    watch(3)
    assert hook.told == [("firing", "ledger")]
    assert "a row that nobody understands" in hook.got[0]["text"]
    assert alerts.check_ledger() == 0
    watch(2)
    assert hook.told[1:] == [("resolved", "ledger")]


def test_the_ledger_is_read_once_a_night_and_not_where_nobody_is_told(
    consumer, hook, settings, monkeypatch
):
    read: list[int] = []
    monkeypatch.setattr(alerts, "check_ledger", lambda: read.append(1))
    alerts.check_ledger_daily()
    alerts.check_ledger_daily()
    assert len(read) == 1
    RetentionCursor.objects.update(until=timezone.now() - timedelta(hours=24))
    alerts.check_ledger_daily()
    assert len(read) == 2
    settings.ALERT_WEBHOOK = ""
    RetentionCursor.objects.update(until=timezone.now() - timedelta(hours=24))
    alerts.check_ledger_daily()
    assert len(read) == 2


def test_a_reading_of_the_ledger_that_a_kill_ended_is_done_again_the_same_night(
    consumer, hook, monkeypatch
):
    def die() -> None:
        raise SystemExit

    with monkeypatch.context() as killed, pytest.raises(SystemExit):
        killed.setattr(alerts, "check_ledger", die)
        alerts.check_ledger_daily()
    read: list[int] = []
    monkeypatch.setattr(alerts, "check_ledger", lambda: read.append(1))
    alerts.check_ledger_daily()
    assert read == []  # who began may be at work
    RetentionCursor.objects.update(until=F("until") - timedelta(hours=1))
    alerts.check_ledger_daily()
    assert read == [1]
    is_due = tasks.check_ledger.task_class().validate_datetime
    asked = [hour for hour in range(24) if is_due(datetime(2026, 12, 1, hour, 17))]
    assert asked == [3, 4, 5, 6, 7]


def test_an_office_that_tells_nobody_does_not_watch(db, monkeypatch):
    monkeypatch.setattr(alerts, "_next_at", 0.0)
    assert alerts.watch_sometimes in worker.other_sweeps
    alerts.watch_sometimes()
    assert not Alert.objects.exists()


def test_the_web_tells_that_no_consumer_is_left(office, hook):
    """The only process there is has to do it."""
    Alert.objects.create(
        cause="consumers",
        text="seen before",
        since=timezone.now() - MINUTES,
        believed_until=timezone.now() + MINUTES,
    )
    office.run_web("--processes", "1", ALERT_WEBHOOK=hook.url)
    wait_for(lambda: hook.told == [("firing", "consumers")], what="the webhook")
