"""Machines ask whether this process lives, whether it can serve, and for the office's figures."""

import http.client
import json
import re
import time
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
import yaml
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from core.db import clock
from core.models import (
    Breaker,
    ChargeRecord,
    Heartbeat,
    Order,
    QuarterHourTotal,
    RollupCursor,
    Site,
    Status,
    WebProcess,
)
from core.models.rollups import Source
from core.ops import doctor
from core.reports import metrics, rollups
from office.probes import Readiness
from tests.base import an_order, placed
from tests.office import ROOT, wait_for

MONITORING = ROOT / "docs" / "monitoring"
TOKEN = "a token of the test's"


def figures() -> dict[tuple[str, ...], float]:
    """By name and labels' values. Each series stands on the page once: of two, some scrapers keep
    the first, others the last."""
    found: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            key = (sample.name.removeprefix("booster_"), *sample.labels.values())
            assert key not in found, f"two samples of {key}"
            found[key] = sample.value
    return found


def test_orders_money_and_plays_are_told_from_the_rows_and_from_what_is_kept(db):
    order = an_order()
    found = figures()
    assert found["orders", "pending"] == 1
    assert found["orders", "running"] == 0
    assert found["money_today", "order"] == -float(order.price)
    long_ago = timezone.now() - timedelta(hours=3)
    Order.objects.update(
        status=Status.RUNNING,
        create_date=long_ago,
        holder="host:1",
        reserved=9,
        done=2,
        lease_until=timezone.now() + timedelta(seconds=20),
        attention="Look at this.",
    )
    before = figures()
    assert before["oldest_order_age_seconds", "running"] == pytest.approx(3 * 3600, abs=60)
    assert (before["round_orders", "host:1"], before["round_plays_in_flight", "host:1"]) == (1, 7)
    assert before["attention_orders",] == 1
    Order.objects.update(status=Status.COMPLETED, delivered=100, end_date=timezone.now())
    rollups.catch_up()
    after = figures()
    assert after["orders_ended_today", "completed"] == 1
    assert after["plays_delivered_today",] == 100


def test_what_is_kept_and_what_came_since_add_up_to_the_day(db, erin):
    """Once counted by quarters, once not at all: the same sums."""
    midnight = clock.midnight(timezone.localdate())
    ChargeRecord.objects.create(customer=erin, amount=Decimal("12.34"))
    uncounted = figures()
    ours = rollups.recount(Source.LEDGER, midnight, timezone.now() + timedelta(minutes=1))
    assert uncounted["money_today", "charge"] == float(ours[1].amount)
    # As if all until now were counted: the sums come from the quarters alone.
    QuarterHourTotal.objects.create(
        source=Source.LEDGER, start=midnight, key=1, rows=1, amount=ours[1].amount
    )
    RollupCursor.objects.update_or_create(
        source=Source.LEDGER,
        defaults={"until": timezone.now() + timedelta(minutes=1), "checked": midnight},
    )
    assert figures()["money_today", "charge"] == float(ours[1].amount)


def test_a_site_that_is_down_and_workers_that_died_are_told(db):
    order = an_order()
    Breaker.objects.create(site=order.site, opened_at=timezone.now() - timedelta(minutes=5))
    Site.objects.update(learned_rate=12.5)
    Heartbeat.objects.beat("host:1", queue_is_up=False)
    Heartbeat.objects.create(
        consumer="host:2", seen=timezone.now() - timedelta(minutes=5), queue_is_up=True
    )
    found, name = figures(), order.site.name
    assert (found["site_up", name], found["site_learned_rate", name]) == (0, 12.5)
    assert found["site_down_seconds", name] == pytest.approx(300, abs=10)
    assert (found["workers",], found["workers_died",], found["workers_without_queue",]) == (1, 1, 1)


def test_a_scrape_asks_a_dozen_statements_however_many_there_are(db):
    order = an_order()
    for index in range(5):
        Site.objects.create(name=f"Site {index}", origin=f"http://127.0.0.1:{index + 20}")
    Breaker.objects.create(site=order.site, opened_at=timezone.now())
    WebProcess.objects.report({"page_counts": [1] * 9}, name="host:1")
    with CaptureQueriesContext(connection) as captured:
        found = figures()
    assert len(captured) <= 12
    assert found["page_seconds_count", "host:1"] == 9


