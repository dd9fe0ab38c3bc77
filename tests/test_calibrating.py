"""Calibrations over the wire: on real loopback, in the database, on the pages of the desk."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.db import DatabaseError, connection, transaction

from booster import calibrating, retry, sites, tasks
from booster.proof.calibration import FindingCode, Record, Stage, plan
from booster.sites.ids import MAX_ID
from core import ordering
from core.models import Calibration, Customer, OrderError, Site
from core.ops.auditing import differences
from core.ordering import Quote
from core.reasons import Code, reason_of
from tests.base import VIDEO, balance, client_of, lost_wake_ups, messages_of
from tests.sites import DemoSite
from tests.targets import proved
from tests.wire_calibration import calibrated, findings

COUNTERS = {
    "v1": ({}, FindingCode.COUNTS_ALL),
    "v2": ({"lost_update": 0.2}, FindingCode.LOSES_IN_PARALLEL),
    "v3": ({"per_session": 25}, FindingCode.ONCE_PER_SESSION),
    "v4": ({"double": True, "organic": 0.1, "seed": 1}, FindingCode.COUNTS_DOUBLE),
    "v5": ({"lag": 4}, FindingCode.LAGS),
    "v6": ({"counts_readings": True}, FindingCode.COUNTS_READINGS),
    "v7": ({"cached": 5}, FindingCode.CACHED),
}


# When a last try of what was unclear may begin, and how long one may take.
LAST_TRY_SECONDS, TRY_SECONDS = 45.0, 150.0


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.timeout(600)
def test_over_the_wire_it_finds_what_the_counters_do():
    """As in tests/test_calibration.py, with a network and a clock that are none of ours: a busy
    machine blurs a stage, and "unclear" is tried again as long as there is time, but never taken
    for the answer. Of most there is one in the end, where the machine has the time."""
    with DemoSite(extra=20) as site:

        def found(video: str) -> set[FindingCode] | None:
            def calibrate() -> Record | None:
                site.counter(video, **COUNTERS[video][0])
                record = calibrated(proved(site.url), sites.adapter("demo"), video, TRY_SECONDS)
                assert record is None or len(record.plays) == 31
                return record

            rows = findings(calibrate, LAST_TRY_SECONDS)
            return None if rows is None else {row.code for row in rows}

        with ThreadPoolExecutor(len(COUNTERS)) as pool:
            answers = dict(zip(COUNTERS, pool.map(found, COUNTERS), strict=True))
    in_time = {video: codes for video, codes in answers.items() if codes is not None}
    clear = {video: codes for video, codes in in_time.items() if FindingCode.UNCLEAR not in codes}
    for video, codes in clear.items():
        assert COUNTERS[video][1] in codes, video
    if len(in_time) < len(COUNTERS):
        pytest.skip("this machine is too busy: in each try a call took more than a second")
    assert len(clear) > len(COUNTERS) // 2, answers


# In the database


@pytest.fixture
def hurried(monkeypatch):
    """The same stages in a few seconds."""
    monkeypatch.setattr(plan, "QUIET_TIMES", (*[0.0] * 8, 0.2, 0.4))
    monkeypatch.setattr(plan, "AFTER_TIMES", (0.0, 0.2))
    monkeypatch.setattr(plan, "APART_SECONDS", 0.02)


@pytest.fixture
def verified(site):
    Site.objects.update(verified=True)
    site.refresh_from_db()
    return site


def begun(site: Site, demo_site, actor) -> Calibration:
    with lost_wake_ups():
        return ordering.calibrate(site, demo_site.address(VIDEO), actor)


def test_a_calibration_sends_its_plays_under_its_own_name_and_dates_the_site(
    hurried, verified, demo_site, bob
):
    calibration = begun(verified, demo_site, bob)
    calibrating.run(calibration.pk)
    calibration.refresh_from_db()
    verified.refresh_from_db()
    assert calibration.status == Calibration.Status.DONE
    assert [row["code"] for row in calibration.findings] == ["counts_all"]
    assert demo_site.plays(calibration.oid) == 31
    assert verified.calibrated_at is not None
    assert verified.exact_proof  # the demo site says how many plays of an order it counted
    assert verified.counts_readings is None  # proposed, and nobody's until it is taken
    assert calibration.lease_until is None


def test_what_was_measured_before_the_site_changed_dates_it_no_more(
    hurried, verified, demo_site, bob
):
    """The site's form refuses that; a database client does not."""
    Site.objects.update(must_calibrate=True)
    calibration = begun(verified, demo_site, bob)
    steps = iter(range(1000))

    def change_site() -> bool:
        if next(steps) == 6:
            Site.objects.update(adapter="http", recipe={"count_path": "/elsewhere/{video_id}"})
        return False

    calibrating.run(calibration.pk, change_site)
    calibration.refresh_from_db()
    verified.refresh_from_db()
    assert calibration.status == Calibration.Status.FAILED
    assert reason_of(calibration).code == Code.CALIBRATION_OUTDATED
    assert verified.awaits_calibration


def test_it_goes_on_where_a_consumer_stopped(hurried, verified, demo_site, bob):
    calibration = begun(verified, demo_site, bob)
    steps = iter(range(1000))
    calibrating.run(calibration.pk, should_stop=lambda: next(steps) == 25)
    calibration.refresh_from_db()
    assert calibration.status == Calibration.Status.RUNNING
    kept = len(calibration.figures["readings"]) + len(calibration.figures["plays"])
    assert kept > 10
    calibrating.run(calibration.pk)
    calibration.refresh_from_db()
    assert [row["code"] for row in calibration.findings] == ["counts_all"]
    assert demo_site.plays(calibration.oid) == 31


def test_a_long_wait_is_nobodys_until_it_is_over(verified, demo_site, bob, monkeypatch):
    monkeypatch.setattr(plan, "QUIET_TIMES", (0.0, 600.0))
    calibration = begun(verified, demo_site, bob)
    woken = []
    calibrating.run(calibration.pk, wake_later=lambda pk, seconds: woken.append((pk, seconds)))
    calibration.refresh_from_db()
    assert woken[0][0] == calibration.pk
    assert 590 < woken[0][1] <= 600
    assert calibration.lease_until is None
    assert not Calibration.objects.due().exists()
    assert calibration.ask_to_stop()
    assert list(Calibration.objects.due()) == [calibration]
    calibrating.run(calibration.pk)
    calibration.refresh_from_db()
    assert calibration.status == Calibration.Status.CANCELED
    verified.refresh_from_db()
    assert verified.calibrated_at is None


def test_the_sweep_wakes_what_is_due(hurried, verified, demo_site, bob):
    begun(verified, demo_site, bob)
    with lost_wake_ups():
        assert tasks.wake_calibrations() == 1
    Calibration.objects.update(status=Calibration.Status.DONE)
    assert tasks.wake_calibrations() == 0


def test_a_site_without_its_token_gets_no_play(hurried, verified, demo_site, bob):
    calibration = begun(verified, demo_site, bob)
    demo_site.remove_token(verified.token)
    calibrating.run(calibration.pk)
    calibration.refresh_from_db()
    assert calibration.status == Calibration.Status.FAILED
    assert calibration.reason_code == "token_file_unreadable"
    assert demo_site.plays(calibration.oid) == 0
    with pytest.raises(OrderError):
        begun(verified, demo_site, bob)
    assert Calibration.objects.count() == 1


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("where", ["ownership", "count"])
def test_a_site_that_does_not_answer_for_now_is_asked_again(
    hurried, verified, demo_site, bob, monkeypatch, where
):
    monkeypatch.setattr(retry, "CALIBRATION_READING", retry.BackOff(0.0, 0.0, attempts=1))
    calibration = begun(verified, demo_site, bob)
    demo_site.fault(where, "status", status=503)
    woken = []
    calibrating.run(calibration.pk, wake_later=lambda pk, seconds: woken.append(seconds))
    calibration.refresh_from_db()
    assert (calibration.status, calibration.lease_until) == (Calibration.Status.RUNNING, None)
    assert (calibration.reason_code, calibration.attempts) == ("call_answered", 1)
    assert 10 < woken[0] < 30
    assert not Calibration.objects.due().exists()
    demo_site.clear()
    Calibration.objects.update(next_at=None)
    calibrating.run(calibration.pk)
    calibration.refresh_from_db()
    assert (calibration.status, calibration.reason_code) == (Calibration.Status.DONE, "")
    assert demo_site.plays(calibration.oid) == 31


def test_a_reading_that_may_come_late_is_left_to_whoever_looks_then(
    hurried, verified, demo_site, bob
):
    """Nobody holds a calibration while its site asks to wait for longer than a few seconds."""
    calibration = begun(verified, demo_site, bob)
    demo_site.fault("count", "status", status=503, headers={"Retry-After": "40"})
    woken = []
    calibrating.run(calibration.pk, wake_later=lambda pk, seconds: woken.append(seconds))
    assert [round(seconds) for seconds in woken] == [40]
    assert [fault["strikes"] for fault in demo_site.faults()] == [1]
    calibration.refresh_from_db()
    assert (calibration.status, calibration.lease_until) == (Calibration.Status.RUNNING, None)