def test_an_office_that_lacks_a_migration_is_not_ready_and_one_that_has_all_is(db):
    readiness = Readiness()
    newest = MigrationRecorder.Migration.objects.filter(app="core").order_by("-name").first()
    kept = (newest.app, newest.name)
    newest.delete()
    assert readiness.check() == "migrations"
    MigrationRecorder(connection).record_applied(*kept)
    assert readiness.check() == ""


def ask(url: str, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    client = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        client.request(method, path, headers=headers)
        answer = client.getresponse()
        return answer.status, answer.read().decode()
    finally:
        client.close()


def test_the_server_tells_them_to_any_host_without_https_and_the_figures_by_token(office):
    server = office.run_web(
        "--processes", "1", HTTPS="on", ALLOWED_HOSTS="office.example.com", METRICS_TOKEN=TOKEN
    )
    host = "10.0.0.7:8000"
    assert ask(server.url, "/admin/", Host=host)[0] == 400  # what pages say to a strange host
    assert ask(server.url, "/healthz", Host=host) == (200, "ok\n")
    assert ask(server.url, "/readyz", Host=host) == (200, "ready\n")
    assert ask(server.url, "/readyz", "HEAD", Host=host) == (200, "")
    assert ask(server.url, "/healthz", "POST", Host=host)[0] == 405
    assert ask(server.url, "/metrics", Host=host)[0] == 401
    assert ask(server.url, "/metrics", Host=host, Authorization="Bearer another")[0] == 401
    status, text = ask(server.url, "/metrics", Host=host, Authorization=f"Bearer {TOKEN}")
    assert status == 200
    assert 'booster_orders{status="pending"} 0.0' in text
    wait_for(lambda: WebProcess.objects.alive().count() == 1, what="the process's own figures")


def test_without_a_token_there_are_no_figures_and_without_a_database_no_readiness(
    new_office, tmp_path
):
    office = new_office("sqlite")
    broken = tmp_path / "broken.sqlite3"
    broken.write_text("not a database at all")
    server = office.run_web("--processes", "1", DATABASE_URL=f"sqlite:///{broken}")
    assert ask(server.url, "/metrics")[0] == 404
    assert ask(server.url, "/healthz") == (200, "ok\n")
    assert ask(server.url, "/readyz") == (503, "not ready: database\n")
    time.sleep(0.2)
    assert server.log().count("figures of this process") == 1


@pytest.fixture
def names(db) -> set[str]:
    """Of all samples, of an office where there is one of everything."""
    order = an_order()
    Site.objects.update(learned_rate=1.5, learned_connections=2)
    Order.objects.update(status=Status.RUNNING, holder="host:1", lease_until=timezone.now())
    Breaker.objects.create(site=order.site, opened_at=timezone.now())
    WebProcess.objects.report({"page_counts": [0] * 9}, name="host:1")
    rollups.catch_up()
    ended = placed(order.customer, order.site, "other")
    Order.objects.filter(pk=ended.pk).update(
        status=Status.COMPLETED, delivered=1, end_date=timezone.now()
    )
    return {f"booster_{key[0]}" for key in figures()}


def named_in(expressions: list[str]) -> set[str]:
    return set(re.findall(r"\bbooster_\w+", " ".join(expressions)))


def test_the_alert_rules_and_the_dashboard_ask_for_figures_that_exist(names):
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    targets = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    alerts = [rule["expr"] for rule in rules]
    assert named_in(alerts) and named_in(targets)
    assert named_in(alerts) - names == set()
    assert named_in(targets) - names == set()
    # And every figure is shown somewhere, but those that say how many processes there are.
    shown = named_in(targets) | named_in(alerts)
    quiet = {"booster_web_processes", "booster_pages_running", "booster_site_verified"}
    quiet |= {"booster_site_up", "booster_site_failed_probes", "booster_page_seconds_sum"}
    quiet |= {"booster_plays_last_hour"}
    assert {name for name in names if not name.endswith("_created")} - shown - quiet == set()


def test_each_alert_says_how_bad_it_is_and_names_a_check_that_exists():
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]
    checks = {check.__name__ for check in doctor.CHECKS}
    for rule in rules:
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"].get("check", "due") in checks, rule["alert"]