@pytest.mark.usefixtures("impatient")
def test_a_site_that_never_answers_ends_a_calibration_with_why(hurried, verified, demo_site, bob):
    calibration = begun(verified, demo_site, bob)
    demo_site.fault("ownership", "status", status=503)
    for _ in range(retry.CALIBRATING.attempts):
        assert Calibration.objects.filter(status=Calibration.Status.RUNNING).exists()
        Calibration.objects.update(next_at=None)
        calibrating.run(calibration.pk)
    calibration.refresh_from_db()
    assert calibration.status == Calibration.Status.FAILED
    assert calibration.reason_code == "call_answered"


def test_a_play_of_unknown_fate_is_not_sent_again(hurried, verified, demo_site, bob):
    calibration = begun(verified, demo_site, bob)
    demo_site.fault("plays", "reset_after")
    calibrating.run(calibration.pk)
    calibration.refresh_from_db()
    assert calibration.status == Calibration.Status.FAILED
    assert demo_site.plays(calibration.oid) == 1


def test_plays_whose_end_could_not_be_written_are_not_sent_again(hurried, verified, demo_site, bob):
    calibration = begun(verified, demo_site, bob)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON core_calibration WHEN"
            " json_array_length(NEW.figures, '$.plays') = 1 AND NEW.status = 1"
            " BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    with pytest.raises(DatabaseError):
        calibrating.run(calibration.pk)
    transaction.set_rollback(False)  # that statement alone was undone
    assert demo_site.plays(calibration.oid) == 1
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER full")
    Calibration.objects.update(lease_until=None)
    calibrating.run(calibration.pk)
    calibration.refresh_from_db()
    order = demo_site.order(calibration.oid)
    assert (order["plays"], order["replays"]) == (1, 0)
    assert calibration.status == Calibration.Status.FAILED
    assert "1 of its plays" in str(reason_of(calibration))


def test_a_video_with_an_order_or_another_calibration_is_left_alone(
    verified, demo_site, erin, policies, bob
):
    begun(verified, demo_site, bob)
    with pytest.raises(OrderError, match="already running on this video"):
        begun(verified, demo_site, bob)
    quote = Quote.prepare(erin, demo_site.address(VIDEO), 10_000)
    assert quote.reasons["url"].code == Code.VIDEO_BUSY
    Calibration.objects.update(status=Calibration.Status.DONE)
    with lost_wake_ups():
        ordering.place(Quote.prepare(erin, demo_site.address(VIDEO), 10_000), bob)
    with pytest.raises(OrderError, match="in use by another open order"):
        begun(verified, demo_site, bob)
    assert Calibration.objects.count() == 1


# What is proposed, and taken


def ended(site: Site, actor, *, status=Calibration.Status.DONE, **settings) -> Calibration:
    if status == Calibration.Status.DONE:
        Site.objects.filter(pk=site.pk).update(calibrated_at="2026-01-01T00:00Z")
    return Calibration.objects.create(
        site=site,
        url=f"{site.origin}/videos/{VIDEO}",
        video_id=VIDEO,
        creator=actor,
        status=status,
        settings=settings,
        findings=[{"code": "loses_in_parallel", "params": {"percent": 90}}],
    )


def test_what_was_found_before_the_site_changed_is_not_taken(desk, harbour, bob):
    calibration = ended(harbour, bob, max_connections=1)
    site = Site.objects.get(pk=harbour.pk)
    site.adapter = "peertube"
    site.save()
    reply = desk.post(f"/admin/core/calibration/{calibration.pk}/take/", follow=True)
    assert "calibrate it again" in messages_of(reply)[0]
    site.refresh_from_db()
    assert site.max_connections == 16
    calibration.refresh_from_db()
    assert calibration.taken_at is None


def test_settings_are_taken_by_one_button_and_ceilings_are_only_lowered(desk, harbour, bob):
    calibration = ended(
        harbour, bob, max_connections=1, max_rate=5000, counts_readings=False, learned_lag=20
    )
    reply = desk.post(f"/admin/core/calibration/{calibration.pk}/take/", follow=True)
    assert "Most connections 1" in messages_of(reply)[0]
    harbour.refresh_from_db()
    assert (harbour.max_connections, harbour.max_rate) == (1, 1000)
    assert (harbour.counts_readings, harbour.learned_lag) == (False, 20)
    assert LogEntry.objects.filter(object_id=str(calibration.pk)).exists()


def test_only_the_latest_may_be_taken(desk, harbour, bob):
    old = ended(harbour, bob, max_connections=1)
    ended(harbour, bob)
    reply = desk.post(f"/admin/core/calibration/{old.pk}/take/", follow=True)
    assert "latest" in messages_of(reply)[0]
    harbour.refresh_from_db()
    assert harbour.max_connections == 16


def test_who_may_only_look_begins_stops_and_takes_nothing(carol, harbour, bob):
    calibration = ended(harbour, bob, max_connections=1)
    client = client_of(carol)
    page = client.get(f"/admin/core/calibration/{calibration.pk}/change/")
    assert "Apply these settings" not in page.content.decode()
    for name in ("take", "stop"):
        reply = client.post(f"/admin/core/calibration/{calibration.pk}/{name}/")
        assert reply.status_code == 403
    assert client.post(f"/admin/core/site/{harbour.pk}/calibrate/").status_code == 403
    assert client.post(f"/admin/core/site/{harbour.pk}/waive/").status_code == 403
    harbour.refresh_from_db()
    assert harbour.max_connections == 16
    assert Calibration.objects.count() == 1


# The pages


def test_the_page_says_in_words_what_was_found(hurried, desk, verified, demo_site, bob):
    with lost_wake_ups():
        reply = desk.post(
            f"/admin/core/site/{verified.pk}/calibrate/", {"url": demo_site.address(VIDEO)}
        )
    calibration = Calibration.objects.get()
    assert reply.url == f"/admin/core/calibration/{calibration.pk}/change/"
    page = desk.get(reply.url)
    assert page["Refresh"] == "3"
    assert "as soon as a consumer is free" in page.content.decode()
    calibrating.run(calibration.pk)
    page = desk.get(reply.url)
    assert "Refresh" not in page
    assert "The site counts every play." in page.content.decode()
    assert "31 of at most 60 plays sent" in page.content.decode()
    assert (
        "The site counts every play."
        in desk.get(f"/admin/core/site/{verified.pk}/change/").content.decode()
    )


@pytest.mark.parametrize(
    ("kept", "took", "code", "is_said"),
    [
        (60, 0, "counts_all", True),
        (60, 60, "counts_all", False),
        (60, 0, "unclear", False),
        (5, 0, "counts_all", False),
    ],
)
def test_a_recipe_that_waits_longer_than_its_counter_takes_is_told(
    desk, harbour, bob, kept, took, code, is_said
):
    Site.objects.filter(pk=harbour.pk).update(adapter="http", recipe={"settle_seconds": kept})
    calibration = ended(harbour, bob, learned_lag=took)
    found = [{"code": code, "params": {"moved": 1, "sent": 1}}]
    Calibration.objects.filter(pk=calibration.pk).update(findings=found)
    page = desk.get(f"/admin/core/calibration/{calibration.pk}/change/").content.decode()
    assert ("makes each order wait 60 seconds" in page) is is_said


def test_a_bad_address_is_refused_on_the_sites_page(desk, verified):
    reply = desk.post(
        f"/admin/core/site/{verified.pk}/calibrate/", {"url": "nonsense"}, follow=True
    )
    assert messages_of(reply)
    assert not Calibration.objects.exists()


# Before a site sells


def test_a_new_site_sells_nothing_until_it_is_calibrated_or_waived(
    super_desk, verified, demo_site, erin, policies, bob
):
    Site.objects.update(must_calibrate=True)
    address = demo_site.address(VIDEO)
    assert Quote.prepare(erin, address, 10_000).reasons["url"].code == Code.SITE_NOT_CALIBRATED
    for_customer = Quote.prepare(erin, address, 10_000, for_customer=True)
    assert for_customer.reasons["url"].code == Code.SITE_NOT_VERIFIED
    assert client_of(bob).post(f"/admin/core/site/{verified.pk}/waive/").status_code == 403
    assert Quote.prepare(erin, address, 10_000).reasons
    super_desk.post(f"/admin/core/site/{verified.pk}/waive/")
    assert not Quote.prepare(erin, address, 10_000).reasons
    Site.objects.update(must_calibrate=True, calibrated_at="2026-01-01T00:00Z")
    assert not Quote.prepare(erin, address, 10_000).reasons


def test_a_site_that_was_there_before_sells_and_the_desk_is_told(
    desk, verified, demo_site, erin, policies
):
    answer = desk.get(
        "/admin/core/order/quote/",
        {"customer": erin.pk, "url": demo_site.address(VIDEO), "count": 10_000},
    ).json()
    assert not answer["errors"]
    assert "never calibrated" in answer["counting"]
    ended(verified, None)
    answer = desk.get("/admin/core/order/quote/", {"url": demo_site.address(VIDEO)}).json()
    assert answer["counting"].startswith("The site loses about 90 %")
    assert Stage.AFTER in plan.STAGES


# Audits: a calibration that a customer buys

ADD = "/admin/core/calibration/add/"


def sold(desk, erin, demo_site, **changes):
    wanted = {"customer": erin.pk, "url": demo_site.address(VIDEO), "price": "3.00"}
    with lost_wake_ups():
        return desk.post(ADD, wanted | changes)


def test_an_audit_is_charged_once_and_reports_what_it_found(
    hurried, desk, verified, demo_site, erin
):
    key = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    for _ in range(2):
        sold(desk, erin, demo_site, request_key=key)
    assert balance(erin) == 17
    audit = Calibration.objects.get()
    calibrating.run(audit.pk)
    page = desk.get(f"/admin/core/calibration/{audit.pk}/change/").content.decode()
    assert "Audit for erin, 3.00." in page
    assert "The site counts every play." in page
    assert "refunded" not in page
    assert balance(erin) == 17
    assert not list(differences())


def test_an_audit_that_found_nothing_out_gives_its_price_back_once(desk, verified, demo_site, erin):
    sold(desk, erin, demo_site)
    audit = Calibration.objects.get()
    assert audit.ask_to_stop()
    for _ in range(2):
        calibrating.run(audit.pk)
    audit.refresh_from_db()
    assert audit.status == Calibration.Status.CANCELED
    assert balance(erin) == 20
    assert not list(differences())
    assert (
        "the price was refunded"
        in desk.get(f"/admin/core/calibration/{audit.pk}/change/").content.decode()
    )
    Calibration.objects.update(status=Calibration.Status.DONE)
    assert list(differences()) == [f"audit {audit.pk}: 3.00 due, 0.00 kept"]


def test_an_audit_whose_price_has_no_room_in_the_balance_ends_once_it_has(
    desk, verified, demo_site, erin
):
    sold(desk, erin, demo_site)
    audit = Calibration.objects.get()
    assert audit.ask_to_stop()
    Customer.objects.update(balance="9999999999.99")
    calibrating.run(audit.pk)
    audit.refresh_from_db()
    assert (audit.status, audit.lease_until) == (Calibration.Status.RUNNING, None)
    page = desk.get(f"/admin/core/calibration/{audit.pk}/change/").content.decode()
    assert "lower it by an adjustment first" in page
    Customer.objects.update(balance=17)
    Calibration.objects.update(next_at=None)
    calibrating.run(audit.pk)
    audit.refresh_from_db()
    assert (audit.status, audit.reason_code) == (Calibration.Status.CANCELED, "")
    assert balance(erin) == 20
    assert not list(differences())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        *(({"price": "21"}, "customer"), ({"price": "0"}, "price"), ({"price": ""}, "price")),
        *(({"url": "https://elsewhere.example.com/videos/1"}, "url"), ({"url": ""}, "url")),
        ({"customer": ""}, "customer"),
    ],
)
def test_an_audit_that_cannot_be_sold_says_why_and_charges_nothing(
    desk, verified, demo_site, erin, changes, field
):
    reply = sold(desk, erin, demo_site, **changes)
    assert field in reply.context["adminform"].form.errors
    assert balance(erin) == 20
    assert not Calibration.objects.exists()


def test_the_customer_reads_the_report_and_finds_it_from_the_balance(
    hurried, desk, verified, demo_site, owner
):
    sold(desk, owner, demo_site)
    audit = Calibration.objects.get()
    client = client_of(owner.user)
    assert client.get(f"/portal/audits/{audit.pk}/")["Refresh"] == "5"
    calibrating.run(audit.pk)
    assert f"/portal/audits/{audit.pk}/" in client.get("/portal/balance/").content.decode()
    page = client.get(f"/portal/audits/{audit.pk}/").content.decode()
    assert "The site counts every play." in page
    assert "Ten plays at once" in page
    assert demo_site.address(VIDEO) in page


def test_who_may_only_look_sells_no_audit(carol, verified, demo_site, erin):
    assert sold(client_of(carol), erin, demo_site).status_code == 403
    assert balance(erin) == 20


def test_every_row_of_a_video_takes_the_longest_id_there_is():
    fields = {model.__name__: model._meta.fields for model in apps.get_models()}
    lengths = {
        name: field.max_length
        for name, own in fields.items()
        for field in own
        if field.name == "video_id"
    }
    assert {"Order", "Calibration", "SiteLook"} <= set(lengths)
    assert set(lengths.values()) == {MAX_ID}
